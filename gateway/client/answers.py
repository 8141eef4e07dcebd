"""What does the service's JSON say? Typed values, or a ClientError where it isn't what the API promises.

Keys that aren't known here are ignored: a newer service may say more.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from gateway.client.errors import ClientError

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Source:
    """Where a picture came from, and what it was."""

    kind: str
    """url, upload or raw."""
    url: str | None
    filename: str | None
    sha256: str
    """Of the bytes that the service read, in hexadecimal."""
    format: str
    """JPEG, PNG, GIF, WEBP or AVIF."""
    width: int
    height: int
    bytes: int


@dataclass(frozen=True)
class Guess:
    """A class and its probability, 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """What the service said of a picture."""

    id: str | None
    """None where the service keeps no history."""
    created_at: datetime
    """Aware, in UTC."""
    model: str
    version: int
    label: str
    """The top class."""
    confidence: float
    """Its probability, 0 to 1."""
    confident: bool
    """Whether the picture is enough like what the model knows."""
    top: tuple[Guess, ...]
    """The most probable classes, at most five, best first."""
    source: Source
    true_label: str | None
    """What somebody said it really shows."""
    image: str | None
    """Path of the kept picture under the service's address; None where none is kept."""
    probabilities: Mapping[str, float] | None = field(default=None, hash=False)
    """Every class'; None in a list of predictions."""
    timings_ms: Mapping[str, float] | None = field(default=None, hash=False)
    """Milliseconds by step; None in a list of predictions."""


@dataclass(frozen=True)
class Page:
    """Some of the history, newest first."""

    items: tuple[Prediction, ...]
    next: str | None
    """Cursor of the page after it; None where it is the last."""


def is_id(text: str | None) -> bool:
    """Whether it is the id of a prediction: a UUID as RFC 9562 writes it, fit for a path and a file name."""
    return text is not None and _ID.fullmatch(text) is not None


def document(body: bytes) -> Any:
    """The JSON in an answer.

    Raises:
        ClientError: It is no JSON.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ClientError("The service's answer is no JSON.") from error


def prediction(said: Any) -> Prediction:
    """A prediction.

    Raises:
        ClientError: It doesn't fit.
    """
    return Prediction(
        id=maybe(said, "id", text),
        created_at=take(said, "created_at", _moment),
        model=take(said, "model", text),
        version=take(said, "version", whole),
        label=take(said, "label", text),
        confidence=take(said, "confidence", _number),
        confident=take(said, "confident", _flag),
        top=take(said, "top", lambda value: tuple(_guess(each) for each in _list(value))),
        source=take(said, "source", _source),
        true_label=maybe(said, "true_label", text),
        image=maybe(said, "image", text),
        probabilities=maybe(said, "probabilities", _numbers),
        timings_ms=maybe(said, "timings_ms", _numbers),
    )


def page(said: Any) -> Page:
    """A page of the history.

    Raises:
        ClientError: It doesn't fit.
    """
    items = take(said, "items", lambda value: tuple(prediction(each) for each in _list(value)))
    return Page(items, maybe(said, "next", text))


def take(said: Any, key: str, read: Callable[[Any], _Value]) -> _Value:
    """A JSON object's value of that name.

    Args:
        said: What should be the object.
        key: The name.
        read: Turns the value into what it should be; a ValueError or TypeError of its says that it isn't.

    Raises:
        ClientError: It doesn't fit; the text names the key.
    """
    try:
        return read(said[key])
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise ClientError(f"The service's answer doesn't fit: {key} is missing or isn't what it should be.") from error


def maybe(said: Any, key: str, read: Callable[[Any], _Value]) -> _Value | None:
    """The same, or None where it is null or missing."""
    if not isinstance(said, dict) or said.get(key) is not None:
        return take(said, key, read)
    return None


def text(value: Any) -> str:
    """A text, which UTF-8 can write."""
    if not isinstance(value, str):
        raise TypeError
    value.encode("utf-8")
    return value


def texts(value: Any) -> list[str]:
    """A list of texts."""
    return [text(each) for each in _list(value)]


def whole(value: Any) -> int:
    """A whole number of at least 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


def _source(said: Any) -> Source:
    return Source(
        kind=take(said, "kind", text),
        url=maybe(said, "url", text),
        filename=maybe(said, "filename", text),
        sha256=take(said, "sha256", text),
        format=take(said, "format", text),
        width=take(said, "width", whole),
        height=take(said, "height", whole),
        bytes=take(said, "bytes", whole),
    )


def _guess(said: Any) -> Guess:
    return Guess(take(said, "label", text), take(said, "probability", _number))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _numbers(value: Any) -> Mapping[str, float]:
    if not isinstance(value, dict):
        raise TypeError
    return {text(name): _number(number) for name, number in value.items()}


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
