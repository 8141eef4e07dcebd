"""What those ask for who come from similar services: /classify, /categories and /health, on the same parts."""

from flask import Blueprint, Response, g, jsonify, request

from gateway import query
from gateway.admission import Admission
from gateway.cards import Cards
from gateway.classifier import Classifier, Timings
from gateway.deadline import Deadline
from gateway.explanations import described
from gateway.health import READY_TIMEOUT_S
from gateway.recorder import Recorder
from gateway.settings import Settings
from gateway.uploads import Uploads


def blueprint(
    settings: Settings,
    cards: Cards,
    classifier: Classifier,
    uploads: Uploads,
    admission: Admission,
    recorder: Recorder,
) -> Blueprint:
    """The routes, on the parts that they use."""
    siblings = Blueprint("siblings", __name__)

    @siblings.post("/classify")
    def classify() -> Response:
        deadline = query.deadline(settings.request_timeout_s)
        model, version = query.text("model"), query.choice()
        timings = g.timings = Timings()
        with admission.one(deadline):
            given = uploads.picture(request, deadline, timings)
            answer = classifier.classify(given.picture, model, version, deadline, timings)
        response = jsonify(
            category=answer.label,
            confidence=answer.confidence,
            confident=answer.confident,
            probabilities=answer.probabilities,
        )
        recorder.name(response, given, answer, timings, g.began, deadline)
        return described(response, answer, timings)

    @siblings.get("/categories")
    def categories() -> Response:
        served = cards.resolve(query.text("model"), query.choice(), query.deadline(settings.request_timeout_s))
        return jsonify(model=str(served), categories=served.card.labels)

    @siblings.get("/health")
    def health() -> Response:
        served = cards.resolve("", None, Deadline(READY_TIMEOUT_S))
        return jsonify(status="healthy", model=str(served))

    return siblings
