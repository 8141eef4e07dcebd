"""How is an answer described, and its explanation as JSON?"""

import base64

from flask import Response

from gateway.classifier import Answer, Classifier, Explanation, Timings
from gateway.deadline import Deadline
from gateway.history.pictures import SIDE_PIXELS, thumbnail

Area = tuple[float, float, float, float]


def described(response: Response, answer: Answer, timings: Timings) -> Response:
    """The response with the headers that say how it came about."""
    response.headers["X-Model"] = str(answer.served)
    response.headers["X-Confidence"] = f"{answer.confidence:.3f}"
    response.headers["X-Confident"] = str(answer.confident).lower()
    response.headers["Server-Timing"] = ", ".join(f"{name};dur={ms:.1f}" for name, ms in timings.ms.items())
    return response


def grid(explanation: Explanation, area: Area, size: tuple[int, int]) -> dict[str, object]:
    """The grid, and where it lies: `area` in shares of the picture's width and height.

    Args:
        explanation: What speaks for a class.
        area: (left, top, right, bottom) that the heatmap covers, in pixels (`gateway.preprocessing.seen`).
        size: (width, height) of the picture.
    """
    width, height = size
    left, top, right, bottom = area
    return {
        "model": str(explanation.answer.served),
        "label": explanation.answer.label,
        "class": explanation.label,
        "heatmap": [[round(float(cell), 4) for cell in row] for row in explanation.heatmap],
        "area": {"left": left / width, "top": top / height, "right": right / width, "bottom": bottom / height},
    }


def small(picture: bytes, classifier: Classifier, deadline: Deadline) -> str:
    """The picture, at most SIDE_PIXELS wide and high, as a data URL: a page may show it that may load nothing.

    Raises:
        ImageUnreadable, ImageTooLarge
    """
    jpeg = thumbnail(classifier.decode(picture, (SIDE_PIXELS, SIDE_PIXELS), "fit", deadline))[1]
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
