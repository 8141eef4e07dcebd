"""Where is the picture in this request? In a JSON body's URL, in a form's one file, or in the raw body."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.classifier import Timings
from gateway.deadline import Deadline
from gateway.errors import BatchTooLarge, BodyTooLarge, BodyTooSlow, GatewayError, ImageTooLarge, InvalidRequest
from gateway.fetch import MAX_URL_CHARACTERS, Fetcher
from gateway.history.record import Kind
from gateway.patience import Patience

FORM_OVERHEAD_BYTES = 64 * 1024
"""How much a form's own text may add to a picture of the largest size."""
MAX_FORM_PARTS = 16
MAX_FIELD_BYTES = 128 * 1024
"""Longest text of a field of a form; above what the parser reads at a time."""
MAX_JSON_BYTES = 64 * 1024
MAX_JSON_DEPTH = 16
MAX_BATCH = 64
"""Pictures of a batch."""
BATCH_BODIES = 4
"""How many pictures of the largest size a batch's form may hold."""
MAX_BATCH_JSON_BYTES = MAX_BATCH * (MAX_URL_CHARACTERS + 16)

_HOW = (
    'Send JSON {"url": "http://..."} as application/json, a form with one file as multipart/form-data, '
    "or a picture's bytes as image/*."
)
_HOW_MANY = (
    f'Send JSON {{"urls": ["http://...", ...]}} as application/json, or a form with files as multipart/form-data; '
    f"up to {MAX_BATCH} pictures."
)


@dataclass(frozen=True)
class Given:
    """A picture, and how it came."""

    picture: bytes
    kind: Kind
    url: str | None = None
    filename: str | None = None
    """As the caller wrote it."""


@dataclass(frozen=True)
class Pending:
    """A picture of a batch, which is yet to be fetched or looked at."""

    url: str | None = None
    file: Given | None = None


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

    def picture(self, request: Request, deadline: Deadline, timings: Timings) -> Given:
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
            return self.fetched(_url(document), deadline, timings)
        with self._body_until(deadline, request):
            if kind == "multipart/form-data":
                given = _file(request)
            elif kind.startswith("image/") or kind == "application/octet-stream":
                given = Given(_whole(request), "raw")
            else:
                raise InvalidRequest(_HOW)
        return self._checked(given)

    def from_form(self, request: Request, deadline: Deadline, timings: Timings) -> Given:
        """The same from a page's form, which may also send a `url` that somebody typed."""
        with self._body_until(deadline, request):
            urls = [url for url in request.form.getlist("url") if url.strip()]
            given = any(file.filename for file in request.files.values())
        if given:
            return self.picture(request, deadline, timings)
        if len(urls) != 1:
            raise InvalidRequest("Choose a picture, or give the address of one.")
        return self.fetched(urls[0].strip(), deadline, timings)

    def pictures(self, request: Request, deadline: Deadline) -> list[Pending]:
        """The pictures of a batch, in order: the files of a form, or the URLs of a JSON body, none of which is fetched.

        Raises:
            InvalidRequest: The request brings none, or not in one of the two ways.
            BatchTooLarge: It brings more than MAX_BATCH.
            BodyTooSlow: Its body wasn't there before the deadline.
            BodyTooLarge: Its body has more text or parts than a batch needs.
        """
        request.max_content_length = BATCH_BODIES * self._max_bytes + FORM_OVERHEAD_BYTES
        request.max_form_parts = 2 * MAX_BATCH  # so that a few too many are counted
        with self._body_until(deadline, request):
            if request.mimetype == "application/json":
                pending = [Pending(url=url) for url in _urls(_whole(request))]
            elif request.mimetype == "multipart/form-data":
                pending = [Pending(file=file) for file in _files(request)]
            else:
                raise InvalidRequest(_HOW_MANY)
        if not pending:
            raise InvalidRequest(f"The batch is empty. {_HOW_MANY}")
        if len(pending) > MAX_BATCH:
            raise BatchTooLarge(f"The batch holds {len(pending)} pictures; {MAX_BATCH} are taken at a time.")
        return pending

    def one_of_batch(self, pending: Pending, deadline: Deadline, timings: Timings) -> Given:
        """A picture of a batch; it raises what `picture` does."""
        if pending.file is not None:
            return self._checked(pending.file)
        return self.fetched(pending.url or "", deadline, timings)

    def json_object(self, request: Request, deadline: Deadline) -> dict[str, Any]:
        """The JSON object in a request's body.

        Raises:
            InvalidRequest: There is none.
            BodyTooSlow: It wasn't there before the deadline.
            BodyTooLarge: It is longer than MAX_JSON_BYTES.
        """
        how = "Send a JSON object as application/json."
        if request.mimetype != "application/json":
            raise InvalidRequest(how)
        with self._body_until(deadline, request):
            body = _whole(request)
        return _json_object(body, MAX_JSON_BYTES, how)

    def fetched(self, url: str, deadline: Deadline, timings: Timings) -> Given:
        """The picture behind a URL; it raises what `gateway.fetch.Fetcher.fetch` does."""
        with timings.step("fetch"):
            return Given(self._fetcher.fetch(url, deadline), "url", url=url)

    def _checked(self, given: Given) -> Given:
        if not given.picture:
            raise InvalidRequest(f"The picture is empty. {_HOW}")
        if len(given.picture) > self._max_bytes:
            raise ImageTooLarge(f"{len(given.picture)} bytes")
        return given

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
    document = _json_object(body, MAX_JSON_BYTES, _HOW)
    url = document.get("url")
    if not isinstance(url, str):
        raise InvalidRequest('The body must be a JSON object with a string under "url".')
    return url


def _urls(body: bytes) -> list[str]:
    document = _json_object(body, MAX_BATCH_JSON_BYTES, _HOW_MANY)
    urls = document.get("urls")
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise InvalidRequest('The body must be a JSON object with a list of strings under "urls".')
    return urls


def _json_object(body: bytes, max_bytes: int, how: str) -> dict[str, Any]:
    if len(body) > max_bytes:
        raise BodyTooLarge(f"The JSON body is longer than {max_bytes} bytes.")
    try:
        document = json.loads(body, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is no valid JSON. {how}") from error
    if _deeper_than(MAX_JSON_DEPTH, document):
        raise InvalidRequest(f"The JSON body is nested more than {MAX_JSON_DEPTH} deep.")
    if not isinstance(document, dict):
        raise InvalidRequest(f"The body is no JSON object. {how}")
    return document


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


def _file(request: Request) -> Given:
    files = _files(request)
    if len(files) != 1:
        raise InvalidRequest(f"The form must hold one file; it holds {len(files)}.")
    return files[0]


def _files(request: Request) -> list[Given]:
    try:
        files = [file for same_field in request.files.listvalues() for file in same_field]
    except RequestEntityTooLarge as error:
        if (request.content_length or 0) > (request.max_content_length or 0):
            raise
        raise BodyTooLarge(
            f"The form has more than {request.max_form_parts} parts, or more than {MAX_FIELD_BYTES} bytes of text."
        ) from error
    if "url" in request.form:
        raise InvalidRequest("The form holds a file and a url; send one of them.")
    return [
        Given(file.stream.getvalue(), "upload", filename=file.filename)  # type: ignore[attr-defined]  # read() would copy
        for file in files
    ]
