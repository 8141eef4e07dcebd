import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model import rest
from model.cache import converted
from model.engine import Engine, graphs_of
from model.errors import ServingError, invalid, not_found
from model.metrics import Metrics
from model.precision import Precision
from model.prediction import Prediction
from model.servable import Servable
from model.signatures import signature_defs
from protos import error_codes_pb2, get_model_status_pb2, meta_graph_pb2, types_pb2
from tests.conftest import TinyModel

LARGEST_BODY_BYTES = 2**20
METRICS = b"# TYPE x counter\nx 1\n"


class HalfPlusTwo:
    """Computes x / 2 + 2, after what is asked of it."""

    error: Exception | None = None
    any_shape = None
    free = threading.Event()
    free.set()
    entered = threading.Event()

    def run(
        self, signature: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str], timeout_s: float
    ) -> dict[str, NDArray[Any]]:
        self.entered.set()
        self.free.wait(10)
        if self.error:
            raise self.error
        return {"y": inputs["x"] / 2 + 2}

    def precision_of(self, signature: str) -> Precision:
        return "bfloat16"

    def opened(self, signature: str) -> bool:
        return True

    def close(self) -> None:
        pass


def half_plus_two(version: int, engine: HalfPlusTwo) -> Servable:
    signature = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
    for infos, name in ((signature.inputs, "x"), (signature.outputs, "y")):
        infos[name].name, infos[name].dtype = f"{name}:0", types_pb2.DT_FLOAT
        infos[name].tensor_shape.dim.add(size=-1)
    return Servable("half_plus_two", version, {"serving_default": signature}, engine)


def available(number: int) -> Any:
    status = get_model_status_pb2.ModelVersionStatus(version=number, state="AVAILABLE")
    status.status.error_code = error_codes_pb2.OK
    return status


class Versions:
    """Two versions of half_plus_two, the first labelled `stable`, and what else is given."""

    def __init__(self, engine: HalfPlusTwo) -> None:
        self.models = {"half_plus_two": {number: half_plus_two(number, engine) for number in (122, 123)}}

    def knows(self, name: str) -> bool:
        return name in self.models

    def servable(self, spec: Any) -> Servable:
        if spec.version_label and spec.version_label != "stable":
            raise invalid(f"Unrecognized servable version label: {spec.version_label}")
        versions = self.models.get(spec.name, {})
        number = 122 if spec.version_label else spec.version.value or max(versions, default=0)
        if number not in versions:
            raise not_found(f"Servable not found for request: Specific({spec.name}, {number})")
        return versions[number]

    def status(self, spec: Any) -> list[Any]:
        if spec.HasField("version") or spec.version_label:
            versions = [self.servable(spec).version]
        elif spec.name in self.models:
            versions = sorted(self.models[spec.name], reverse=True)
        else:
            raise not_found(f"Could not find any versions of model {spec.name}")
        return [available(number) for number in versions]


def application(versions: Versions, *options: Any, **more: Any) -> Any:
    return rest.application(versions, Prediction(versions, Metrics(), "REST"), *options, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def engine() -> HalfPlusTwo:
    return HalfPlusTwo()


@pytest.fixture(scope="module")
def versions(engine: HalfPlusTwo) -> Versions:
    return Versions(engine)


@pytest.fixture(scope="module")
def server(versions: Versions) -> Iterator[rest.RestServer]:
    app = application(versions, 5, lambda: METRICS, largest_body_bytes=LARGEST_BODY_BYTES)
    served = rest.serve(app, "127.0.0.1", 0, threads=4, largest_body_bytes=LARGEST_BODY_BYTES)
    yield served
    served.close()


@pytest.fixture(scope="module")
def http(server: rest.RestServer) -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def url(server: rest.RestServer, path: str) -> str:
    return f"http://127.0.0.1:{server.port}{path}"


@pytest.fixture
def call(server: rest.RestServer, http: requests.Session) -> Any:
    def called(method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        data = json.dumps(body) if isinstance(body, dict) else body
        response = http.request(method, url(server, path), data=data, timeout=10, **options)
        if method != "HEAD" and not path.startswith("/monitoring"):
            assert response.headers["Content-Type"] == "application/json"
        return response

    return called


PREDICT = "/v1/models/half_plus_two:predict"


@pytest.mark.parametrize("model", ["half_plus_two", "half_plus_two/versions/123", "half%5Fplus_two/labels/st%61ble"])
@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"instances": [2, 3, 4]}, {"predictions": [3.0, 3.5, 4.0]}),
        ({"instances": [{"x": 2}]}, {"predictions": [3.0]}),
        ({"inputs": [2, 3, 4]}, {"outputs": [3.0, 3.5, 4.0]}),
        ({"inputs": {"x": [2]}, "signature_name": "serving_default"}, {"outputs": [3.0]}),
        ({"inputs": [2], "signature_name": ""}, {"outputs": [3.0]}),
        ('{"instances": [NaN, -Infinity]}', {"predictions": [float("nan"), float("-inf")]}),
    ],
)
def test_predict(call: Any, model: str, body: Any, answer: Any) -> None:
    response = call("POST", f"/v1/models/{model}:predict", body)
    assert response.status_code == 200
    np.testing.assert_equal(response.json(), answer)


def test_an_image_is_answered_as_tensorflow_answers(call: Any, versions: Versions, tiny_model: TinyModel) -> None:
    folder = tiny_model.models / "tiny" / "1"
    computing = Engine(graphs_of(converted(folder)), "float32", 1)
    versions.models["tiny"] = {1: Servable("tiny", 1, signature_defs(folder), computing)}
    oracle = np.load(tiny_model.oracle)
    images = oracle["images"].tolist()
    rows = call("POST", "/v1/models/tiny:predict", {"signature_name": "serve_uint8", "instances": images})
    assert [set(row) for row in rows.json()["predictions"]] == [{"probabilities", "logits", "known_score"}] * 5
    probabilities = [row["probabilities"] for row in rows.json()["predictions"]]
    np.testing.assert_allclose(probabilities, oracle["serve_uint8"], atol=1e-4)
    column = call("POST", "/v1/models/tiny:predict", {"signature_name": "serve_uint8", "inputs": images}).json()
    np.testing.assert_array_equal(column["outputs"]["probabilities"], probabilities)
    del versions.models["tiny"]


def status_of(number: int) -> dict[str, Any]:
    return {"version": str(number), "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}


@pytest.mark.parametrize(
    ("path", "numbers"),
    [("", [123, 122]), ("/versions/122", [122]), ("/versions/000123", [123]), ("/labels/stable", [122])],
)
def test_status(call: Any, path: str, numbers: list[int]) -> None:
    answer = call("GET", f"/v1/models/half_plus_two{path}").json()
    assert answer == {"model_version_status": [status_of(number) for number in numbers]}


def test_status_says_what_went_wrong(call: Any, versions: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = get_model_status_pb2.ModelVersionStatus(version=7, state="END")
    failed.status.error_code, failed.status.error_message = error_codes_pb2.UNKNOWN, "broken"
    monkeypatch.setattr(versions, "status", lambda spec: [available(8), failed])
    assert call("GET", "/v1/models/half_plus_two").json() == {
        "model_version_status": [
            status_of(8),
            {"version": "7", "state": "END", "status": {"error_code": "UNKNOWN", "error_message": "broken"}},
        ]
    }


@pytest.mark.parametrize(
    ("path", "version"), [("", "123"), ("/versions/122", "122"), ("/labels/stable", "122")], ids=str
)
def test_metadata(call: Any, path: str, version: str) -> None:
    def info(name: str) -> dict[str, Any]:
        shape = {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
        return {"dtype": "DT_FLOAT", "tensor_shape": shape, "name": f"{name}:0"}

    answer = call("GET", f"/v1/models/half_plus_two{path}/metadata").json()
    assert answer["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": version}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"] == {"x": info("x")}
    assert signature["outputs"] == {"y": info("y")}
    assert signature["method_name"] == "tensorflow/serving/predict"


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/v1/foo", 400, "Malformed request: GET /v1/foo"),
        ("POST", "/v1/foo", 400, "Malformed request: POST /v1/foo"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/versions/1", 400, "Missing model name in request."),
        ("POST", "/v1/models", 400, "Malformed request: POST /v1/models"),
        ("GET", "/v1/models/foo:predict", 400, "Malformed request: GET /v1/models/foo:predict"),
        ("POST", "/v1/models/foo", 400, "Malformed request: POST /v1/models/foo"),
        ("POST", "/v1/models/foo:PREDICT", 400, "Malformed request: POST /v1/models/foo:PREDICT"),
        ("POST", "/v1/models/foo:predict?a=1", 400, "Malformed request: POST /v1/models/foo:predict?a=1"),
        ("GET", "/v1/models/foo/version/50", 400, "Malformed request: GET /v1/models/foo/version/50"),
        ("POST", "/v1/models/foo/versions/HELLO:regress", 400, "Malformed request: "),
        ("POST", "/v1/models/foo/versions/1/labels/a:predict", 400, "Malformed request: "),
        ("PUT", "/v1/models/half_plus_two", 400, "Malformed request: PUT /v1/models/half_plus_two"),
        ("DELETE", "/v1/models/half_plus_two", 400, "Malformed request: DELETE "),
        ("OPTIONS", PREDICT, 400, f"Malformed request: OPTIONS {PREDICT}"),
        (
            "POST",
            f"/v1/models/foo/versions/{2**64 - 1}:regress",
            400,
            f"Failed to convert version: {2**64 - 1} to numeric.",
        ),
        ("GET", f"/v1/models/foo/versions/{'9' * 5000}", 400, "Failed to convert version: 9999"),
        ("GET", "/v1/models/%FF", 400, "Failed to decode model name:%FF"),
        ("GET", "/v1/models/foo/labels/%FF", 400, "Failed to decode model version label:%FF"),
        ("GET", "/v1/models/foo", 404, "Could not find any versions of model foo"),
        ("GET", "/v1/models/a%2Fb%3Ac", 404, "Could not find any versions of model a/b:c"),
        ("GET", "/v1/models/foo?a=1", 404, "Could not find any versions of model foo?a=1"),
        ("GET", "/v1/models/foo/metadata", 404, "Servable not found for request: Specific(foo, 0)"),
        ("GET", "/v1/models/half_plus_two/labels/none", 400, "Unrecognized servable version label: none"),
        ("GET", "/", 404, "Not Found"),
        ("GET", "/v2/models/half_plus_two", 404, "Not Found"),
    ],
)
def test_paths_that_lead_nowhere(call: Any, method: str, path: str, status: int, text: str) -> None:
    response = call(method, path, {"instances": [1]} if method == "POST" else None)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert response.json()["error"].startswith(text)


def test_paths_are_read_in_any_case(call: Any) -> None:
    assert call("GET", "/V1/Models/half_plus_two/VERSIONS/122").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        (PREDICT, "", 400, "JSON Parse error: The document is empty"),
        (PREDICT, "instances = [1, 2]", 400, "JSON Parse error: Invalid value. at offset: 0"),
        (PREDICT, {}, 400, "Missing 'inputs' or 'instances' key"),
        (PREDICT, {"instances": ["a"]}, 400, "Type: String is not of expected type: float"),
        (PREDICT, {"instances": [1], "signature_name": 1}, 400, "'signature_name' key must be a string value."),
        (PREDICT, {"instances": [1], "signature_name": "s"}, 400, 'Serving signature name: "s" not found in signature'),
        (PREDICT, {"instances": [[1]]}, 400, "input x: "),
        ("/v1/models/foo:predict", {"instances": [1]}, 404, "Servable not found for request: "),
        ("/v1/models/foo:predict", "", 400, "JSON Parse error: The document is empty"),
        ("/v1/models/half_plus_two/versions/99:predict", {"instances": [1]}, 404, "Specific(half_plus_two, 99)"),
        ("/v1/models/half_plus_two:classify", {}, 400, "key 'examples' is expected and was not found"),
        ("/v1/models/half_plus_two:regress", {"examples": []}, 400, "'examples' value is an empty array"),
    ],
)
def test_requests_that_are_refused(call: Any, path: str, body: Any, status: int, text: str) -> None:
    response = call("POST", path, body)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert text in response.json()["error"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("CANCELLED", 499),
        ("UNKNOWN", 500),
        ("INVALID_ARGUMENT", 400),
        ("DEADLINE_EXCEEDED", 504),
        ("NOT_FOUND", 404),
        ("ALREADY_EXISTS", 409),
        ("PERMISSION_DENIED", 403),
        ("RESOURCE_EXHAUSTED", 429),
        ("FAILED_PRECONDITION", 400),
        ("ABORTED", 409),
        ("OUT_OF_RANGE", 400),
        ("UNIMPLEMENTED", 501),
        ("INTERNAL", 500),
        ("UNAVAILABLE", 503),
        ("DATA_LOSS", 500),
        ("UNAUTHENTICATED", 401),
    ],
)
def test_codes_have_statuses(
    call: Any, engine: HalfPlusTwo, monkeypatch: pytest.MonkeyPatch, code: str, status: int
) -> None:
    monkeypatch.setattr(engine, "error", ServingError(grpc.StatusCode[code], 'a "text"\n\u00e9'))
    response = call("POST", PREDICT, {"instances": [1]})
    assert (response.status_code, response.json()) == (status, {"error": 'a "text"\n\u00e9'})


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (TimeoutError("no stream"), 504, "Deadline exceeded"),
        (KeyError("a secret"), 500, "Internal error"),
    ],
)
def test_other_exceptions_say_little(
    call: Any, engine: HalfPlusTwo, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, text: str
) -> None:
    monkeypatch.setattr(engine, "error", error)
    response = call("POST", PREDICT, {"instances": [1]})
    assert (response.status_code, response.json()) == (status, {"error": text})


def test_surprises_are_logged(
    call: Any, engine: HalfPlusTwo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "error", KeyError("a secret"))
    with caplog.at_level(logging.ERROR, "model.rest"):
        call("POST", PREDICT, {"instances": [1]})
    assert "a secret" in caplog.text


def test_metrics_are_a_page_of_text(call: Any) -> None:
    response = call("GET", "/monitoring/prometheus/metrics")
    assert (response.status_code, response.content) == (200, METRICS)
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_metrics_are_only_where_they_are_asked_for(versions: Versions) -> None:
    for page, path, status in ((None, rest.METRICS_PATH, 404), (lambda: METRICS, "/m", 200)):
        served = rest.serve(application(versions, 5, page, "/m"), "127.0.0.1", 0)
        response = requests.get(url(served, path), timeout=10)
        served.close()
        assert response.status_code == status


def test_a_head_has_no_body(call: Any) -> None:
    response = call("HEAD", "/v1/models/half_plus_two")
    assert (response.status_code, response.content) == (400, b"")


def test_no_other_origin_is_let_in(call: Any) -> None:
    response = call("POST", PREDICT, {"instances": [1]}, headers={"Origin": "http://example.org"})
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


def test_every_origin_is_let_in_where_that_is_wanted(versions: Versions) -> None:
    served = rest.serve(application(versions, 5, cors=True), "127.0.0.1", 0)
    answers = [
        requests.options(url(served, PREDICT), timeout=10),
        requests.post(url(served, PREDICT), json={"inputs": [2]}, timeout=10),
        requests.post(url(served, PREDICT), data="no JSON", timeout=10),
    ]
    served.close()
    assert [answer.status_code for answer in answers] == [200, 200, 400]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Methods"] == "POST, GET"
        assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type"


@pytest.mark.parametrize("encoding", ["gzip", "my_gzip"])
def test_packed_bodies_are_unpacked(call: Any, encoding: str) -> None:
    packed = gzip.compress(b'{"instances": [2]}')
    response = call("POST", PREDICT, packed, headers={"Content-Encoding": encoding})
    assert response.json() == {"predictions": [3.0]}


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"{}" * 9)[:-9], gzip.compress(b"{}")[:12] + b"\xff" * 20])
def test_damaged_packed_bodies_are_refused(call: Any, body: bytes) -> None:
    response = call("POST", PREDICT, body, headers={"Content-Encoding": "gzip"})
    assert (response.status_code, response.json()) == (400, {"error": "Failed to uncompress the gzipped body"})


def test_bodies_that_unpack_to_too_much_are_refused(call: Any) -> None:
    packed = gzip.compress(b" " * (LARGEST_BODY_BYTES + 1))
    response = call("POST", PREDICT, packed, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 413
    assert list(response.json()) == ["error"]


def test_bodies_up_to_the_limit_are_read(call: Any) -> None:
    body = b'{"instances": [2]}'.ljust(LARGEST_BODY_BYTES)
    assert call("POST", PREDICT, body).json() == {"predictions": [3.0]}


def raw(server: rest.RestServer, sent: bytes) -> tuple[int, dict[str, Any]]:
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(sent)
        with connection.makefile("rb") as answer:
            head, _, body = answer.read().partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (f"Content-Length: {LARGEST_BODY_BYTES + 1}", "", 413),
        ("Content-Length: 99999999999", "", 413),
        ("Transfer-Encoding: chunked", f"{LARGEST_BODY_BYTES + 1:x}\r\n" + " " * (LARGEST_BODY_BYTES + 1), 413),
        ("Content-Length: no", "", 400),
        ("Transfer-Encoding: chunked", "xyz\r\n", 400),
        ("Transfer-Encoding: unknown", "", 501),
    ],
)
def test_what_the_server_refuses_on_its_own_is_json(
    server: rest.RestServer, headers: str, body: str, status: int
) -> None:
    sent = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}"
    answered, content = raw(server, sent.encode())
    assert answered == status
    assert list(content) == ["error"]


def test_chunks_and_absolute_addresses_are_understood(server: rest.RestServer) -> None:
    sent = (
        f"POST http://x{PREDICT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        '8\r\n{"instan\r\na\r\nces": [2]}\r\n0\r\n\r\n'
    )
    assert raw(server, sent.encode()) == (200, {"predictions": [3.0]})


def test_calls_side_by_side_get_their_own_answers(server: rest.RestServer) -> None:
    wrong = []

    def many(number: int) -> None:
        with requests.Session() as session:
            for _ in range(20):
                answer = session.post(url(server, PREDICT), json={"instances": [number]}, timeout=10).json()
                if answer != {"predictions": [number / 2 + 2]}:
                    wrong.append(answer)

    threads = [threading.Thread(target=many, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_closed_server_answers_what_it_has_and_frees_its_port(
    versions: Versions, engine: HalfPlusTwo, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, entered = threading.Event(), threading.Event()
    monkeypatch.setattr(engine, "free", free)
    monkeypatch.setattr(engine, "entered", entered)
    served = rest.serve(application(versions, 5), "127.0.0.1", 0)
    answers: list[Any] = []
    asking = threading.Thread(
        target=lambda: answers.append(requests.post(url(served, PREDICT), json={"inputs": [2]}, timeout=10).json())
    )
    asking.start()
    assert entered.wait(10)
    closing = threading.Thread(target=served.close, args=(10,))
    closing.start()
    time.sleep(0.2)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", served.port), 1).close()
    free.set()
    for thread in (asking, closing):
        thread.join(10)
    assert answers == [{"outputs": [3.0]}]
    socket.create_server(("127.0.0.1", served.port)).close()


def test_a_server_that_never_started_is_closed_too(versions: Versions) -> None:
    server = rest.RestServer(application(versions, 5), "127.0.0.1", 0)
    server.close()
    socket.create_server(("127.0.0.1", server.port)).close()


def test_a_port_that_is_taken_is_an_error(server: rest.RestServer, versions: Versions) -> None:
    with pytest.raises(OSError, match="in use"):
        rest.serve(application(versions, 5), "127.0.0.1", server.port)


def test_silent_connections_are_closed(versions: Versions) -> None:
    served = rest.serve(application(versions, 5), "127.0.0.1", 0, idle_s=1)
    with socket.create_connection(("127.0.0.1", served.port), 10) as connection:
        connection.sendall(b"POST /v1/models HTTP/1.1\r\n")
        assert connection.recv(1) == b""
    served.close()


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
    st.text("/:?%0aé.", max_size=12) | st.sampled_from(["half_plus_two:predict", "half_plus_two:classify"]),
    st.binary(max_size=20) | st.dictionaries(st.sampled_from(["inputs", "examples"]), st.lists(st.none())),
)
def test_anything_gets_an_answer(call: Any, method: str, path: str, body: Any) -> None:
    assert call(method, f"/v1/models/{path}", body).status_code in (200, 400, 404)
