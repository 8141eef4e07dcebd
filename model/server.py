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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from model.cache import converted
from model.engine import Precision, supports
from model.errors import LoadError
from model.repository import ConfigError, ModelConfig, Repository, read_config
from model.servicer import Errors, ModelService, PredictionService
from protos import model_service_pb2_grpc, prediction_service_pb2_grpc

THREADS = 16
MOST_CALLS = 128
"""Calls taken at once, waiting ones included; more are refused with RESOURCE_EXHAUSTED."""
LARGEST_MESSAGE_BYTES = 256 * 2**20
DRAIN_S = 15.0
"""How long calls in flight may go on after SIGTERM, in seconds."""
SERVICES = ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
"""Names under which grpc.health.v1 answers."""

_log = logging.getLogger("model.server")


def parser() -> argparse.ArgumentParser:
    """The flags, named as tensorflow_model_server names them."""
    flags = argparse.ArgumentParser(
        prog="python -m model.server", description=__doc__.splitlines()[0], allow_abbrev=False
    )
    flags.add_argument("--port", type=int, default=8500, help="TCP port of the gRPC API; 0 lets the system choose")
    flags.add_argument("--host", default="127.0.0.1", help="address to listen on (not in tensorflow_model_server)")
    flags.add_argument("--model_name", default="default", help="name of the one model, with --model_base_path")
    flags.add_argument("--model_base_path", type=Path, help="absolute folder that holds its version folders")
    flags.add_argument("--model_config_file", type=Path, help="text-format ModelServerConfig; instead of the two above")
    flags.add_argument(
        "--engine_precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="what to compute in; auto: what card and processor allow (not in tensorflow_model_server)",
    )
    return flags


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        if arguments[:1] == ["convert"]:
            return convert(arguments[1:])
        return serve(parser().parse_args(arguments))
    except (ConfigError, LoadError) as error:
        print(error, file=sys.stderr)
        return 1


def serve(options: argparse.Namespace) -> int:
    """Bind, load, answer, drain.

    Raises:
        ConfigError: The flags or the configuration file ask for something impossible.
    """
    repository = Repository(_models(options), _precision(options.engine_precision), streams=1)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server, states = build(repository)
    try:
        port = server.add_insecure_port(f"{options.host}:{options.port}")
    except RuntimeError as error:
        raise ConfigError(f"The port {options.host}:{options.port} can't be used: is another server on it?") from error
    complete = repository.load()
    if repository.is_empty:
        raise ConfigError("No model could be loaded.")
    server.start()
    set_serving(states, complete)
    _log.info("%s on %s:%d", "serving" if complete else "not all models are served", options.host, port)
    stop.wait()
    _log.info("draining")
    set_serving(states, False)
    server.stop(DRAIN_S).wait()
    return 0


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
    for version in found:
        _log.info("%s is ready in %s", version, converted(version))
    return 0


def build(repository: Repository) -> tuple[grpc.Server, health.HealthServicer]:
    """The gRPC server with all its services, not started, and its health."""
    server = grpc.server(
        ThreadPoolExecutor(THREADS, thread_name_prefix="call"),
        interceptors=[Errors()],
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
            ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
        ],
        maximum_concurrent_rpcs=MOST_CALLS,
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(repository), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(repository), server)
    states = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    set_serving(states, False)
    return server, states


def set_serving(states: health.HealthServicer, serving: bool) -> None:
    """Say SERVING or NOT_SERVING under every name."""
    status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
    for service in SERVICES:
        states.set(service, status)


def _models(options: argparse.Namespace) -> list[ModelConfig]:
    if options.model_config_file:
        return read_config(options.model_config_file)
    if options.model_base_path:
        return [ModelConfig(options.model_name, options.model_base_path)]
    raise ConfigError("Say which models to serve: --model_config_file, or --model_name and --model_base_path.")


def _precision(flag: str) -> Precision | None:
    if flag == "float32":
        return "float32"
    if flag == "bfloat16":
        if not supports("bfloat16"):
            raise ConfigError("--engine_precision=bfloat16: this processor has no bfloat16 instructions.")
        return "bfloat16"
    return None


if __name__ == "__main__":
    sys.exit(main())
