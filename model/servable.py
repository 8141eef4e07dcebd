"""How is one Predict call answered? One loaded version of one model: checks, computation, and only then the answer.

Codes and texts are TensorFlow Serving's (servables/tensorflow/predict_util.cc).
"""

import json
import logging
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from model.cache import converted
from model.engine import Engine, Precision, supports
from model.errors import LoadError, ServingError, invalid, precondition
from model.signatures import DEFAULT_SIGNATURE, signature_defs
from protos import prediction_log_pb2
from protos.tensors import dtype_of, shape_of, to_array, to_proto, type_name

WARMUP_FILE = "tf_serving_warmup_requests"
CARD_FILE = "card.json"
MOST_WARMUP_RECORDS = 1000
WARMUP_S = 60.0

_log = logging.getLogger(__name__)


class Servable:
    """A version that answers.

    Args:
        name: The model's name.
        folder: The version's folder; its name is the version's number.
        precision: What to compute in, or None for what the card and the processor allow.
        streams: Calls computed side by side.

    Raises:
        LoadError: It can't be served.
    """

    def __init__(self, name: str, folder: Path, precision: Precision | None, streams: int) -> None:
        self.name, self.version = name, int(folder.name)
        self.signatures = signature_defs(folder)
        self.engine = Engine(converted(folder), precision or _best_precision(folder), streams)
        replayed = self._warm_up(folder / "assets.extra" / WARMUP_FILE)
        _log.info(
            "%s version %d computes in %s, %d warm-up records", name, self.version, self.engine.precision, replayed
        )

    def signature(self, name: str) -> tuple[str, Any]:
        """A signature's name, the default one's for an empty name, and its SignatureDef.

        Raises:
            ServingError: There is no such signature.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self.signatures:
            raise precondition(f'Serving signature key "{name}" not found.')
        return name, self.signatures[name]

    def predict(self, request: Any, timeout_s: float) -> tuple[str, dict[str, Any]]:
        """The name of the signature, and its outputs as TensorProtos with typed fields.

        Args:
            request: A PredictRequest.
            timeout_s: Longest wait for a free stream, in seconds.

        Raises:
            ServingError: The request doesn't fit the signature.
            TimeoutError: No stream was free in time.
        """
        name, signature = self.signature(request.model_spec.signature_name)
        inputs = _inputs(request.inputs, signature.inputs)
        computed = self.run(name, inputs, request.output_filter, timeout_s)
        return name, {output: to_proto(array, typed=True) for output, array in computed.items()}

    def run(
        self, name: str, inputs: Mapping[str, NDArray[Any]], output_filter: Sequence[str], timeout_s: float
    ) -> dict[str, NDArray[Any]]:
        """The outputs of a signature.

        Args:
            name: The signature's.
            inputs: Exactly the signature's inputs, of its types.
            output_filter: Names of the outputs wanted; none: all of them.
            timeout_s: Longest wait for a free stream, in seconds.

        Raises:
            ServingError: An input's shape doesn't fit, or there is no such output.
            TimeoutError: No stream was free in time.
        """
        signature = self.signatures[name]
        outputs = _wanted(output_filter, signature.outputs)
        for input_name, array in inputs.items():
            _check_shape(input_name, array.shape, signature.inputs[input_name].tensor_shape)
        if any(array.size == 0 for array in inputs.values()):
            return {output: _empty(signature.outputs[output]) for output in outputs}
        try:
            return self.engine.run(name, inputs, outputs, timeout_s)
        except RuntimeError as error:  # shapes that the signature leaves open, and the network doesn't take
            raise invalid(str(error)) from error

    def _warm_up(self, path: Path) -> int:
        """Replay the recorded requests; how many there were."""
        replayed = 0
        for record in _records(path):
            try:
                log = prediction_log_pb2.PredictionLog.FromString(record)
            except DecodeError as error:
                raise LoadError(f"{path} holds what is no PredictionLog: {error}") from error
            if log.WhichOneof("log_type") == "predict_log" and replayed < MOST_WARMUP_RECORDS:
                try:
                    self.predict(log.predict_log.request, WARMUP_S)
                except (ServingError, TimeoutError) as error:
                    raise LoadError(f"a warm-up record of {path} failed: {error}") from error
                replayed += 1
        return replayed


def _best_precision(folder: Path) -> Precision:
    """bfloat16 where the card has a threshold for it and the processor has the instructions, else float32."""
    try:
        card = json.loads((folder / "assets.extra" / CARD_FILE).read_bytes())
        allowed = "bfloat16" in card["known_threshold"]
    except FileNotFoundError:
        return "float32"
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s: its card can't be read (%s); computing in float32", folder, error)
        return "float32"
    return "bfloat16" if allowed and supports("bfloat16") else "float32"


def _inputs(given: Any, wanted: Any) -> dict[str, NDArray[Any]]:
    """The request's tensors, checked against the signature's inputs."""
    extra, missing = sorted(set(given) - set(wanted)), sorted(set(wanted) - set(given))
    if len(given) != len(wanted):
        raise invalid(
            f"input size does not match signature: {len(given)}!={len(wanted)} len({{{','.join(sorted(given))}}}) != "
            f"len({{{','.join(sorted(wanted))}}}). Sent extra: {{{','.join(extra)}}}. "
            f"Missing but required: {{{','.join(missing)}}}."
        )
    if missing:
        raise invalid(
            f"Signature input alias: {missing[0]} ({wanted[missing[0]].name}) not found in request and no default "
            f"value provided. Inputs expected to be in the request {{{','.join(sorted(wanted))}}}."
        )
    arrays = {}
    for place, name in enumerate(sorted(wanted)):
        tensor, info = given[name], wanted[name]
        if tensor.dtype != info.dtype:
            raise invalid(
                f"Expects arg[{place}] to be {type_name(info.dtype)} but {type_name(tensor.dtype)} is provided"
            )
        try:
            _check_shape(name, shape_of(tensor), info.tensor_shape)  # before its content is read
            arrays[name] = to_array(tensor)
        except ValueError as error:
            raise invalid(f"input {name}: {error}") from error
    return arrays


def _check_shape(name: str, shape: tuple[int, ...], wanted: Any) -> None:
    if wanted.unknown_rank:
        return
    sizes = [dim.size for dim in wanted.dim]
    fits = len(shape) == len(sizes) and all(size in (-1, given) for size, given in zip(sizes, shape, strict=True))
    if not fits:
        raise invalid(f"input {name}: the shape {list(shape)} doesn't fit the signature's {sizes} (-1: any)")


def _wanted(output_filter: Any, outputs: Any) -> list[str]:
    """The outputs asked for: those of the filter, or all."""
    for place, name in enumerate(output_filter):
        if name not in outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                f"{{{','.join(sorted(outputs))}}}."
            )
        if name in output_filter[:place]:
            raise invalid(f"duplicate output tensor alias: {name}")
    return list(output_filter) or sorted(outputs)


def _empty(info: Any) -> NDArray[Any]:
    """What a batch of nothing gives."""
    shape = [max(0, dim.size) for dim in info.tensor_shape.dim]
    return np.zeros(shape, dtype_of(info.dtype))


def _records(path: Path) -> Iterator[bytes]:
    """The records of a TFRecord file, or none where there is no file.

    Each is its length (8 bytes), a checksum (4), the record, and a checksum (4); checksums aren't verified.

    Raises:
        LoadError: The file is cut short.
    """
    if not path.is_file():
        return
    content = memoryview(path.read_bytes())
    place = 0
    while place < len(content):
        end = place + 12 + struct.unpack_from("<Q", content, place)[0] if place + 12 <= len(content) else math.inf
        if end + 4 > len(content):
            raise LoadError(f"{path} is cut short")
        yield bytes(content[place + 12 : int(end)])
        place = int(end) + 4
