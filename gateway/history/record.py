"""What is kept of a prediction?"""

import json
import unicodedata
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal

import uuid_utils

Kind = Literal["url", "upload", "raw"]
Row = dict[str, Any]
"""A prediction as its table has it: values by column."""

MAX_NAME_CHARACTERS = 255


@dataclass(frozen=True)
class Source:
    """Where a picture came from, and what it is."""

    kind: Kind
    url: str | None
    filename: str | None
    sha256: str
    """Of the picture's bytes, in hexadecimal digits."""
    format: str
    """Pillow's name of it."""
    width: int
    """Of the picture upright, in pixels."""
    height: int
    bytes: int


@dataclass(frozen=True)
class Prediction:
    """An answered picture."""

    id: str
    """UUIDv7 (RFC 9562): ids of later predictions are greater."""
    created_at: datetime
    """When it was answered, in UTC."""
    model: str
    version: int
    label: str
    confidence: float
    """The largest probability, 0 to 1."""
    confident: bool
    probabilities: dict[str, float]
    """Every label's probability, in the card's order."""
    source: Source
    timings_ms: dict[str, float]
    """Milliseconds by step."""
    latency_ms: float
    """Milliseconds from the request to its answer."""
    true_label: str | None = None
    """What somebody says that the picture shows."""
    picture: str | None = None
    """SHA-256 of the thumbnail that is kept, in hexadecimal digits."""

    def row(self) -> Row:
        """Values by column; the source's are named source_NAME."""
        row = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "source"}
        return row | {f"source_{field.name}": getattr(self.source, field.name) for field in fields(Source)}

    @staticmethod
    def of_row(row: Any) -> "Prediction":
        """The prediction that a mapping of its columns means."""
        source = Source(**{field.name: row[f"source_{field.name}"] for field in fields(Source)})
        own = {field.name: row[field.name] for field in fields(Prediction) if field.name != "source"}
        return Prediction(source=source, **own)

    def to_json(self) -> str:
        """The row as JSON, for the spool."""
        return json.dumps(self.row() | {"created_at": rfc3339(self.created_at)})

    @staticmethod
    def of_json(text: str) -> "Prediction":
        """The prediction that `to_json` wrote.

        Raises:
            ValueError, KeyError: It didn't.
        """
        row = json.loads(text)
        return Prediction.of_row(row | {"created_at": datetime.fromisoformat(row["created_at"])})


def new_id(created_at: datetime) -> str:
    """An id for a prediction of that moment."""
    return str(uuid_utils.uuid7(nanoseconds=int(created_at.timestamp() * 1_000_000) * 1000))


def rfc3339(moment: datetime) -> str:
    """A moment in UTC with microseconds: such texts are as long, and in the same order, as what they mean."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def clean_filename(given: str | None) -> str | None:
    """A stranger's file name: its last part, without what isn't printable; None if nothing is left."""
    if not given:
        return None
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(c for c in unicodedata.normalize("NFC", last) if c.isprintable())
    return printable[:MAX_NAME_CHARACTERS].strip() or None
