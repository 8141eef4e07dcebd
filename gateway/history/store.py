"""What is asked of the database? Each function is one statement or few, in a transaction that the caller holds."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    Row,
    Table,
    and_,
    bindparam,
    cast,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.history.record import Prediction, rfc3339
from gateway.history.rollups import SUMS, Changes, Sums
from gateway.history.tables import latencies, marks, predictions, rollups

CLEARED, PROBED = "cleared_at", "probed_at"
_AT_ONCE = 2000
_of = predictions.c


def insert(connection: Connection, given: Sequence[Prediction]) -> None:
    """Add predictions; those that are there already, or were deleted with all others, are left out."""
    cleared = _mark(connection, CLEARED)
    fresh = {one.id: one for one in given if cleared is None or rfc3339(one.created_at) > cleared}
    if not fresh:
        return
    added = connection.execute(_new(connection.dialect.name), [one.row() for one in fresh.values()]).scalars().all()
    _apply(connection, Changes().add(fresh[id] for id in added))


def get(connection: Connection, id: str) -> Prediction | None:
    """The prediction of that id."""
    row = connection.execute(select(predictions).where(_of.id == id)).one_or_none()
    return None if row is None else of_row(row)


def correct(connection: Connection, before: Prediction, true_label: str | None) -> Prediction | None:
    """Give a prediction its true label, or take it away; None if it was changed or deleted meanwhile."""
    changed = update(predictions).where(_of.id == before.id, _of.true_label.is_not_distinct_from(before.true_label))
    row = connection.execute(changed.values(true_label=true_label).returning(predictions)).one_or_none()
    if row is None:
        return None
    after = of_row(row)
    _apply(connection, Changes().correct(before, after))
    return after


def remove(connection: Connection, id: str) -> Prediction | None:
    """Delete a prediction; what it was, or None if there is none."""
    row = connection.execute(delete(predictions).where(_of.id == id).returning(predictions)).one_or_none()
    if row is None:
        return None
    gone = of_row(row)
    _apply(connection, Changes().add([gone], -1))
    return gone


def clear(connection: Connection, now: datetime) -> int:
    """Delete every prediction, also those up to now that still wait in a spool; how many. Nobody else may write."""
    count = connection.execute(delete(predictions)).rowcount
    for table in (rollups, latencies):
        connection.execute(delete(table))
    set_mark(connection, CLEARED, rfc3339(now))
    return count


def prune(connection: Connection, before: datetime | None, max_rows: int | None, at_once: int) -> list[Prediction]:
    """Delete the oldest predictions, up to so many: those before a moment, and those beyond a number."""
    oldest = select(_of.id).order_by(_of.created_at, _of.id)
    too_many = 0 if max_rows is None else total(connection) - max_rows
    if too_many > 0:
        which = oldest.limit(min(too_many, at_once))
    elif before is not None:
        which = oldest.where(_of.created_at < before).limit(at_once)
    else:
        return []
    rows = connection.execute(delete(predictions).where(_of.id.in_(which)).returning(predictions))
    gone = [of_row(row) for row in rows]
    _apply(connection, Changes().add(gone, -1))
    return gone


def total(connection: Connection) -> int:
    """How many predictions there are."""
    return int(connection.execute(select(func.coalesce(func.sum(rollups.c.total), 0))).scalar_one())


def sums(connection: Connection, model: str | None, version: int | None, since: str | None) -> Sums:
    """What `gateway.history.rollups.summary` takes, of one model or one version of it, or of all.

    Args:
        connection: To the database.
        model: The model's name.
        version: Its version.
        since: The first day, of which and of later ones every class is told; None: of none.
    """

    def rows(table: Table, keys: tuple[str, ...], names: tuple[str, ...], *only: ColumnElement[bool]) -> list[Row[Any]]:
        columns = [table.c[key] for key in keys]
        of = [column == wanted for column, wanted in ((table.c.model, model), (table.c.version, version)) if wanted]
        summed = select(*columns, *(cast(func.sum(table.c[name]), BigInteger).label(name) for name in names)).where(
            and_(True, *of, *only)
        )
        return list(connection.execute(summed.group_by(*columns).order_by(*columns)).all())

    earlier = [rollups.c.day < since] if since else []
    return Sums(
        by_class=rows(rollups, ("label",), SUMS, *earlier),
        by_day=rows(rollups, ("day",), ("total",), *earlier),
        by_day_and_class=rows(rollups, ("day", "label"), SUMS, rollups.c.day >= since) if since else None,
        by_bucket=rows(latencies, ("bucket",), ("total",)),
    )


def rebuild(connection: Connection) -> int:
    """Make the sums anew from the predictions; how many there are. Nobody else may write."""
    for table in (rollups, latencies):
        connection.execute(delete(table))
    changes, count = Changes(), 0
    rows = connection.execute(select(predictions).execution_options(yield_per=_AT_ONCE))
    for part in rows.partitions():
        changes.add(map(of_row, part))
        count += len(part)
    _apply(connection, changes)
    return count


def uses_picture(connection: Connection, picture: str) -> bool:
    """Whether a prediction has that thumbnail."""
    return connection.execute(select(_of.id).where(_of.picture == picture).limit(1)).first() is not None


def set_mark(connection: Connection, name: str, value: str) -> None:
    """Write a mark."""
    upsert = _insert(connection.dialect.name, marks)
    replacing = upsert.on_conflict_do_update(index_elements=[marks.c.name], set_={"value": upsert.excluded.value})
    connection.execute(replacing, {"name": name, "value": value})


_MARK = select(marks.c.value).where(marks.c.name == bindparam("name"))


def _mark(connection: Connection, name: str) -> str | None:
    value: str | None = connection.execute(_MARK, {"name": name}).scalar()
    return value


def of_row(row: Row[Any]) -> Prediction:
    """The prediction that a row of the table `predictions` holds."""
    return Prediction.of_row(row._mapping)


def _insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


# What every prediction runs is put together once: that takes longer than running it.


@cache
def _new(dialect: str) -> Executable:
    """Adds predictions, and gives the ids of those that weren't there."""
    return _insert(dialect, predictions).on_conflict_do_nothing(index_elements=[_of.id]).returning(_of.id)


@cache
def _more(dialect: str, table: Table, names: tuple[str, ...]) -> Executable:
    """Adds to sums."""
    upsert = _insert(dialect, table)
    added = {name: table.c[name] + upsert.excluded[name] for name in names}
    return upsert.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=added)


def _apply(connection: Connection, changes: Changes) -> None:
    """Add to the sums, in the transaction of the rows."""
    for table, names, rows in ((rollups, SUMS, changes.sums()), (latencies, ("total",), changes.latencies())):
        if found := list(rows):
            connection.execute(_more(connection.dialect.name, table, names), found)
