"""The real servers that tests talk to, and the rules that hold for all of them: loopback only, no silent skips."""

import ipaddress
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from model.precision import supports
from tests.databases import PostgreSQL, postgresql
from tests.image_server import ImageServer

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
START_S = 60


def only_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse every connection of this process that leaves the machine."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        assert ipaddress.ip_address(arguments[1][0].split("%")[0]).is_loopback, f"connection to {arguments[1]}"


sys.addaudithook(only_loopback)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "shared: needs ../shared, the photographs; left out where that is absent")
    config.addinivalue_line("markers", "bfloat16: needs a processor that computes in bfloat16; left out on others")


def _lacks(item: pytest.Item) -> str:
    """What the test needs and this machine hasn't got, or nothing."""
    if item.get_closest_marker("shared") and not SHARED.is_dir():
        return "../shared, which isn't here"
    if item.get_closest_marker("bfloat16") and not supports("bfloat16"):
        return "bfloat16 instructions, which this processor hasn't got"
    return ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not os.environ.get("TF_SERVING_HOST"):
        config.stash[_ONE_SERVER] = sum("target" in getattr(item, "fixturenames", ()) for item in items)
    lacking = {item: lacks for item in items if (lacks := _lacks(item))}
    items[:] = [item for item in items if item not in lacking]
    config.hook.pytest_deselected(items=list(lacking))
    config.stash[_LEFT_OUT] = Counter(lacking.values())


_LEFT_OUT, _ONE_SERVER = pytest.StashKey[Counter[str]](), pytest.StashKey[int]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for lacks, count in config.stash.get(_LEFT_OUT, Counter()).items():
        terminalreporter.write_line(f"{count} tests were left out: they need {lacks}.")
    if count := config.stash.get(_ONE_SERVER, 0):
        terminalreporter.write_line(f"{count} cases weren't tried on TensorFlow Serving: TF_SERVING_HOST isn't set.")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@dataclass(frozen=True)
class TinyModel:
    """A small classifier of three classes, as TensorFlow saved it, with what TensorFlow answers."""

    models: Path
    """The folder of models: tiny/1, and floats/1, which is the same without the uint8 signature."""
    quick: Path
    """The same as tiny/1 with an int8 copy that passed, in a folder quick/1 of its own."""
    oracle: Path
    """An .npz with `images`, `serving_default` and `serve_uint8` probabilities."""


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, own_cache: Path) -> TinyModel:
    folder = tmp_path_factory.mktemp("tiny")
    command = [sys.executable, "-m", "tests.tiny_model", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=START_S)
    return TinyModel(folder / "models", folder / "int8" / "quick" / "1", folder / "oracle.npz")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Converted models and histories go to folders of this run, not to the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield folder


@dataclass
class Running:
    """A model server in a process of its own."""

    process: subprocess.Popen[str]
    port: int
    log: list[str]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def running_model_server(*flags: str) -> Iterator[Running]:
    """`python -m model.server` with the flags, serving."""
    command = [sys.executable, "-m", "model.server", "--port=0", *flags]
    if any(flag.startswith("--port=") for flag in flags):
        command.remove("--port=0")
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    log: list[str] = []
    port = None
    try:
        assert process.stderr
        for line in process.stderr:
            log.append(line)
            if found := re.search(r"(?:serving|not all models are served) on \S+:(\d+)", line):
                port = int(found[1])
                break
        assert port, "".join(log)
        reader = threading.Thread(target=lambda: log.extend(process.stderr or ()), daemon=True)
        reader.start()
        yield Running(process, port, log)
    finally:
        process.kill()
        process.wait()
        if port:
            reader.join(10)
        process.stderr.close() if process.stderr else None


@pytest.fixture(scope="session")
def model_server(tiny_model: TinyModel) -> Iterator[Running]:
    """The embedded server with the small models, for tests that don't end it."""
    config = tiny_model.models.parent / "models.config"
    blocks = [f'config {{ name: "{name}" base_path: "{tiny_model.models / name}" }}' for name in ("tiny", "floats")]
    config.write_text(f"model_config_list {{ {' '.join(blocks)} }}")
    with running_model_server(f"--model_config_file={config}") as running:
        yield running


@pytest.fixture
def channel(model_server: Running) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(model_server.address) as opened:
        yield opened


@pytest.fixture(scope="session")
def image_server() -> Iterator[ImageServer]:
    """An origin of pictures on loopback; its paths are behaviours."""
    with ImageServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """A PostgreSQL server; a test that stops it starts it again."""
    with postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database that nobody used yet: SQLite's is a file in the data folder, as it is by default."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres").fresh())
