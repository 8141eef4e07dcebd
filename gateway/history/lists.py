"""Which predictions does a list have? Newest first, and found in the time of a few rows among a million.

A list is read along one index, the one of its rarest filter, and the other filters are tried on each row; so it must
not walk far for the first row. Where a label and a version are wanted, the newest row of each is looked up first: none
of the list is newer. The databases' own choice would be any of the indexes: they take columns for independent, but
versions follow each other in time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, literal_column, select, tuple_, type_coerce

from gateway.history.record import Prediction
from gateway.history.store import of_row
from gateway.history.tables import predictions

Place = tuple[datetime, str]
"""Of a prediction in the list: its time and its id."""

_of = predictions.c
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
_NO_ID = ""
"""Before every id."""

Equal = tuple[ColumnElement[Any], str | int]
"""A column, and the value that is wanted in it."""


@dataclass(frozen=True)
class Filters:
    """Which predictions are listed; None: all."""

    label: str | None = None
    model: str | None = None
    version: int | None = None
    since: datetime | None = None
    """The earliest, included."""
    until: datetime | None = None
    """The latest, not included."""
    confident: bool | None = None
    corrected: bool | None = None
    """Whether somebody gave them a true label."""

    def label_wanted(self) -> list[Equal]:
        """The label, if one is wanted."""
        return [(_of.label, self.label)] if self.label is not None else []

    def model_wanted(self) -> list[Equal]:
        """The model, its version, or both."""
        wanted: list[tuple[ColumnElement[Any], str | int | None]] = [
            (_of.model, self.model),
            (_of.version, self.version),
        ]
        return [(column, value) for column, value in wanted if value is not None]

    def flags(self) -> Iterator[ColumnElement[bool]]:
        """What a row must satisfy besides."""
        if self.confident is not None:
            yield _of.confident if self.confident else ~_of.confident
        if self.corrected is not None:
            yield _of.true_label.is_not(None) if self.corrected else _of.true_label.is_(None)

    @property
    def rare(self) -> bool:
        """Whether an index has only what is wanted: unsure answers, or corrected ones."""
        return self.confident is False or bool(self.corrected)


def page(connection: Connection, filters: Filters, limit: int, after: Place | None, skip: int) -> list[Prediction]:
    """Predictions, newest first: so many, behind a place in the list, or after the first ones that are skipped."""
    label, model = filters.label_wanted(), filters.model_wanted()
    until = filters.until or _LAST
    if model and (label or filters.rare):
        newest = [_newest(connection, wanted) for wanted in (label, model) if wanted]
        if None in newest:
            return []
        until = min(until, *(at + timedelta(microseconds=1) for at in newest if at))
    along = label or ([] if filters.rare else model)
    keys, values = [column for column, _ in along], [value for _, value in along]
    before = min((until, _NO_ID), after or (_LAST, _NO_ID))
    conditions = [
        tuple_(*keys, _of.created_at, _of.id) < (*values, *before),
        tuple_(*keys, _of.created_at) >= (*values, filters.since or _FIRST),
        *(_tried(connection, column) == value for column, value in model if along is not model),
        *filters.flags(),
    ]
    order = [column.desc() for column in (*keys, _of.created_at, _of.id)]
    rows = connection.execute(select(predictions).where(and_(*conditions)).order_by(*order).limit(limit).offset(skip))
    return [of_row(row) for row in rows]


def _newest(connection: Connection, wanted: list[Equal]) -> datetime | None:
    """When the newest prediction was made that has those values; None if none has.

    It is the last entry of their index up to them: one step into it, which a maximum wouldn't be in PostgreSQL.
    """
    keys, values = [column for column, _ in wanted], [value for _, value in wanted]
    last = select(*keys, _of.created_at).where(tuple_(*keys, _of.created_at) < (*values, _LAST))
    row = connection.execute(
        last.order_by(*(column.desc() for column in (*keys, _of.created_at))).limit(1)
    ).one_or_none()
    return row[-1] if row is not None and list(row[:-1]) == values else None


def _tried(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column, so that SQLite looks at each row of the list instead of choosing the column's index."""
    if connection.dialect.name != "sqlite":
        return column
    return type_coerce(literal_column(f"+predictions.{column.key}"), column.type)
