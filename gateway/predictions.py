"""The resource /predictions: make, list, read, correct and delete predictions, many at a time too, and sum them up."""

import base64
import json
import re
import time
from collections.abc import Generator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from gateway import query
from gateway.admission import Admission
from gateway.batch import Batches, told_in_order
from gateway.classifier import Answer, Classifier, Timings
from gateway.deadline import Deadline
from gateway.errors import HistoryOff, InvalidRequest, UnknownPrediction
from gateway.explanations import described, grid, small
from gateway.history.history import History
from gateway.history.lists import Filters, Place
from gateway.history.record import Prediction, rfc3339
from gateway.preprocessing import seen
from gateway.recorder import ID_HEADER, Recorded, Recorder
from gateway.settings import Settings
from gateway.uploads import Given, Pending, Uploads

LIMIT, MAX_LIMIT = 20, 100
MAX_SKIP = 10_000
MAX_DAYS = 366
TOP = 5
NDJSON = "application/x-ndjson"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Document = dict[str, Any]


def blueprint(
    settings: Settings,
    classifier: Classifier,
    uploads: Uploads,
    admission: Admission,
    recorder: Recorder,
    history: History | None,
) -> Blueprint:
    """The routes, on the parts that they use; without a history all but those that make predictions are 404."""
    predictions = Blueprint("predictions", __name__)
    batches = Batches()

    def kept() -> History:
        if history is None:
            raise HistoryOff
        return history

    @predictions.post("/predictions")
    def create() -> Response:
        deadline = query.deadline(settings.request_timeout_s)
        explain, picture = query.flag("explain"), query.flag("picture")
        model, version = query.text("model"), query.choice()
        timings, explanation = Timings(), None
        g.timings = timings
        with admission.one(deadline):
            given = uploads.picture(request, deadline, timings)
            if explain:
                explanation = classifier.explain(given.picture, "", model, version, deadline, timings)
            answer = (
                explanation.answer
                if explanation
                else classifier.classify(given.picture, model, version, deadline, timings)
            )
            shown = {"picture": small(given.picture, classifier, deadline)} if picture else {}
        recorded = recorder.record(given, answer, timings, g.began, deadline)
        document = made(recorded) | shown
        if explanation:
            source, card = recorded.prediction.source, answer.served.card
            size = source.width, source.height
            document["explanation"] = grid(explanation, seen(size, card.input_size, card.resize), size)
        response = jsonify(document)
        if recorded.kept:
            response.status_code = 201
            response.headers["Location"] = f"/predictions/{recorded.prediction.id}"
            response.headers[ID_HEADER] = recorded.prediction.id
        return described(response, answer, timings)

    @predictions.post("/predictions/batch")
    def create_many() -> Response:
        deadline = query.deadline(settings.batch_timeout_s)
        model, version = query.text("model"), query.choice()
        turn = ExitStack()
        with turn:
            turn.enter_context(batches.turn())
            pending = uploads.pictures(request, deadline)
            held = turn.pop_all()

        def answered(one: Pending) -> Document:
            began, timings = time.perf_counter(), Timings()
            own = deadline.within(settings.request_timeout_s)
            with admission.one(own, patient=True):
                given: Given = uploads.one_of_batch(one, own, timings)
                answer: Answer = classifier.classify(given.picture, model, version, own, timings)
            return made(recorder.record(given, answer, timings, began, own))

        def told(request_id: str) -> Generator[Document, None, None]:
            with held:
                yield from told_in_order(pending, answered, request_id)

        documents = told(g.request_id)
        if request.accept_mimetypes.best_match(["application/json", NDJSON]) == NDJSON:
            response = Response((json.dumps(one) + "\n" for one in documents), content_type=NDJSON)
            response.call_on_close(documents.close)
            response.call_on_close(held.close)  # where the caller has gone before the first line
        else:
            response = jsonify(items=list(documents))
        response.headers["Vary"] = "Accept"
        return response

    @predictions.get("/predictions")
    def listed() -> Response:
        limit = query.whole("limit", 1, MAX_LIMIT) or LIMIT
        skip, after, filters = query.whole("skip", 0, MAX_SKIP), _after(), _filters()
        if skip is not None and after is not None:
            raise InvalidRequest("Send a cursor or a number to skip, not both.")
        found = kept().page(filters, limit + 1, after, skip or 0)
        more = len(found) > limit
        items = [brief(prediction) for prediction in found[:limit]]
        return jsonify(items=items, next=_cursor(found[limit - 1]) if more else None)

    @predictions.delete("/predictions")
    def clear() -> Response:
        return jsonify(deleted=kept().clear())

    @predictions.get("/predictions/<id>")
    def read(id: str) -> Response:
        return jsonify(full(kept().get(_known_form(id))))

    @predictions.get("/predictions/<id>/image")
    def image(id: str) -> Response:
        key, picture = kept().picture(_known_form(id))
        response = Response(picture, content_type="image/jpeg")
        response.set_etag(key)
        response.headers["Cache-Control"] = "private, max-age=3600"
        response.make_conditional(request)
        return response

    @predictions.patch("/predictions/<id>")
    def correct(id: str) -> Response:
        history = kept()
        document = uploads.json_object(request, Deadline(settings.request_timeout_s))
        if set(document) != {"true_label"} or not isinstance(document["true_label"], str | None):
            raise InvalidRequest('The body must be {"true_label": "..."}, or null instead of a label to take it back.')
        return jsonify(full(history.correct(_known_form(id), document["true_label"])))

    @predictions.delete("/predictions/<id>")
    def remove(id: str) -> Response:
        kept().remove(_known_form(id))
        return Response(status=204)

    @predictions.get("/stats")
    def statistics() -> Response:
        days = query.whole("days", 1, MAX_DAYS)
        return jsonify(kept().statistics(query.name("model"), query.version(), days))

    return predictions


def full(prediction: Prediction) -> Document:
    """A prediction as the API tells it."""
    document = brief(prediction)
    last = {"probabilities": prediction.probabilities, "timings_ms": prediction.timings_ms}
    return document | last


def brief(prediction: Prediction) -> Document:
    """The same as a list's item."""
    top = sorted(prediction.probabilities.items(), key=lambda pair: -pair[1])[:TOP]
    source = prediction.source
    return {
        "id": prediction.id,
        "created_at": rfc3339(prediction.created_at),
        "model": prediction.model,
        "version": prediction.version,
        "label": prediction.label,
        "confidence": prediction.confidence,
        "confident": prediction.confident,
        "true_label": prediction.true_label,
        "top": [{"label": label, "probability": probability} for label, probability in top],
        "source": {
            "kind": source.kind,
            "url": source.url,
            "filename": source.filename,
            "sha256": source.sha256,
            "format": source.format,
            "width": source.width,
            "height": source.height,
            "bytes": source.bytes,
        },
        "latency_ms": prediction.latency_ms,
        "image": f"/predictions/{prediction.id}/image" if prediction.picture else None,
    }


def made(recorded: Recorded) -> Document:
    """A prediction that was just made; one that isn't kept has no id."""
    document = full(recorded.prediction)
    return document if recorded.kept else document | {"id": None, "image": None}


def _known_form(id: str) -> str:
    """The id, if it is one.

    Raises:
        UnknownPrediction: It isn't.
    """
    if not _ID.fullmatch(id.lower()):
        raise UnknownPrediction("what was given is no id")
    return id.lower()


def _filters() -> Filters:
    return Filters(
        label=query.name("label"),
        model=query.name("model"),
        version=query.version(),
        since=query.moment("since"),
        until=query.moment("until"),
        confident=query.maybe_flag("confident"),
        corrected=query.maybe_flag("corrected"),
    )


def _cursor(last: Prediction) -> str:
    """The place behind a prediction, as URLs can have it."""
    microseconds = round((last.created_at - _EPOCH).total_seconds() * 1_000_000)
    return base64.urlsafe_b64encode(f"{microseconds} {last.id}".encode()).decode().rstrip("=")


def _after() -> Place | None:
    """The place that a cursor means, or None if there is none.

    Raises:
        InvalidRequest: It's none of ours.
    """
    given = query.text("cursor")
    if "cursor" not in request.args:
        return None
    try:
        number, id = (
            base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True).decode().split(" ")
        )
        if not (_ID.fullmatch(id) and number.isascii() and number.isdigit() and len(number) < 18):
            raise ValueError("no place")
        return datetime.fromtimestamp(int(number) // 1_000_000, UTC).replace(microsecond=int(number) % 1_000_000), id
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidRequest("cursor must be what `next` of another page was.") from error
