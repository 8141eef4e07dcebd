"""Which schemas and contents does the document say again and again?"""

from typing import Any

Document = dict[str, Any]
"""The document, or a part of it."""

SHARE: Document = {"type": "number", "minimum": 0, "maximum": 1}
BINARY: Document = {"type": "string", "contentEncoding": "binary"}
HTML: Document = {"text/html": {"schema": {"type": "string"}}}


def as_json(schema: Document) -> Document:
    """The content that is JSON by a schema."""
    return {"application/json": {"schema": schema}}


def object_of(**kinds: str) -> Document:
    """An object's schema: its fields, all of them required, each of a plain type."""
    return {
        "type": "object",
        "required": list(kinds),
        "properties": {name: {"type": kind} for name, kind in kinds.items()},
    }


def wrapped(name: str, item: Document) -> Document:
    """The schema of an object whose one field is a list."""
    return {"type": "object", "required": [name], "properties": {name: {"type": "array", "items": item}}}


def ref(name: str) -> Document:
    """A schema by its name among the components."""
    return {"$ref": f"#/components/schemas/{name}"}
