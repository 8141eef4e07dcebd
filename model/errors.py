"""What the model server answers when it can't: a gRPC code and a text, as TensorFlow Serving has them."""

import grpc

LONGEST_TEXT = 1024


class ServingError(Exception):
    """Ends a call with a code and a text."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "...TRUNCATED"


def invalid(text: str) -> ServingError:
    """The request isn't what the signature asks for."""
    return ServingError(grpc.StatusCode.INVALID_ARGUMENT, text)


def not_found(text: str) -> ServingError:
    """No such model or version."""
    return ServingError(grpc.StatusCode.NOT_FOUND, text)


def precondition(text: str) -> ServingError:
    """The model is there, but not for this call."""
    return ServingError(grpc.StatusCode.FAILED_PRECONDITION, text)


class LoadError(Exception):
    """A version can't be served; the text says why, for the log and for GetModelStatus."""


class ConfigError(Exception):
    """The server can't start with this configuration; the text says why."""
