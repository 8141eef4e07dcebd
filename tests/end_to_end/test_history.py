"""The history of a gateway in processes of its own, while its database goes away and its workers are killed."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import requests
from PIL import Image
from requests.exceptions import ChunkedEncodingError

from bench.processes import free_port
from tests.conftest import ROOT, Running, TinyModel
from tests.databases import PostgreSQL
from tests.pictures import encoded
from tests.waiting import until

RED = encoded(Image.new("RGB", (120, 90), "red"), "JPEG", quality=95)
ID_HEADER = "X-Prediction-Id"
CLIENTS = 8
STAGE = 250
"""Predictions that are answered before the next thing happens."""
Outage = Callable[[], AbstractContextManager[None]]


@dataclass
class Gateway:
    """gunicorn and its workers."""

    process: subprocess.Popen[bytes]
    base: str

    def workers(self) -> list[int]:
        command = ["ps", "-o", "pid=", "--ppid", str(self.process.pid)]
        return [int(pid) for pid in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]

    def kill_a_worker(self) -> None:
        os.kill(self.workers()[0], signal.SIGKILL)

    def pages(self) -> Iterator[list[str]]:
        cursor = ""
        while cursor is not None:
            answer = requests.get(f"{self.base}/predictions?limit=100{cursor and '&cursor='}{cursor}", timeout=10)
            answer.raise_for_status()
            page = answer.json()
            yield [item["id"] for item in page["items"]]
            cursor = page["next"]


@contextmanager
def gateway(model_server: Running, tiny_model: TinyModel, folder: Path, **environment: str) -> Iterator[Gateway]:
    port = free_port()
    own = {
        "PORT": str(port),
        "GATEWAY_MODEL_SERVER": model_server.address,
        "GATEWAY_MODEL_DIR": str(tiny_model.models),
        "GATEWAY_DEFAULT_MODEL": "tiny",
        "GATEWAY_WORKERS": "4",
        "GATEWAY_DATA_DIR": str(folder),
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py", "gateway.app:create_app()"]
    with (folder.parent / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | own | environment, stdout=log, stderr=log)
    running = Gateway(process, f"http://127.0.0.1:{port}")
    try:
        until(lambda: answers(f"{running.base}/readyz"), 60)
        yield running
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


@dataclass
class Callers:
    """Ask for predictions until they are told to stop."""

    base: str
    ids: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    """Requests whose connection ended without an answer."""

    def __enter__(self) -> "Callers":
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                answer = requests.post(
                    f"{self.base}/predict", data=RED, headers={"Content-Type": "image/jpeg"}, timeout=20
                )
            except (requests.ConnectionError, ChunkedEncodingError):  # the latter in the middle of the answer
                self.broken += 1
                continue
            if answer.ok and ID_HEADER in answer.headers:
                self.ids.append(answer.headers[ID_HEADER])
            else:
                self.refusals[f"{answer.status_code} {answer.text}"] += 1

    def answered_more(self) -> None:
        """Wait until another STAGE of predictions is answered."""
        wanted = len(self.ids) + STAGE
        until(lambda: len(self.ids) >= wanted, 60)


@pytest.fixture
def away(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Outage:
    """PostgreSQL is stopped for the block, SQLite's file locked by somebody else."""

    @contextmanager
    def stopped() -> Iterator[None]:
        postgres: PostgreSQL = request.getfixturevalue("postgres")
        postgres.stop()
        yield
        postgres.start()

    @contextmanager
    def locked() -> Iterator[None]:
        connection = sqlite3.connect(tmp_path / "data" / "history.db", isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
        connection.close()

    return stopped if database_url else locked


def rows(database_url: str, folder: Path) -> list[str]:
    """The ids in the table, as the database itself has them."""
    if database_url:
        with psycopg.connect(database_url) as connection:
            return [id for (id,) in connection.execute("SELECT id FROM predictions")]
    connection = sqlite3.connect(folder / "history.db")
    found = [id for (id,) in connection.execute("SELECT id FROM predictions")]
    connection.close()
    return found


def waiting(folder: Path) -> int:
    """How many rows the spool holds."""
    connection = sqlite3.connect(folder / "spool.db")
    (count,) = connection.execute("SELECT count(*) FROM waiting").fetchone()
    connection.close()
    return int(count)


def test_every_answer_is_one_row_through_outages_and_kills(
    model_server: Running, tiny_model: TinyModel, database_url: str, away: Outage, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    with ExitStack() as stack:
        first = stack.enter_context(gateway(model_server, tiny_model, folder, DATABASE_URL=database_url))
        with Callers(first.base) as callers:
            callers.answered_more()
            before = set(callers.ids)
            walked = [id for page in first.pages() for id in page]
            assert len(walked) == len(set(walked))
            assert before <= set(walked)
            with away():
                callers.answered_more()
                assert waiting(folder) > 0
            callers.answered_more()
            first.kill_a_worker()
            callers.answered_more()
            with away():
                callers.answered_more()
                first.kill_a_worker()
                callers.answered_more()
            callers.answered_more()
        until(lambda: waiting(folder) == 0, 30)
        stored = rows(database_url, folder)
        assert not callers.refusals
        assert len(stored) == len(set(stored))
        assert set(callers.ids) <= set(stored)
        assert len(stored) - len(callers.ids) <= callers.broken <= 2 * CLIENTS
        assert requests.get(f"{first.base}/stats", timeout=5).json()["total"] == len(stored)
    with gateway(model_server, tiny_model, folder, DATABASE_URL=database_url) as second:
        assert sorted(id for page in second.pages() for id in page) == sorted(stored)


def test_what_waits_when_all_are_killed_is_brought_by_the_next_start(
    model_server: Running, tiny_model: TinyModel, database_url: str, away: Outage, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    with gateway(model_server, tiny_model, folder, DATABASE_URL=database_url) as first, away():
        made = requests.post(f"{first.base}/predictions", files={"file": ("a.jpg", RED)}, timeout=10)
        assert made.status_code == 201
        refused = requests.delete(first.base + made.headers["Location"], timeout=10)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        for pid in [first.process.pid, *first.workers()]:
            os.kill(pid, signal.SIGKILL)
    with gateway(model_server, tiny_model, folder, DATABASE_URL=database_url) as second:
        until(lambda: answers(second.base + made.headers["Location"]))
        assert requests.get(second.base + made.headers["Location"], timeout=5).json() == made.json()


def test_database_of_a_newer_release_is_refused_with_a_sentence(tmp_path: Path, database_url: str) -> None:
    environment = os.environ | {
        "GATEWAY_DATA_DIR": str(tmp_path), "DATABASE_URL": database_url, "PORT": str(free_port()),
    }  # fmt: skip
    migrate = [sys.executable, "-m", "gateway.history", "migrate"]
    done = subprocess.run(migrate, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert "this release's tables" in done.stdout
    if database_url:
        with psycopg.connect(database_url) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
    else:
        connection = sqlite3.connect(tmp_path / "history.db")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        connection.close()
    command = [sys.executable, "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py", "gateway.app:create_app()"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert "was made by a newer release of this service" in ended.stderr
    assert "Traceback" not in ended.stderr
