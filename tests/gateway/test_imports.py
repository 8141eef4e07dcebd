"""The gateway stands alone: no TensorFlow runtime, nothing of model/ or trainer/."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT


def imported_by(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*sys.modules)"
    child = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    return set(child.stdout.split())


def test_gateway_never_runs_tensorflow_and_stands_alone() -> None:
    modules = imported_by("import gateway.app; gateway.app.create_app()")
    assert "tensorflow_serving.apis.predict_pb2" in modules
    forbidden = {"tensorflow", "tensorflow.python", "keras", "openvino", "model", "trainer"}
    assert not modules & forbidden


def test_model_server_stands_alone_and_loads_no_tensorflow() -> None:
    assert not imported_by("import model.server") & {"tensorflow", "tensorflow.python", "keras", "gateway", "trainer"}


def test_runtime_can_be_imported_after_the_stubs() -> None:
    check = "assert tf.make_ndarray(protos.tensors.to_proto(numpy.arange(3))).tolist() == [0, 1, 2]"
    assert "tensorflow.python" in imported_by(f"import numpy, protos.tensors; import tensorflow as tf; {check}")


FORBIDDEN = [
    "import requests",
    "from urllib.request import urlopen",
    "import urllib3",
    "import http.client",
    "import httpx",
]


@pytest.mark.parametrize("line", FORBIDDEN)
def test_lint_lets_only_the_fetch_module_fetch(line: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "--select=TID251", "--no-cache", "-"]
    answers = {
        name: subprocess.run(
            [*command, f"--stdin-filename={ROOT}/gateway/{name}"],
            cwd=ROOT,
            input=line,
            capture_output=True,
            text=True,
            check=False,
        )
        for name in ("classifier.py", "fetch.py")
    }
    assert "is the only one that fetches" in answers["classifier.py"].stdout
    assert answers["fetch.py"].returncode == 0
