"""How gunicorn runs the gateway: gunicorn -c gateway/gunicorn.conf.py "gateway.app:create_app()"

Workers are made before the application (no preload): each opens its own gRPC channel, which doesn't survive a fork.
"""

import logging
import os

from gateway.settings import load

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
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
