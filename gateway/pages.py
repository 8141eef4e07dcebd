"""What do people see? The page at /; and a form's answer as a page of its own, where the page's script doesn't run."""

from pathlib import Path

from flask import Blueprint, Response, g, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, NotFound

from gateway import assets, problems, query
from gateway.admission import Admission
from gateway.classifier import Answer, Classifier, Timings
from gateway.errors import GatewayError
from gateway.explanations import described, small
from gateway.recorder import Recorder
from gateway.settings import Settings
from gateway.uploads import MAX_BATCH, Given, Uploads

_FILES = Path(__file__).parent / "static" / "page"
_MAY_LOAD = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_LINKS = {
    "predict": "/predict",
    "predictions": "/predictions",
    "stats": "/stats",
    "classes": "/classes",
    "models": "/models",
    "samples": "/samples",
    "ready": "/readyz",
    "openapi": "/openapi.json",
    "docs": "/docs",
    "redoc": "/redoc",
}


def blueprint(
    settings: Settings, classifier: Classifier, uploads: Uploads, admission: Admission, recorder: Recorder
) -> Blueprint:
    """The routes, on the parts that they use."""
    pages = Blueprint("pages", __name__)
    files = assets.read(_FILES)
    current = assets.version(files)
    page = assets.Asset.of(
        files.pop("index.html").content.replace(b'"assets/', b'"assets/%s/' % current.encode()), ".html"
    )

    @pages.get("/")
    def index() -> Response:
        accepts = request.accept_mimetypes
        if accepts["text/html"] > accepts["application/json"]:  # a browser; curl accepts everything alike
            response = _shown()
        else:
            limits = {"max_upload_bytes": settings.max_upload_bytes, "max_batch": MAX_BATCH}
            response = jsonify(name="sports gateway", links=_LINKS, limits=limits)
        response.vary.add("Accept")
        return response

    @pages.get("/assets/<version>/<name>")
    def asset(version: str, name: str) -> Response:
        if name not in files:
            raise NotFound
        return files[name].answer(request, for_ever=version == current)

    @pages.get("/answer")
    def unasked() -> Response:
        return _shown()

    @pages.post("/answer")
    def answer() -> Response:
        try:
            return _answered()
        except GatewayError as error:
            return _told(problems.refusal(error), current)
        except HTTPException as error:
            return _told(problems.http_refusal(error), current)

    def _shown() -> Response:
        response = page.answer(request)
        response.headers["Content-Security-Policy"] = _MAY_LOAD
        return response

    def _answered() -> Response:
        deadline = query.deadline(settings.request_timeout_s)
        timings = g.timings = Timings()
        with admission.one(deadline):
            given = uploads.from_form(request, deadline, timings)
            found = classifier.classify(given.picture, "", None, deadline, timings)
            seen = small(given.picture, classifier, deadline)
        shares = sorted(found.probabilities.items(), key=lambda pair: -pair[1])
        response = _page("answer.html", version=current, answer=found, shares=shares, picture=seen, given=given)
        recorder.name(response, given, found, timings, g.began, deadline)
        return described(response, found, timings)

    return pages


def _told(refused: Response, version: str) -> Response:
    """A problem as a page, with the status and the headers that it has as JSON."""
    problem = refused.get_json(force=True)
    refused.set_data(render_template("answer.html", version=version, problem=problem))
    refused.content_type = "text/html; charset=utf-8"
    refused.headers["Content-Security-Policy"] = _MAY_LOAD
    return refused


def _page(template: str, **values: Answer | Given | str | list[tuple[str, float]]) -> Response:
    response = Response(render_template(template, **values), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _MAY_LOAD
    return response
