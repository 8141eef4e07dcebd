"""What do the pictures' answers look like where the model is served?

In float32 the SavedModel runs in TensorFlow. Other precisions belong to the embedded model server: it is started in a
process of its own and asked over gRPC, as the gateway would ask it.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from gateway.preprocessing import Images
from protos import predict_pb2, prediction_service_pb2_grpc
from protos.tensors import to_array, to_proto
from trainer.config import Config
from trainer.data import Example
from trainer.errors import TrainerError
from trainer.features import tensors

START_S = 120.0
CALL_S = 60.0
_ALL_BYTES = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclass(frozen=True)
class Answers:
    """float32 outputs of the `serve_uint8` signature for a number of pictures."""

    probabilities: NDArray[np.float32]
    logits: NDArray[np.float32]
    known_score: NDArray[np.float32]


def answers(version: Path, batches: Iterable[Images], precision: str) -> Answers:
    """The answers of the SavedModel in the folder `version` to the pictures.

    Raises:
        TrainerError: The embedded server didn't start, or computes in another precision.
    """
    return _collected(ask(version, "serve_uint8", ({"images": images} for images in batches), precision))


def _collected(outputs: Iterable[dict[str, NDArray[Any]]]) -> Answers:
    collected = list(outputs)
    return Answers(
        *(np.concatenate([one[name] for one in collected]) for name in ("probabilities", "logits", "known_score"))
    )


def answered(
    version: Path,
    config: Config,
    examples: Sequence[Example],
    precision: str,
    *,
    change: Callable[[Image.Image], Image.Image] | None = None,
) -> Answers:
    """The exported model's answers to the pictures, as they are or changed."""
    return answers(version, tensors(examples, config.input_size, config.resize, change=change), precision)


def served_answers(version: Path, config: Config, examples: Sequence[Example], precision: str) -> Answers:
    """The embedded server's answers to the pictures, in float32 too.

    Raises:
        TrainerError: It didn't start, or computes in another precision.
    """
    batches = tensors(examples, config.input_size, config.resize)
    return _collected(_served(version, "serve_uint8", ({"images": images} for images in batches), precision))


def ask(
    version: Path, signature: str, requests: Iterable[dict[str, NDArray[Any]]], precision: str
) -> Iterator[dict[str, NDArray[Any]]]:
    """The outputs of a signature for each request, in a precision.

    Raises:
        TrainerError: The embedded server didn't start, or computes in another precision.
    """
    if precision == "float32":
        function = _loaded(version).signatures[signature]
        for inputs in requests:
            outputs = function(**{name: tf.constant(value) for name, value in inputs.items()})
            yield {name: value.numpy() for name, value in outputs.items()}
    else:
        yield from _served(version, signature, requests, precision)


@lru_cache(maxsize=1)
def _loaded(version: Path) -> Any:
    """The SavedModel; an evaluation asks it many times."""
    return tf.saved_model.load(str(version))


def _served(
    version: Path, signature: str, requests: Iterable[dict[str, NDArray[Any]]], precision: str
) -> Iterator[dict[str, NDArray[Any]]]:
    name = version.parent.name
    with _server(version.parent, precision) as address, grpc.insecure_channel(address, options=_ALL_BYTES) as channel:
        predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        for inputs in requests:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = name
            request.model_spec.version.value = int(version.name)
            request.model_spec.signature_name = signature
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(to_proto(value))
            response, call = predict.with_call(request, timeout=CALL_S, wait_for_ready=True)
            used = dict(call.initial_metadata()).get("engine-precision")
            if used != precision:
                raise TrainerError(
                    f"The model server computes in {used}, not in {precision}: the processor may lack it."
                )
            yield {key: to_array(value) for key, value in response.outputs.items()}


@contextmanager
def _server(base_path: Path, precision: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = [f"--port={port}", f"--model_name={base_path.name}", f"--model_base_path={base_path.resolve()}"]
    command = [sys.executable, "-m", "model.server", *flags, f"--engine_precision={precision}"]
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent) as process:
        try:
            _wait_until_ready(f"127.0.0.1:{port}", process)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    with grpc.insecure_channel(address) as channel:
        ready = grpc.channel_ready_future(channel)
        deadline = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(grpc.FutureTimeoutError):
                ready.result(timeout=0.5)
                return
    raise TrainerError("The embedded model server didn't start; its log is above.")
