"""What becomes of predictions while the database is away: none is lost, none is there twice, and nobody waits."""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event

from gateway.errors import HistoryUnavailable
from gateway.history.history import History
from gateway.history.lists import Filters
from gateway.history.writer import WAIT_S
from tests.databases import PostgreSQL
from tests.gateway.history.conftest import Opened
from tests.gateway.history.rows import prediction
from tests.waiting import until

Outage = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def away(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Outage:
    """The database stops answering for the block: PostgreSQL is stopped, SQLite's file is locked by somebody else."""
    if database_url:
        return lambda: stopped(request.getfixturevalue("postgres"))
    return lambda: locked(tmp_path / "history.db")


@contextmanager
def stopped(postgres: PostgreSQL) -> Iterator[None]:
    postgres.stop()
    try:
        yield
    finally:
        postgres.start()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
    connection.close()


@contextmanager
def read_only(history: History, database_url: str) -> Iterator[None]:
    """Whoever connects anew may read, and not write."""
    if database_url:
        with psycopg.connect(database_url, autocommit=True) as connection:
            name = connection.info.dbname
            for switch in ("on", "off"):
                connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {switch}")
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                if switch == "on":
                    yield
                    connection.execute("SET default_transaction_read_only = off")
    else:
        with pragma(history, "query_only", "ON", "OFF"):
            yield


@contextmanager
def pragma(history: History, name: str, within: str, afterwards: str) -> Iterator[None]:
    """Each connection to SQLite, when it is taken from the pool, has a setting for the block, and another one later."""
    value = within

    def taken(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA {name}={value}")

    event.listen(history._database.engine, "checkout", taken)
    yield
    value = afterwards


def stored(history: History) -> list[str]:
    return [one.id for one in history.page(Filters(), 100, None, 0)]


def test_predictions_during_an_outage_are_answered_at_once_and_stored_once(
    opened: Opened, away: Outage, fates: dict[str, int]
) -> None:
    history = opened()
    made = [prediction(number) for number in range(60)]
    for one in made[:20]:
        assert history.keep(one, None)
    with away():
        assert history.keep(made[20], None)  # finds out
        start = time.monotonic()
        for one in made[21:40]:
            assert history.keep(one, None)
        assert time.monotonic() - start < 19 * WAIT_S / 2  # the outage isn't waited for
        with pytest.raises(HistoryUnavailable):
            history.remove(made[30].id)
    for one in made[40:]:
        assert history.keep(one, None)
    until(lambda: len(stored(history)) == 60)
    assert stored(history) == [one.id for one in reversed(made)]
    assert history.get(made[30].id) == made[30]
    assert history.statistics(None, None)["total"] == 60
    until(lambda: history._spool.count() == 0)
    assert fates["replayed"] == fates["spool"] >= 19
    assert "lost" not in fates


def test_a_read_only_database_is_an_outage_of_writing(opened: Opened, database_url: str, fates: dict[str, int]) -> None:
    history = opened()
    made = [prediction(number) for number in range(5)]
    history.keep(made[0], None)
    with read_only(history, database_url):
        for one in made[1:]:
            assert history.keep(one, None)
        assert stored(history) == [made[0].id]
        assert fates["spool"] == 4
    until(lambda: len(stored(history)) == 5)


def test_what_waits_survives_the_process(opened: Opened, away: Outage) -> None:
    first = opened()
    made = [prediction(number) for number in range(4)]
    with away():
        for one in made:
            assert first.keep(one, None)
        first._writer.close()  # as if it were killed: nothing is flushed
        second = opened()  # starts without its database
        assert second.keep(prediction(9), None)
    until(lambda: len(stored(second)) == 5)


def test_a_full_disk_is_an_outage(opened: Opened, database_url: str, fates: dict[str, int]) -> None:
    if database_url:
        return  # PostgreSQL's own disk is the server's affair: it answers with an error as in other outages
    history = opened()
    with pragma(history, "max_page_count", "1", "1000000"):  # SQLite's own limit: it says that the disk is full
        for number in range(200):
            assert history.keep(prediction(number), None)
        assert fates["spool"] > 0
    until(lambda: history.statistics(None, None)["total"] == 200)


def test_a_full_spool_is_counted_and_logged_and_nobody_waits(
    opened: Opened, away: Outage, fates: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    history = opened(spool_max_rows=3)
    with away():
        kept = [history.keep(prediction(number), None) for number in range(6)]
        assert kept == [True, True, True, False, False, False]
    assert fates["lost"] == 3
    assert caplog.text.count("isn't kept") == 3
    until(lambda: len(stored(history)) == 3)


def test_a_spool_that_cannot_be_written_is_counted_and_logged(
    opened: Opened, away: Outage, tmp_path: Path, fates: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spool.db").mkdir()
    history = opened()
    with away():
        assert not history.keep(prediction(1), None)
    assert fates == {"lost": 1}
    assert "isn't kept" in caplog.text
    until(lambda: history._writer._answers)
    assert history.keep(prediction(2), None)


def test_a_damaged_spool_is_laid_aside(opened: Opened, away: Outage, tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"no database at all" * 1000)
    history = opened()
    with away():
        assert history.keep(prediction(1), None)
        assert list(tmp_path.glob("spool.db.damaged-*"))
    until(lambda: len(stored(history)) == 1)


def test_a_row_that_the_database_refuses_holds_up_no_other(
    opened: Opened, fates: dict[str, int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    history = opened()
    caplog.set_level(logging.ERROR)
    assert history.keep(prediction(1, model=None), None)
    for number in range(2, 5):
        assert history.keep(prediction(number), None)
    until(lambda: fates.get("refused"))
    assert len(stored(history)) == 3
    assert history._spool.count() == 0
    assert "refuses" in caplog.text
    with sqlite3.connect(tmp_path / "spool.db") as connection:
        assert connection.execute("SELECT count(*) FROM refused").fetchone() == (1,)
    connection.close()


def test_row_that_came_through_and_waits_as_well_is_one(opened: Opened) -> None:
    """As if the answer to a write had been lost."""
    history = opened()
    one = prediction(1)
    assert history.keep(one, None)
    history._spool.add(one)
    until(lambda: history._spool.count() == 0)
    assert stored(history) == [one.id]
    assert history.statistics(None, None)["total"] == 1
