"""The document says what the gateway does: held to its routes, and tried with whatever it allows and forbids."""

import os

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.app import create_app
from gateway.openapi import document
from gateway.settings import Address, Settings
from tests.conftest import Running, TinyModel

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "15"))


@pytest.fixture(scope="module")
def app(model_server: Running, tiny_model: TinyModel) -> Flask:
    return create_app(
        Settings(model_server=model_server.address, model_dir=tiny_model.models, default_model="tiny"), Address()
    )


OPERATIONS = [(path, method) for path, item in document("1")["paths"].items() for method in item]


def test_document_is_valid_openapi() -> None:
    validate(document("1.2.3"))


def test_every_route_is_described_and_nothing_else(app: Flask) -> None:
    routes = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert set(OPERATIONS) == routes


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_whatever_is_sent_is_answered_as_described(app: Flask, path: str, method: str) -> None:
    operation = schemathesis.openapi.from_wsgi("/openapi.json", app)[path][method.upper()]

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def attempt(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    attempt()
