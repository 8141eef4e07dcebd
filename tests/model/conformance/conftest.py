"""The servers that the table runs against: the embedded one, and TensorFlow Serving where there is one.

`TF_SERVING_HOST` names a machine where `tensorflow_model_server` serves what `python -m tests.saved_models FOLDER`
makes, on ports 8500 and 8501.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from tests.conftest import ROOT, running_model_server

TENSORFLOW_SERVING = os.environ.get("TF_SERVING_HOST", "")


@dataclass(frozen=True)
class Target:
    """A server of the models."""

    channel: grpc.Channel
    rest: str


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory, own_cache: Path) -> Path:
    folder = tmp_path_factory.mktemp("saved_models")
    command = [sys.executable, "-m", "tests.saved_models", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)
    return folder


@dataclass(frozen=True)
class Embedded(Target):
    """The embedded server."""

    port: int


@pytest.fixture(scope="session")
def embedded(saved_models: Path) -> Iterator[Embedded]:
    flags = (f"--model_config_file={saved_models / 'models.config'}", "--rest_api_any_port")
    with running_model_server(*flags) as running, grpc.insecure_channel(running.address) as channel:
        (line,) = [line for line in running.log if "REST API on " in line]
        yield Embedded(channel, f"http://127.0.0.1:{line.rsplit(':', 1)[1].strip()}", running.port)


@pytest.fixture(params=["embedded", *(["tensorflow_serving"] if TENSORFLOW_SERVING else [])])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    if request.param == "embedded":
        yield request.getfixturevalue("embedded")
        return
    with grpc.insecure_channel(f"{TENSORFLOW_SERVING}:8500") as channel:
        yield Target(channel, f"http://{TENSORFLOW_SERVING}:8501")
