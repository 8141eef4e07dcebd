"""What a user and an operator see, with the shipped model."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from bench.processes import free_port
from run import is_serving
from tests.conftest import ROOT
from tests.end_to_end.conftest import System, running
from tests.image_server import ImageServer
from tests.pictures import jpeg

SAMPLES = sorted((ROOT / "samples").glob("*.jpg"))
LABELS = ["badminton", "cricket", "karate", "soccer", "swimming", "tennis", "wrestling"]
PROBLEM = "application/problem+json"


def predict(system: System, **options: object) -> requests.Response:
    return requests.post(f"{system.base}/predict?show_probability=true", timeout=15, **options)  # type: ignore[arg-type]


def test_ping_and_readiness(system: System) -> None:
    assert requests.get(f"{system.base}/ping", timeout=5).text == "pong"
    assert requests.get(f"{system.base}/readyz", timeout=5).json() == {"status": "ready", "model": "sports7/2"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_sample_is_answered_the_same_in_three_ways(system: System, image_server: ImageServer, sample: Path) -> None:
    body = sample.read_bytes()
    by_form = predict(system, files={"file": body})
    by_body = predict(system, data=body, headers={"Content-Type": "image/jpeg"})
    image_server.files[f"/{sample.name}"] = body
    by_url = predict(system, json={"url": image_server.url(f"/{sample.name}")})
    assert by_form.json() == by_body.json() == by_url.json()
    assert list(by_form.json()) == LABELS
    assert sum(by_form.json().values()) == pytest.approx(1, abs=1e-5)


def test_sample_is_explained(system: System) -> None:
    sample = ROOT / "samples" / "tennis.jpg"
    response = requests.post(f"{system.base}/explain", files={"file": sample.read_bytes()}, timeout=15)
    with Image.open(BytesIO(response.content)) as drawn, Image.open(sample) as given:
        assert (drawn.format, drawn.size) == ("PNG", given.size)
    grid = requests.post(
        f"{system.base}/explain?class=tennis",
        files={"file": sample.read_bytes()},
        headers={"Accept": "application/json"},
        timeout=15,
    ).json()
    heatmap = np.array(grid["heatmap"])
    assert (heatmap.shape, heatmap.max(), grid["label"]) == ((8, 8), 1, "tennis")
    assert heatmap[:3, 4:].mean() > 2 * heatmap.mean()  # the racket and the ball, in the upper right


def test_wrong_input_is_a_problem_within_its_time_and_the_next_request_works(
    system: System, image_server: ImageServer
) -> None:
    wrong = [
        {},
        {"data": b"{", "headers": {"Content-Type": "application/json"}},
        {"json": {}},
        {"files": {"file": b"text"}},
        {"json": {"url": image_server.url("/missing")}},
        {"json": {"url": "http://127.0.0.1/"}},
        {"json": {"url": "http://169.254.169.254/"}},
        {"files": {"file": jpeg()[:400]}},
    ]
    for options in wrong:
        start = time.monotonic()
        response = predict(system, **options)
        assert 400 <= response.status_code < 500, options
        assert response.headers["Content-Type"] == PROBLEM
        assert time.monotonic() - start < 5
        assert predict(system, files={"file": jpeg()}).ok
    unknown = requests.post(f"{system.base}/predict?model=unknown", files={"file": jpeg()}, timeout=5)
    assert unknown.status_code == 404


@pytest.mark.parametrize("command", [["./predict_test.sh"], [sys.executable, "gateway/predict_test.py"]])
def test_scripts_print_every_probability(system: System, image_server: ImageServer, command: list[str]) -> None:
    for arguments in ([], [str(SAMPLES[0])], [image_server.url("/picture.jpg")]):
        child = subprocess.run(
            [*command, system.base, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=40, check=True
        )
        assert list(json.loads(child.stdout)) == LABELS
    for arguments in ([system.base, "/nowhere.jpg"], [system.base, "http://127.0.0.1/"], ["http://127.0.0.1:1"]):
        child = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, timeout=40, check=False)
        assert child.returncode != 0


def test_readme_shows_the_answer(system: System) -> None:
    (shown, *_) = re.findall(r"```json\n(\{.*\})\n```", (ROOT / "README.md").read_text())
    answer = predict(system, files={"file": (ROOT / "samples" / "tennis.jpg").read_bytes()}).json()
    assert answer == pytest.approx(json.loads(shown), abs=0.02)  # precisions differ by processor


def memory_mib(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_after_a_hundred_predictions(tmp_path: Path) -> None:
    with running(str(tmp_path)) as system, requests.Session() as session:  # its own: nothing unusual came before
        for number in range(100):
            sample = SAMPLES[number % len(SAMPLES)].read_bytes()
            assert session.post(f"{system.base}/predict", files={"f": sample}, timeout=15).ok
        assert memory_mib(system.child("model.server")) < 400
        assert max(map(memory_mib, system.workers())) < 100
        explained = session.post(f"{system.base}/explain", files={"file": SAMPLES[0].read_bytes()}, timeout=15)
        assert explained.ok
        # Where int8 computes, what explains is in memory from here on only; 85 MB of it are the cache's file.
        assert memory_mib(system.child("model.server")) < 450
        assert max(map(memory_mib, system.workers())) < 110


def part(*command: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def wait_for(url: str, status: int, within_s: float) -> float:
    """Seconds until the address answers with the status."""
    start = time.monotonic()
    while time.monotonic() - start < within_s:
        try:
            if requests.get(url, timeout=5).status_code == status:
                return time.monotonic() - start
        except requests.ConnectionError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{url} didn't answer {status} within {within_s} s")


def test_parts_alone_and_a_model_server_that_goes_and_comes_back() -> None:
    port, model_port = free_port(), free_port()
    base = f"http://127.0.0.1:{port}"
    model = ("-m", "model.server", f"--port={model_port}", "--model_name=sports7")
    model = (*model, f"--model_base_path={ROOT / 'model' / 'sports7'}")
    gateway = part(
        "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py", "gateway.app:create_app()",
        PORT=str(port), GATEWAY_MODEL_SERVER=f"127.0.0.1:{model_port}", GATEWAY_REQUEST_TIMEOUT_S="5",
    )  # fmt: skip
    server = part(*model)
    try:
        wait_for(f"{base}/ping", 200, 15)
        wait_for(f"{base}/readyz", 200, 60)
        send = lambda: requests.post(f"{base}/predict", files={"f": jpeg()}, timeout=15)  # noqa: E731
        assert send().status_code == 200
        server.kill()
        server.wait()
        start = time.monotonic()
        refused = send()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert time.monotonic() - start < 5
        assert requests.get(f"{base}/ping", timeout=5).text == "pong"
        server = part(*model)
        while not is_serving(model_port):
            assert server.poll() is None
        back = time.monotonic()
        while send().status_code != 200:
            assert time.monotonic() - back < 3
    finally:
        for process in (gateway, server):
            process.terminate()
            process.wait(30)


@pytest.mark.parametrize("victim", ["model.server", "gunicorn"])
def test_when_a_part_dies_all_end_and_say_so(tmp_path: Path, victim: str) -> None:
    with running(str(tmp_path)) as system:
        other = system.child("gunicorn" if victim == "model.server" else "model.server")
        os.kill(system.child(victim), signal.SIGKILL)
        assert system.process.wait(30) == 1
        assert not Path(f"/proc/{other}").exists()
    name = {"model.server": "model", "gunicorn": "gateway"}[victim]
    assert f"The {name} ended with status" in "".join(system.lines)


@pytest.mark.parametrize(
    ("number", "in_background"), [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False)]
)
def test_signal_stops_everything_quietly(tmp_path: Path, number: signal.Signals, in_background: bool) -> None:
    with running(str(tmp_path), in_background=in_background) as system:
        children = [system.child("gunicorn"), system.child("model.server")]
        system.process.send_signal(number)
        with suppress(ProcessLookupError):
            system.process.send_signal(number)  # a second one changes nothing
        assert system.process.wait(15) == 0
        assert not any(Path(f"/proc/{child}").exists() for child in children)
        assert "Traceback" not in "".join(system.lines)


@pytest.mark.parametrize("name", ["PORT", "MODEL_PORT", "MODEL_REST_PORT"])
def test_busy_port_is_named(name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ports = {other: str(free_port()) for other in ("PORT", "MODEL_PORT", "MODEL_REST_PORT")} | {name: port}
        child = subprocess.run(
            [sys.executable, "run.py"], cwd=ROOT, env=os.environ | ports, capture_output=True, text=True, timeout=30,
            check=False,
        )  # fmt: skip
    assert child.returncode == 1
    assert port in child.stderr


@pytest.mark.parametrize("name", ["PORT", "MODEL_PORT", "MODEL_REST_PORT"])
@pytest.mark.parametrize("value", ["http", "0", "65536", "-1"])
def test_what_is_no_port_is_named(name: str, value: str) -> None:
    child = subprocess.run(
        [sys.executable, "run.py"], cwd=ROOT, env=os.environ | {name: value}, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert (child.returncode, child.stdout) == (1, "")
    assert child.stderr.startswith(f"{name}={value}: ")


def test_wrong_setting_ends_the_start_with_its_name(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py", "gateway.app:create_app()"],
        cwd=ROOT, env=os.environ | {"GATEWAY_WORKERS": "many"}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert child.returncode != 0
    assert "GATEWAY_WORKERS=many" in child.stderr
