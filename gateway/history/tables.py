"""Which tables does the history have? One row a prediction, sums of them, and a few marks."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

from gateway.history.record import rfc3339

HEAD = "0002"
"""The migration that makes these tables; a test holds it to the newest one."""


class Moment(TypeDecorator[datetime]):
    """A moment in UTC: PostgreSQL's own type, and RFC 3339 text in SQLite, which has none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """The column's type."""
        return dialect.type_descriptor(String(27) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """What is written."""
        return rfc3339(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """What is read."""
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC) if value else None


metadata = MetaData()

# JSON, not JSONB: labels stay in the card's order.
predictions = Table(
    "predictions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("label", Text, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("confident", Boolean, nullable=False),
    Column("true_label", Text),
    Column("probabilities", JSON, nullable=False),
    Column("source_kind", Text, nullable=False),
    Column("source_url", Text),
    Column("source_filename", Text),
    Column("source_sha256", String(64), nullable=False),
    Column("source_format", Text, nullable=False),
    Column("source_width", Integer, nullable=False),
    Column("source_height", Integer, nullable=False),
    Column("source_bytes", Integer, nullable=False),
    Column("timings_ms", JSON, nullable=False),
    Column("latency_ms", Double, nullable=False),
    Column("picture", String(64)),
)
_of = predictions.c
# Lists go by time, newest first; gateway.history.lists says which index finds which.
_unsure, _corrected, _pictured = ~_of.confident, _of.true_label.is_not(None), _of.picture.is_not(None)
for _name, _columns, _where in (
    ("by_time", (), None),
    ("by_label", (_of.label,), None),
    ("by_model", (_of.model,), None),
    ("by_version", (_of.version,), None),
    ("by_model_version", (_of.model, _of.version), None),
    ("unsure", (), _unsure),
    ("unsure_by_label", (_of.label,), _unsure),
    ("corrected", (), _corrected),
    ("corrected_by_label", (_of.label,), _corrected),
):
    Index(f"predictions_{_name}", *_columns, _of.created_at, _of.id, sqlite_where=_where, postgresql_where=_where)
Index("predictions_by_picture", _of.picture, sqlite_where=_pictured, postgresql_where=_pictured)

rollups = Table(
    "rollups",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("model", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("total", BigInteger, nullable=False),
    Column("unsure", BigInteger, nullable=False),
    Column("confidence_millionths", BigInteger, nullable=False),
    Column("labelled", BigInteger, nullable=False),
    Column("correct", BigInteger, nullable=False),
)
"""Sums over predictions by day (UTC), model, version and answered label; whole numbers, so that what is taken away
again leaves no rest."""

latencies = Table(
    "latencies",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("bucket", Integer, primary_key=True),
    Column("total", BigInteger, nullable=False),
)
"""How many predictions took how long (`gateway.history.rollups.bucket`)."""

marks = Table("marks", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
"""`cleared_at`: predictions up to then were deleted all together. `probed_at`: written to see whether it can be."""
