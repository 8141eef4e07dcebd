"""Where is the picture in this request? In a JSON body's URL, in a form's one file, or in the raw body."""

import json
from io import BytesIO
from typing import IO, Any

from flask import Request

from gateway.classifier import Timings
from gateway.deadline import Deadline
from gateway.errors import ImageTooLarge, InvalidRequest
from gateway.fetch import Fetcher

FORM_OVERHEAD_BYTES = 64 * 1024
"""How much a form's own text may add to a picture of the largest size."""
MAX_JSON_BYTES = 64 * 1024

_HOW = (
    'Send JSON {"url": "http://..."} as application/json, a form with one file as multipart/form-data, '
    "or a picture's bytes as image/*."
)


class UploadRequest(Request):
    """A request whose files stay in memory: they are bounded, and a full temporary folder must not matter."""

    max_form_parts = 16

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        return BytesIO()


def picture(request: Request, fetcher: Fetcher, max_bytes: int, deadline: Deadline, timings: Timings) -> bytes:
    """The picture that a request brings or points to.

    Raises:
        InvalidRequest: It brings none, or not in one of the three ways.
        ImageUnreachable: Its URL gave no bytes.
        ImageTooLarge: It is larger than max_bytes.
    """
    if request.mimetype == "application/json":
        url = _url(request)
        with timings.step("fetch"):
            return fetcher.fetch(url, deadline)
    if request.mimetype == "multipart/form-data":
        body = _file(request)
    elif request.mimetype.startswith("image/") or request.mimetype == "application/octet-stream":
        body = request.get_data(cache=False)
    else:
        raise InvalidRequest(_HOW)
    if not body:
        raise InvalidRequest(f"The picture is empty. {_HOW}")
    if len(body) > max_bytes:
        raise ImageTooLarge(f"{len(body)} bytes")
    return body


def _url(request: Request) -> str:
    body = request.get_data(cache=False)
    if len(body) > MAX_JSON_BYTES:
        raise InvalidRequest(f"The JSON body is longer than {MAX_JSON_BYTES} bytes.")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is no valid JSON. {_HOW}") from error
    url = document.get("url") if isinstance(document, dict) else None
    if not isinstance(url, str):
        raise InvalidRequest('The body must be a JSON object with a string under "url".')
    return url


def _file(request: Request) -> bytes:
    files = [file for same_field in request.files.listvalues() for file in same_field]
    if len(files) != 1:
        raise InvalidRequest(f"The form must hold one file; it holds {len(files)}.")
    body: bytes = files[0].read()
    return body
