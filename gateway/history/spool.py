"""Where do predictions wait while the database is away? In a file of this machine, shared by all processes.

It's an SQLite file: a row is in it or not, whoever is killed when, and every process sees whether an id waits.
"""

import contextlib
import fcntl
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.history.record import Prediction

LOCK_S = 1.0
"""Longest wait for another process that writes into it, in seconds."""
_TABLES = """
CREATE TABLE IF NOT EXISTS waiting (number INTEGER PRIMARY KEY AUTOINCREMENT, prediction TEXT NOT NULL UNIQUE,
  picture TEXT, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refused (prediction TEXT PRIMARY KEY, reason TEXT NOT NULL, document TEXT NOT NULL);
"""
_ENDS = "SELECT (SELECT min(number) FROM waiting), (SELECT max(number) FROM waiting)"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SpoolFull(Exception):
    """As many predictions wait as may."""


class Spool:
    """The predictions that wait.

    Args:
        path: The file; it is made when it is first needed.
        max_rows: How many may wait.
    """

    def __init__(self, path: Path, max_rows: int) -> None:
        self._path, self._max_rows = path, max_rows
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def add(self, prediction: Prediction) -> None:
        """Keep a prediction until it is removed; one that waits already waits on.

        Raises:
            SpoolFull: As many wait as may.
            sqlite3.Error, OSError: The file can't be written.
        """
        row = (prediction.id, prediction.picture, prediction.to_json())
        try:
            self._add(row)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) not in _DAMAGED:
                raise
            self._add(row)  # to a new file: the damaged one is laid aside

    def _add(self, row: tuple[str, str | None, str]) -> None:
        with self._open() as connection:
            if _count(connection) >= self._max_rows:
                raise SpoolFull(f"{self._max_rows} predictions wait for the database")
            connection.execute("INSERT OR IGNORE INTO waiting (prediction, picture, document) VALUES (?, ?, ?)", row)

    def oldest(self, at_most: int) -> list[tuple[str, str]]:
        """Ids of those that wait longest, and their JSON."""
        with self._open() as connection:
            query = "SELECT prediction, document FROM waiting ORDER BY number LIMIT ?"
            return connection.execute(query, (at_most,)).fetchall()

    def remove(self, ids: Sequence[str]) -> None:
        """These are in the database."""
        with self._open() as connection:
            connection.executemany("DELETE FROM waiting WHERE prediction = ?", [(id,) for id in ids])

    def set_aside(self, id: str, reason: str) -> None:
        """The database will never take this one; it is kept for whoever looks."""
        with self._open() as connection:
            copy = "INSERT OR REPLACE INTO refused SELECT prediction, ?, document FROM waiting WHERE prediction = ?"
            connection.execute(copy, (reason, id))
            connection.execute("DELETE FROM waiting WHERE prediction = ?", (id,))

    def holds(self, id: str) -> bool:
        """Whether a prediction waits."""
        return self._has("SELECT 1 FROM waiting WHERE prediction = ?", id)

    def uses_picture(self, picture: str) -> bool:
        """Whether a prediction with that thumbnail waits."""
        return self._has("SELECT 1 FROM waiting WHERE picture = ? LIMIT 1", picture)

    def count(self) -> int:
        """How many wait."""
        if not self._path.exists():
            return 0
        with self._open() as connection:
            return _count(connection)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _has(self, query: str, value: str) -> bool:
        if not self._path.exists():
            return False
        with self._open() as connection:
            return connection.execute(query, (value,)).fetchone() is not None

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file in a transaction, by one thread at a time. A damaged file is laid aside, and a new one begun."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = _connected(self._path)
                with self._connection:
                    yield self._connection
            except sqlite3.Error as error:
                self._close_after(error)
                raise

    def _close_after(self, error: sqlite3.Error) -> None:
        """The next call opens the file anew: it may have been away, or replaced."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if getattr(error, "sqlite_errorcode", None) in _DAMAGED:
            aside = f"{self._path}.damaged-{time.time_ns()}"
            for suffix in ("", "-wal", "-shm"):  # a new file must not meet the old one's journal
                with contextlib.suppress(OSError):
                    Path(f"{self._path}{suffix}").rename(f"{aside}{suffix}")


def _connected(path: Path) -> sqlite3.Connection:
    """The file with its tables. One process at a time: SQLite waits for nobody when it turns its journal on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = sqlite3.connect(path, timeout=LOCK_S, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(_TABLES)
        except BaseException:
            connection.close()
            raise
    return connection


def _count(connection: sqlite3.Connection) -> int:
    """By the numbers, in order and almost without gaps: counting rows would read them all."""
    first, last = connection.execute(_ENDS).fetchone()
    return 0 if first is None else int(last - first + 1)
