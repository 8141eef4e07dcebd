"""The API as an OpenAPI 3.1 document, served at /openapi.json; a test holds it to the routes."""

import json
from typing import Any

from flask import Blueprint, Response, jsonify

from gateway import __version__
from gateway.errors import GatewayError
from gateway.heatmaps import COLORMAPS
from gateway.predictions import LIMIT, MAX_DAYS, MAX_LIMIT, MAX_SKIP
from gateway.uploads import MAX_BATCH

Document = dict[str, Any]

_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_EXAMPLE_ID = "01a21b10-91e8-70de-b92c-0ad61b5de83e"
_PICTURE_ERRORS = (400, 404, 408, 413, 415, 422, 502, 503, 504)
_MEANINGS = {
    400: "The request isn't what this route asks for.",
    404: "There is no such thing: a model, a version, a prediction, a file; or no history is kept.",
    408: "The request's body came too slowly.",
    413: "The picture has too many bytes or pixels, or the batch or the body is too large.",
    415: "The bytes are no complete picture of a format that is read.",
    422: "The URL gave no bytes.",
    502: "The model server refused the picture's tensor.",
    503: "The model server or the history is away, or the service is full; `Retry-After` says when to try again.",
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
            {"name": "history", "description": "What was predicted, corrected by people, and summed up."},
            {"name": "models", "description": "What is served."},
            {"name": "page", "description": "What people open in a browser."},
            {"name": "service", "description": "Whether it lives, and what it is."},
        ],
        "paths": _paths(),
        "components": {
            "schemas": {"Problem": _problem(), "Card": _CARD, **_history_schemas()},
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
        **_page_paths(),
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
        **_history_paths(),
        "/classify": {"post": _classify()},
        "/categories": {
            "get": _operation(
                "categories", "models", "The same as /classes, in other words", _json(_CATEGORIES), (400, 404, 503)
            )
            | {"parameters": _named("model", "version", "version_label")}
        },
        "/health": {
            "get": _operation(
                "health",
                "service",
                "The same as /readyz, in other words",
                _json(_object(status="string", model="string")),
                (503,),
            )
        },
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


def _page_paths() -> Document:
    """The page for people, and what it loads."""
    named = {"parameters": [{"name": "name", "in": "path", "required": True, "schema": _NAME}]}
    version = {"name": "version", "in": "path", "required": True, "description": "The page's version.", "schema": _NAME}
    index = _operation("index", "page", "Name, links and limits; for a browser the page", _json(_INDEX) | _HTML, ())
    answer = _operation("answer", "page", "What a form's picture shows, as a page", _HTML, _PICTURE_ERRORS)
    answer["responses"]["200"]["headers"] |= _named_headers(*_ANSWERED, "X-Prediction-Id")
    for status in map(str, _PICTURE_ERRORS):
        answer["responses"][status]["content"] = _HTML
    unasked = _operation("unasked", "page", "The page, for who comes back here without a picture", _HTML, ())
    sample = {
        kind: {"schema": {"type": "string", "contentEncoding": "binary"}} for kind in ("image/jpeg", "image/webp")
    }
    return {
        "/": {"get": index | {"responses": index["responses"] | _NOT_CHANGED}},
        "/assets/{version}/{name}": {
            "get": _file("pageAsset", "A file that the page loads", _PAGE_ASSET)
            | {"parameters": [version, *named["parameters"]]}
        },
        "/answer": {
            "get": unasked | {"responses": unasked["responses"] | _NOT_CHANGED},
            "post": answer | {"parameters": _named("timeout"), "requestBody": _picture_by_form()},
        },
        "/samples": {
            "get": _operation(
                "samples", "page", "Pictures for a first try", _json(_wrapped("samples", {"type": "string"})), ()
            )
        },
        "/samples/{name}": {"get": _file("sample", "One of them", {"image/jpeg": sample["image/jpeg"]}) | named},
        "/samples/{name}/small": {
            "get": _file("smallSample", "The same, small", {"image/webp": sample["image/webp"]}) | named
        },
    }


def _file(name: str, summary: str, content: Document) -> Document:
    operation = _operation(name, "page", summary, content, (404,))
    operation["responses"] |= _NOT_CHANGED
    return operation


def _picture_by_form() -> Document:
    """As a page's form sends one."""
    content = {
        "multipart/form-data": _picture()["content"]["multipart/form-data"],
        "application/x-www-form-urlencoded": _picture()["content"]["application/json"],
    }
    return {"required": True, "content": content}


def _predict() -> Document:
    label = {"type": "string", "description": "The top class."}
    every = {"type": "object", "additionalProperties": _SHARE, "description": "Every class' probability."}
    operation = _operation(
        "predict", "pictures", "Which class a picture shows", _json({"oneOf": [label, every]}), _PICTURE_ERRORS
    )
    operation["responses"]["200"]["headers"] |= _named_headers(*_ANSWERED, "X-Prediction-Id")
    return operation | {
        "parameters": _named("show_probability", "model", "version", "version_label", "timeout"),
        "requestBody": _picture(),
    }


def _explain() -> Document:
    content = {"image/png": {"schema": {"type": "string", "contentEncoding": "binary"}}, **_json(_EXPLANATION)}
    operation = _operation("explain", "pictures", "What in a picture speaks for a class", content, _PICTURE_ERRORS)
    operation["responses"]["200"]["headers"] |= _named_headers(*_ANSWERED)
    return operation | {
        "parameters": _named("class", "alpha", "colormap", "model", "version", "version_label", "timeout"),
        "requestBody": _picture(),
    }


def _classify() -> Document:
    operation = _operation(
        "classify", "pictures", "The same as /predict, in other words", _json(_CLASSIFIED), _PICTURE_ERRORS
    )
    operation["responses"]["200"]["headers"] |= _named_headers(*_ANSWERED, "X-Prediction-Id")
    return operation | {
        "parameters": _named("model", "version", "version_label", "timeout"),
        "requestBody": _picture(),
    }


def _history_paths() -> Document:
    create = _operation(
        "createPrediction",
        "history",
        "Predict, and tell all about it; 200, without an id, where it isn't kept",
        _json(_ref("Prediction")),
        _PICTURE_ERRORS,
    )
    create["responses"]["200"]["headers"] |= _named_headers(*_ANSWERED)
    created = create["responses"]["200"] | {"description": "The prediction, which is kept"}
    created["headers"] = create["responses"]["200"]["headers"] | _named_headers("X-Prediction-Id", "Location")
    create["responses"]["201"] = created
    batch = _operation(
        "createPredictions",
        "history",
        "Predict up to 64 pictures; one prediction or one problem each, in order",
        {**_json(_wrapped("items", _ref("BatchItem"))), "application/x-ndjson": {"schema": {"type": "string"}}},
        (400, 404, 408, 413, 503),
    )
    listed = _operation("listPredictions", "history", "Predictions, newest first", _json(_ref("Page")), (400, 404, 503))
    clear = _operation(
        "deletePredictions",
        "history",
        "Delete all predictions and their pictures",
        _json(_object(deleted="integer")),
        (404, 503),
    )
    read, one = _json(_ref("Prediction")), (404, 503)
    remove = _operation("deletePrediction", "history", "Delete a prediction", {}, one)
    remove["responses"]["204"] = {
        key: value for key, value in remove["responses"].pop("200").items() if key != "content"
    }
    image = _operation(
        "predictionImage",
        "history",
        "The thumbnail that is kept",
        {"image/jpeg": {"schema": {"type": "string", "contentEncoding": "binary"}}},
        one,
    )
    image["responses"]["304"] = {"description": "It is the one that `If-None-Match` names."}
    correct = _operation("correctPrediction", "history", "Say what the picture shows", read, (400, 404, 408, 413, 503))
    correct["requestBody"] = {"required": True, "content": _json(_CORRECTION)}
    identified = {"parameters": _named("id")}
    filters = ("limit", "cursor", "skip", "label", "model", "version", "since", "until", "confident", "corrected")
    return {
        "/predictions": {
            "post": create
            | {
                "parameters": _named("explain", "picture", "model", "version", "version_label", "timeout"),
                "requestBody": _picture(),
            },
            "get": listed | {"parameters": _named(*filters)},
            "delete": clear,
        },
        "/predictions/batch": {
            "post": batch
            | {"parameters": _named("model", "version", "version_label", "timeout"), "requestBody": _pictures()}
        },
        "/predictions/{id}": {
            "get": _operation("readPrediction", "history", "A prediction", read, one) | identified,
            "patch": correct | identified,
            "delete": remove | identified,
        },
        "/predictions/{id}/image": {"get": image | identified},
        "/stats": {
            "get": _operation(
                "statistics", "history", "What the predictions add up to", _json(_STATISTICS), (400, 404, 503)
            )
            | {"parameters": _named("days", "model", "version")}
        },
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


def _pictures() -> Document:
    """The two ways to give many."""
    url = {"type": "string", "maxLength": 2048, "examples": ["https://example.com/a.jpg"]}
    file = {"type": "string", "format": "binary"}
    return {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["urls"],
                    "properties": {"urls": {"type": "array", "minItems": 1, "maxItems": MAX_BATCH, "items": url}},
                }
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "array", "minItems": 1, "maxItems": MAX_BATCH, "items": file}},
                }
            },
        },
    }


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _wrapped(name: str, item: Document) -> Document:
    return {"type": "object", "required": [name], "properties": {name: {"type": "array", "items": item}}}


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


_ANSWERED = ("X-Model", "X-Confidence", "X-Confident", "Server-Timing")
_HTML: Document = {"text/html": {"schema": {"type": "string"}}}
_PAGE_ASSET: Document = {
    kind: {"schema": {"type": "string"}} for kind in ("text/javascript", "text/css", "image/svg+xml")
}
_DATA_URL: Document = {
    "type": "string",
    "description": "With `?picture=true`: the picture as JPEG, at most 512 pixels wide and high, as a data URL.",
}
_NOT_CHANGED: Document = {"304": {"description": "It is the one that `If-None-Match` names."}}
_NAME: Document = {"type": "string", "minLength": 1}
_INDEX: Document = {
    "type": "object",
    "required": ["name", "links", "limits"],
    "properties": {
        "name": {"type": "string"},
        "links": {"type": "object", "additionalProperties": {"type": "string"}},
        "limits": {
            "type": "object",
            "required": ["max_upload_bytes", "max_batch"],
            "properties": {
                "max_upload_bytes": {"type": "integer", "description": "Largest picture, uploaded or fetched."},
                "max_batch": {"type": "integer", "description": "Most pictures of a batch."},
            },
        },
    },
}
_ASSET: Document = {kind: {"schema": {"type": "string"}} for kind in ("text/javascript", "text/css")}
_SHARE: Document = {"type": "number", "minimum": 0, "maximum": 1}
_CLASSES: Document = {
    "type": "object",
    "required": ["model", "classes"],
    "properties": {"model": {"type": "string"}, "classes": {"type": "array", "items": {"type": "string"}}},
}
_CATEGORIES: Document = {
    "type": "object",
    "required": ["model", "categories"],
    "properties": {"model": {"type": "string"}, "categories": {"type": "array", "items": {"type": "string"}}},
}
_CLASSIFIED: Document = {
    "type": "object",
    "required": ["category", "confidence", "confident", "probabilities"],
    "properties": {
        "category": {"type": "string", "description": "The top class."},
        "confidence": _SHARE,
        "confident": {"type": "boolean"},
        "probabilities": {"type": "object", "additionalProperties": _SHARE},
    },
}
_CORRECTION: Document = {
    "type": "object",
    "required": ["true_label"],
    "additionalProperties": False,
    "properties": {
        "true_label": {
            "type": ["string", "null"],
            "description": "A class of the prediction's model; null takes the correction back.",
            "examples": ["tennis"],
        }
    },
}
_COUNTS: Document = {"type": "object", "additionalProperties": {"type": "integer"}}
_MAYBE_SHARE: Document = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
_JUDGED: Document = {
    "total": {"type": "integer", "description": "Predictions with a true label."},
    "correct": {"type": "integer", "description": "Those of them that were answered so."},
    "accuracy": _MAYBE_SHARE,
}
_STATISTICS: Document = {
    "type": "object",
    "description": "Shares and means are null while there is nothing to divide.",
    "required": ["total", "by_class", "by_day", "mean_confidence", "unsure_share", "latency_ms", "labelled"],
    "properties": {
        "total": {"type": "integer"},
        "by_class": _COUNTS | {"description": "Predictions by answered class."},
        "by_day": _COUNTS | {"description": "Predictions by day, in UTC."},
        "mean_confidence": _MAYBE_SHARE,
        "unsure_share": _MAYBE_SHARE | {"description": "Share of the answers that aren't confident."},
        "latency_ms": {
            "type": "object",
            "description": "Percentiles of the time to an answer; each is right within a fortieth.",
            "required": ["p50", "p95", "p99"],
            "properties": {name: {"type": ["number", "null"]} for name in ("p50", "p95", "p99")},
        },
        "labelled": {
            "type": "object",
            "required": [*_JUDGED, "by_class"],
            "properties": {
                **_JUDGED,
                "by_class": {
                    "type": "object",
                    "description": "The same by answered class.",
                    "additionalProperties": {"type": "object", "required": list(_JUDGED), "properties": _JUDGED},
                },
            },
        },
        "days": {
            "type": "array",
            "description": "With `?days=`: days (UTC) that have predictions, oldest first.",
            "items": {
                "type": "object",
                "required": ["date", "total", "unsure", "mean_confidence", "labelled", "correct", "by_class"],
                "properties": {
                    "date": {"type": "string", "format": "date"},
                    "mean_confidence": _SHARE,
                    "by_class": _COUNTS,
                    **{name: {"type": "integer"} for name in ("total", "unsure", "labelled", "correct")},
                },
            },
        },
    },
    "examples": [
        {
            "total": 4,
            "by_class": {"soccer": 1, "tennis": 3},
            "by_day": {"2026-11-27": 4},
            "mean_confidence": 0.952,
            "unsure_share": 0.25,
            "latency_ms": {"p50": 31.2, "p95": 44.9, "p99": 44.9},
            "labelled": {
                "total": 2,
                "correct": 1,
                "accuracy": 0.5,
                "by_class": {"tennis": {"total": 2, "correct": 1, "accuracy": 0.5}},
            },
        }
    ],
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


def _history_schemas() -> Document:
    """A prediction in full, as a list's item, and what holds them."""
    maybe_text = {"type": ["string", "null"]}
    brief = {
        "id": {"type": ["string", "null"], "format": "uuid", "description": "UUIDv7; null where it isn't kept."},
        "created_at": {"type": "string", "format": "date-time", "description": "When it was answered, in UTC."},
        "model": {"type": "string"},
        "version": {"type": "integer", "minimum": 1},
        "label": {"type": "string", "description": "The top class."},
        "confidence": _SHARE,
        "confident": {"type": "boolean"},
        "true_label": maybe_text | {"description": "What somebody says that the picture shows."},
        "top": {
            "type": "array",
            "maxItems": 5,
            "items": {
                "type": "object",
                "required": ["label", "probability"],
                "properties": {"label": {"type": "string"}, "probability": _SHARE},
            },
        },
        "source": {
            "type": "object",
            "required": ["kind", "url", "filename", "sha256", "format", "width", "height", "bytes"],
            "properties": {
                "kind": {"type": "string", "enum": ["url", "upload", "raw"]},
                "url": maybe_text,
                "filename": maybe_text,
                "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                "format": {"type": "string", "examples": ["JPEG"]},
                "width": {"type": "integer", "description": "In pixels, upright."},
                "height": {"type": "integer"},
                "bytes": {"type": "integer"},
            },
        },
        "latency_ms": {"type": "number", "description": "From the request to its answer."},
        "image": maybe_text | {"description": "Where its thumbnail is; null where none is kept."},
    }
    last = {
        "probabilities": {"type": "object", "additionalProperties": _SHARE, "description": "Of every class."},
        "timings_ms": {"type": "object", "additionalProperties": {"type": "number"}},
    }
    example = {
        "id": _EXAMPLE_ID,
        "created_at": "2026-11-27T08:30:45.841233Z",
        "model": "sports7",
        "version": 2,
        "label": "tennis",
        "confidence": 0.993,
        "confident": True,
        "true_label": None,
        "top": [{"label": "tennis", "probability": 0.993}, {"label": "badminton", "probability": 0.007}],
        "source": {
            "kind": "upload",
            "url": None,
            "filename": "tennis.jpg",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "format": "JPEG",
            "width": 640,
            "height": 480,
            "bytes": 41230,
        },
        "latency_ms": 31.7,
        "image": None,
    }
    whole = example | {
        "probabilities": {"tennis": 0.993, "badminton": 0.007},
        "timings_ms": {"decode": 4.1, "preprocess": 0.6, "model": 26.2},
    }
    return {
        "Prediction": {
            "type": "object",
            "required": [*brief, *last],
            "properties": {**brief, **last, "explanation": _EXPLANATION, "picture": _DATA_URL},
            "examples": [whole],
        },
        "PredictionInList": {"type": "object", "required": list(brief), "properties": brief, "examples": [example]},
        "Page": {
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "maxItems": MAX_LIMIT, "items": _ref("PredictionInList")},
                "next": maybe_text | {"description": "The cursor of the next page; null on the last one."},
            },
        },
        "BatchItem": {
            "type": "object",
            "required": ["index"],
            "properties": {
                "index": {"type": "integer", "minimum": 0},
                "prediction": _ref("Prediction"),
                "problem": _PROBLEM,
            },
            "oneOf": [{"required": ["prediction"]}, {"required": ["problem"]}],
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

    flag = {"enum": ["true", "false", "1", "0"], "type": "string"}
    moment = {"type": "string", "examples": ["2026-11-27T08:30:00Z", "2026-11-27"]}
    return {
        "show_probability": query(
            "show_probability",
            "Answer every class' probability.",
            flag,
        ),
        "model": query("model", "Another model than the default one.", {"type": "string"}),
        "version": query(
            "version", "Another version than the newest.", {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
        ),
        "version_label": query(
            "version_label", "The version that has this label in the model server.", {"type": "string", "minLength": 1}
        ),
        "id": {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "A prediction's id.",
            "schema": {"type": "string", "format": "uuid", "examples": [_EXAMPLE_ID]},
        },
        "explain": query("explain", "Add what speaks for the top class.", flag),
        "picture": query("picture", "Add the picture, small, as a data URL.", flag),
        "days": query(
            "days", "Add so many days, up to today, one by one.", {"type": "integer", "minimum": 1, "maximum": MAX_DAYS}
        ),
        "limit": query("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": LIMIT}),
        "cursor": query("cursor", "`next` of the page before.", {"type": "string"}),
        "skip": query(
            "skip", "Leave so many out, instead of a cursor.", {"type": "integer", "minimum": 0, "maximum": MAX_SKIP}
        ),
        "label": query("label", "Only those answered so.", {"type": "string", "minLength": 1, "maxLength": 200}),
        "since": query("since", "From this moment (RFC 3339) or day on.", moment),
        "until": query("until", "Before this moment or day.", moment),
        "confident": query("confident", "Only confident ones, or only others.", flag),
        "corrected": query("corrected", "Only those with a true label, or only others.", flag),
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
        "X-Prediction-Id": header("The prediction's id in the history, where it is kept.", {"type": "string"}),
        "Location": header("The prediction's path.", {"type": "string"}),
        "X-Model": header("Model and version that answered.", {"type": "string", "examples": ["sports7/2"]}),
        "X-Confidence": header("The largest probability.", _SHARE),
        "X-Confident": header("Whether the picture is enough like what the model knows.", {"type": "boolean"}),
        "Server-Timing": header("Milliseconds by step.", {"type": "string"}),
        "Retry-After": header("Seconds to wait.", {"type": "integer"}),
    }


if __name__ == "__main__":
    print(json.dumps(document(__version__), indent=2))
