"""How does a route answer? With what it is asked for, or with a problem."""

from gateway.errors import GatewayError
from gateway.openapi.parameters import named_headers
from gateway.openapi.pieces import Document, ref

ANSWERED = ("X-Model", "X-Confidence", "X-Confident", "Server-Timing")
"""Headers of an answer that a model gave."""
NOT_CHANGED: Document = {"304": {"description": "It is the one that `If-None-Match` names."}}
"""The response that has nothing new."""
PICTURE_ERRORS = (400, 404, 408, 413, 415, 422, 502, 503, 504)
"""What can become of a picture instead of an answer."""
_MEANINGS = {
    400: "The request isn't what this route asks for.",
    404: "There is no such thing: a model, a version, a prediction, a file; or no history is kept.",
    408: "The request's body came too slowly.",
    413: "The picture has too many bytes or pixels, or the batch or the body is too large.",
    415: "The bytes are no complete picture of a format that is read.",
    422: "The URL gave no bytes.",
    502: "The model server refused the picture's tensor.",
    503: "The model server or the history is away, or the service is full; `Retry-After` says when to try again.",
    504: "The deadline passed waiting for the model.",
}


def operation(name: str, tag: str, summary: str, content: Document, errors: tuple[int, ...]) -> Document:
    """What is said of a route and a method: the answer, and the problems that may come instead, by their statuses.

    Parameters and a body are the caller's to add.
    """
    answered = {"description": summary, "headers": named_headers("X-Request-Id"), "content": content}
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "responses": {"200": answered, **{str(status): _refusal(status) for status in errors}},
    }


def _refusal(status: int) -> Document:
    return {
        "description": _MEANINGS[status],
        "headers": named_headers("X-Request-Id", *(["Retry-After"] if status == 503 else [])),
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }


def problem() -> Document:
    """The schema of every refusal, with all codes."""
    codes = sorted({error.code for error in _leaves(GatewayError)})
    return {
        "type": "object",
        "description": f"RFC 9457 problem details. Codes: {', '.join(codes)}, and HTTP's own in lower case.",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string"},
            "request_id": {"type": "string"},
        },
    }


def _leaves(kind: type[GatewayError]) -> list[type[GatewayError]]:
    below = kind.__subclasses__()
    return [leaf for sub in below for leaf in _leaves(sub)] if below else [kind]
