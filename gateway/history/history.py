"""Past predictions: kept one by one, listed, corrected, deleted, and summed up."""

import logging
import multiprocessing
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import HistoryUnavailable, NoPicture, UnknownLabel, UnknownPrediction
from gateway.history import lists, rollups, store
from gateway.history.database import Database
from gateway.history.lists import Filters, Place
from gateway.history.pictures import WAIT_S, Pictures
from gateway.history.record import Prediction, rfc3339
from gateway.history.spool import Spool
from gateway.history.writer import Fate, Writer
from gateway.settings import Settings

_log = logging.getLogger(__name__)
_TRIES = 5


def prepare(settings: Settings) -> None:
    """Bring the database to this release's tables, if it answers; before the processes are made that use it.

    In a process of its own: what migrates takes 8 MB, and whoever is forked later would hold them as well.

    Raises:
        SystemExit: The database was made by a newer release; the reason was printed.
    """
    child = multiprocessing.get_context("fork").Process(target=_migrated, args=(settings,))
    child.start()
    child.join()
    if child.exitcode:
        sys.exit(child.exitcode)


def _migrated(settings: Settings) -> None:
    database = Database(settings.database_url.get_secret_value(), settings.data_dir)
    try:
        database.migrate()
    except (SQLAlchemyError, OSError) as error:
        fields = {"database": database.name, "detail": str(getattr(error, "orig", None) or error)}
        _log.warning("The history's database doesn't answer yet.", extra={"fields": fields})
    finally:
        database.close()


class History:
    """The history; one for a process, made after the fork.

    Args:
        settings: Say where it lies, and how much of it.
        note: Is told what became of so many rows.

    Raises:
        NewerDatabase: The database was made by a newer release.
    """

    def __init__(self, settings: Settings, note: Callable[[Fate, int], None]) -> None:
        folder = settings.data_dir
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _log.error(
                "The data folder can't be made.", extra={"fields": {"folder": str(folder), "detail": str(error)}}
            )
        self._database = Database(settings.database_url.get_secret_value(), folder)
        self._spool = Spool(folder / "spool.db", settings.spool_max_rows)
        self.pictures = Pictures.at(settings.keep_images, folder / "pictures", self._uses_picture)
        max_rows, max_age_days = settings.history_max_rows, settings.history_max_age_days
        self._writer = Writer(self._database, self._spool, folder, max_rows, max_age_days, note, self._pruned)

    def keep(self, prediction: Prediction, thumbnail: bytes | None) -> bool:
        """Keep a prediction, and the thumbnail that its `picture` names; whether it could be kept. Never fails.

        The row goes first: a picture without a row is deleted, and one whose row follows would be lost.
        """
        kept = self._writer.keep(prediction) != "lost"
        if kept and thumbnail is not None and self.pictures is not None and prediction.picture is not None:
            self.pictures.keep(prediction.picture, thumbnail)
        return kept

    def get(self, id: str) -> Prediction:
        """The prediction of that id.

        Raises:
            UnknownPrediction: There is none.
            HistoryUnavailable: It waits for the database, or that doesn't answer.
        """
        with self._asked(), self._database.reading() as connection:
            found = store.get(connection, id)
        if found is None:
            self._refuse_waiting(id)
            raise UnknownPrediction(id)
        return found

    def picture(self, id: str) -> tuple[str, bytes]:
        """The thumbnail that is kept of a prediction: its SHA-256, and JPEG bytes.

        Raises:
            UnknownPrediction: There is no such prediction.
            NoPicture: None is kept.
            HistoryUnavailable: The prediction waits for the database, or that or the bucket doesn't answer.
        """
        key = self.get(id).picture
        if key is None or self.pictures is None:
            raise NoPicture(id)
        try:
            found = self.pictures.get(key)
        except Exception as error:  # a bucket fails in many ways
            raise HistoryUnavailable(f"the picture {key} can't be read: {error}") from error
        if found is None:
            raise NoPicture(f"{key} isn't there")
        return key, found

    def page(self, filters: Filters, limit: int, after: Place | None, skip: int) -> list[Prediction]:
        """Predictions, newest first: so many, behind a place in the list, or after those that are skipped.

        Raises:
            HistoryUnavailable: The database doesn't answer.
        """
        with self._asked(), self._database.reading() as connection:
            return lists.page(connection, filters, limit, after, skip)

    def correct(self, id: str, true_label: str | None) -> Prediction:
        """Say what the picture shows, or take it back.

        Raises:
            UnknownPrediction: There is none of that id.
            UnknownLabel: Its model has no such class.
            HistoryUnavailable: It waits for the database, or that doesn't answer.
        """
        self._refuse_waiting(id)
        for _ in range(_TRIES):
            before = self.get(id)
            if true_label is not None and true_label not in before.probabilities:
                labels = ", ".join(before.probabilities)
                raise UnknownLabel(f"{before.model}/{before.version} has no such class; it has {labels}.")
            with self._asked(), self._database.writing() as connection:
                after = store.correct(connection, before, true_label)
            if after is not None:
                return after
        raise HistoryUnavailable(f"{id} was changed by others {_TRIES} times")

    def remove(self, id: str) -> None:
        """Delete a prediction, and its picture unless another one has the same.

        Raises:
            UnknownPrediction: There is none of that id.
            HistoryUnavailable: It waits for the database, or that doesn't answer.
        """
        self._refuse_waiting(id)
        with self._asked(), self._database.writing() as connection:
            gone = store.remove(connection, id)
        if gone is None:
            raise UnknownPrediction(id)
        self._gone([gone])

    def clear(self) -> int:
        """Delete every prediction up to now, also those that wait for the database, and their pictures; how many.

        Raises:
            HistoryUnavailable: The database doesn't answer.
        """
        now = datetime.now(UTC)
        with self._asked(), self._database.writing_alone() as connection:
            count = store.clear(connection, now)
        if self.pictures is not None:
            self.pictures.sweep(now)
        return count

    def statistics(self, model: str | None, version: int | None, days: int | None = None) -> dict[str, Any]:
        """What the predictions add up to (`gateway.history.rollups.summary`), of a model and version or of all.

        Args:
            model: The model's name.
            version: Its version.
            days: So many days up to today (UTC) are told one by one; None: none.

        Raises:
            HistoryUnavailable: The database doesn't answer.
        """
        since = None if days is None else rfc3339(datetime.now(UTC) - timedelta(days=days - 1))[:10]
        with self._asked(), self._database.reading() as connection:
            found = store.sums(connection, model, version, since)
        return rollups.summary(found)

    def close(self) -> None:
        """Write what is at hand, and close everything."""
        self._writer.close()
        if self.pictures is not None:
            self.pictures.close()
        self._spool.close()
        self._database.close()

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """In the block the database is asked for something."""
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            raise HistoryUnavailable(str(getattr(error, "orig", None) or type(error).__name__)) from error

    def _refuse_waiting(self, id: str) -> None:
        """A prediction that waits for the database can't be read or deleted: it would come again."""
        try:
            waits = self._spool.holds(id)
        except (sqlite3.Error, OSError) as error:
            raise HistoryUnavailable(f"the spool can't be read: {error}") from error
        if waits:
            raise HistoryUnavailable(f"{id} waits for the database")

    def _gone(self, predictions: list[Prediction], wait_s: float = WAIT_S) -> None:
        if self.pictures is not None:
            self.pictures.drop({one.picture for one in predictions if one.picture is not None}, wait_s)

    def _pruned(self, predictions: list[Prediction]) -> None:
        self._gone(predictions, 0)  # the thread that writes waits for nobody

    def _uses_picture(self, picture: str) -> bool:
        with self._database.reading() as connection:
            return store.uses_picture(connection, picture) or self._spool.uses_picture(picture)
