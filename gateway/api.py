"""The API: /predict, /explain, and what must be known to use them."""

from typing import cast

from flask import Blueprint, Response, g, jsonify, request

from gateway import query
from gateway.admission import Admission
from gateway.cards import Cards, Version
from gateway.classifier import Classifier, Timings
from gateway.errors import InvalidRequest, UnknownModel
from gateway.explanations import described, grid
from gateway.heatmaps import COLORMAPS, Colormap, overlay
from gateway.preprocessing import seen
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
    api = Blueprint("api", __name__)

    @api.get("/ping")
    def ping() -> Response:
        return Response("pong", content_type="text/plain; charset=utf-8")

    @api.post("/predict")
    def predict() -> Response:
        deadline = query.deadline(settings.request_timeout_s)
        show_probability = query.flag("show_probability")
        model, version = query.text("model"), query.choice()
        timings = g.timings = Timings()
        with admission.one(deadline):
            given = uploads.picture(request, deadline, timings)
            answer = classifier.classify(given.picture, model, version, deadline, timings)
        response = jsonify(answer.probabilities if show_probability else answer.label)
        recorder.name(response, given, answer, timings, g.began, deadline)
        return described(response, answer, timings)

    @api.post("/explain")
    def explain() -> Response:
        deadline = query.deadline(settings.request_timeout_s)
        model, version, label = query.text("model"), query.choice(), query.text("class")
        alpha, colormap = _alpha(), _colormap()
        wants_json = request.accept_mimetypes.best_match(["image/png", "application/json"]) == "application/json"
        timings = g.timings = Timings()
        with admission.one(deadline):
            picture = uploads.picture(request, deadline, timings).picture
            explanation = classifier.explain(picture, label, model, version, deadline, timings)
            card = explanation.answer.served.card
            with timings.step("draw"):
                image = classifier.decode(picture, card.input_size, "full", deadline)
                area = seen(image.size, card.input_size, card.resize)
                if wants_json:
                    response = jsonify(grid(explanation, area, image.size))
                else:
                    drawn = overlay(image, explanation.heatmap, area, alpha, colormap)
                    response = Response(drawn, content_type="image/png")
        response.headers["Vary"] = "Accept"
        return described(response, explanation.answer, timings)

    @api.get("/classes")
    def classes() -> Response:
        name = query.text("model")
        served = cards.resolve(name, query.choice(), query.deadline(settings.request_timeout_s))
        return jsonify(model=str(served), classes=served.card.labels)

    @api.get("/models")
    def models() -> Response:
        deadline = query.deadline(settings.request_timeout_s)
        known = [
            {"name": name, "versions": [_described(version) for version in cards.versions(name, deadline)]}
            for name in cards.names
        ]
        return jsonify(default=cards.default_model if known else None, models=known)

    @api.get("/models/<name>")
    def model(name: str) -> Response:
        wanted = query.version()
        for version in cards.versions(name, query.deadline(settings.request_timeout_s)):
            if version.card is not None and wanted in (None, version.number):
                return jsonify({**version.document, "state": version.state, "precision": version.precision})
        raise UnknownModel(f"The model {name} has no {'readable card' if wanted is None else f'version {wanted}'}.")

    return api


def _alpha() -> float:
    given = query.text("alpha", "0.6")
    try:
        alpha = float(given)
    except ValueError:
        alpha = -1.0
    if not 0 <= alpha <= 1:
        raise InvalidRequest("alpha must be a number from 0 to 1.")
    return alpha


def _colormap() -> Colormap:
    given = query.text("colormap", COLORMAPS[0])
    if given not in COLORMAPS:
        raise InvalidRequest(f"colormap must be one of {', '.join(COLORMAPS)}.")
    return cast(Colormap, given)


def _described(version: Version) -> dict[str, object]:
    described: dict[str, object] = {
        "version": version.number,
        "state": version.state,
        "precision": version.precision,
        "usable": version.card is not None,
    }
    return described if version.card else described | {"problem": version.problem}
