"""Callers who are slow, and pictures that are huge, over real connections: they must cost the others nothing."""

import http.client
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from PIL import Image

from bench.processes import pss_mib
from tests.conftest import ROOT
from tests.end_to_end.conftest import System, running
from tests.pictures import encoded, with_scans
from tests.pngs import chunk, header

TENNIS = (ROOT / "samples" / "tennis.jpg").read_bytes()


def predict(system: System, body: bytes, kind: str = "image/jpeg", timeout_ms: int = 9000) -> requests.Response:
    headers = {"Content-Type": kind, "X-Request-Timeout-Ms": str(timeout_ms)}
    return requests.post(f"{system.base}/predict", data=body, headers=headers, timeout=15)


@contextmanager
def dripping(system: System, head: str, body: str = "") -> Iterator[socket.socket]:
    """A connection on which the head is sent at once and the rest a byte every tenth of a second."""
    with socket.create_connection(("127.0.0.1", system.port)) as connected:
        connected.sendall(head.encode())
        done = threading.Event()

        def drip() -> None:
            for letter in body:
                if done.wait(0.1):
                    return
                try:
                    connected.sendall(letter.encode())
                except OSError:
                    return

        dripper = threading.Thread(target=drip)
        dripper.start()
        try:
            yield connected
        finally:
            done.set()
            dripper.join()


def slow_upload(timeout_ms: int) -> str:
    lines = ("POST /predict HTTP/1.1", "Host: a", "Content-Type: image/jpeg", "Content-Length: 1000")
    return "\r\n".join((*lines, f"X-Request-Timeout-Ms: {timeout_ms}", "", ""))


def answer_of(connected: socket.socket) -> bytes:
    """Everything until the other side closes."""
    connected.settimeout(12)
    parts = []
    while part := connected.recv(4096):
        parts.append(part)
    return b"".join(parts)


def test_upload_that_is_refused_before_it_is_read_gets_its_answer(system: System) -> None:
    """Who first sends and then listens would find a broken connection in place of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", system.port, timeout=10)
    for _ in range(3):
        connection.request("POST", "/predict?model=none&model=two", bytes(6 * 2**20), {"Content-Type": "image/jpeg"})
        response = connection.getresponse()
        assert response.status == 400
        assert json.loads(response.read())["code"] == "invalid_request"
    connection.request("GET", "/ping")
    assert connection.getresponse().read() == b"pong"
    connection.close()


def test_rest_of_a_refused_upload_is_not_waited_for_long(system: System) -> None:
    lines = ("POST /predict?model=a&model=b HTTP/1.1", "Host: a", "Content-Type: image/jpeg", "Content-Length: 1000000")
    start = time.monotonic()
    with dripping(system, "\r\n".join((*lines, "", "")), "x" * 100) as connected:
        answer = answer_of(connected)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert time.monotonic() - start < 8


def test_body_that_comes_too_slowly_is_408_at_its_deadline(system: System) -> None:
    start = time.monotonic()
    with dripping(system, slow_upload(800), "x" * 100) as connected:
        answer = answer_of(connected)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "body_too_slow"' in answer
    assert time.monotonic() - start < 2.5


def test_chunked_body_that_comes_too_slowly_is_408_too(system: System) -> None:
    head = slow_upload(800).replace("Content-Length: 1000", "Transfer-Encoding: chunked")
    with dripping(system, head + "3e8\r\n", "x" * 100) as connected:
        assert answer_of(connected).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("broken", ["nonsense\r\n", "5\r\nabc"])
def test_broken_chunks_are_400(system: System, broken: str) -> None:
    head = slow_upload(5000).replace("Content-Length: 1000", "Transfer-Encoding: chunked")
    with dripping(system, head + broken) as connected:
        connected.shutdown(socket.SHUT_WR)
        assert answer_of(connected).startswith(b"HTTP/1.1 400 ")


def test_head_that_comes_too_slowly_is_not_waited_for(system: System) -> None:
    with dripping(system, "POST /predict HTTP/1.1\r\nX-Slow: ", "x" * 200) as connected:
        start = time.monotonic()
        answer_of(connected)
        assert time.monotonic() - start < 8


def test_sixteen_slow_uploads_do_not_slow_the_others(system: System) -> None:
    with ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(dripping(system, slow_upload(9000), "x" * 200))
        times = []
        for _ in range(10):
            start = time.monotonic()
            assert predict(system, TENNIS).json() == "tennis"
            times.append(time.monotonic() - start)
        assert sorted(times)[5] < 1


def png_bomb(side: int) -> bytes:
    """A valid PNG of one colour that unpacks to side times side pixels."""
    rows = zlib.compress((b"\x00" + bytes(3 * side)) * side, 9)
    return header(side, side, 2, 8) + chunk(b"IDAT", rows) + chunk(b"IEND")


def memory_mib(system: System) -> float:
    """What the gateway's workers hold."""
    return sum(map(pss_mib, system.workers()))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is read from /proc")
def test_sixteen_bombs_in_parallel_cost_little_memory_and_no_worker(tmp_path: Path) -> None:
    clear = encoded(Image.new("RGBA", (7000, 7000), (1, 2, 3, 100)), "WEBP", method=0)
    progressive = encoded(Image.new("RGB", (7000, 7000), "red"), "JPEG", progressive=True)
    with running(str(tmp_path)) as system:  # its own: another test measures what usual pictures leave behind
        drop(system, [png_bomb(7000)] * 16)
        drop(system, [clear, with_scans(progressive, 8)] * 8)


def drop(system: System, bombs: list[bytes]) -> None:
    workers, before = system.workers(), memory_mib(system)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda bomb=bomb: statuses.append(predict(system, bomb, "image/png").status_code))
        for bomb in bombs
    ]
    highest = before
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        highest = max(highest, memory_mib(system))
        time.sleep(0.02)
    assert set(statuses) <= {200, 503, 504}, statuses
    assert 200 in statuses
    assert highest - before < 1024
    assert system.workers() == workers
    assert predict(system, TENNIS).json() == "tennis"
