"""What does a picture show, and what in it speaks for that? /predict and /explain."""

from gateway.openapi.bodies import picture
from gateway.openapi.operations import ANSWERED, PICTURE_ERRORS, operation
from gateway.openapi.parameters import named, named_headers
from gateway.openapi.pieces import BINARY, SHARE, Document, as_json

EXPLANATION: Document = {
    "type": "object",
    "required": ["model", "label", "class", "heatmap", "area"],
    "properties": {
        "model": {"type": "string"},
        "label": {"type": "string", "description": "The top class."},
        "class": {"type": "string", "description": "The class that is explained."},
        "heatmap": {"type": "array", "items": {"type": "array", "items": SHARE}},
        "area": {
            "type": "object",
            "description": "Where the heatmap lies, in shares of the picture's width and height.",
            "required": ["left", "top", "right", "bottom"],
            "properties": {side: {"type": "number"} for side in ("left", "top", "right", "bottom")},
        },
    },
}


def paths() -> Document:
    """A prediction that is one word or one number a class, and its explanation."""
    return {"/predict": {"post": _predict()}, "/explain": {"post": _explain()}}


def _predict() -> Document:
    label = {"type": "string", "description": "The top class."}
    every = {"type": "object", "additionalProperties": SHARE, "description": "Every class' probability."}
    predict = operation(
        "predict", "pictures", "Which class a picture shows", as_json({"oneOf": [label, every]}), PICTURE_ERRORS
    )
    predict["responses"]["200"]["headers"] |= named_headers(*ANSWERED, "X-Prediction-Id")
    return predict | {
        "parameters": named("show_probability", "model", "version", "version_label", "timeout"),
        "requestBody": picture(),
    }


def _explain() -> Document:
    content = {"image/png": {"schema": BINARY}, **as_json(EXPLANATION)}
    explain = operation("explain", "pictures", "What in a picture speaks for a class", content, PICTURE_ERRORS)
    explain["responses"]["200"]["headers"] |= named_headers(*ANSWERED)
    return explain | {
        "parameters": named("class", "alpha", "colormap", "model", "version", "version_label", "timeout"),
        "requestBody": picture(),
    }
