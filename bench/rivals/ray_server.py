"""Ray Serve: python -m bench.rivals.ray_server PORT RUNTIME

POST /predict with a JPEG as the body or {"url": URL}. As its page on performance has it: coroutines, batches, more
requests at once than a batch holds, and all cores reserved for the one replica, from which its OMP_NUM_THREADS follows.
"""

import asyncio
import os
import secrets
import signal
import sys
import tempfile

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # its node's address is loopback
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(),  # or it leaves one in the home folder
    # What that page sets for throughput.
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1000",
    "RAY_SERVE_LOG_TO_STDERR": "0",
}  # Ray reads them as it is imported.

import numpy as np
import ray
from ray import serve
from ray.serve._private import replica
from starlette.requests import Request

from bench.rivals.common import BATCH_WAIT_S, MAX_BATCH_SIZE, answer, classifier, fetched, picture

CORES = len(os.sched_getaffinity(0))


@serve.deployment(max_ongoing_requests=4 * MAX_BATCH_SIZE, ray_actor_options={"num_cpus": CORES})
class Sports:
    """The one replica, which computes with `runtime`."""

    def __init__(self, runtime: str) -> None:
        # A replica's port for other replicas is open on every address, and no setting changes that.
        replica.add_port_to_grpc_server = lambda server, _address: server.add_insecure_port("127.0.0.1:0")
        self._classify = classifier(runtime)

    @serve.batch(max_batch_size=MAX_BATCH_SIZE, batch_wait_timeout_s=BATCH_WAIT_S)
    async def classify(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """A row of probabilities for each picture."""
        return list(await asyncio.to_thread(self._classify, np.stack(images)))

    async def __call__(self, request: Request) -> dict[str, float]:
        """The answer to a request; to GET, that the model is loaded."""
        if request.method == "GET":
            return {}
        if request.headers["content-type"] == "application/json":
            data = await asyncio.to_thread(fetched, (await request.json())["url"])
        else:
            data = await request.body()
        return answer(await self.classify(await asyncio.to_thread(picture, data)))


def main(port: str, runtime: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ray.init(num_cpus=CORES, include_dashboard=False, _temp_dir=folder)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # now, or Ray's own handler takes its place
        try:
            serve.start(http_options={"host": "127.0.0.1", "port": int(port)})
            serve.run(Sports.bind(runtime), route_prefix="/predict")
            signal.pause()
        finally:
            ray.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
