"""What do predictions add up to, as /stats tells it?"""

from gateway.openapi.operations import operation
from gateway.openapi.parameters import named
from gateway.openapi.pieces import SHARE, Document, as_json

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
                    "mean_confidence": SHARE,
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


def paths() -> Document:
    """The sums of all predictions, or of a model's."""
    statistics = operation(
        "statistics", "history", "What the predictions add up to", as_json(_STATISTICS), (400, 404, 503)
    )
    return {"/stats": {"get": statistics | {"parameters": named("days", "model", "version")}}}
