import json
import logging
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import create_app
from gateway.logs import JsonFormatter
from gateway.metrics import Metrics
from gateway.settings import Address, Settings
from tests.conftest import Running, TinyModel
from tests.image_server import ImageServer
from tests.pictures import jpeg


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture(scope="module")
def client(
    model_server: Running, tiny_model: TinyModel, image_server: ImageServer, metrics: Metrics
) -> Iterator[FlaskClient]:
    settings = Settings(
        model_server=model_server.address,
        model_dir=tiny_model.models,
        default_model="tiny",
        allowed_networks=(ip_network("127.0.0.0/8"),),
        allowed_ports=(image_server.port,),
        fetch_timeout_s=1,
    )
    with create_app(settings, Address(), metrics=metrics).test_client() as client:
        yield client


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The request lines so far, as JSON readers see them."""
    records = [record for record in caplog.records if record.name == "gateway.request"]
    return [json.loads(JsonFormatter().format(record)) for record in records]


def value(metrics: Metrics, name: str, **labels: str) -> float:
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def test_a_prediction_is_one_line_with_its_steps(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    headers = {"Content-Type": "image/jpeg", "X-Request-Id": "mine"}
    assert client.post("/predict?secret=1", data=jpeg(), headers=headers).status_code == 200
    (line,) = logged(caplog)
    assert (line["request_id"], line["path"], line["status"], line["model"]) == ("mine", "/predict", 200, "tiny/1")
    assert list(line["steps_ms"]) == ["decode", "preprocess", "model", "history"]
    assert "secret" not in json.dumps(line)


@pytest.mark.parametrize(
    ("path", "reason"), [("/missing", "broken"), ("/slow-body", "slow"), ("/redirect-to-metadata", "forbidden")]
)
def test_reason_of_a_refusal_is_logged_and_counted_and_no_url(
    client: FlaskClient,
    image_server: ImageServer,
    metrics: Metrics,
    caplog: pytest.LogCaptureFixture,
    path: str,
    reason: str,
) -> None:
    caplog.set_level(logging.INFO)
    before = value(metrics, "gateway_fetch_failures_total", reason=reason)
    answer = client.post("/predict", json={"url": image_server.url(f"{path}?token=hidden")})
    assert (answer.status_code, reason in answer.text) == (422, False)
    (line,) = logged(caplog)
    assert (line["code"], line["reason"], line["status"]) == ("image_unreachable", reason, 422)
    assert "hidden" not in caplog.text
    assert "hidden" not in json.dumps(line)
    assert value(metrics, "gateway_fetch_failures_total", reason=reason) == before + 1


def test_requests_are_counted_by_route_and_status(client: FlaskClient, metrics: Metrics) -> None:
    labels = {"route": "/ping", "method": "GET", "status": "200"}
    before = value(metrics, "gateway_requests_total", **labels)
    client.get("/ping")
    assert value(metrics, "gateway_requests_total", **labels) == before + 1
    assert value(metrics, "gateway_request_duration_seconds_count", route="/ping") >= before + 1
    assert value(metrics, "gateway_requests_in_flight") == 0


def test_what_a_stranger_makes_up_becomes_no_label(client: FlaskClient, metrics: Metrics) -> None:
    client.open("/made/up", method="MADEUP")
    assert value(metrics, "gateway_requests_total", route="none", method="other") >= 1
    exposed = generate_latest(metrics.registry).decode().lower()
    assert "made" not in exposed
