"""The API as an OpenAPI 3.1 document: what each route takes, answers and refuses."""

from gateway.openapi.description import blueprint, document

__all__ = ["blueprint", "document"]
