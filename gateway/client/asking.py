"""What does the service say of many pictures? One outcome each, in their order, whatever becomes of the others."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.client.answers import Prediction
from gateway.client.client import Client, is_url
from gateway.client.errors import ClientError, ServiceUnreachable
from gateway.client.parallel import in_order

SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif"}
HOPELESS = 3
"""After so many without an answer, one after the other, the rest isn't asked about."""


@dataclass(frozen=True)
class Outcome:
    """What became of a picture: a prediction or an error."""

    picture: str
    prediction: Prediction | None = None
    error: ClientError | OSError | None = None


def pictures(names: Sequence[str]) -> list[str]:
    """The pictures that are meant: URLs and files as they are named, and a folder's files, sorted, by their suffixes.

    Links to folders aren't followed.

    Raises:
        OSError: A folder can't be read.
    """
    found: list[str] = []
    for name in names:
        found += _within(name) if not is_url(name) and os.path.isdir(name) else [name]
    return found


def outcomes(
    client: Client, given: Sequence[str], model: str | None, version: int | None, jobs: int
) -> Iterator[Outcome]:
    """What becomes of each picture, in their order; ends early where the service is away."""

    def ask(picture: str) -> Outcome:
        try:
            return Outcome(picture, client.predict(picture, model=model, version=version))
        except (ClientError, OSError) as error:
            return Outcome(picture, error=error)

    lost = 0
    for outcome in in_order(ask, given, jobs):
        yield outcome
        lost = lost + 1 if isinstance(outcome.error, ServiceUnreachable) else 0
        if lost == HOPELESS:
            return


def _within(folder: str) -> list[str]:
    def fail(error: OSError) -> None:
        raise error

    return sorted(
        path
        for parent, _, names in os.walk(folder, onerror=fail)
        for path in (os.path.join(parent, name) for name in names)
        if Path(path).suffix.lower() in SUFFIXES and os.path.isfile(path)
    )
