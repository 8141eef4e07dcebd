"""How does an error look to the caller? As RFC 9457 problem details, on every route and status.

What it was exactly stands in the log line of the request, under the same id.
"""

import json
import logging
import re
import uuid

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from gateway.errors import BodyTooSlow, GatewayError, ImageTooLarge

REQUEST_ID_HEADER = "X-Request-Id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

CONTENT_TYPE = "application/problem+json"
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""On every answer; a page says itself what it may load."""

SURPRISE = ("internal_error", "Something went wrong on our side.")
"""Code and text of an error that nobody foresaw."""

_log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    """Give every request an id and every error its answer."""

    @app.before_request
    def name_request() -> None:
        given = request.headers.get(REQUEST_ID_HEADER, "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else new_request_id()

    @app.after_request
    def echo_name(response: Response) -> Response:
        response.headers[REQUEST_ID_HEADER] = g.get("request_id", "")
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    app.register_error_handler(GatewayError, refusal)
    app.register_error_handler(HTTPException, http_refusal)

    @app.errorhandler(Exception)
    def answer_surprise(error: Exception) -> Response:
        _log.exception("unexpected", exc_info=error, extra={"fields": {"request_id": g.get("request_id", "")}})
        return problem(500, *SURPRISE)


def refusal(error: GatewayError) -> Response:
    """The answer to a request that is refused."""
    g.refusal = error
    response = problem(error.status, error.code, error.public_message)
    if isinstance(error, BodyTooSlow):
        response.headers["Connection"] = "close"
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def http_refusal(error: HTTPException) -> Response:
    """The answer to a request that Flask refuses."""
    if isinstance(error, RequestEntityTooLarge):
        return refusal(ImageTooLarge("body over the limit"))
    status = error.code or 500
    response = problem(status, code_of(error.name), error.description or error.name)
    response.headers.extend(
        (name, value) for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")
    )
    return response


def new_request_id() -> str:
    """An id for a request that brought none."""
    return uuid.uuid4().hex


def code_of(reason: str) -> str:
    """HTTP's own name of a status, as a `code`."""
    return reason.lower().replace(" ", "_")


def problem(status: int, code: str, detail: str) -> Response:
    """An application/problem+json answer to the request at hand."""
    return Response(document(status, code, detail, g.get("request_id", "")), status, content_type=CONTENT_TYPE)


def document(status: int, code: str, detail: str, request_id: str) -> bytes:
    """Problem details, as JSON."""
    return json.dumps(fields(status, code, detail, request_id)).encode() + b"\n"


def fields(status: int, code: str, detail: str, request_id: str) -> dict[str, object]:
    """Problem details."""
    return {
        "type": "about:blank",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }
