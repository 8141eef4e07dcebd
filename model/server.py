"""A small model server that speaks TensorFlow Serving's protocol and computes with OpenVINO.

    python -m model.server --port 8500 --model_config_file FILE
    python -m model.server --port 8500 --model_name NAME --model_base_path FOLDER
    python -m model.server convert FOLDER

The last converts every version of every model below a folder into the cache, for a server that has no TensorFlow.
"""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import cast

import grpc
import openvino
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from model import flags
from model.batching_parameters import Parameters, read_parameters
from model.cache import prepared
from model.config import ModelConfig, models_of, read_config
from model.errors import ConfigError, LoadError, ServingError
from model.loading import Loader
from model.memory import keep_one_pool
from model.metrics import Metrics
from model.monitoring import metrics_path
from model.precision import Precision, supports
from model.prediction import Prediction
from model.repository import Repository, Rules
from model.rest import METRICS_PATH, RestServer, application
from model.security import credentials
from model.servicer import Errors, ModelService, PredictionService
from protos import model_server_config_pb2, model_service_pb2_grpc, prediction_service_pb2_grpc

MOST_CALLS = 128
"""Calls taken at once, waiting ones included; more are refused with RESOURCE_EXHAUSTED."""
LARGEST_MESSAGE_BYTES = 256 * 2**20
DRAIN_S = 15.0
"""How long calls in flight may go on after SIGTERM, in seconds."""
SERVICES = ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
"""Names under which grpc.health.v1 answers."""
_SLICE_S = 0.5

_log = logging.getLogger("model.server")


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        if arguments[:1] == ["convert"]:
            return convert(arguments[1:])
        options = flags.parser().parse_args(arguments)
        if options.version:
            print(f"model.server on OpenVINO {openvino.__version__}, gRPC {grpc.__version__}")
            return 0
        return serve(options)
    except (ConfigError, LoadError) as error:
        print(error, file=sys.stderr)
        return 1
    except ServingError as error:
        print(f"Failed to start server. Error: {error.code.name}: {error.text}", file=sys.stderr)
        return 1


def serve(options: argparse.Namespace) -> int:
    """Bind, load, answer, drain.

    Raises:
        ConfigError: The flags or the configuration file ask for something impossible.
        ServingError: TensorFlow Serving refuses the configuration too.
    """
    keep_one_pool()
    for line in flags.judged(options):
        _log.warning("%s", line)
    models, metrics = _models(options), Metrics()
    repository = Repository(_loader(options, metrics), _rules(options), prepared)
    stop, told = threading.Event(), SimpleQueue[int]()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(
            number, lambda number, _: told.put(number)
        )  # an event's own lock may be held by who is interrupted
    states = health.HealthServicer()
    follow = Follower(repository, states)
    server = build(options, repository, metrics, states, follow.tell)
    port = _bind(server, options)
    rest = _rest(options, repository, metrics)
    follow.apply(models)
    if repository.is_empty:
        raise ConfigError("No model could be loaded.")
    server.start()
    if rest:
        rest.start()
        _log.info("REST API on %s:%d", options.host, rest.port)
    follow.start(options, stop)
    _log.info("%s on %s:%d", "serving" if follow.tell() else "not all models are served", options.host, port)
    _wait_for(told)
    stop.set()
    _log.info("draining")
    follow.stop()
    stopped = server.stop(DRAIN_S)
    if rest:
        rest.close(DRAIN_S)
    stopped.wait()
    repository.close()
    return 0


def _wait_for(told: SimpleQueue[int]) -> None:
    """Return once there is something. The waits are short: a signal that comes just before one is seen at its end."""
    while True:
        with suppress(Empty):
            told.get(timeout=_SLICE_S)
            return


class Follower:
    """Keeps the repository at what disk and configuration say, and health at what the repository has.

    Args:
        repository: The models.
        states: grpc.health.v1's.
    """

    def __init__(self, repository: Repository, states: health.HealthServicer) -> None:
        self._repository, self._states = repository, states
        self._stopping = False
        self._lock = threading.Lock()
        _set(states, False)

    def apply(self, models: list[ModelConfig]) -> None:
        """Serve these models, and tell what isn't there."""
        try:
            self._repository.apply(models)
        except ServingError as error:
            if error.code is not grpc.StatusCode.UNKNOWN:
                raise
            _log.error("%s", error.text)

    def tell(self) -> bool:
        """Say SERVING where every model answers; whether that is so."""
        complete = self._repository.is_complete
        with self._lock:
            _set(self._states, complete and not self._stopping)
        return complete

    def stop(self) -> None:
        """Say NOT_SERVING from now on."""
        with self._lock:
            self._stopping = True
            _set(self._states, False)

    def start(self, options: argparse.Namespace, stop: threading.Event) -> None:
        """Look at the disk, and at the configuration file, every few seconds."""
        every = options.file_system_poll_wait_seconds
        if every > 0:
            self._repeat("versions", every, stop, self._repository.poll)
        every = options.model_config_file_poll_wait_seconds
        if every > 0 and options.model_config_file:
            self._repeat("configuration", every, stop, lambda: self.apply(read_config(options.model_config_file)))

    def _repeat(self, what: str, seconds: float, stop: threading.Event, look: Callable[[], None]) -> None:
        def run() -> None:
            while not stop.wait(seconds):
                try:
                    look()
                    self.tell()
                except ConfigError as error:
                    _log.error("%s; the models stay as they are", error)
                except ServingError as error:
                    _log.error("%s; the models stay as they are", error.text)
                except Exception:
                    _log.exception("looking for %s", what)

        threading.Thread(target=run, name=f"poll {what}", daemon=True).start()


def convert(arguments: list[str]) -> int:
    """Convert every version below a folder of models into the cache; the exit status.

    Raises:
        ConfigError: No folder is named, or there is no version in it.
        LoadError: A version can't be converted.
    """
    if len(arguments) != 1:
        raise ConfigError("Say which folder of models to convert: python -m model.server convert FOLDER")
    found = sorted(path.parent for path in Path(arguments[0]).glob("*/*/saved_model.pb") if path.parent.name.isdigit())
    if not found:
        raise ConfigError(f"There is no MODEL/VERSION/saved_model.pb below {arguments[0]}.")
    for version, made in zip(found, prepared(found), strict=True):
        if isinstance(made, LoadError):
            raise made
        _log.info("%s is ready in %s", version, made)
    return 0


def build(
    options: argparse.Namespace,
    repository: Repository,
    metrics: Metrics,
    states: health.HealthServicer,
    changed: Callable[[], object],
) -> grpc.Server:
    """The gRPC server with all its services, not started."""
    server = grpc.server(
        ThreadPoolExecutor(options.grpc_max_threads, thread_name_prefix="call"),
        interceptors=[Errors()],
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
            ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
            *flags.channel_arguments(options.grpc_channel_arguments),
        ],
        maximum_concurrent_rpcs=MOST_CALLS,
    )
    checked = options.enable_signature_method_name_check
    prediction = Prediction(repository, metrics, "GRPC", check_method_names=checked)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(prediction), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(repository, changed), server)
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    return server


def _bind(server: grpc.Server, options: argparse.Namespace) -> int:
    """The TCP port that was bound."""
    address = f"{options.host}:{options.port}"
    secure = credentials(options.ssl_config_file) if options.ssl_config_file else None
    try:
        if options.grpc_socket_path:
            server.add_insecure_port(f"unix:{options.grpc_socket_path}")
        return int(server.add_secure_port(address, secure) if secure else server.add_insecure_port(address))
    except RuntimeError as error:
        raise ConfigError(f"The port {address} can't be used: is another server on it?") from error


def _rest(options: argparse.Namespace, repository: Repository, metrics: Metrics) -> RestServer | None:
    """The REST API, bound and not started, if it's asked for."""
    if not options.rest_api_port and not options.rest_api_any_port:
        return None
    path = metrics_path(options.monitoring_config_file) if options.monitoring_config_file else None
    page = None if path is None else metrics.page
    timeout_s = options.rest_api_timeout_in_ms / 1000
    app = application(
        repository,
        Prediction(repository, metrics, "REST"),
        timeout_s,
        page,
        path or METRICS_PATH,
        cors=options.rest_api_enable_cors_support,
    )
    try:
        return RestServer(app, options.host, options.rest_api_port, options.rest_api_num_threads)
    except OSError as error:
        address = f"{options.host}:{options.rest_api_port}"
        raise ConfigError(f"The port {address} can't be used for the REST API: {error.strerror}") from error


def _set(states: health.HealthServicer, serving: bool) -> None:
    status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
    for service in SERVICES:
        states.set(service, status)


def _models(options: argparse.Namespace) -> list[ModelConfig]:
    if options.model_config_file:
        return read_config(options.model_config_file)
    if options.model_base_path:
        config = model_server_config_pb2.ModelServerConfig()
        config.model_config_list.config.add(name=options.model_name, base_path=str(options.model_base_path))
        return models_of(config)
    raise ConfigError("Say which models to serve: --model_config_file, or --model_name and --model_base_path.")


def _loader(options: argparse.Namespace, metrics: Metrics) -> Loader:
    iterations = max(1, options.num_request_iterations_for_warmup) if options.enable_model_warmup else 0
    batching = None
    if options.enable_batching:
        file = options.batching_parameters_file
        batching = read_parameters(file) if file else Parameters(thread_pool_name="model_server_batch_threads")
    elif options.batching_parameters_file:
        raise ConfigError(
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true."
        )
    precision = _precision(options.engine_precision)
    return Loader(metrics, precision, options.engine_streams, batching, iterations)


def _rules(options: argparse.Namespace) -> Rules:
    return Rules(
        options.max_num_load_retries,
        options.load_retry_interval_micros / 1e6,
        options.allow_version_labels_for_unavailable_models,
    )


def _precision(flag: str) -> Precision | None:
    if flag == "bfloat16" and not supports("bfloat16"):
        raise ConfigError("--engine_precision=bfloat16: this processor has no bfloat16 instructions.")
    return None if flag == "auto" else cast(Precision, flag)


if __name__ == "__main__":
    sys.exit(main())
