"""One table of REST calls, whoever answers them."""

import base64
import json
from typing import Any

import pytest
import requests

from tests.model.conformance.conftest import Target

TWO = "/v1/models/half_plus_two"
ODD = "/v1/models/odd"


def b64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}


@pytest.mark.parametrize(
    ("path", "body", "wanted"),
    [
        (f"{TWO}:predict", {"instances": [2, 3, 4]}, {"predictions": [3.0, 3.5, 4.0]}),
        (f"{TWO}:predict", {"inputs": [2, 3, 4]}, {"outputs": [3.0, 3.5, 4.0]}),
        (f"{TWO}:predict", {"instances": [[2], [4]]}, {"predictions": [[3.0], [4.0]]}),
        (f"{TWO}:predict", {"instances": [{"x": [2.0]}]}, {"predictions": [[3.0]]}),
        (f"{TWO}:predict", {"inputs": {"x": [[2.0]]}}, {"outputs": [[3.0]]}),
        (f"{TWO}/versions/123:predict", {"instances": [[2]]}, {"predictions": [[3.0]]}),
        ("/v1/models/half_plus_three:predict", {"instances": [2]}, {"predictions": [4.0]}),
        (
            f"{ODD}:predict",
            {"signature_name": "two_inputs", "instances": [{"a": [1, 2], "b": [3, 4]}]},
            {"predictions": [{"sum": [4.0, 6.0], "scores": [0.5, 0.5]}]},
        ),
        (
            f"{ODD}:predict",
            {"signature_name": "string_input", "instances": [b64(b"abc")]},
            {"predictions": [{"length": 3, "echo_bytes": b64(b"abc")}]},
        ),
        (
            f"{TWO}:regress",
            {"signature_name": "regress_x_to_y", "examples": [{"x": 2.0}, {"x": 4.0}]},
            {"results": [3.0, 4.0]},
        ),
        (
            f"{TWO}:regress",
            {"signature_name": "regress_x2_to_y3", "context": {"x2": 2.0}, "examples": [{"x": 0.0}]},
            {"results": [4.0]},
        ),
        (
            f"{TWO}:classify",
            {"signature_name": "classify_x_to_y", "examples": [{"x": 2.0}]},
            {"results": [[["", 3.0]]]},
        ),
        (
            f"{ODD}:classify",
            {"signature_name": "classify", "examples": [{"x": [0.0, 0.0]}]},
            {"results": [[["low", 0.5], ["high", 0.5]]]},
        ),
    ],
)
def test_call_is_answered(target: Target, path: str, body: dict[str, Any], wanted: dict[str, Any]) -> None:
    answer = requests.post(target.rest + path, data=json.dumps(body), timeout=20)
    assert (answer.status_code, answer.json()) == (200, wanted)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("POST", f"{TWO}:predict", "", 400, "JSON Parse error"),
        ("POST", f"{TWO}:predict", "oops", 400, "JSON Parse error"),
        ("POST", f"{TWO}:predict", '{"x": 1}', 400, "Missing 'inputs' or 'instances' key"),
        ("POST", f"{TWO}:predict", '{"instances": ["a"]}', 400, "is not of expected type: float"),
        ("POST", f"{TWO}:predict", '{"instances": [1], "signature_name": 5}', 400, "key must be a string value."),
        ("POST", f"{TWO}:predict", '{"instances": [1], "signature_name": "no"}', 400, '"no" not found in sig'),
        ("POST", f"{TWO}:predict", '{"instances": [[1, 2], [3]]}', 400, "Expecting tensor size: 2 but"),
        ("POST", "/v1/models/none:predict", '{"instances": [1]}', 404, "Servable not found for request: Latest(none)"),
        ("POST", f"{TWO}/versions/9:predict", '{"instances": [1]}', 404, "Specific(half_plus_two, 9)"),
        ("POST", f"{TWO}/labels/none:predict", '{"instances": [1]}', 400, "Unrecognized servable version label: none"),
        ("POST", f"{TWO}/versions/99999999999999999999:predict", '{"instances": [1]}', 400, "to numeric"),
        ("GET", f"{TWO}:predict", None, 400, "Malformed request: GET /v1/models/half_plus_two:predict"),
        ("GET", "/v1/models", None, 400, "Missing model name in request."),
        ("GET", "/v1/models/none", None, 404, "Could not find any versions of model none"),
        ("GET", f"{TWO}/versions/9", None, 404, "Could not find version 9 of model half_plus_two"),
        ("GET", "/v1/models/none/metadata", None, 404, "Servable not found for request: Latest(none)"),
    ],
)  # fmt: skip
def test_wrong_call_has_its_status_and_text(
    target: Target, method: str, path: str, body: str | None, status: int, text: str
) -> None:
    answer = requests.request(method, target.rest + path, data=body, timeout=20)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert text in answer.json()["error"]


def test_status(target: Target) -> None:
    available = {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in (TWO, f"{TWO}/versions/123"):
        assert requests.get(target.rest + path, timeout=20).json() == {"model_version_status": [available]}


def test_metadata(target: Target) -> None:
    answer = requests.get(f"{target.rest}{TWO}/metadata", timeout=20).json()
    assert answer["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "123"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert signature["method_name"] == "tensorflow/serving/predict"
