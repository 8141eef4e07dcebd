"""Which models are served, what are their classes, and what does a model's card say?"""

from gateway.openapi.operations import operation
from gateway.openapi.parameters import NAME, named
from gateway.openapi.pieces import Document, as_json, ref

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
CARD: Document = {
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


def paths() -> Document:
    """The classes of a model, all models, and one."""
    classes = operation(
        "classes", "models", "The class names, in the order of the outputs", as_json(_CLASSES), (400, 404, 503)
    )
    model = operation("model", "models", "A model's card", as_json(ref("Card")), (400, 404, 503))
    return {
        "/classes": {"get": classes | {"parameters": named("model", "version", "version_label")}},
        "/models": {"get": operation("models", "models", "What is served", as_json(_MODELS), (400, 503))},
        "/models/{name}": {"get": model | {"parameters": [NAME, *named("version")]}},
    }
