"""KServe's Python server: python -m bench.rivals.kserve_server PORT RUNTIME

POST /v1/models/sports7:predict with a JPEG as the body or {"url": URL}. It has no batching of its own; its handlers are
coroutines, and threads decode and compute, so that the event loop goes on. More workers would each load the model.
"""

import asyncio
import sys
from typing import Any

import kserve
import kserve.model_server
import numpy as np
from kserve.protocol.rest.server import RESTServer

from bench.rivals.common import answer, classifier, fetched, picture


class Sports(kserve.Model):
    """The model, which computes with `runtime`."""

    def __init__(self, runtime: str) -> None:
        super().__init__("sports7")
        self._classify = classifier(runtime)
        self.ready = True

    async def preprocess(self, payload: bytes | dict[str, str], headers: dict[str, str] | None = None) -> np.ndarray:
        """The picture of a request as a batch of one."""
        data = await asyncio.to_thread(fetched, payload["url"]) if isinstance(payload, dict) else payload
        return (await asyncio.to_thread(picture, data))[np.newaxis]

    async def predict(self, payload: np.ndarray, headers: dict[str, str] | None = None) -> dict[str, float]:
        """The answer."""
        return answer((await asyncio.to_thread(self._classify, payload))[0])


class Loopback(RESTServer):
    """The HTTP server, whose address can't be chosen otherwise."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.config.host = "127.0.0.1"


def main(port: str, runtime: str) -> None:
    kserve.model_server.RESTServer = Loopback
    kserve.ModelServer(http_port=int(port), workers=1, enable_grpc=False).start([Sports(runtime)])


if __name__ == "__main__":
    main(*sys.argv[1:])
