"""The API as an OpenAPI 3.1 document, served at /openapi.json; a test holds it to the routes."""

import json
from typing import Any

from flask import Blueprint, Response, jsonify

from gateway import __version__
from gateway.errors import GatewayError
from gateway.heatmaps import COLORMAPS

Document = dict[str, Any]

_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_PICTURE_ERRORS = (400, 404, 408, 413, 415, 422, 502, 503, 504)
_MEANINGS = {
    400: "The request isn't what this route asks for.",
    404: "There is no such thing: a model, a version, a file.",
    408: "The request's body came too slowly.",
    413: "The picture has too many bytes or pixels.",
    415: "The bytes are no complete picture of a format that is read.",
    422: "The URL gave no bytes.",
    502: "The model server refused the picture's tensor.",
    503: "The model server is away, or the service is at its limit; `Retry-After` says when to try again.",
    504: "The deadline passed waiting for the model.",
}


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
            {"name": "models", "description": "What is served."},
            {"name": "service", "description": "Whether it lives, and what it is."},
        ],
        "paths": _paths(),
        "components": {
            "schemas": {"Problem": _problem(), "Card": _CARD},
            "parameters": _parameters(),
            "headers": _headers(),
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


def _paths() -> Document:
    text = {"text/plain": {"schema": {"const": "pong", "type": "string"}}}
    return {
        "/": {"get": _operation("index", "service", "Name and links", _json({"type": "object"}), ())},
        "/ping": {"get": _operation("ping", "service", "Answers pong", text, ())},
        "/healthz": {"get": _operation("healthz", "service", "The process lives", _json(_object(status="string")), ())},
        "/readyz": {
            "get": _operation(
                "readyz",
                "service",
                "The default model is available",
                _json(_object(status="string", model="string")),
                (503,),
            )
        },
        "/openapi.json": {"get": _operation("openapi", "service", "This document", _json({"type": "object"}), ())},
        "/docs": {"get": _operation("docs", "service", "The API to read and try, by Swagger UI", _HTML, ())},
        "/redoc": {"get": _operation("redoc", "service", "The API to read, by Redoc", _HTML, ())},
        "/docs/assets/{name}": {
            "get": _operation("asset", "service", "A file that the two load", _ASSET, (404,))
            | {
                "parameters": [
                    {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
                ]
            }
        },
        "/predict": {"post": _predict()},
        "/explain": {"post": _explain()},
        "/classes": {
            "get": _operation(
                "classes", "models", "The class names, in the order of the outputs", _json(_CLASSES), (400, 404, 503)
            )
            | {"parameters": _named("model", "version", "version_label")}
        },
        "/models": {"get": _operation("models", "models", "What is served", _json(_MODELS), (400, 503))},
        "/models/{name}": {
            "get": _operation(
                "model", "models", "A model's card", _json({"$ref": "#/components/schemas/Card"}), (400, 404, 503)
            )
            | {
                "parameters": [
                    {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}},
                    *_named("version"),
                ]
            }
        },
    }


def _predict() -> Document:
    label = {"type": "string", "description": "The top class."}
    every = {"type": "object", "additionalProperties": _SHARE, "description": "Every class' probability."}
    operation = _operation(
        "predict", "pictures", "Which class a picture shows", _json({"oneOf": [label, every]}), _PICTURE_ERRORS
    )
    operation["responses"]["200"]["headers"] |= _named_headers(
        "X-Model", "X-Confidence", "X-Confident", "Server-Timing"
    )
    return operation | {
        "parameters": _named("show_probability", "model", "version", "version_label", "timeout"),
        "requestBody": _picture(),
    }


def _explain() -> Document:
    content = {"image/png": {"schema": {"type": "string", "contentEncoding": "binary"}}, **_json(_EXPLANATION)}
    operation = _operation("explain", "pictures", "What in a picture speaks for a class", content, _PICTURE_ERRORS)
    operation["responses"]["200"]["headers"] |= _named_headers(
        "X-Model", "X-Confidence", "X-Confident", "Server-Timing"
    )
    return operation | {
        "parameters": _named("class", "alpha", "colormap", "model", "version", "version_label", "timeout"),
        "requestBody": _picture(),
    }


def _operation(name: str, tag: str, summary: str, content: Document, errors: tuple[int, ...]) -> Document:
    answered = {"description": summary, "headers": _named_headers("X-Request-Id"), "content": content}
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "responses": {"200": answered, **{str(status): _refusal(status) for status in errors}},
    }


def _refusal(status: int) -> Document:
    refused = {
        "description": _MEANINGS[status],
        "headers": _named_headers("X-Request-Id", *(["Retry-After"] if status == 503 else [])),
        "content": {"application/problem+json": {"schema": _PROBLEM}},
    }
    return refused


def _picture() -> Document:
    """The three ways to give one."""
    binary = {"type": "string", "contentEncoding": "binary"}
    return {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["url"],
                    "properties": {
                        "url": {"type": "string", "maxLength": 2048, "examples": ["https://example.com/a.jpg"]}
                    },
                }
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
            "image/*": {"schema": binary},
            "application/octet-stream": {"schema": binary},
        },
    }


def _json(schema: Document) -> Document:
    return {"application/json": {"schema": schema}}


def _object(**kinds: str) -> Document:
    return {
        "type": "object",
        "required": list(kinds),
        "properties": {name: {"type": kind} for name, kind in kinds.items()},
    }


def _named(*names: str) -> list[Document]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _named_headers(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


_HTML: Document = {"text/html": {"schema": {"type": "string"}}}
_ASSET: Document = {kind: {"schema": {"type": "string"}} for kind in ("text/javascript", "text/css")}
_SHARE: Document = {"type": "number", "minimum": 0, "maximum": 1}
_CLASSES: Document = {
    "type": "object",
    "required": ["model", "classes"],
    "properties": {"model": {"type": "string"}, "classes": {"type": "array", "items": {"type": "string"}}},
}
_STATE: Document = {
    "type": "string",
    "description": "What the model server says of the version, NOT_SERVED, or UNKNOWN while it doesn't answer.",
}
_PRECISION: Document = {
    "type": ["string", "null"],
    "description": "What it is computed in while it answers: float32, bfloat16, or int8, which never explains.",
}
_CARD: Document = {
    "type": "object",
    "description": "A model's card, whose other keys are for people, with what becomes of it here.",
    "required": ["name", "version", "labels", "state", "precision"],
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "integer", "minimum": 1},
        "labels": {"type": "array", "items": {"type": "string"}},
        "state": _STATE,
        "precision": _PRECISION,
    },
}
_VERSION: Document = {
    "type": "object",
    "required": ["version", "state", "precision", "usable"],
    "properties": {
        "version": {"type": "integer", "minimum": 1},
        "state": _STATE,
        "precision": _PRECISION,
        "usable": {"type": "boolean", "description": "Whether there is a card that can be read."},
        "problem": {"type": "string"},
    },
}
_MODELS: Document = {
    "type": "object",
    "required": ["default", "models"],
    "properties": {
        "default": {"type": ["string", "null"]},
        "models": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "versions"],
                "properties": {"name": {"type": "string"}, "versions": {"type": "array", "items": _VERSION}},
            },
        },
    },
}
_EXPLANATION: Document = {
    "type": "object",
    "required": ["model", "label", "class", "heatmap", "area"],
    "properties": {
        "model": {"type": "string"},
        "label": {"type": "string", "description": "The top class."},
        "class": {"type": "string", "description": "The class that is explained."},
        "heatmap": {"type": "array", "items": {"type": "array", "items": _SHARE}},
        "area": {
            "type": "object",
            "description": "Where the heatmap lies, in shares of the picture's width and height.",
            "required": ["left", "top", "right", "bottom"],
            "properties": {side: {"type": "number"} for side in ("left", "top", "right", "bottom")},
        },
    },
}


def _problem() -> Document:
    codes = sorted({error.code for error in _leaves(GatewayError)})
    return {
        "type": "object",
        "description": f"RFC 9457 problem details. Codes: {', '.join(codes)}, and HTTP's own in lower case.",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string"},
            "request_id": {"type": "string"},
        },
    }


def _leaves(kind: type[GatewayError]) -> list[type[GatewayError]]:
    below = kind.__subclasses__()
    return [leaf for sub in below for leaf in _leaves(sub)] if below else [kind]


def _parameters() -> Document:
    def query(name: str, description: str, schema: Document) -> Document:
        return {"name": name, "in": "query", "description": description, "schema": schema}

    return {
        "show_probability": query(
            "show_probability",
            "Answer every class' probability.",
            {"enum": ["true", "false", "1", "0"], "type": "string"},
        ),
        "model": query("model", "Another model than the default one.", {"type": "string"}),
        "version": query(
            "version", "Another version than the newest.", {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
        ),
        "version_label": query(
            "version_label", "The version that has this label in the model server.", {"type": "string", "minLength": 1}
        ),
        "class": query("class", "The class to explain; without it the top one.", {"type": "string"}),
        "alpha": query("alpha", "How strongly the heatmap covers the picture.", {**_SHARE, "default": 0.6}),
        "colormap": query("colormap", "The heatmap's colours.", {"type": "string", "enum": list(COLORMAPS)}),
        "timeout": {
            "name": "X-Request-Timeout-Ms",
            "in": "header",
            "description": "A shorter deadline than the service's own, in milliseconds.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
        },
    }


def _headers() -> Document:
    def header(description: str, schema: Document) -> Document:
        return {"description": description, "schema": schema}

    return {
        "X-Request-Id": header("The request's id: the caller's, if it is clean, or ours.", {"type": "string"}),
        "X-Model": header("Model and version that answered.", {"type": "string", "examples": ["sports7/2"]}),
        "X-Confidence": header("The largest probability.", _SHARE),
        "X-Confident": header("Whether the picture is enough like what the model knows.", {"type": "boolean"}),
        "Server-Timing": header("Milliseconds by step.", {"type": "string"}),
        "Retry-After": header("Seconds to wait.", {"type": "integer"}),
    }


if __name__ == "__main__":
    print(json.dumps(document(__version__), indent=2))
