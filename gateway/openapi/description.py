"""What does the whole document hold? It is served at /openapi.json; a test holds it to the routes."""

from flask import Blueprint, Response, jsonify

from gateway.openapi import models, pages, pictures, predictions, service, siblings, stats
from gateway.openapi.operations import problem
from gateway.openapi.parameters import headers, parameters
from gateway.openapi.pieces import Document
from gateway.openapi.records import records


def document(version: str) -> Document:
    """The document of the service in a version."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sports classifier",
            "version": version,
            "summary": "Says which sport a picture shows.",
            "description": "Send a picture or its URL. Every error is `application/problem+json` with a stable `code`.",
            "license": {"name": "See the repository", "identifier": "LicenseRef-Repository"},
        },
        "servers": [{"url": "/"}],
        "security": [],
        "tags": [
            {"name": "pictures", "description": "What a picture shows, and why."},
            {"name": "history", "description": "What was predicted, corrected by people, and summed up."},
            {"name": "models", "description": "What is served."},
            {"name": "page", "description": "What people open in a browser."},
            {"name": "service", "description": "Whether it lives, and what it is."},
        ],
        "paths": {
            **pages.paths(),
            **service.paths(),
            **pictures.paths(),
            **predictions.paths(),
            **stats.paths(),
            **siblings.paths(),
            **models.paths(),
        },
        "components": {
            "schemas": {"Problem": problem(), "Card": models.CARD, **records()},
            "parameters": parameters(),
            "headers": headers(),
        },
    }


def blueprint(version: str) -> Blueprint:
    """/openapi.json"""
    described = Blueprint("openapi", __name__)
    whole = document(version)

    @described.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(whole)

    return described
