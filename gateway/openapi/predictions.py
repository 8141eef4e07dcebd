"""What can be done with predictions? They are made, listed, read, corrected and deleted."""

from gateway.openapi.bodies import picture, pictures
from gateway.openapi.operations import ANSWERED, NOT_CHANGED, PICTURE_ERRORS, operation
from gateway.openapi.parameters import named, named_headers
from gateway.openapi.pieces import BINARY, Document, as_json, object_of, ref, wrapped

_FILTERS = ("limit", "cursor", "skip", "label", "model", "version", "since", "until", "confident", "corrected")
_ERRORS_OF_ONE = (404, 503)
_CORRECTION: Document = {
    "type": "object",
    "required": ["true_label"],
    "additionalProperties": False,
    "properties": {
        "true_label": {
            "type": ["string", "null"],
            "description": "A class of the prediction's model; null takes the correction back.",
            "examples": ["tennis"],
        }
    },
}


def paths() -> Document:
    """The resource /predictions: all of them, and one."""
    listed = operation("listPredictions", "history", "Predictions, newest first", as_json(ref("Page")), (400, 404, 503))
    cleared = as_json(object_of(deleted="integer"))
    clear = operation("deletePredictions", "history", "Delete all predictions and their pictures", cleared, (404, 503))
    read = operation("readPrediction", "history", "A prediction", as_json(ref("Prediction")), _ERRORS_OF_ONE)
    identified = {"parameters": named("id")}
    return {
        "/predictions": {"post": _create(), "get": listed | {"parameters": named(*_FILTERS)}, "delete": clear},
        "/predictions/batch": {"post": _batch()},
        "/predictions/{id}": {
            "get": read | identified,
            "patch": _correct() | identified,
            "delete": _remove() | identified,
        },
        "/predictions/{id}/image": {"get": _image() | identified},
    }


def _create() -> Document:
    create = operation(
        "createPrediction",
        "history",
        "Predict, and tell all about it; 200, without an id, where it isn't kept",
        as_json(ref("Prediction")),
        PICTURE_ERRORS,
    )
    answered = create["responses"]["200"]
    answered["headers"] |= named_headers(*ANSWERED)
    create["responses"]["201"] = answered | {
        "description": "The prediction, which is kept",
        "headers": answered["headers"] | named_headers("X-Prediction-Id", "Location"),
    }
    return create | {
        "parameters": named("explain", "picture", "model", "version", "version_label", "timeout"),
        "requestBody": picture(),
    }


def _batch() -> Document:
    batch = operation(
        "createPredictions",
        "history",
        "Predict up to 64 pictures; one prediction or one problem each, in order",
        {**as_json(wrapped("items", ref("BatchItem"))), "application/x-ndjson": {"schema": {"type": "string"}}},
        (400, 404, 408, 413, 503),
    )
    return batch | {
        "parameters": named("model", "version", "version_label", "timeout"),
        "requestBody": pictures(),
    }


def _correct() -> Document:
    correct = operation(
        "correctPrediction",
        "history",
        "Say what the picture shows",
        as_json(ref("Prediction")),
        (400, 404, 408, 413, 503),
    )
    return correct | {"requestBody": {"required": True, "content": as_json(_CORRECTION)}}


def _remove() -> Document:
    remove = operation("deletePrediction", "history", "Delete a prediction", {}, _ERRORS_OF_ONE)
    removed = remove["responses"].pop("200")
    del removed["content"]
    remove["responses"]["204"] = removed
    return remove


def _image() -> Document:
    content = {"image/jpeg": {"schema": BINARY}}
    image = operation("predictionImage", "history", "The thumbnail that is kept", content, _ERRORS_OF_ONE)
    image["responses"] |= NOT_CHANGED
    return image
