"""Is the gateway alive, and can it answer?"""

from flask import Blueprint, Response, jsonify

from gateway.cards import Cards
from gateway.deadline import Deadline

READY_TIMEOUT_S = 2.0


def blueprint(cards: Cards) -> Blueprint:
    """/healthz: the process answers. /readyz: the default model is available, else 503."""
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="alive")

    @health.get("/readyz")
    def readyz() -> Response:
        served = cards.resolve("", None, Deadline(READY_TIMEOUT_S))
        return jsonify(status="ready", model=str(served))

    return health
