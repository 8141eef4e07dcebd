"""BentoML: python -m bench.rivals.bentoml_server PORT RUNTIME

POST /predict with a JPEG as the body, or /predict_url with {"url": URL}.
"""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress

from bench.processes import family

STOP_S = 5.0


def end(server: "subprocess.Popen[bytes]") -> None:
    """See a server out that was told to stop: sometimes it ends the first of its services and waits for ever."""
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        for pid in family(server.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def main(port: str, runtime: str) -> None:
    service = "bench.rivals.bentoml_service:Sports"
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "RIVAL_RUNTIME": runtime,
            "BENTOML_DO_NOT_TRACK": "True",
            "BENTOML_HOME": folder,
            "TMPDIR": folder,
        }
        server = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", service, "--host", "127.0.0.1", "--port", port],
            env=os.environ | environment,
        )
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            server.wait()
        finally:
            end(server)


if __name__ == "__main__":
    main(*sys.argv[1:])
