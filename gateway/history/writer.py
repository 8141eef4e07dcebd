"""How does a prediction get into the database, whatever becomes of the database? One thread a process writes.

A request hands its row over and waits for it, but not for long: then the row goes into the spool, and so do those that
follow, until the thread finds that the database can be written to again. What was handed over and is in the spool as
well is no harm: a row that is there already isn't added again. Of all processes on a machine one brings the spool's
rows into the database, and deletes what is too old or too many.
"""

import fcntl
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Literal

from sqlalchemy.exc import SQLAlchemyError

from gateway.history import store
from gateway.history.database import LOCK_S, Database, NewerDatabase, is_refusal
from gateway.history.record import Prediction, rfc3339
from gateway.history.spool import Spool, SpoolFull

WAIT_S = 0.25
"""How long a request waits for its row to be written, in seconds."""
RETRY_S = 0.5
"""How often a database that was away is tried, in seconds."""
PRUNE_S = 10.0
"""How often it is looked for predictions that are too old or too many, in seconds."""
REPLAYED_AT_ONCE = 200
PRUNED_AT_ONCE = 500
_BATCH = 64
_WAITING = 256
_LOOK_S = 0.25

Fate = Literal["database", "spool", "lost", "replayed", "refused"]
"""What became of a row: written, laid into the spool, or neither. Later: brought from there, or refused for good."""

_log = logging.getLogger(__name__)


class Writer:
    """Writes predictions; one for a process, made after the fork.

    Args:
        database: Where to.
        spool: Where to meanwhile.
        folder: Holds the lock by which one process of this machine is chosen.
        max_rows: Predictions that are kept, the newest; None: all.
        max_age_days: How long one is kept; None: for ever.
        note: Is told what became of so many rows.
        gone: Is told which predictions were deleted because of their age or number.
    """

    def __init__(
        self,
        database: Database,
        spool: Spool,
        folder: Path,
        max_rows: int | None,
        max_age_days: float | None,
        note: Callable[[Fate, int], None],
        gone: Callable[[list[Prediction]], None],
    ) -> None:
        self._database, self._spool, self._note, self._gone = database, spool, note, gone
        self._max_rows, self._max_age_days = max_rows, max_age_days
        self._lock_file = folder / "history.lock"
        self._leading: IO[str] | None = None
        self._queue: queue.Queue[tuple[Prediction, Future[None]] | None] = queue.Queue(_WAITING)
        self._answers = True
        self._tried = self._pruned = self._stumbled = -PRUNE_S
        self._end = threading.Event()
        self._migrate()
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self._thread.start()

    def keep(self, prediction: Prediction) -> Fate:
        """Write a prediction, or lay it into the spool; it takes little more than WAIT_S at most, and never fails."""
        fate: Fate = "database" if self._answers and self._handed_over(prediction) else self._spooled(prediction)
        self._note(fate, 1)
        return fate

    def close(self) -> None:
        """End the thread, once it has written what it was given."""
        self._end.set()
        with suppress(queue.Full):
            self._queue.put_nowait(None)  # wakes it
        self._thread.join(2 * LOCK_S)
        if self._leading is not None:
            self._leading.close()

    def _handed_over(self, prediction: Prediction) -> bool:
        written: Future[None] = Future()
        try:
            self._queue.put_nowait((prediction, written))
            written.result(WAIT_S)
        except TimeoutError:
            if self._answers:
                self._answers = False
                _log.warning("The history's database doesn't answer: predictions go to the spool.")
            written.cancel()
            return False
        except (queue.Full, SQLAlchemyError, OSError, ValueError, TypeError):
            return False  # the thread that writes has said why
        return True

    def _spooled(self, prediction: Prediction) -> Fate:
        try:
            self._spool.add(prediction)
        except (SpoolFull, sqlite3.Error, OSError) as error:
            fields = {"prediction": prediction.id, "detail": str(error)}
            _log.error("A prediction isn't kept: the spool can't take it.", extra={"fields": fields})
            return "lost"
        return "spool"

    def _run(self) -> None:
        more = False
        while not self._end.is_set() or not self._queue.empty():
            try:
                if batch := self._taken(0 if more else _LOOK_S):
                    self._write(batch)
                more = False
                if not self._answers:
                    self._try()
                elif time.monotonic() - self._stumbled > PRUNE_S and self._leads():
                    more = self._replay()
                    more = self._prune() or more
            except Exception:  # the thread must not end, and what stumbles isn't tried all the time
                self._stumbled = time.monotonic()
                _log.exception("The history's thread stumbled.")

    def _taken(self, timeout_s: float) -> list[tuple[Prediction, Future[None]]]:
        """Those who wait; the first one is waited for."""
        taken = []
        with suppress(queue.Empty):
            taken.append(self._queue.get(timeout=timeout_s) if timeout_s else self._queue.get_nowait())
            while len(taken) < _BATCH:
                taken.append(self._queue.get_nowait())
        return [one for one in taken if one is not None and one[1].set_running_or_notify_cancel()]

    def _write(self, batch: list[tuple[Prediction, Future[None]]]) -> None:
        try:
            with self._database.writing() as connection:
                store.insert(connection, [prediction for prediction, _ in batch])
        except Exception as error:
            self._failed(error)
            for _, written in batch:
                written.set_exception(error)
        else:
            self._answers = True
            for _, written in batch:
                written.set_result(None)

    def _failed(self, error: Exception) -> None:
        if not is_refusal(error):  # a refused row is found out when it is brought from the spool
            self._answers = False
            self._tried = time.monotonic()
        _log.warning("The history's database can't be written to.", extra={"fields": {"detail": _first_line(error)}})

    def _migrate(self) -> None:
        """Make the tables, if the database answers; else later.

        Raises:
            NewerDatabase: They are of a newer release.
        """
        try:
            self._database.migrate()
        except (SQLAlchemyError, OSError) as error:
            self._failed(error)

    def _try(self) -> None:
        """Write something now and then, to see whether it can be."""
        if time.monotonic() - self._tried < RETRY_S:
            return
        self._tried = time.monotonic()
        try:
            self._database.migrate()
            with self._database.writing() as connection:
                store.set_mark(connection, store.PROBED, rfc3339(datetime.now(UTC)))
        except (SQLAlchemyError, OSError, NewerDatabase) as error:
            _log.debug("The history's database is still away: %s", error)
        else:
            self._answers = True
            _log.info("The history's database answers again.")

    def _leads(self) -> bool:
        """Whether this process is the one that brings the spool's rows; the lock ends with its process."""
        if self._leading is None:
            try:
                file = self._lock_file.open("w")
            except OSError:
                return True  # there is no spool to share either
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            self._leading = file
        return True

    def _replay(self) -> bool:
        """Bring the rows that wait longest into the database; whether there may be more."""
        waiting = self._spool.oldest(REPLAYED_AT_ONCE) if self._spool.count() else []
        if not waiting:
            return False
        try:
            with self._database.writing() as connection:
                store.insert(connection, [Prediction.of_json(document) for _, document in waiting])
        except Exception as error:
            if not is_refusal(error):
                self._failed(error)
                return False
            waiting = [row for row in waiting if self._replayed_alone(*row)]
        self._spool.remove([id for id, _ in waiting])
        self._note("replayed", len(waiting))
        return True

    def _replayed_alone(self, id: str, document: str) -> bool:
        """Bring one row; one that is refused is set aside."""
        try:
            with self._database.writing() as connection:
                store.insert(connection, [Prediction.of_json(document)])
        except Exception as error:
            if is_refusal(error):
                self._spool.set_aside(id, _first_line(error))
                self._note("refused", 1)
                fields = {"prediction": id, "detail": _first_line(error)}
                _log.error("The history's database refuses a prediction.", extra={"fields": fields})
            else:
                self._failed(error)
            return False
        return True

    def _prune(self) -> bool:
        """Delete what is too old or too many, a part at a time; whether there is more."""
        if time.monotonic() - self._pruned < PRUNE_S or (self._max_rows is None and self._max_age_days is None):
            return False
        age = None if self._max_age_days is None else datetime.now(UTC) - timedelta(days=self._max_age_days)
        try:
            with self._database.writing() as connection:
                gone = store.prune(connection, age, self._max_rows, PRUNED_AT_ONCE)
        except (SQLAlchemyError, OSError) as error:
            self._failed(error)
            return False
        self._gone(gone)
        if len(gone) < PRUNED_AT_ONCE:
            self._pruned = time.monotonic()
        return len(gone) == PRUNED_AT_ONCE


def _first_line(error: BaseException) -> str:
    """What went wrong, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).splitlines()[0][:300] if str(error) else type(error).__name__
