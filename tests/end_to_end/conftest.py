"""The system as `make run` starts it: real processes on ports that the system picked."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import requests
from playwright.sync_api import Browser, sync_playwright

from bench.processes import free_port
from tests.conftest import ROOT
from tests.end_to_end.pages import Watched, watched
from tests.image_server import ImageServer

START_S = 150
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
"""The browser asks nobody for anything of its own."""


@dataclass
class System:
    """A running run.py."""

    process: subprocess.Popen[str]
    port: int
    model_port: int
    lines: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def child(self, word: str) -> int:
        """The process id of the part whose command has the word."""
        listed = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=True
        ).stdout
        (line,) = [line for line in listed.splitlines() if word in line]
        return int(line.split()[0])

    def workers(self) -> list[int]:
        """Process ids of the gateway's workers."""
        command = ["ps", "-o", "pid=", "--ppid", str(self.child("gunicorn"))]
        return [int(pid) for pid in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]


@contextmanager
def running(state: str, *, in_background: bool = False, **environment: str) -> Iterator[System]:
    """The system, ready; ended afterwards. In the background it starts with SIGINT ignored, as a shell's jobs do."""
    port, model_port, rest_port = free_port(), free_port(), free_port()
    ignore = "trap '' INT; " if in_background else "trap - INT; "
    ports = {"PORT": str(port), "MODEL_PORT": str(model_port), "MODEL_REST_PORT": str(rest_port)}
    own = {**ports, "XDG_STATE_HOME": state, **environment}
    process = subprocess.Popen(
        ["sh", "-c", ignore + 'exec "$0" run.py', sys.executable],
        cwd=ROOT,
        env=os.environ | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    system = System(process, port, model_port)
    ready = threading.Event()

    def read() -> None:
        for line in process.stdout or ():
            system.lines.append(line)
            if re.match(r"Ready: http", line):
                ready.set()
        ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert ready.wait(START_S), "".join(system.lines)
        assert process.poll() is None, "".join(system.lines)
        yield system
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)
        reader.join(10)
        if process.stdout:
            process.stdout.close()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, image_server: ImageServer) -> Iterator[System]:
    """One system for all tests that don't end it; it may fetch from the image server."""
    allowed = {"GATEWAY_ALLOWED_NETWORKS": "127.0.0.0/8", "GATEWAY_ALLOWED_PORTS": str(image_server.port)}
    with running(str(tmp_path_factory.mktemp("state")), **allowed) as system:
        yield system


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, image_server: ImageServer) -> Iterator[System]:
    """A system with a history of its own, which keeps thumbnails."""
    allowed = {"GATEWAY_ALLOWED_NETWORKS": "127.0.0.0/8", "GATEWAY_ALLOWED_PORTS": str(image_server.port)}
    state = str(tmp_path_factory.mktemp("site"))
    with running(state, GATEWAY_KEEP_IMAGES="true", GATEWAY_WORKERS="1", **allowed) as system:
        yield system


@pytest.fixture
def web(browser: Browser, site: System) -> Iterator[Watched]:
    """The site in a browser, with an empty history."""
    requests.delete(f"{site.base}/predictions", timeout=30).raise_for_status()
    with watched(browser, site.base) as found:
        yield found
