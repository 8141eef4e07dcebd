"""Which flags are there? Those of tensorflow_model_server, and a few of our own."""

import argparse
from pathlib import Path
from typing import Any

from model.cores import usable_cores
from model.errors import ConfigError

MOST_STREAMS = 4
"""Calls computed side by side, however many cores there are: each stream has buffers of its own."""
LARGEST_STREAMS = 64
_TRUE, _FALSE = ("true", "1", "t", "yes"), ("false", "0", "f", "no")

_WITHOUT_EFFECT = {
    "flush_filesystem_caches": "OpenVINO maps the weights",
    "tensorflow_session_parallelism": "threads are OpenVINO's",
    "tensorflow_intra_op_parallelism": "threads are OpenVINO's",
    "tensorflow_inter_op_parallelism": "threads are OpenVINO's",
    "per_process_gpu_memory_fraction": "there is no GPU",
    "num_load_threads": "versions are loaded one after the other, beside the calls",
    "num_unload_threads": "a version goes when its last call is answered",
    "remove_unused_fields_from_bundle_metagraph": "only the signatures are kept",
    "enable_profiler": "there is no profiler service",
    "xla_cpu_compilation_enabled": "OpenVINO compiles",
    "enforce_session_run_timeout": "deadlines are always kept",
    "num_tflite_pools": "there is no TensorFlow Lite",
    "num_tflite_interpreters_per_pool": "there is no TensorFlow Lite",
}
"""Flags that tune what isn't here: they're taken, and it's said in the log that they change nothing, and why."""

_NOT_SUPPORTED = {
    "platform_config_file": "models are SavedModels",
    "use_alts_credentials": "use --ssl_config_file",
    "tensorflow_session_config_file": "OpenVINO computes",
    "prefer_tflite_model": "there is no TensorFlow Lite",
    "use_tflite_model": "there is no TensorFlow Lite",
    "thread_pool_factory_config_file": "threads are OpenVINO's",
    "enable_per_model_batching_parameters": "one --batching_parameters_file holds for all models",
}
"""Flags that would change what is answered: with them the server doesn't start."""


def parser() -> argparse.ArgumentParser:
    """The flags; `--flag=value`, and `--flag` alone for true."""
    flags = argparse.ArgumentParser(
        prog="python -m model.server", allow_abbrev=False, formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="A model server that speaks TensorFlow Serving's protocol and computes with OpenVINO.",
    )  # fmt: skip
    _addresses(flags)
    _models(flags)
    _computing(flags)
    for name in _WITHOUT_EFFECT:
        flags.add_argument(f"--{name}", nargs="?", const="true", help=argparse.SUPPRESS)
    for name in _NOT_SUPPORTED:
        flags.add_argument(f"--{name}", nargs="?", const="true", help=argparse.SUPPRESS)
    return flags


def _addresses(flags: argparse.ArgumentParser) -> None:
    ours = "(not in tensorflow_model_server)"
    threads = 4 * usable_cores()
    add = flags.add_argument
    add("--port", type=_port, default=8500, help="TCP port of the gRPC API; 0 lets the system choose")
    add("--host", default="127.0.0.1", help=f"address to listen on {ours}")
    add("--grpc_socket_path", default="", help="listen to a Unix socket too, at this path")
    # One waits with each call; status and health must not wait behind them.
    add("--grpc_max_threads", type=_count, default=max(128, threads), help="threads that answer gRPC calls")
    add("--grpc_channel_arguments", default="", help="comma-separated key=value list for the gRPC server")
    add("--ssl_config_file", type=Path, help="text-format SSLConfig: the gRPC API is encrypted")
    add("--rest_api_port", type=_port, default=0, help="port of the REST API; 0: none")
    add("--rest_api_any_port", **_boolean(False), help=f"let the system choose that port {ours}")
    add("--rest_api_num_threads", type=_count, default=threads, help="threads that answer REST calls")
    add("--rest_api_timeout_in_ms", type=_count, default=30_000, help="longest time for a REST call")
    add("--rest_api_enable_cors_support", **_boolean(False), help="let any page read REST answers")
    add("--monitoring_config_file", type=Path, help="text-format MonitoringConfig: Prometheus metrics on the REST port")


def _models(flags: argparse.ArgumentParser) -> None:
    add = flags.add_argument
    add("--model_name", default="default", help="name of the one model, with --model_base_path")
    add("--model_base_path", type=Path, help="absolute folder that holds its version folders")
    add("--model_config_file", type=Path, help="text-format ModelServerConfig; instead of the two above")
    add("--model_config_file_poll_wait_seconds", type=int, default=0, help="how often it's read again; 0: never")
    add("--file_system_poll_wait_seconds", type=int, default=1, help="how often versions are looked for; 0: once")
    add("--max_num_load_retries", type=int, default=5, help="tries after the first one that failed")
    add("--load_retry_interval_micros", type=int, default=60_000_000, help="time between them")
    add("--allow_version_labels_for_unavailable_models", **_boolean(False), help="a new label may wait for its version")
    add("--enable_model_warmup", **_boolean(True), help="replay recorded requests while loading")
    add("--num_request_iterations_for_warmup", type=int, default=1, help="how often each is replayed")
    add("--saved_model_tags", default="serve", help="which graph of a SavedModel is served; only `serve` is")
    add(
        "--enable_signature_method_name_check",
        **_boolean(False),
        help="refuse Classify and Regress on other signatures",
    )


def _computing(flags: argparse.ArgumentParser) -> None:
    add = flags.add_argument
    add("--enable_batching", **_boolean(False), help="join calls")
    add("--batching_parameters_file", type=Path, help="text-format BatchingParameters")
    add(
        "--engine_precision",
        choices=("auto", "float32", "bfloat16", "int8"),
        default="auto",
        help="what to compute in; auto: the fastest that card and processor allow (not in tensorflow_model_server)",
    )
    add(
        "--engine_streams",
        type=_streams,
        default=min(usable_cores(), MOST_STREAMS),
        help="calls computed side by side when they meet; 1 saves the memory of it (not in tensorflow_model_server)",
    )
    add("--version", action="store_true", help="print the versions and end")


def judged(options: argparse.Namespace) -> list[str]:
    """What the log should say of the flags.

    Raises:
        ConfigError: One asks for what isn't supported.
    """
    for name, why in _NOT_SUPPORTED.items():
        value = getattr(options, name)
        if value is not None and value.lower() not in ("", *_FALSE):
            raise ConfigError(f"--{name} isn't supported here: {why}.")
    if options.saved_model_tags != "serve":
        raise ConfigError(
            f"--saved_model_tags={options.saved_model_tags} isn't supported here: only `serve` is served."
        )
    given = [name for name in _WITHOUT_EFFECT if getattr(options, name) is not None]
    return [f"--{name} changes nothing here: {_WITHOUT_EFFECT[name]}" for name in given]


def channel_arguments(text: str) -> list[tuple[str, int | str]]:
    """`--grpc_channel_arguments`: numbers as numbers.

    Raises:
        ConfigError: An entry isn't key=value.
    """
    arguments: list[tuple[str, int | str]] = []
    for entry in filter(None, text.split(",")):
        key, equals, value = entry.partition("=")
        if not key or not equals:
            raise ConfigError(f"--grpc_channel_arguments: {entry} isn't key=value.")
        arguments.append((key, int(value) if value.lstrip("-").isdigit() else value))
    return arguments


def _boolean(default: bool) -> dict[str, Any]:
    return {"type": _truth, "nargs": "?", "const": True, "default": default, "metavar": "true|false"}


def _truth(text: str) -> bool:
    if text.lower() in _TRUE + _FALSE:
        return text.lower() in _TRUE
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port")


def _streams(text: str) -> int:
    if (count := _count(text)) <= LARGEST_STREAMS:
        return count
    raise argparse.ArgumentTypeError(f"{count} is more than {LARGEST_STREAMS}")


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 2**31:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
