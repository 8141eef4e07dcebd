"""What is described for those who come from similar services? /classify, /categories and /health."""

from gateway.openapi.bodies import picture
from gateway.openapi.operations import ANSWERED, PICTURE_ERRORS, operation
from gateway.openapi.parameters import named, named_headers
from gateway.openapi.pieces import SHARE, Document, as_json, object_of

_CLASSIFIED: Document = {
    "type": "object",
    "required": ["category", "confidence", "confident", "probabilities"],
    "properties": {
        "category": {"type": "string", "description": "The top class."},
        "confidence": SHARE,
        "confident": {"type": "boolean"},
        "probabilities": {"type": "object", "additionalProperties": SHARE},
    },
}
_CATEGORIES: Document = {
    "type": "object",
    "required": ["model", "categories"],
    "properties": {"model": {"type": "string"}, "categories": {"type": "array", "items": {"type": "string"}}},
}


def paths() -> Document:
    """What /predict, /classes and /readyz say, in other words."""
    categories = operation(
        "categories", "models", "The same as /classes, in other words", as_json(_CATEGORIES), (400, 404, 503)
    )
    ready = as_json(object_of(status="string", model="string"))
    return {
        "/classify": {"post": _classify()},
        "/categories": {"get": categories | {"parameters": named("model", "version", "version_label")}},
        "/health": {"get": operation("health", "service", "The same as /readyz, in other words", ready, (503,))},
    }


def _classify() -> Document:
    classify = operation(
        "classify", "pictures", "The same as /predict, in other words", as_json(_CLASSIFIED), PICTURE_ERRORS
    )
    classify["responses"]["200"]["headers"] |= named_headers(*ANSWERED, "X-Prediction-Id")
    return classify | {
        "parameters": named("model", "version", "version_label", "timeout"),
        "requestBody": picture(),
    }
