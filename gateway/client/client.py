"""How is the service asked from Python?"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from gateway.client import answers
from gateway.client.answers import Page, Prediction
from gateway.client.calls import Calls
from gateway.client.errors import ClientError

MAX_PICTURE_BYTES = 64 * 2**20
"""Largest picture that is sent or read."""
MAX_PAGE = 100
"""Most predictions that the service puts on a page."""
_JSON, _PNG, _JPEG = "application/json", "image/png", "image/jpeg"
_SIGNATURES = {_PNG: b"\x89PNG\r\n\x1a\n", _JPEG: b"\xff\xd8\xff"}

Query = dict[str, str | int | float | bool | None]


class Client:
    """The service, as functions. Several threads may use one client; close it, or use it in a `with` block.

    Every method has until `timeout_s` after its call. Where no connection is made, where it breaks, and where the
    service answers 429 or 503, it is asked again within that time: after what `Retry-After` says, or after waits that
    double and have a random part. Other errors are final, 504 among them: the service has then spent its own time.

    Every method may raise:
        Refused: The service answered with a problem.
        ServiceUnreachable: It gave no answer in time.
        ClientError: Its answer isn't what the API promises, or what was given can't be sent.

    Args:
        base: The service's address. A proxy of the environment is used for other machines than this one.
        timeout_s: Longest time of a call, attempts and waits together, in seconds.
        clock: Seconds that never go back.
        sleep: Waits so many seconds.

    Raises:
        ValueError: The address or the timeout can't be used.
    """

    def __init__(
        self,
        base: str = "http://127.0.0.1:9696",
        timeout_s: float = 30.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._calls = Calls(base, timeout_s, clock, sleep)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._calls.close()

    def predict(
        self, picture: str | Path | bytes, *, model: str | None = None, version: int | None = None
    ) -> Prediction:
        """What the picture shows; the service keeps it in its history.

        It is sent again only where it can't have been kept: no connection was made, or the service said 429 or 503. A
        connection that breaks later, or a deadline that passes, is ServiceUnreachable, and the prediction may be in
        the history all the same: who then calls again may find it there twice.

        Args:
            picture: A text that begins with http:// or https:// is a URL, which the service fetches; another text or
                a path is a file; bytes are the picture itself.
            model: Another model than the service's default.
            version: Another version than its newest.

        Raises:
            OSError: The file can't be read.
        """
        request = _with_picture("/predictions", picture, {"model": model, "version": version}, _JSON)
        return answers.prediction(answers.document(self._calls.ask(request, repeatable=False).body))

    def explain(
        self,
        picture: str | Path | bytes,
        *,
        label: str | None = None,
        alpha: float | None = None,
        colormap: str | None = None,
        model: str | None = None,
        version: int | None = None,
    ) -> bytes:
        """The picture under a heatmap of what speaks for a class, as PNG. Nothing is kept.

        Args:
            picture: As `predict` takes it.
            label: The class; without it the top one.
            alpha: How strongly the heatmap covers the picture, 0 to 1.
            colormap: The heatmap's colours, by one of the service's names.
            model: Another model than the service's default.
            version: Another version than its newest.

        Raises:
            OSError: The file can't be read.
        """
        query: Query = {"class": label, "alpha": alpha, "colormap": colormap, "model": model, "version": version}
        return self._image(_with_picture("/explain", picture, query, _PNG), _PNG)

    def history(
        self,
        *,
        label: str | None = None,
        model: str | None = None,
        version: int | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        confident: bool | None = None,
        corrected: bool | None = None,
        limit: int | None = None,
    ) -> Iterator[Prediction]:
        """The predictions that fit, newest first. Pages are asked for as they are needed, each with its own deadline.

        Args:
            label: The top class.
            model: The model that answered.
            version: Its version.
            since: Not before that moment; a datetime without a zone is local time, a text is RFC 3339.
            until: Before that one.
            confident: Whether the model knew such pictures.
            corrected: Whether somebody said what they really show.
            limit: Most predictions, on all pages together.
        """
        query: Query = {"label": label, "model": model, "version": version, "confident": confident}
        query |= {"corrected": corrected, "since": _moment(since), "until": _moment(until)}
        cursor, left = None, limit
        while left is None or left > 0:
            size = None if left is None else min(left, MAX_PAGE)
            page = self.page(query, limit=size, cursor=cursor)
            yield from page.items[:left]
            if page.next is None:
                return
            if page.next == cursor:
                raise ClientError("The service's answer doesn't fit: a page points to itself.")
            cursor, left = page.next, None if left is None else left - len(page.items)

    def page(self, query: Query | None = None, *, limit: int | None = None, cursor: str | None = None) -> Page:
        """One page of the history.

        Args:
            query: The service's own filters, by their names in the query.
            limit: Most predictions on it, 1 to 100.
            cursor: `next` of the page before.
        """
        request = _request("GET", "/predictions", {**(query or {}), "limit": limit, "cursor": cursor})
        return answers.page(self._json(request))

    def get(self, id: str) -> Prediction:
        """The prediction of that id."""
        return answers.prediction(self._json(_request("GET", _path(id))))

    def image(self, id: str) -> bytes:
        """Its picture as the service keeps it, a JPEG; Refused with status 404 where none is kept."""
        return self._image(_request("GET", f"{_path(id)}/image", accept=_JPEG), _JPEG)

    def correct(self, id: str, true_label: str | None) -> Prediction:
        """The prediction, with what its picture really shows noted down; None takes that back."""
        request = _request("PATCH", _path(id))
        request.json = {"true_label": true_label}
        return answers.prediction(self._json(request))

    def delete(self, id: str) -> None:
        """Delete a prediction and its picture. Refused with 404 may mean that an attempt before got through."""
        self._calls.ask(_request("DELETE", _path(id)))

    def delete_all(self) -> int:
        """Delete the whole history.

        Returns:
            How many predictions it had; fewer where an attempt before got through.
        """
        return answers.take(self._json(_request("DELETE", "/predictions")), "deleted", answers.whole)

    def stats(self) -> dict[str, Any]:
        """Numbers about the history, as the service's JSON has them."""
        said = self._json(_request("GET", "/stats"))
        if not isinstance(said, dict):
            raise ClientError("The service's answer doesn't fit: the numbers are no object.")
        return said

    def classes(self, *, model: str | None = None, version: int | None = None) -> list[str]:
        """The class names, in the order of the model's outputs."""
        said = self._json(_request("GET", "/classes", {"model": model, "version": version}))
        return answers.take(said, "classes", answers.texts)

    def _json(self, request: requests.Request) -> Any:
        return answers.document(self._calls.ask(request).body)

    def _image(self, request: requests.Request, kind: str) -> bytes:
        answer = self._calls.ask(request, most_bytes=MAX_PICTURE_BYTES)
        if answer.kind != kind or not answer.body.startswith(_SIGNATURES[kind]):
            raise ClientError(f"The service's answer doesn't fit: it is no {kind}.")
        return answer.body


def is_url(picture: str) -> bool:
    """Whether the service is to fetch it."""
    return picture.lower().startswith(("http://", "https://"))


def _request(method: str, path: str, query: Query | None = None, accept: str = _JSON) -> requests.Request:
    given = {name: value for name, value in (query or {}).items() if value is not None}
    params = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}
    return requests.Request(method, path, params=params, headers={"Accept": accept})


def _with_picture(path: str, picture: str | Path | bytes, query: Query, accept: str) -> requests.Request:
    request = _request("POST", path, query, accept)
    if isinstance(picture, bytes):
        request.data = picture
        request.headers = {**request.headers, "Content-Type": "application/octet-stream"}
    elif isinstance(picture, str) and is_url(picture):
        request.json = {"url": picture}
    else:
        request.files = {"file": _file(Path(picture))}
    return request


def _file(path: Path) -> tuple[str, bytes]:
    """A file's name, as a form can carry it, and its bytes."""
    with path.open("rb") as file:
        content = file.read(MAX_PICTURE_BYTES + 1)
    if len(content) > MAX_PICTURE_BYTES:
        raise ClientError(f"The file is larger than {MAX_PICTURE_BYTES} bytes.")
    return path.name.encode("utf-8", "replace").decode("utf-8"), content


def _path(id: str) -> str:
    if not answers.is_id(id):
        raise ClientError(f"{id!r} is no prediction's id.")
    return f"/predictions/{id}"


def _moment(moment: datetime | str | None) -> str | None:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return moment
