"""How do calls over HTTP reach the models? TensorFlow Serving's REST API, as a WSGI application, and its server.

    POST /v1/models/NAME[/versions/N|/labels/LABEL]:predict|classify|regress
    GET  /v1/models/NAME[/versions/N|/labels/LABEL][/metadata]

Paths, codes and texts are TensorFlow Serving's (model_servers/http_rest_api_handler.cc, http_rest_api_util.cc).
"""

import gzip
import io
import json
import logging
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

import grpc
from google.protobuf.json_format import MessageToDict
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask
from werkzeug.exceptions import HTTPException, NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from model import json_tensors
from model.errors import ServingError, invalid
from model.precision import PRECISION_METADATA
from model.servable import Servable
from model.signatures import DEFAULT_SIGNATURE
from protos import classification_pb2, get_model_metadata_pb2, get_model_status_pb2, model_pb2, regression_pb2

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

METRICS_PATH = "/monitoring/prometheus/metrics"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LARGEST_BODY_BYTES = 32 * 2**20
"""Largest body that is read, as it comes and unpacked. JSON can take 24 times its size while it's read."""
THREADS = 16
MOST_CONNECTIONS = 128
BACKLOG = 64
IDLE_S = 60
"""How long a connection may be silent, in seconds."""

_VERSION = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_CALL = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<what>classify|regress|predict)", re.IGNORECASE | re.ASCII
)
_LOOK = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?:/(?P<what>metadata))?", re.IGNORECASE | re.ASCII)

_HTTP = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
"""HTTP statuses of gRPC codes; 500 for the others."""

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}

_log = logging.getLogger(__name__)


class Versions(Protocol):
    """Which versions answer: what `model.repository` has for it."""

    def servable(self, spec: Any) -> Servable:
        """The version that a ModelSpec asks for."""

    def status(self, spec: Any) -> list[Any]:
        """The ModelVersionStatus of the versions that a ModelSpec asks for."""


class Inference(Protocol):
    """Calls that have tf.Examples for inputs."""

    def classify(self, request: Any, timeout_s: float) -> Any:
        """The ClassificationResponse to a ClassificationRequest."""

    def regress(self, request: Any, timeout_s: float) -> Any:
        """The RegressionResponse to a RegressionRequest."""

    def counted(self, name: str, api: str) -> AbstractContextManager[None]:
        """Counts the block as a call of that model."""


def application(
    repository: Versions,
    prediction: Inference,
    timeout_s: float,
    metrics_page: Callable[[], bytes] | None = None,
    metrics_path: str = METRICS_PATH,
    largest_body_bytes: int = LARGEST_BODY_BYTES,
    cors: bool = False,
) -> "WSGIApplication":
    """The REST API.

    Args:
        repository: The versions that answer.
        prediction: Answers classify and regress.
        timeout_s: Longest wait of a call for its turn, in seconds.
        metrics_page: What the metrics' page says, or None for no such page.
        metrics_path: Where that page is.
        largest_body_bytes: Longer bodies are refused, and those that are longer once unpacked.
        cors: Whether any origin's pages may call, and read the answers.
    """
    api = _Api(repository, prediction, timeout_s, largest_body_bytes)

    def answer(request: Request) -> Response:
        if metrics_page is not None and request.method == "GET" and request.path == metrics_path:
            return Response(metrics_page(), content_type=METRICS_TYPE)
        body, precision = api.answer(request)
        response = _response(body, 200)
        if precision:
            response.headers[PRECISION_METADATA] = precision
        return response

    def serve_one(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        asked_first = cors and request.method == "OPTIONS"
        response = _response(b"", 200) if asked_first else _guarded(answer, request)
        response.headers.update(_CORS if cors else {})
        return response(environ, start_response)

    return serve_one


def _guarded(answer: Callable[[Request], Response], request: Request) -> Response:
    try:
        return answer(request)
    except ServingError as error:
        return _error(error.text, _HTTP.get(error.code, 500))
    except TimeoutError:
        return _error("Deadline exceeded", 504)
    except HTTPException as error:
        return _error(error.description or error.name, error.code or 500)
    except Exception:
        _log.exception("%s %s failed", request.method, request.path)
        return _error("Internal error", 500)


def _error(text: str, status: int) -> Response:
    return _response(json.dumps({"error": text}).encode(), status)


def _response(body: bytes, status: int) -> Response:
    return Response(body, status, content_type="application/json")


@dataclass(frozen=True)
class _Api:
    repository: Versions
    prediction: Inference
    timeout_s: float
    largest_body_bytes: int

    def answer(self, request: Request) -> tuple[bytes, str]:
        """The body, and what a prediction in it was computed in."""
        path = _path(request)
        if not path.lower().startswith("/v1/"):
            raise NotFound("Not Found")
        if request.method == "POST" and (found := _CALL.fullmatch(path)) and found["what"].islower():
            spec, document = _spec(found), self._document(request)
            if found["what"] == "predict":
                return self._predict(spec, document)
            return (self._classify if found["what"] == "classify" else self._regress)(spec, document), ""
        if request.method == "GET" and (found := _LOOK.fullmatch(path)):
            spec = _spec(found)
            if not spec.name:
                raise invalid("Missing model name in request.")
            return (self._metadata if found["what"] == "metadata" else self._status)(spec), ""
        raise invalid(f"Malformed request: {request.method} {path}")

    def _document(self, request: Request) -> dict[str, Any]:
        request.max_content_length = self.largest_body_bytes
        body = request.get_data(cache=False)
        if "gzip" in request.headers.get("Content-Encoding", ""):
            body = _unpacked(body, self.largest_body_bytes)
        return json_tensors.parse(body)

    def _predict(self, spec: Any, document: dict[str, Any]) -> tuple[bytes, str]:
        name = json_tensors.signature_name(document) or DEFAULT_SIGNATURE
        with self.prediction.counted(spec.name, "predict"):
            servable = self.repository.servable(spec)
            if name not in servable.signatures:
                raise invalid(f'Serving signature name: "{name}" not found in signature def')
            inputs, form = json_tensors.predict_inputs(document, servable.signatures[name])
            outputs = servable.run(name, inputs, [], self.timeout_s)
            return json_tensors.predict_response(outputs, form), servable.precision_of(name)

    def _classify(self, spec: Any, document: dict[str, Any]) -> bytes:
        spec.signature_name = json_tensors.signature_name(document)
        request = classification_pb2.ClassificationRequest(model_spec=spec, input=json_tensors.examples(document))
        return json_tensors.classify_response(self.prediction.classify(request, self.timeout_s).result)

    def _regress(self, spec: Any, document: dict[str, Any]) -> bytes:
        spec.signature_name = json_tensors.signature_name(document)
        request = regression_pb2.RegressionRequest(model_spec=spec, input=json_tensors.examples(document))
        return json_tensors.regress_response(self.prediction.regress(request, self.timeout_s).result)

    def _status(self, spec: Any) -> bytes:
        statuses = self.repository.status(spec)
        return _written(_plain(get_model_status_pb2.GetModelStatusResponse(model_version_status=statuses)))

    def _metadata(self, spec: Any) -> bytes:
        servable = self.repository.servable(spec)
        answered = model_pb2.ModelSpec(name=servable.name)
        answered.version.value = servable.version
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signatures)
        return _written({"model_spec": _plain(answered), "metadata": {"signature_def": _plain(signatures)}})


def _path(request: Request) -> str:
    """Path and query as they came: names are unquoted once the path is taken apart."""
    uri = str(request.environ.get("REQUEST_URI") or request.full_path.removesuffix("?"))
    return re.sub(r"https?://[^/]*", "", uri, count=1) if uri.startswith("http") else uri


def _spec(found: re.Match[str]) -> Any:
    """The ModelSpec in a path."""
    spec = model_pb2.ModelSpec(name=_decoded(found["name"] or "", "model name"))
    if found["version"]:
        digits = found["version"].lstrip("0") or "0"
        if len(digits) > 19 or int(digits) >= 2**63:
            raise invalid(f"Failed to convert version: {found['version']} to numeric.")
        spec.version.value = int(digits)
    if found["label"]:
        spec.version_label = _decoded(found["label"], "model version label")
    return spec


def _decoded(quoted: str, what: str) -> str:
    try:
        return unquote(quoted.encode("latin-1").decode(), errors="strict")
    except UnicodeError as error:
        raise invalid(f"Failed to decode {what}:{quoted}") from error


def _unpacked(body: bytes, most: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as unpacking:
            unpacked = unpacking.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise invalid("Failed to uncompress the gzipped body") from error
    if len(unpacked) > most:
        raise RequestEntityTooLarge
    return unpacked


def _plain(message: Any) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def _written(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode()


class _JsonErrors(ErrorTask):  # type: ignore[misc]
    """What the HTTP server answers on its own: to bodies that are too long, and to what is no HTTP."""

    def execute(self) -> None:
        error = self.request.error
        response = _error(f"{error.reason}: {error.body}", error.code)
        self.status = response.status
        self.response_headers.extend(response.headers.to_wsgi_list())
        self.set_close_on_finish()
        body = response.get_data()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    error_task_class = _JsonErrors


class RestServer:
    """An HTTP server in threads of its own; it answers from `start` to `close`, and is bound from the beginning.

    Args:
        app: What answers.
        host: The address to listen on.
        port: TCP port; 0 lets the system choose.
        threads: Calls answered side by side.
        largest_body_bytes: Longer bodies are refused before they are read.
        idle_s: How long a connection may be silent, in seconds.

    Raises:
        OSError: The address can't be used.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        host: str,
        port: int,
        threads: int = THREADS,
        largest_body_bytes: int = LARGEST_BODY_BYTES,
        idle_s: int = IDLE_S,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self.port: int = listening.getsockname()[1]
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full house is no news
        self._server = create_server(
            app,
            sockets=[listening],
            threads=threads,
            backlog=BACKLOG,
            connection_limit=MOST_CONNECTIONS,
            channel_timeout=idle_s,
            cleanup_interval=max(1, idle_s // 4),
            max_request_body_size=largest_body_bytes + 1,  # waitress means: from here on it's too long
            inbuf_overflow=largest_body_bytes + 1,  # bodies stay in memory: there may be no disk to write to
            outbuf_overflow=largest_body_bytes + 1,
            asyncore_use_poll=True,
            ident=None,
        )
        self._server.channel_class = _Channel
        self._closing = threading.Event()
        self._drain_s = 0.0
        self._thread = threading.Thread(target=self._run, name="rest", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self, drain_s: float = 0.0) -> None:
        """Take no new connection, answer what is there for up to `drain_s` seconds, and end."""
        self._drain_s = drain_s
        self._closing.set()
        if self._thread.is_alive():
            self._server.pull_trigger()
            self._thread.join()
        else:
            self._end()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._turn(1.0)
        wasyncore.dispatcher.close(self._server)
        deadline = time.monotonic() + self._drain_s
        while time.monotonic() < deadline and any(map(_is_busy, list(self._server.active_channels.values()))):
            self._turn(0.1)
        self._end()

    def _turn(self, timeout_s: float) -> None:
        wasyncore.loop(timeout=timeout_s, use_poll=True, map=self._server._map, count=1)

    def _end(self) -> None:
        wasyncore.dispatcher.close(self._server)
        self._server.task_dispatcher.shutdown(timeout=1)
        self._server.trigger.close()
        wasyncore.close_all(self._server._map)


def _is_busy(channel: Any) -> bool:
    return bool(channel.requests or channel.total_outbufs_len)


def serve(app: "WSGIApplication", host: str, port: int, **options: int) -> RestServer:
    """A server that answers; its `port` is the one that is bound, and `close` ends it.

    Args:
        app: What `application` gave.
        host: The address to listen on.
        port: TCP port; 0 lets the system choose.
        options: As `RestServer` has them.

    Raises:
        OSError: The address can't be used.
    """
    server = RestServer(app, host, port, **options)
    server.start()
    return server
