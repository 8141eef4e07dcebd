"""What do people open? The page at /, a form's answer, and what they load; and pictures for a first try."""

from gateway.openapi.bodies import picture_by_form
from gateway.openapi.operations import ANSWERED, NOT_CHANGED, PICTURE_ERRORS, operation
from gateway.openapi.parameters import NAME, named, named_headers
from gateway.openapi.pieces import BINARY, HTML, Document, as_json, wrapped

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
_ASSET: Document = {kind: {"schema": {"type": "string"}} for kind in ("text/javascript", "text/css", "image/svg+xml")}
_VERSION: Document = {
    "name": "version",
    "in": "path",
    "required": True,
    "description": "The page's version.",
    "schema": NAME["schema"],
}


def paths() -> Document:
    """The page for people, and what it loads."""
    index = operation("index", "page", "Name, links and limits; for a browser the page", as_json(_INDEX) | HTML, ())
    unasked = operation("unasked", "page", "The page, for who comes back here without a picture", HTML, ())
    samples = as_json(wrapped("samples", {"type": "string"}))
    sample = _file("sample", "One of them", {"image/jpeg": {"schema": BINARY}})
    small = _file("smallSample", "The same, small", {"image/webp": {"schema": BINARY}})
    for page in (index, unasked):
        page["responses"] |= NOT_CHANGED
    return {
        "/": {"get": index},
        "/assets/{version}/{name}": {
            "get": _file("pageAsset", "A file that the page loads", _ASSET) | {"parameters": [_VERSION, NAME]}
        },
        "/answer": {"get": unasked, "post": _answer()},
        "/samples": {"get": operation("samples", "page", "Pictures for a first try", samples, ())},
        "/samples/{name}": {"get": sample | {"parameters": [NAME]}},
        "/samples/{name}/small": {"get": small | {"parameters": [NAME]}},
    }


def _answer() -> Document:
    answer = operation("answer", "page", "What a form's picture shows, as a page", HTML, PICTURE_ERRORS)
    answer["responses"]["200"]["headers"] |= named_headers(*ANSWERED, "X-Prediction-Id")
    for status in map(str, PICTURE_ERRORS):
        answer["responses"][status]["content"] = HTML
    return answer | {"parameters": named("timeout"), "requestBody": picture_by_form()}


def _file(name: str, summary: str, content: Document) -> Document:
    file = operation(name, "page", summary, content, (404,))
    file["responses"] |= NOT_CHANGED
    return file
