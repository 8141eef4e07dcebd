"""Where does the history lie? In SQLite or PostgreSQL, brought to this release's tables at the start."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from gateway.history.tables import HEAD

CONNECT_S = 2
STATEMENT_S = 5.0
"""Longest time for a statement in PostgreSQL, in seconds."""
LOCK_S = 1.0
"""Longest wait for another's lock, in seconds."""
MIGRATION_S = 60.0
_CONNECTIONS = 4
_LOCK = 7_310_442_059
"""Of PostgreSQL's advisory locks, ours: shared by whoever changes rows, exclusive for whoever changes all of them."""
_MIGRATIONS = Path(__file__).parent / "migrations"

Access = Literal["read", "write", "exclusive"]


class NewerDatabase(SystemExit):
    """The database was made by a newer release; the text is one sentence."""


class Database:
    """The history's database; one for a process, made after the fork.

    Args:
        url: `postgresql://...`, `sqlite:///FILE`, or empty for an SQLite file in the folder.
        folder: Where the file then lies.
    """

    def __init__(self, url: str, folder: Path) -> None:
        parsed = make_url(url or f"sqlite:///{folder / 'history.db'}")
        if parsed.drivername.startswith("postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.name = parsed.render_as_string(hide_password=True)
        self._file = Path(parsed.database or "history.db") if self.is_sqlite else None
        options: dict[str, Any] = {"pool_size": _CONNECTIONS, "max_overflow": _CONNECTIONS, "pool_timeout": CONNECT_S}
        if self.is_sqlite:
            options["connect_args"] = {"timeout": LOCK_S, "check_same_thread": False}
        else:
            options |= {"pool_pre_ping": True, "connect_args": _postgresql_arguments()}
        self.engine = create_engine(parsed, **options)
        if self.is_sqlite:
            _set_up_sqlite(self.engine)

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that only reads."""
        return self._transaction("read")

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that changes rows, and the sums with them; others do so at the same time."""
        return self._transaction("write")

    def writing_alone(self) -> AbstractContextManager[Connection]:
        """A transaction during which nobody else changes rows or sums; it has a minute."""
        return self._transaction("exclusive")

    @contextmanager
    def _transaction(self, access: Access) -> Iterator[Connection]:
        with self.engine.connect().execution_options(access=access) as connection, connection.begin():
            if not self.is_sqlite and access != "read":
                if access == "exclusive":
                    connection.execute(text(f"SET LOCAL statement_timeout = {1000 * MIGRATION_S:.0f}"))
                    connection.execute(text(f"SET LOCAL lock_timeout = {1000 * STATEMENT_S:.0f}"))
                kind = "_shared" if access == "write" else ""
                connection.execute(text(f"SELECT pg_advisory_xact_lock{kind}({_LOCK})"))
            yield connection

    def migrate(self) -> None:
        """Bring the tables to this release's; several processes may do so at the same time.

        Raises:
            NewerDatabase: It was made by a newer release.
            SQLAlchemyError, OSError: The database doesn't answer.
        """
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        if self._revision() == HEAD:
            return
        with self._alone():
            found = self._revision()
            if found != HEAD:
                self._upgrade(found)

    def _revision(self) -> str | None:
        """The migration that made the tables, or None if there are none."""
        with self.engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return found

    def _upgrade(self, found: str | None) -> None:
        logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # it names each one at every start
        from alembic import command  # 10 MB, which a process that finds its tables doesn't need
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.set_main_option("path_separator", "os")
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if found is not None and found not in known:
            raise NewerDatabase(
                f"The history in {self.name} was made by a newer release of this service (its tables are {found}, "
                f"ours {HEAD}): start that release, or give this one another database."
            )
        if self.is_sqlite:
            with self.engine.connect() as connection:  # kept in the file; no transaction may be open
                connection.connection.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]
        with self.writing_alone() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process migrates in the block. PostgreSQL has a lock for it; SQLite's file gets one beside it."""
        if self._file is None:
            with self.engine.connect() as connection, connection.begin():
                connection.execute(text(f"SET LOCAL lock_timeout = {1000 * MIGRATION_S:.0f}"))
                connection.execute(text(f"SET LOCAL statement_timeout = {1000 * MIGRATION_S:.0f}"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK + 1})"))
                yield
        else:
            with self._file.with_name(f"{self._file.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def is_refusal(error: Exception) -> bool:
    """Whether the database took offence at a row, so that another try makes no difference."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError | IntegrityError) and not error.connection_invalidated
    return isinstance(error, StatementError) or not isinstance(error, SQLAlchemyError | OSError)


def _postgresql_arguments() -> dict[str, Any]:
    """libpq's: every wait has an end, also for a server that is gone without a word."""
    statement, lock, idle = (f"{1000 * seconds:.0f}" for seconds in (STATEMENT_S, LOCK_S, 2 * STATEMENT_S))
    return {
        "connect_timeout": CONNECT_S,
        "tcp_user_timeout": f"{1000 * STATEMENT_S:.0f}",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "application_name": "sports-gateway",
        "options": f"-c statement_timeout={statement} -c lock_timeout={lock} "
        f"-c idle_in_transaction_session_timeout={idle}",
    }


def _set_up_sqlite(engine: Engine) -> None:
    """Leave transactions to us: the driver's own begin too late, at the first change."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        access = connection.get_execution_options().get("access", "read")
        connection.exec_driver_sql("BEGIN" if access == "read" else "BEGIN IMMEDIATE")
