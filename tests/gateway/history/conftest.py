from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.history.history import History
from gateway.settings import Settings

Opened = Callable[..., History]


@pytest.fixture
def fates() -> dict[str, int]:
    """What became of the rows of the histories that a test opened."""
    return {}


@pytest.fixture
def opened(tmp_path: Path, database_url: str, fates: dict[str, int]) -> Iterator[Opened]:
    """Opens histories on one database and in one folder; keyword arguments are settings."""
    histories = []

    def note(fate: str, count: int) -> None:
        fates[fate] = fates.get(fate, 0) + count

    def open_history(**options: object) -> History:
        settings = Settings(**{"data_dir": tmp_path, "database_url": database_url} | options)  # type: ignore[arg-type]
        histories.append(History(settings, note))
        return histories[-1]

    yield open_history
    for history in histories:
        history.close()


@pytest.fixture
def history(opened: Opened) -> History:
    return opened()
