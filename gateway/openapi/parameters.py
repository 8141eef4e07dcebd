"""What goes beside a body? Parameters of requests and headers of answers: described once, and then named."""

from gateway.heatmaps import COLORMAPS
from gateway.openapi.pieces import SHARE, Document
from gateway.predictions import LIMIT, MAX_DAYS, MAX_LIMIT, MAX_SKIP

EXAMPLE_ID = "01a21b10-91e8-70de-b92c-0ad61b5de83e"
NAME: Document = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
"""Of whatever the path is about: it isn't among the components, as it means something else on each route."""


def named(*names: str) -> list[Document]:
    """A route's parameters, by their names among the components."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def named_headers(*names: str) -> Document:
    """An answer's headers, by their names among the components."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def parameters() -> Document:
    """The parameters among the components."""

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
            "schema": {"type": "string", "format": "uuid", "examples": [EXAMPLE_ID]},
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
        "alpha": query("alpha", "How strongly the heatmap covers the picture.", {**SHARE, "default": 0.6}),
        "colormap": query("colormap", "The heatmap's colours.", {"type": "string", "enum": list(COLORMAPS)}),
        "timeout": {
            "name": "X-Request-Timeout-Ms",
            "in": "header",
            "description": "A shorter deadline than the service's own, in milliseconds.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
        },
    }


def headers() -> Document:
    """The headers among the components."""

    def header(description: str, schema: Document) -> Document:
        return {"description": description, "schema": schema}

    return {
        "X-Request-Id": header("The request's id: the caller's, if it is clean, or ours.", {"type": "string"}),
        "X-Prediction-Id": header("The prediction's id in the history, where it is kept.", {"type": "string"}),
        "Location": header("The prediction's path.", {"type": "string"}),
        "X-Model": header("Model and version that answered.", {"type": "string", "examples": ["sports7/2"]}),
        "X-Confidence": header("The largest probability.", SHARE),
        "X-Confident": header("Whether the picture is enough like what the model knows.", {"type": "boolean"}),
        "Server-Timing": header("Milliseconds by step.", {"type": "string"}),
        "Retry-After": header("Seconds to wait.", {"type": "integer"}),
    }
