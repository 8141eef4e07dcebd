"""Where is the picture in this request? In a JSON body's URL, in a form's one file, or in the raw body."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import IO, Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.classifier import Timings
from gateway.deadline import Deadline
from gateway.errors import BodyTooLarge, BodyTooSlow, GatewayError, ImageTooLarge, InvalidRequest
from gateway.fetch import Fetcher
from gateway.patience import Patience

FORM_OVERHEAD_BYTES = 64 * 1024
"""How much a form's own text may add to a picture of the largest size."""
MAX_FORM_PARTS = 16
MAX_FIELD_BYTES = 128 * 1024
"""Longest text of a field of a form; above what the parser reads at a time."""
MAX_JSON_BYTES = 64 * 1024
MAX_JSON_DEPTH = 16

_HOW = (
    'Send JSON {"url": "http://..."} as application/json, a form with one file as multipart/form-data, '
    "or a picture's bytes as image/*."
)


class UploadRequest(Request):
    """A request whose files stay in memory: they are bounded, and a full temporary folder must not matter."""

    max_form_parts = MAX_FORM_PARTS
    max_form_memory_size = MAX_FIELD_BYTES

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        return BytesIO()


class Uploads:
    """Reads pictures out of requests; one for a process.

    Args:
        fetcher: Gets what a URL points to.
        max_bytes: Largest picture.
        patience: Shuts connections whose body comes too slowly.
    """

    def __init__(self, fetcher: Fetcher, max_bytes: int, patience: Patience) -> None:
        self._fetcher, self._max_bytes, self._patience = fetcher, max_bytes, patience

    def picture(self, request: Request, deadline: Deadline, timings: Timings) -> bytes:
        """The picture that a request brings or points to.

        Raises:
            InvalidRequest: It brings none, or not in one of the three ways.
            BodyTooSlow: Its body wasn't there before the deadline.
            BodyTooLarge: Its body has more text or parts than a picture needs.
            ImageUnreachable: Its URL gave no bytes.
            ImageTooLarge: It is larger than max_bytes.
        """
        kind = request.mimetype
        if kind == "application/json":
            with self._body_until(deadline, request):
                document = _whole(request)
            url = _url(document)
            with timings.step("fetch"):
                return self._fetcher.fetch(url, deadline)
        with self._body_until(deadline, request):
            if kind == "multipart/form-data":
                body = _file(request)
            elif kind.startswith("image/") or kind == "application/octet-stream":
                body = _whole(request)
            else:
                raise InvalidRequest(_HOW)
        if not body:
            raise InvalidRequest(f"The picture is empty. {_HOW}")
        if len(body) > self._max_bytes:
            raise ImageTooLarge(f"{len(body)} bytes")
        return body

    @contextmanager
    def _body_until(self, deadline: Deadline, request: Request) -> Iterator[None]:
        """The body is read in the block; at the deadline the sender is no longer listened to.

        The reader then sees an end, as if the sender had closed the connection. Where it notices, a body that broke off
        is an error of the server's kind: gunicorn has no common one.
        """
        connected = request.environ.get("gunicorn.socket")
        with self._patience.until(deadline.remaining_s(), socket.SHUT_RD) as watch:
            if connected is not None:
                watch(connected)
            try:
                yield
            except (GatewayError, RequestEntityTooLarge):
                if deadline.remaining_s():
                    raise
            except Exception as error:
                if deadline.remaining_s():
                    raise InvalidRequest(f"The body broke off or is no HTTP: {type(error).__name__}.") from error
        if not deadline.remaining_s():
            raise BodyTooSlow


def _whole(request: Request) -> bytes:
    body = request.get_data(cache=False)
    if len(body) < (request.content_length or 0):
        raise InvalidRequest("The body broke off.")
    return body


def _url(body: bytes) -> str:
    if len(body) > MAX_JSON_BYTES:
        raise BodyTooLarge(f"The JSON body is longer than {MAX_JSON_BYTES} bytes.")
    try:
        document = json.loads(body, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is no valid JSON. {_HOW}") from error
    if _deeper_than(MAX_JSON_DEPTH, document):
        raise InvalidRequest(f"The JSON body is nested more than {MAX_JSON_DEPTH} deep.")
    url = document.get("url") if isinstance(document, dict) else None
    if not isinstance(url, str):
        raise InvalidRequest('The body must be a JSON object with a string under "url".')
    return url


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")  # Python reads NaN and Infinity, RFC 8259 doesn't


def _deeper_than(depth: int, document: Any) -> bool:
    level = [document]
    for _ in range(depth):
        containers = [value for value in level if isinstance(value, dict | list)]
        level = [inner for value in containers for inner in (value.values() if isinstance(value, dict) else value)]
    return any(isinstance(value, dict | list) for value in level)


def _file(request: Request) -> bytes:
    try:
        files = [file for same_field in request.files.listvalues() for file in same_field]
    except RequestEntityTooLarge as error:
        if (request.content_length or 0) > (request.max_content_length or 0):
            raise
        raise BodyTooLarge(
            f"The form has more than {MAX_FORM_PARTS} parts, or more than {MAX_FIELD_BYTES} bytes of text."
        ) from error
    if len(files) != 1:
        raise InvalidRequest(f"The form must hold one file; it holds {len(files)}.")
    if "url" in request.form:
        raise InvalidRequest("The form holds a file and a url; send one of them.")
    body: bytes = files[0].stream.getvalue()  # type: ignore[attr-defined]  # a BytesIO of ours; read() would copy
    return body
