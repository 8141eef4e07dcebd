"""How is a picture sent? In one of three ways, many in one of two, and as a page's form."""

from gateway.openapi.pieces import BINARY, Document
from gateway.uploads import MAX_BATCH

_URL: Document = {"type": "string", "maxLength": 2048, "examples": ["https://example.com/a.jpg"]}
_FILE: Document = {"type": "string", "format": "binary"}


def picture() -> Document:
    """The three ways to give one."""
    return {
        "required": True,
        "content": {
            "application/json": _only("url", _URL),
            "multipart/form-data": _only("file", _FILE),
            "image/*": {"schema": BINARY},
            "application/octet-stream": {"schema": BINARY},
        },
    }


def pictures() -> Document:
    """The two ways to give many."""
    return {
        "required": True,
        "content": {
            "application/json": _only("urls", _many(_URL)),
            "multipart/form-data": _only("file", _many(_FILE)),
        },
    }


def picture_by_form() -> Document:
    """As a page's form sends one."""
    return {
        "required": True,
        "content": {
            "multipart/form-data": _only("file", _FILE),
            "application/x-www-form-urlencoded": _only("url", _URL),
        },
    }


def _only(field: str, schema: Document) -> Document:
    return {"schema": {"type": "object", "required": [field], "properties": {field: schema}}}


def _many(schema: Document) -> Document:
    return {"type": "array", "minItems": 1, "maxItems": MAX_BATCH, "items": schema}
