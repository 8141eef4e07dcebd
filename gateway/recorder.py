"""What becomes of an answer? A prediction, which goes into the history before the answer leaves."""

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Response

from gateway.classifier import Answer, Classifier, Timings
from gateway.deadline import Deadline
from gateway.errors import GatewayError
from gateway.history.history import History
from gateway.history.pictures import SIDE_PIXELS, thumbnail
from gateway.history.record import Prediction, Source, clean_filename, new_id
from gateway.images import facts
from gateway.uploads import Given

ID_HEADER = "X-Prediction-Id"


@dataclass(frozen=True)
class Recorded:
    """A prediction, and whether it's in the history."""

    prediction: Prediction
    kept: bool


class Recorder:
    """Makes predictions of answers, and keeps them.

    Args:
        history: Where; None: nowhere.
        classifier: Decodes pictures for their thumbnails.
    """

    def __init__(self, history: History | None, classifier: Classifier) -> None:
        self._history, self._classifier = history, classifier

    def name(
        self, response: Response, given: Given, answer: Answer, timings: Timings, began: float, deadline: Deadline
    ) -> None:
        """Keep what was answered, if there is a history, and give the response its id; arguments as of `record`."""
        if self._history is not None:
            recorded = self.record(given, answer, timings, began, deadline)
            if recorded.kept:
                response.headers[ID_HEADER] = recorded.prediction.id

    def record(self, given: Given, answer: Answer, timings: Timings, began: float, deadline: Deadline) -> Recorded:
        """The prediction that an answer makes, in the history if there is one.

        Args:
            given: The picture, which was decoded before.
            answer: What the model says of it.
            timings: Of the steps so far; gets the time of keeping it.
            began: When the request came, by `time.perf_counter`.
            deadline: The request's.
        """
        now, latency_ms = datetime.now(UTC), 1000 * (time.perf_counter() - began)
        timings_ms = {name: round(ms, 3) for name, ms in timings.ms.items()}
        with timings.step("history"):
            small = self._thumbnail(given, deadline)
            prediction = Prediction(
                id=new_id(now),
                created_at=now,
                model=answer.served.card.name,
                version=answer.served.card.version,
                label=answer.label,
                confidence=answer.confidence,
                confident=answer.confident,
                probabilities=answer.probabilities,
                source=_source(given),
                timings_ms=timings_ms,
                latency_ms=round(latency_ms, 3),
                picture=small[0] if small else None,
            )
            kept = self._history is not None and self._history.keep(prediction, small[1] if small else None)
        return Recorded(prediction, kept)

    def _thumbnail(self, given: Given, deadline: Deadline) -> tuple[str, bytes] | None:
        """The picture, small, where they are kept and there's time for it."""
        if self._history is None or self._history.pictures is None:
            return None
        try:
            image = self._classifier.decode(given.picture, (SIDE_PIXELS, SIDE_PIXELS), "fit", deadline)
        except GatewayError:
            return None
        return thumbnail(image)


def _source(given: Given) -> Source:
    seen = facts(given.picture)
    return Source(
        kind=given.kind,
        url=given.url,
        filename=clean_filename(given.filename),
        sha256=hashlib.sha256(given.picture).hexdigest(),
        format=seen.format,
        width=seen.width,
        height=seen.height,
        bytes=len(given.picture),
    )
