"""Does the service live, can it answer, and where is it described?"""

from gateway.openapi.operations import operation
from gateway.openapi.parameters import NAME
from gateway.openapi.pieces import HTML, Document, as_json, object_of

_PONG: Document = {"text/plain": {"schema": {"const": "pong", "type": "string"}}}
_ASSET: Document = {kind: {"schema": {"type": "string"}} for kind in ("text/javascript", "text/css")}


def paths() -> Document:
    """Pings and probes; this document, and what shows it to people."""
    healthz = operation("healthz", "service", "The process lives", as_json(object_of(status="string")), ())
    ready = as_json(object_of(status="string", model="string"))
    readyz = operation("readyz", "service", "The default model is available", ready, (503,))
    openapi = operation("openapi", "service", "This document", as_json({"type": "object"}), ())
    asset = operation("asset", "service", "A file that the two load", _ASSET, (404,))
    return {
        "/ping": {"get": operation("ping", "service", "Answers pong", _PONG, ())},
        "/healthz": {"get": healthz},
        "/readyz": {"get": readyz},
        "/openapi.json": {"get": openapi},
        "/docs": {"get": operation("docs", "service", "The API to read and try, by Swagger UI", HTML, ())},
        "/redoc": {"get": operation("redoc", "service", "The API to read, by Redoc", HTML, ())},
        "/docs/assets/{name}": {"get": asset | {"parameters": [NAME]}},
    }
