"""Start the embedded model server and the gateway, and keep both or neither: what `make run` runs.

The model server first; the gateway once gRPC health says SERVING. When either ends, the other is ended too, the last
lines of its log are shown, and the exit status is 1. Ctrl-C or SIGTERM stops both.
"""

import collections
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import requests
from grpc_health.v1 import health_pb2, health_pb2_grpc

CHECKOUT = Path(__file__).resolve().parent
START_S = 170.0
STOP_S = 12.0
LAST_LINES = 15


class Part:
    """One process in a session of its own, so that a Ctrl-C reaches only us; its output is passed on by lines."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.name, self.last = name, collections.deque[str](maxlen=LAST_LINES)
        self.process = subprocess.Popen(
            command, cwd=CHECKOUT, env=os.environ | environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        self._reader = threading.Thread(target=self._pass_on, daemon=True)
        self._reader.start()

    def _pass_on(self) -> None:
        for line in self.process.stdout or ():
            self.last.append(line)
            print(f"{self.name:>7} | {line}", end="", flush=True)

    def check(self) -> None:
        """End everything if this part has ended."""
        if self.process.poll() is not None:
            self._reader.join(1)
            last = "".join(f"    {line}" for line in self.last)
            sys.exit(f"The {self.name} ended with status {self.process.returncode}. Its last lines:\n{last}")

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait for a condition, as long as the part lives and START_S allows."""
        deadline = time.monotonic() + START_S
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                sys.exit(f"The {self.name} wasn't ready after {START_S:.0f} s.")
            time.sleep(0.1)

    def stop(self, deadline: float) -> None:
        """End the part: politely, then by force."""
        self.process.terminate()
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def main() -> None:
    """Start both parts, say where they are, and watch them."""
    host, port, model_port = os.environ.get("HOST", "127.0.0.1"), port_from("PORT", 9696), port_from("MODEL_PORT", 8500)
    rest_port = port_from("MODEL_REST_PORT", 8501)
    for address in ((host, port), ("127.0.0.1", model_port), ("127.0.0.1", rest_port)):
        require_free(*address)
    if not ipaddress.ip_address(socket.gethostbyname(host)).is_loopback:
        print(f"Warning: {host} can be reached from other machines, and no key is asked for.", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # said for both: a shell's background job starts with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    parts: list[Part] = []
    try:
        flags = [f"--port={model_port}", f"--rest_api_port={rest_port}", f"--model_config_file={write_models_config()}"]
        parts.append(Part("model", [sys.executable, "-m", "model.server", *flags], {}))
        parts[0].wait_until(lambda: is_serving(model_port))
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py", "gateway.app:create_app()"]
        listen = {"HOST": host, "PORT": str(port), "GATEWAY_MODEL_SERVER": f"127.0.0.1:{model_port}"}
        parts.append(Part("gateway", gunicorn, listen))
        base = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
        parts[1].wait_until(lambda: is_ready(base))
        print(f"Ready: {base}  (Ctrl-C stops it)", flush=True)
        while True:
            for part in parts:
                part.check()
            time.sleep(0.2)
    except KeyboardInterrupt:
        print("Stopping.", flush=True)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second one must not leave a part behind
            signal.signal(number, signal.SIG_IGN)
        deadline = time.monotonic() + STOP_S
        for part in reversed(parts):
            part.stop(deadline)


def port_from(name: str, default: int) -> int:
    """The port in an environment variable."""
    given = os.environ.get(name, str(default))
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
        sys.exit(f"{name}={given}: it must be a port, 1 to 65535.")
    return int(given)


def require_free(host: str, port: int) -> None:
    """End with a sentence if the port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(f"The port {host}:{port} can't be used: {error.strerror}.")


def write_models_config() -> Path:
    """model/models.config with this checkout's absolute paths, in the user's state folder."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "sports-classifier"
    state.mkdir(parents=True, exist_ok=True)
    path = state / "models.config"
    shipped = (CHECKOUT / "model" / "models.config").read_text()
    path.write_text(shipped.replace('"/models/', f'"{CHECKOUT}/model/'))
    return path


def is_serving(port: int) -> bool:
    """Whether gRPC health says SERVING."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def is_ready(base: str) -> bool:
    """Whether /readyz answers 200."""
    try:
        return requests.get(f"{base}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


if __name__ == "__main__":
    main()
