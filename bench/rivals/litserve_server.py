"""LitServe: python -m bench.rivals.litserve_server PORT RUNTIME

POST /predict with {"image_data": BASE64} or {"url": URL}. As its guide for speed has it: one worker, which owns the
model; batches; a pool of threads decodes a batch's pictures.
"""

import base64
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import litserve
import numpy as np

from bench.rivals.common import BATCH_WAIT_S, MAX_BATCH_SIZE, answer, classifier, fetched, picture


def asked(request: dict[str, str]) -> np.ndarray:
    return picture(fetched(request["url"]) if "url" in request else base64.b64decode(request["image_data"]))


class Sports(litserve.LitAPI):
    """The model's one worker; `runtime` says what it computes with."""

    def __init__(self, runtime: str, **options: Any) -> None:
        super().__init__(**options)
        self._runtime = runtime

    def setup(self, device: str) -> None:
        """Load the model, in the worker's process."""
        self._classify = classifier(self._runtime)
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def batch(self, inputs: list[dict[str, str]]) -> np.ndarray:
        """The requests' pictures as one array."""
        return np.stack(list(self._pool.map(asked, inputs)))

    def predict(self, x: np.ndarray) -> np.ndarray:
        """A row of probabilities for each picture."""
        return self._classify(x)

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        """The rows one by one."""
        return list(output)

    def encode_response(self, output: np.ndarray) -> dict[str, float]:
        """A row as the answer."""
        return answer(output)


def main(port: str, runtime: str) -> None:
    api = Sports(runtime, max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_WAIT_S)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(port), log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
