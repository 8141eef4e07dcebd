"""What somebody would pick instead of the service: five frameworks, each with two runtimes.

`python -m bench.rivals.NAME_server PORT RUNTIME`, with its packages (.venv/rivals/NAME) first on PYTHONPATH,
serves model/sports7/2 on 127.0.0.1. RUNTIME is one of RUNTIMES. Every answer is a JSON object, probability by label.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

RUNTIMES = ("tensorflow", "openvino")
JPEG, JSON = "image/jpeg", "application/json"


def by_url(url: str) -> bytes:
    """The body that names a picture by its URL."""
    return json.dumps({"url": url}).encode()


def _in_base64(picture: bytes) -> bytes:
    return json.dumps({"image_data": base64.b64encode(picture).decode()}).encode()


@dataclass(frozen=True)
class Rival:
    """How a framework's server is started and asked. It is ready when `ready` answers 200.

    `picture` makes the body of an upload from a JPEG; a URL goes as `by_url`, JSON, to `url_path`.
    """

    module: str
    ready: str
    path: str = "/predict"
    url_path: str = "/predict"
    content_type: str = JPEG
    picture: Callable[[bytes], bytes] = bytes


RIVALS = {
    "litserve": Rival("bench.rivals.litserve_server", "/health", content_type=JSON, picture=_in_base64),
    "bentoml": Rival("bench.rivals.bentoml_server", "/readyz", url_path="/predict_url"),
    "mlserver": Rival("bench.rivals.mlserver_server", "/v2/models/sports7/ready"),
    "kserve": Rival(
        "bench.rivals.kserve_server", "/v2/health/ready",
        path="/v1/models/sports7:predict", url_path="/v1/models/sports7:predict",
    ),
    "ray": Rival("bench.rivals.ray_server", "/predict"),
}  # fmt: skip
