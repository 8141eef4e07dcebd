"""What does the query and its headers ask for? Each value is checked where it is read; wrong ones are 400."""

import re
from datetime import UTC, datetime

from flask import request

from gateway.cards import Choice
from gateway.deadline import Deadline
from gateway.errors import InvalidRequest

TIMEOUT_HEADER = "X-Request-Timeout-Ms"
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_MAX_NUMBER = 2**63 - 1
_MAX_NAME = 200
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def text(name: str, default: str = "") -> str:
    """The query's value of that name."""
    values = request.args.getlist(name) or [default]
    if len(values) > 1:
        raise InvalidRequest(f"{name} stands in the query {len(values)} times.")
    return values[0]


def deadline(longest_s: float) -> Deadline:
    """The caller's deadline, in milliseconds in a header, or the longest that the service allows."""
    given = request.headers.get(TIMEOUT_HEADER)
    if given is None:
        return Deadline(longest_s)
    if not (given.isascii() and given.isdigit() and len(given) <= 9 and int(given) > 0):
        raise InvalidRequest(f"{TIMEOUT_HEADER} must be a whole number of milliseconds above 0.")
    return Deadline(min(int(given) / 1000, longest_s))


def flag(name: str) -> bool:
    """Whether the query says yes; it needn't say anything."""
    return bool(maybe_flag(name))


def maybe_flag(name: str) -> bool | None:
    """What the query says, yes or no, or None if it says nothing."""
    if name not in request.args:
        return None
    given = text(name)
    if given.lower() not in _FLAGS:
        raise InvalidRequest(f"{name} must be true, false, 1 or 0.")
    return _FLAGS[given.lower()]


def choice() -> Choice:
    """The version's number or label, or None for the newest."""
    number = version()
    if "version_label" not in request.args:
        return number
    label = text("version_label")
    if number is not None or not label:
        raise InvalidRequest("Send a version or a version_label, not both, and none of them empty.")
    return label


def version() -> int | None:
    """The version's number, or None."""
    return whole("version", 1, _MAX_NUMBER)


def whole(name: str, lowest: int, highest: int) -> int | None:
    """A whole number within bounds, or None if the query has none of that name."""
    if name not in request.args:
        return None
    given = text(name)
    if not (given.isascii() and given.isdigit() and len(given) <= 19 and lowest <= int(given) <= highest):
        bounds = f"from {lowest} to {highest}" if highest < _MAX_NUMBER else f"of at least {lowest}"
        raise InvalidRequest(f"{name} must be a whole number {bounds}.")
    return int(given)


def moment(name: str) -> datetime | None:
    """A moment (RFC 3339, or a day, which begins at 0:00 UTC), in UTC; None if the query has none of that name."""
    if name not in request.args:
        return None
    given = text(name)
    try:
        parsed = datetime.fromisoformat(given)
        if parsed.tzinfo is None and not _DAY.fullmatch(given):
            raise ValueError("no offset")
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{name} must be a moment such as 2026-11-27T08:30:00Z, or a day.") from error


def name(parameter: str) -> str | None:
    """A name to look for, which isn't empty and has no control characters; None if the query has none."""
    if parameter not in request.args:
        return None
    given = text(parameter)
    if not given or len(given) > _MAX_NAME or not given.isprintable():
        raise InvalidRequest(f"{parameter} must be 1 to {_MAX_NAME} printable characters.")
    return given
