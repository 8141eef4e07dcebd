"""The API: /predict, /explain, and what must be known to use them."""

from typing import cast

from flask import Blueprint, Response, g, jsonify, request

from gateway.admission import Admission
from gateway.cards import Cards, Choice, Version
from gateway.classifier import Answer, Classifier, Explanation, Timings
from gateway.deadline import Deadline
from gateway.errors import InvalidRequest, UnknownModel
from gateway.heatmaps import COLORMAPS, Colormap, overlay
from gateway.preprocessing import seen
from gateway.settings import Settings
from gateway.uploads import Uploads

TIMEOUT_HEADER = "X-Request-Timeout-Ms"
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_MAX_VERSION = 2**63 - 1


def blueprint(
    settings: Settings, cards: Cards, classifier: Classifier, uploads: Uploads, admission: Admission
) -> Blueprint:
    """The routes, on the parts that they use."""
    api = Blueprint("api", __name__)

    @api.get("/")
    def index() -> Response:
        links = {"predict": "/predict", "classes": "/classes", "models": "/models", "ready": "/readyz"}
        links |= {"openapi": "/openapi.json", "docs": "/docs", "redoc": "/redoc"}
        return jsonify(name="sports gateway", links=links)

    @api.get("/ping")
    def ping() -> Response:
        return Response("pong", content_type="text/plain; charset=utf-8")

    @api.post("/predict")
    def predict() -> Response:
        deadline = _deadline(settings.request_timeout_s)
        show_probability = _flag("show_probability")
        model, version = _query("model"), _choice()
        timings = g.timings = Timings()
        with admission.one(deadline):
            given = uploads.picture(request, deadline, timings)
            answer = classifier.classify(given, model, version, deadline, timings)
        response = jsonify(answer.probabilities if show_probability else answer.label)
        return _described_answer(response, answer, timings)

    @api.post("/explain")
    def explain() -> Response:
        deadline = _deadline(settings.request_timeout_s)
        model, version, label = _query("model"), _choice(), _query("class")
        alpha, colormap = _alpha(), _colormap()
        wants_json = request.accept_mimetypes.best_match(["image/png", "application/json"]) == "application/json"
        timings = g.timings = Timings()
        with admission.one(deadline):
            given = uploads.picture(request, deadline, timings)
            explanation = classifier.explain(given, label, model, version, deadline, timings)
            card = explanation.answer.served.card
            with timings.step("draw"):
                image = classifier.decode(given, card, "full", deadline)
                area = seen(image.size, card.input_size, card.resize)
                if wants_json:
                    response = jsonify(_explained(explanation, area, image.size))
                else:
                    drawn = overlay(image, explanation.heatmap, area, alpha, colormap)
                    response = Response(drawn, content_type="image/png")
        response.headers["Vary"] = "Accept"
        return _described_answer(response, explanation.answer, timings)

    @api.get("/classes")
    def classes() -> Response:
        name = _query("model")
        served = cards.resolve(name, _choice(), _deadline(settings.request_timeout_s))
        return jsonify(model=str(served), classes=served.card.labels)

    @api.get("/models")
    def models() -> Response:
        deadline = _deadline(settings.request_timeout_s)
        known = [
            {"name": name, "versions": [_described(version) for version in cards.versions(name, deadline)]}
            for name in cards.names
        ]
        return jsonify(default=cards.default_model if known else None, models=known)

    @api.get("/models/<name>")
    def model(name: str) -> Response:
        wanted = _version()
        for version in cards.versions(name, _deadline(settings.request_timeout_s)):
            if version.card is not None and wanted in (None, version.number):
                return jsonify({**version.document, "state": version.state, "precision": version.precision})
        raise UnknownModel(f"The model {name} has no {'readable card' if wanted is None else f'version {wanted}'}.")

    return api


def _described_answer(response: Response, answer: Answer, timings: Timings) -> Response:
    """The response with the headers that say how it came about."""
    response.headers["X-Model"] = str(answer.served)
    response.headers["X-Confidence"] = f"{answer.confidence:.3f}"
    response.headers["X-Confident"] = str(answer.confident).lower()
    response.headers["Server-Timing"] = ", ".join(f"{name};dur={ms:.1f}" for name, ms in timings.ms.items())
    return response


def _explained(
    explanation: Explanation, area: tuple[float, float, float, float], size: tuple[int, int]
) -> dict[str, object]:
    """The grid, and where it lies: `area` is in shares of the picture's width and height."""
    width, height = size
    left, top, right, bottom = area
    return {
        "model": str(explanation.answer.served),
        "label": explanation.answer.label,
        "class": explanation.label,
        "heatmap": [[round(float(cell), 4) for cell in row] for row in explanation.heatmap],
        "area": {"left": left / width, "top": top / height, "right": right / width, "bottom": bottom / height},
    }


def _query(name: str, default: str = "") -> str:
    """The query's value of that name."""
    values = request.args.getlist(name) or [default]
    if len(values) > 1:
        raise InvalidRequest(f"{name} stands in the query {len(values)} times.")
    return values[0]


def _alpha() -> float:
    given = _query("alpha", "0.6")
    try:
        alpha = float(given)
    except ValueError:
        alpha = -1.0
    if not 0 <= alpha <= 1:
        raise InvalidRequest("alpha must be a number from 0 to 1.")
    return alpha


def _colormap() -> Colormap:
    given = _query("colormap", COLORMAPS[0])
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


def _deadline(longest_s: float) -> Deadline:
    """The caller's deadline, in milliseconds in a header, or the longest that the service allows."""
    given = request.headers.get(TIMEOUT_HEADER)
    if given is None:
        return Deadline(longest_s)
    if not (given.isascii() and given.isdigit() and len(given) <= 9 and int(given) > 0):
        raise InvalidRequest(f"{TIMEOUT_HEADER} must be a whole number of milliseconds above 0.")
    return Deadline(min(int(given) / 1000, longest_s))


def _flag(name: str) -> bool:
    given = _query(name, "false")
    if given.lower() not in _FLAGS:
        raise InvalidRequest(f"{name} must be true, false, 1 or 0.")
    return _FLAGS[given.lower()]


def _choice() -> Choice:
    """The version's number or label, or None for the newest."""
    version = _version()
    if "version_label" not in request.args:
        return version
    label = _query("version_label")
    if version is not None or not label:
        raise InvalidRequest("Send a version or a version_label, not both, and none of them empty.")
    return label


def _version() -> int | None:
    if "version" not in request.args:
        return None
    given = _query("version")
    if not (given.isascii() and given.isdigit() and len(given) <= 19 and 0 < int(given) <= _MAX_VERSION):
        raise InvalidRequest("version must be a whole number above 0.")
    return int(given)
