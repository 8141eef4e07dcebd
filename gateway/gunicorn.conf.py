"""How gunicorn runs the gateway: gunicorn -c gateway/gunicorn.conf.py "gateway.app:create_app()"

Workers are made before the application (no preload): each opens its own gRPC channel, which doesn't survive a fork.
Only its modules are imported before: workers share the memory of what they don't change, a fifth of all.
"""

import gc
import os
import shutil
import tempfile
from typing import Any

from gateway import logs
from gateway.settings import load

logs.configure()
logger_class = logs.ServerLogger
_settings, _address = load()

_SPARE_THREADS = 8  # /ping, health and refusals answer while all predictions wait

bind = f"{_address.host}:{_address.port}"
worker_class = "gateway.worker.Worker"
workers = _settings.workers
threads = _settings.max_in_flight + _SPARE_THREADS
graceful_timeout = int(_settings.request_timeout_s) + 5
keepalive = 65  # longer than the 60 s of usual load balancers, which else send to a socket that is just closing
_memory = "/dev/shm"  # noqa: S108  # gunicorn makes its file there safely; a heartbeat on a disk can stall
worker_tmp_dir = _memory if os.path.isdir(_memory) else None
control_socket_disable = True

if _settings.metrics_port:
    # Before prometheus_client is imported: it looks once. A folder of this start's own: counts begin anew.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="gateway-metrics-", dir=worker_tmp_dir)


def when_ready(server: Any) -> None:
    """The address is bound, and no worker is made yet."""
    import gateway.app  # noqa: F401

    if _settings.history:
        from gateway.history.history import prepare

        prepare(_settings)
    gc.freeze()  # collections would write to what is shared


def child_exit(server: Any, worker: Any) -> None:
    """A worker is gone: what it counted stays, what it had in flight doesn't."""
    if _settings.metrics_port:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """The last one puts the light out."""
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        shutil.rmtree(folder, ignore_errors=True)
