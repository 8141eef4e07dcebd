"""Bytes that are hardly HTTP, over real connections: each is the caller's error, and the next request works."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from bench.processes import free_port
from gateway.worker import Worker
from tests.conftest import ROOT
from tests.end_to_end.conftest import System
from tests.pictures import encoded

TENNIS = (ROOT / "samples" / "tennis.jpg").read_bytes()
POST = b"POST /predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"


def sized(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def exchange(system: System, sent: bytes, finish: bool = True) -> bytes:
    """What comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", system.port), 15) as connected:
        try:
            connected.sendall(sent)
            if finish:
                connected.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it had enough, and has answered
        parts = []
        try:
            while part := connected.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)


RAW = {
    "no request line": (b"hello\r\n\r\n", 400),
    "no version": (b"GET /ping\r\n\r\n", 400),
    "version of the future": (b"GET /ping HTTP/9.9\r\n\r\n", 400),
    "method with a blank": (b"GE T /ping HTTP/1.1\r\n\r\n", 400),
    "lower-case method": (b"get /ping HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "long line": (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "header without colon": (b"GET /ping HTTP/1.1\r\nHost\r\n\r\n", 400),
    "header with a blank before the colon": (b"GET /ping HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "folded header": (b"GET /ping HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
    "long header": (b"GET /ping HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", 431),
    "many headers": (b"GET /ping HTTP/1.1\r\n" + b"X: a\r\n" * 1000 + b"\r\n", 431),
    "header with NUL": (b"GET /ping HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "length and chunks": (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "negative length": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "length with a sign": (POST + b"Content-Length: +3\r\n\r\nabc", 400),
    "length in words": (POST + b"Content-Length: three\r\n\r\n", 400),
    "huge length": (POST + b"Content-Type: image/png\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
    "unknown coding": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    "coding twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "unknown expectation": (sized(POST + b"Expect: the-worst\r\n", b""), 417),
    "no body at all": (POST + b"\r\n", 400),
    "body cut short": (POST + b"Content-Type: image/png\r\nContent-Length: 50\r\n\r\nabc", 400),
    "chunk size that is none": (
        POST + b"Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n",
        400,
    ),
    "form without boundary": (sized(POST + b"Content-Type: multipart/form-data\r\n", b"--b--"), 400),
    "form that is cut short": (
        sized(POST + FORM, b'--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n'),
        400,
    ),
    "form with a nameless part": (sized(POST + FORM, b"--b\r\n\r\nabc\r\n--b--\r\n"), 400),
    "form with a broken disposition": (
        sized(POST + FORM, b"--b\r\nContent-Disposition: ;;;\r\n\r\nabc\r\n--b--\r\n"),
        400,
    ),
    "form with many parts": (
        sized(POST + FORM, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 100 + b"--b--\r\n"),
        413,
    ),
    "form with a long field": (
        sized(
            POST + FORM, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 300_000 + b"\r\n--b--\r\n"
        ),
        413,
    ),
    "form with long part headers": (
        sized(POST + FORM, b"--b\r\nX: " + b"x" * 300_000 + b"\r\n\r\nabc\r\n--b--\r\n"),
        413,
    ),
    "form with a strange charset": (
        sized(POST + b"Content-Type: multipart/form-data; boundary=b; charset=nonsense\r\n", b"--b--"),
        400,
    ),
    "JSON with a strange charset": (sized(POST + b"Content-Type: application/json; charset=nonsense\r\n", b"{}"), 400),
    "path that is no UTF-8": (b"GET /models/%ff%fe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
    "path with NUL": (b"GET /models/%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
    "path upwards": (b"GET /docs/assets/..%2f..%2fsettings.py HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
    "query that is no UTF-8": (sized(POST[:13] + b"?model=%ff%fe" + POST[13:], b""), 400),
    "host that is none": (b"GET /nowhere HTTP/1.1\r\nHost: a b<>\r\nConnection: close\r\n\r\n", 404),
    "another server's address": (
        b"GET http://other.example/nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        404,
    ),
    "a tunnel": (b"CONNECT other.example:443 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
    "TLS": (bytes.fromhex("160301020001") + bytes(500) + b"\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", RAW)
def test_what_is_no_request_is_the_callers_error(system: System, name: str) -> None:
    sent, status = RAW[name]
    answer = exchange(system, sent)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer[:500]
    assert b"content-type: application/problem+json" in head.lower()
    assert b"x-content-type-options: nosniff" in head.lower()
    assert json.loads(body)["status"] == status


def test_random_bytes_in_every_part_are_never_our_error(system: System) -> None:
    rng = random.Random(0)
    part = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n\r\n' + TENNIS[:2000] + b"\r\n--b--\r\n"
    )
    whole = [
        sized(POST + FORM, part),
        sized(POST + b"Content-Type: application/json\r\n", b'{"url": "http://203.0.113.7/a.jpg"}'),
        sized(POST + b"Content-Type: image/jpeg\r\n", TENNIS),
    ]
    for _ in range(150):
        sent = bytearray(rng.choice(whole))
        for _ in range(rng.randint(1, 8)):
            place = rng.randrange(min(len(sent), 400))
            sent[place : place + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
        answer = exchange(system, bytes(sent))
        assert not answer or answer.split()[1][:1] in (b"2", b"4"), (bytes(sent[:400]), answer[:400])
    assert requests.post(f"{system.base}/predict", data=TENNIS, headers={"Content-Type": "image/jpeg"}, timeout=15).ok


def test_idle_connections_take_no_thread(system: System) -> None:
    idle = [socket.create_connection(("127.0.0.1", system.port)) for _ in range(200)]
    try:
        start = time.monotonic()
        assert requests.get(f"{system.base}/ping", timeout=10).text == "pong"
        assert time.monotonic() - start < 3
    finally:
        for connected in idle:
            connected.close()


class HastyWorker(Worker):
    """Waits a second for an answer to be read."""

    reading_s = 1.0


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="connections are read from /proc")
def test_answer_that_is_not_read_keeps_no_thread(system: System) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8))
    port = free_port()
    own = {"PORT": str(port), "GATEWAY_MODEL_SERVER": f"127.0.0.1:{system.model_port}", "GATEWAY_WORKERS": "1"}
    command = [sys.executable, "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py", "-k", f"{__name__}.HastyWorker"]
    gateway = subprocess.Popen(
        [*command, "gateway.app:create_app()"], cwd=ROOT, env=os.environ | own | {"GATEWAY_REQUEST_TIMEOUT_S": "3"}
    )
    try:
        ask_and_do_not_read(port, sized(POST.replace(b"predict", b"explain"), encoded(noise, "PNG", compress_level=1)))
    finally:
        gateway.terminate()
        gateway.wait(30)


def ask_and_do_not_read(port: int, sent: bytes) -> None:
    for _ in range(200):
        if connects(port):
            break
        time.sleep(0.1)
    with socket.socket() as connected:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connected.settimeout(15)
        connected.connect(("127.0.0.1", port))
        connected.sendall(sent.replace(b"Host: a", b"Host: a\r\nContent-Type: image/png", 1))
        assert connected.recv(15, socket.MSG_WAITALL) == b"HTTP/1.1 200 OK"
        end = time.monotonic() + 15
        while is_established(port, connected.getsockname()[1]):
            assert time.monotonic() < end, "still open"
            time.sleep(0.1)


def is_established(port: int, other: int) -> bool:
    """Whether the side at the port still sends: the other, who doesn't read, isn't told (/proc/net/tcp, proc(5))."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = {(int(row[1].split(":")[1], 16), int(row[2].split(":")[1], 16)): row[3] for row in rows}
    return ends.get((port, other)) == "01"


def connects(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0
