"""How is an answer described, and its explanation as JSON?"""

from flask import Response

from gateway.classifier import Answer, Explanation, Timings

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
