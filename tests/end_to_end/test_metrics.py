"""Metrics of several workers, over their own port."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from bench.processes import free_port
from tests.conftest import ROOT
from tests.end_to_end.conftest import System, running

WAIT_S = 15


class Watched:
    """A running system and its metrics."""

    def __init__(self, system: System, port: int) -> None:
        self.system, self.port = system, port

    def value(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels; asks until the port answers."""
        end = time.monotonic() + WAIT_S
        while True:
            try:
                text = requests.get(f"http://127.0.0.1:{self.port}/metrics", timeout=5).text
                break
            except requests.ConnectionError:
                assert time.monotonic() < end
                time.sleep(0.05)
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    def ping(self, times: int) -> None:
        for _ in range(times):
            assert requests.get(f"{self.system.base}/ping", timeout=5).text == "pong"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    port = free_port()
    with running(str(tmp_path_factory.mktemp("state")), GATEWAY_METRICS_PORT=str(port)) as system:
        yield Watched(system, port)


def pings(watched: Watched) -> float:
    return watched.value("gateway_requests_total", route="/ping", status="200")


def test_every_worker_counts_and_a_workers_death_loses_nothing(watched: Watched) -> None:
    before = pings(watched)
    watched.ping(40)
    assert pings(watched) == before + 40
    for worker in watched.system.workers():  # the port's owner among them
        os.kill(worker, signal.SIGKILL)
        end = time.monotonic() + WAIT_S
        while len(set(watched.system.workers()) - {worker}) < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
    watched.ping(10)
    assert pings(watched) == before + 50
    assert watched.value("gateway_requests_in_flight") == 0


def test_steps_of_predictions_are_timed(watched: Watched) -> None:
    before = watched.value("gateway_step_duration_seconds_count", step="model")
    picture = {"file": (ROOT / "samples" / "tennis.jpg").read_bytes()}
    assert requests.post(f"{watched.system.base}/predict", files=picture, timeout=15).json() == "tennis"
    assert watched.value("gateway_step_duration_seconds_count", step="model") == before + 1


def test_the_apis_own_port_has_no_metrics(watched: Watched) -> None:
    assert requests.get(f"{watched.system.base}/metrics", timeout=5).status_code == 404


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    folders = [Path("/dev/shm"), Path("/tmp")]
    found = lambda: {path for folder in folders if folder.is_dir() for path in folder.glob("gateway-metrics-*")}  # noqa: E731
    before = found()
    with running(str(tmp_path), GATEWAY_METRICS_PORT=str(free_port())):
        assert len(found() - before) == 1
    assert found() == before
