"""How does a prediction look: in full, in a list, in a batch?"""

from gateway.openapi.parameters import EXAMPLE_ID
from gateway.openapi.pictures import EXPLANATION
from gateway.openapi.pieces import SHARE, Document, ref
from gateway.predictions import MAX_LIMIT

_DATA_URL: Document = {
    "type": "string",
    "description": "With `?picture=true`: the picture as JPEG, at most 512 pixels wide and high, as a data URL.",
}


def records() -> Document:
    """A prediction in full, as a list's item, and what holds them."""
    maybe_text = {"type": ["string", "null"]}
    brief = {
        "id": {"type": ["string", "null"], "format": "uuid", "description": "UUIDv7; null where it isn't kept."},
        "created_at": {"type": "string", "format": "date-time", "description": "When it was answered, in UTC."},
        "model": {"type": "string"},
        "version": {"type": "integer", "minimum": 1},
        "label": {"type": "string", "description": "The top class."},
        "confidence": SHARE,
        "confident": {"type": "boolean"},
        "true_label": maybe_text | {"description": "What somebody says that the picture shows."},
        "top": {
            "type": "array",
            "maxItems": 5,
            "items": {
                "type": "object",
                "required": ["label", "probability"],
                "properties": {"label": {"type": "string"}, "probability": SHARE},
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
        "probabilities": {"type": "object", "additionalProperties": SHARE, "description": "Of every class."},
        "timings_ms": {"type": "object", "additionalProperties": {"type": "number"}},
    }
    example = {
        "id": EXAMPLE_ID,
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
            "properties": {**brief, **last, "explanation": EXPLANATION, "picture": _DATA_URL},
            "examples": [whole],
        },
        "PredictionInList": {"type": "object", "required": list(brief), "properties": brief, "examples": [example]},
        "Page": {
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "maxItems": MAX_LIMIT, "items": ref("PredictionInList")},
                "next": maybe_text | {"description": "The cursor of the next page; null on the last one."},
            },
        },
        "BatchItem": {
            "type": "object",
            "required": ["index"],
            "properties": {
                "index": {"type": "integer", "minimum": 0},
                "prediction": ref("Prediction"),
                "problem": ref("Problem"),
            },
            "oneOf": [{"required": ["prediction"]}, {"required": ["problem"]}],
        },
    }
