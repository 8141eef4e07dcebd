"""The API over the embedded model server, with a small model that answers the largest colour."""

import json
import logging
import re
import signal
from collections.abc import Iterator
from io import BytesIO
from ipaddress import ip_network
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import ExifTags, Image
from werkzeug.test import TestResponse

from gateway.app import create_app
from gateway.settings import Settings
from tests.conftest import Running, TinyModel, running_model_server
from tests.image_server import ImageServer
from tests.pictures import encoded, jpeg

RED = encoded(Image.new("RGB", (120, 90), "red"), "JPEG", quality=95)
JSON, FORM = "application/json", "multipart/form-data"


@pytest.fixture(scope="module")
def settings(model_server: Running, tiny_model: TinyModel, image_server: ImageServer) -> Settings:
    return Settings(
        model_server=model_server.address,
        model_dir=tiny_model.models,
        default_model="tiny",
        allowed_networks=(ip_network("127.0.0.0/8"),),
        allowed_ports=(image_server.port,),
        fetch_timeout_s=1,
        max_upload_bytes=100_000,
    )


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[FlaskClient]:
    with create_app(settings).test_client() as client:
        yield client


def upload(client: FlaskClient, picture: bytes = RED, query: str = "", **options: Any) -> TestResponse:
    return client.post(f"/predict{query}", data={"any": (BytesIO(picture), "name.jpg")}, **options)


def assert_problem(response: TestResponse, status: int, code: str) -> None:
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    document = json.loads(response.data)
    assert document["code"] == code
    assert document["status"] == status
    assert set(document) == {"type", "title", "status", "detail", "code", "request_id"}
    assert document["request_id"] == response.headers["X-Request-Id"]


def test_ping_answers_pong(client: FlaskClient) -> None:
    response = client.get("/ping")
    assert (response.data, response.mimetype) == (b"pong", "text/plain")


def test_upload_is_answered_with_the_top_class(client: FlaskClient) -> None:
    response = upload(client)
    assert response.json == "red"
    assert response.headers["X-Model"] == "tiny/1"
    assert 0 < float(response.headers["X-Confidence"]) <= 1
    assert response.headers["X-Confident"] == "true"
    steps = [step.split(";")[0] for step in response.headers["Server-Timing"].split(", ")]
    assert steps == ["decode", "preprocess", "model", "history"]


@pytest.mark.parametrize("flag", ["true", "TRUE", "1"])
def test_probabilities_stand_in_the_cards_order_and_sum_to_one(client: FlaskClient, flag: str) -> None:
    response = upload(client, query=f"?show_probability={flag}")
    answer = json.loads(response.data)
    assert list(answer) == ["red", "green", "blue"]
    assert sum(answer.values()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("flag", ["false", "False", "0"])
def test_probabilities_can_be_declined(client: FlaskClient, flag: str) -> None:
    assert upload(client, query=f"?show_probability={flag}").json == "red"


def test_url_form_and_raw_body_give_the_same_numbers(client: FlaskClient, image_server: ImageServer) -> None:
    predict = "/predict?show_probability=1"
    by_url = client.post(predict, json={"url": image_server.url("/picture.jpg")})
    by_form = client.post(predict, data={"f": (BytesIO(jpeg()), "x")})
    by_body = client.post(predict, data=jpeg(), content_type="image/jpeg")
    assert by_url.json == by_form.json == by_body.json
    assert by_url.headers["Server-Timing"].startswith("fetch;dur=")


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        ({"data": b"{", "content_type": JSON}, 400, "invalid_request"),
        ({"data": b"[" * 50_000, "content_type": JSON}, 400, "invalid_request"),
        ({"data": b"{}", "content_type": JSON}, 400, "invalid_request"),
        ({"data": b"[]", "content_type": JSON}, 400, "invalid_request"),
        ({"json": {"url": 5}}, 400, "invalid_request"),
        ({"json": {"url": "file:///etc/passwd"}}, 400, "invalid_request"),
        ({"json": {"url": "http://127.0.0.1/"}}, 422, "image_unreachable"),
        ({"json": {"url": "http://169.254.169.254/"}}, 422, "image_unreachable"),
        ({"data": b"text", "content_type": "text/plain"}, 400, "invalid_request"),
        ({"data": b"", "content_type": "image/jpeg"}, 400, "invalid_request"),
        ({"data": b"text", "content_type": "image/jpeg"}, 415, "image_unreadable"),
        ({"data": RED[:500], "content_type": "image/jpeg"}, 415, "image_unreadable"),
        ({"data": b"0" * 100_001, "content_type": "image/jpeg"}, 413, "image_too_large"),
        ({"data": b"0" * 300_000, "content_type": "image/jpeg"}, 413, "image_too_large"),
        ({"data": {"field": "text"}, "content_type": FORM}, 400, "invalid_request"),
        ({"data": {"a": (BytesIO(RED), "a"), "b": (BytesIO(RED), "b")}}, 400, "invalid_request"),
        ({"data": {"a": (BytesIO(b""), "a")}}, 400, "invalid_request"),
        ({"data": b"no form", "content_type": FORM}, 400, "invalid_request"),
        ({"data": {"a": (BytesIO(RED), "a"), "url": "http://example.com/"}}, 400, "invalid_request"),
        ({"data": b'{"url": "http://a/", "url": "http://b/"}', "content_type": JSON}, 400, "invalid_request"),
        ({"data": b'"\xff"', "content_type": JSON}, 400, "invalid_request"),
        ({"data": b'{"url": "http://a/", "x": NaN}', "content_type": JSON}, 400, "invalid_request"),
        (
            {"data": b'{"url": "http://a/", "x": ' + b"[" * 20 + b"]" * 20 + b"}", "content_type": JSON},
            400,
            "invalid_request",
        ),
        ({"data": b'{"url": "http://a/", "x": ' + b"9" * 5000 + b"}", "content_type": JSON}, 400, "invalid_request"),
        ({"json": {"url": "http://example.com/", "more": "x" * 70_000}}, 413, "body_too_large"),
        ({"data": {f"field{n}": "x" for n in range(20)}, "content_type": FORM}, 413, "body_too_large"),
        ({"data": {"field": "x" * 150_000}, "content_type": FORM}, 413, "body_too_large"),
        ({"data": b"\x00\x00\x00\x18ftypheic" + bytes(99), "content_type": "image/heic"}, 415, "image_format_not_read"),
    ],
)
def test_wrong_input_is_answered_with_its_problem(
    client: FlaskClient, options: dict[str, Any], status: int, code: str
) -> None:
    assert_problem(client.post("/predict", **options), status, code)
    assert upload(client).json == "red"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?show_probability=yes", 400, "invalid_request"),
        ("?show_probability=", 400, "invalid_request"),
        ("?version=1&version=2", 400, "invalid_request"),
        ("?version=0", 400, "invalid_request"),
        ("?version=-1", 400, "invalid_request"),
        ("?version=one", 400, "invalid_request"),
        ("?version=99999999999999999999", 400, "invalid_request"),
        ("?model=unknown", 404, "unknown_model"),
        ("?version=7", 404, "unknown_model"),
    ],
)
def test_wrong_query_is_answered_with_its_problem(client: FlaskClient, query: str, status: int, code: str) -> None:
    assert_problem(upload(client, query=query), status, code)


def test_missing_picture_and_slow_origin_read_alike(client: FlaskClient, image_server: ImageServer) -> None:
    answers = [
        client.post("/predict", json={"url": image_server.url(path)}) for path in ("/missing", "/slow-body", "/gzip")
    ]
    assert len({(answer.status_code, json.loads(answer.data)["detail"]) for answer in answers}) == 1


def test_empty_picture_behind_a_url_is_no_bytes(client: FlaskClient, image_server: ImageServer) -> None:
    assert_problem(client.post("/predict", json={"url": image_server.url("/empty")}), 422, "image_unreachable")


def test_text_behind_a_url_is_no_picture(client: FlaskClient, image_server: ImageServer) -> None:
    assert_problem(client.post("/predict", json={"url": image_server.url("/text")}), 415, "image_unreadable")


@pytest.mark.parametrize("query", ["?model=tiny", "?version=1", "?model=tiny&version=1"])
def test_model_and_version_can_be_named(client: FlaskClient, query: str) -> None:
    assert upload(client, query=query).headers["X-Model"] == "tiny/1"


def test_model_without_a_uint8_signature_gets_scaled_pixels_and_answers_the_same(client: FlaskClient) -> None:
    by_uint8 = json.loads(upload(client, jpeg(), "?model=tiny&show_probability=1").data)
    by_float = json.loads(upload(client, jpeg(), "?model=floats&show_probability=1").data)
    assert by_float == pytest.approx(by_uint8, abs=1e-5)


HALF_RED = Image.new("RGB", (120, 90), "blue")
HALF_RED.paste("red", (0, 0, 60, 90))


def explain(client: FlaskClient, query: str = "", accept: str = "*/*") -> TestResponse:
    body = encoded(HALF_RED, "PNG")
    return client.post(f"/explain{query}", data=body, content_type="image/png", headers={"Accept": accept})


def test_explanation_is_the_picture_with_its_heatmap(client: FlaskClient) -> None:
    response = explain(client, "?class=red&alpha=1&colormap=grey")
    assert response.content_type == "image/png"
    assert response.headers["X-Model"] == "tiny/1"
    with Image.open(BytesIO(response.data)) as drawn:
        assert drawn.size == HALF_RED.size
        assert drawn.getpixel((10, 45)) == (255, 255, 255)
        assert drawn.getpixel((115, 45)) == (0, 0, 255)


def test_explanation_as_json_is_the_grid(client: FlaskClient) -> None:
    for label, hot, cold in (("red", slice(0, 18), slice(20, 38)), ("blue", slice(20, 38), slice(0, 18))):
        answer = explain(client, f"?class={label}", "application/json").json
        assert answer is not None
        grid = np.array(answer["heatmap"])
        assert (answer["model"], answer["class"]) == ("tiny/1", label)
        assert grid.shape == (30, 38)
        assert grid.max() == 1
        assert grid[:, hot].mean() > 0.9
        assert grid[:, cold].mean() < 0.3
        assert answer["area"] == {"left": 0, "top": 0, "right": 1, "bottom": 1}


def test_without_a_class_the_top_one_is_explained(client: FlaskClient) -> None:
    answer = explain(client, "", "application/json").json
    assert answer is not None
    assert answer["class"] == answer["label"]
    assert answer == explain(client, f"?class={answer['label']}", "application/json").json


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?class=cricket", "invalid_request"),
        ("?class=3", "invalid_request"),
        ("?alpha=2", "invalid_request"),
        ("?alpha=nan", "invalid_request"),
        ("?alpha=high", "invalid_request"),
        ("?colormap=jet", "invalid_request"),
        ("?model=floats", "not_explainable"),
    ],
)
def test_what_cannot_be_explained_is_a_problem(client: FlaskClient, query: str, code: str) -> None:
    assert_problem(explain(client, query), 400, code)


def test_deadline_of_the_caller_counts(client: FlaskClient, image_server: ImageServer) -> None:
    url = {"url": image_server.url("/slow-body")}
    assert_problem(client.post("/predict", json=url, headers={"X-Request-Timeout-Ms": "200"}), 422, "image_unreachable")
    assert_problem(upload(client, headers={"X-Request-Timeout-Ms": "soon"}), 400, "invalid_request")
    assert_problem(upload(client, headers={"X-Request-Timeout-Ms": "0"}), 400, "invalid_request")
    assert upload(client, headers={"X-Request-Timeout-Ms": "60000"}).status_code == 200


def test_model_server_that_does_not_answer_in_time_is_504(settings: Settings, tiny_model: TinyModel) -> None:
    flags = ("--model_name=tiny", f"--model_base_path={tiny_model.models / 'tiny'}")
    with running_model_server(*flags) as running:
        client = create_app(settings.model_copy(update={"model_server": running.address})).test_client()
        assert upload(client).json == "red"
        running.process.send_signal(signal.SIGSTOP)
        assert_problem(upload(client, headers={"X-Request-Timeout-Ms": "300"}), 504, "model_timeout")
        assert client.get("/ping").data == b"pong"
        running.process.send_signal(signal.SIGCONT)
        assert upload(client).json == "red"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/predict", 405, "method_not_allowed"),
        ("GET", "/models/unknown", 404, "unknown_model"),
        ("GET", "/models/tiny?version=7", 404, "unknown_model"),
        ("GET", "/classes?model=unknown", 404, "unknown_model"),
    ],
)
def test_wrong_address_is_a_problem_too(client: FlaskClient, method: str, path: str, status: int, code: str) -> None:
    response = client.open(path, method=method)
    assert_problem(response, status, code)
    assert status != 405 or "POST" in response.headers["Allow"]


def test_request_id_is_kept_if_it_is_clean(client: FlaskClient) -> None:
    given = client.get("/ping", headers={"X-Request-Id": "abc-1.2_3"}).headers["X-Request-Id"]
    made = client.get("/ping", headers={"X-Request-Id": "a b<script>"}).headers["X-Request-Id"]
    assert given == "abc-1.2_3"
    assert made.isalnum()


def test_models_and_classes_are_told(client: FlaskClient) -> None:
    models = client.get("/models").json
    versions = [{"version": 1, "state": "AVAILABLE", "precision": "float32", "usable": True}]
    assert models == {
        "default": "tiny",
        "models": [{"name": "floats", "versions": versions}, {"name": "tiny", "versions": versions}],
    }
    assert client.get("/classes").json == {"model": "tiny/1", "classes": ["red", "green", "blue"]}
    card = client.get("/models/tiny").json
    assert card is not None
    assert (card["note"], card["state"], card["precision"]) == ("made by tests", "AVAILABLE", "float32")


def test_health(client: FlaskClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").json == {"status": "ready", "model": "tiny/1"}


def test_more_in_flight_than_the_bound_is_refused(settings: Settings, image_server: ImageServer) -> None:
    """One prediction waits for a slow origin; the next is refused at once, and /ping still answers."""
    import threading

    app = create_app(settings.model_copy(update={"max_in_flight": 1}))
    slow = {"url": image_server.url("/slow-body?in-flight")}
    first = threading.Thread(target=lambda: app.test_client().post("/predict", json=slow))
    first.start()
    while "/slow-body?in-flight" not in image_server.hits:
        assert first.is_alive()
    refused = upload(app.test_client())
    assert app.test_client().get("/ping").data == b"pong"
    first.join()
    assert_problem(refused, 503, "overloaded")
    assert refused.headers["Retry-After"] == "1"
    assert upload(app.test_client()).json == "red"


def test_readiness_and_predictions_without_a_model_server(settings: Settings, tiny_model: TinyModel) -> None:
    client = create_app(settings.model_copy(update={"model_server": "127.0.0.1:1"})).test_client()
    for response in (client.get("/readyz"), upload(client)):
        assert_problem(response, 503, "model_unavailable")
        assert response.headers["Retry-After"] == "1"
    assert client.get("/ping").status_code == client.get("/healthz").status_code == 200
    assert client.get("/models").json["models"][0]["versions"][0]["state"] == "UNKNOWN"  # type: ignore[index]


def test_nothing_of_a_pictures_exif_comes_back(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = exif[ExifTags.Base.Artist] = "somebody's secret"
    picture = encoded(HALF_RED, "JPEG", exif=exif, comment=b"somebody's secret")
    assert b"somebody's secret" in picture
    for path, accept in (("/predict?show_probability=1", JSON), ("/explain", "image/png"), ("/explain", JSON)):
        answer = client.post(path, data=picture, content_type="image/jpeg", headers={"Accept": accept})
        assert answer.status_code == 200
        assert b"secret" not in answer.data + str(answer.headers).encode()
    assert "secret" not in caplog.text


def test_other_origins_may_read_only_what_the_operator_allows(client: FlaskClient, settings: Settings) -> None:
    named = create_app(settings.model_copy(update={"cors_origins": ("https://a.example",)})).test_client()
    everybody = create_app(settings.model_copy(update={"cors_origins": ("*",)})).test_client()
    answers = {
        (who, origin): caller.get("/ping", headers={"Origin": origin}).headers.get("Access-Control-Allow-Origin")
        for who, caller in (("off", client), ("named", named), ("all", everybody))
        for origin in ("https://a.example", "https://a.example.evil.example", "https://aXexample", "null")
    }
    assert {pair for pair, allowed in answers.items() if allowed is None} == {
        *(("off", origin) for _, origin in answers),
        *(("named", origin) for _, origin in answers if origin != "https://a.example"),
    }
    assert answers["named", "https://a.example"] == "https://a.example"


def test_preflight_request_is_answered_for_an_allowed_origin(settings: Settings) -> None:
    named = create_app(settings.model_copy(update={"cors_origins": ("https://a.example",)})).test_client()
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    allowed = named.options("/predict", headers={"Origin": "https://a.example", **asked}).headers
    assert "POST" in allowed["Access-Control-Allow-Methods"]
    assert "content-type" in allowed["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in allowed
    exposed = upload(named, headers={"Origin": "https://a.example"}).headers["Access-Control-Expose-Headers"]
    assert {"X-Model", "X-Confident"} <= set(exposed.split(", "))
    refused = named.options("/predict", headers={"Origin": "https://b.example", **asked}).headers
    assert "Access-Control-Allow-Origin" not in refused


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_page_loads_only_from_here_and_has_nothing_inline(client: FlaskClient, path: str) -> None:
    page = client.get(path)
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    loaded = re.findall(r'(?:src|href)="(docs/assets/[^"]+)"', page.text)
    assert len(loaded) == 3 + (path == "/docs")
    for asset in loaded:
        with client.get(f"/{asset}") as answer:
            assert answer.status_code == 200
    assert "<script>" not in page.text
    assert "style=" not in page.text


@pytest.mark.parametrize("path", ["/ping", "/classes", "/nowhere"])
def test_every_answer_forbids_framing_sniffing_and_loading(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "Access-Control-Allow-Origin" not in headers
