"""How is one Predict call answered? One loaded version of one model: checks, computation, and only then the answer.

Codes and texts are TensorFlow Serving's (servables/tensorflow/predict_util.cc).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from model.errors import ServingError, invalid, precondition
from model.precision import FASTEST_FIRST, Precision
from model.signatures import DEFAULT_SIGNATURE
from protos.tensors import dtype_of, shape_of, to_array, to_proto, type_name


class Computes(Protocol):
    """What computes a version's signatures."""

    def precision_of(self, signature: str) -> Precision:
        """What a signature is computed in."""

    def opened(self, signature: str) -> bool:
        """Whether nothing is left for the signature's first call."""

    @property
    def any_shape(self) -> "Computes | None":
        """What computes inputs whose shapes aren't the signature's, if something does."""

    def run(
        self, signature: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str], timeout_s: float
    ) -> dict[str, NDArray[Any]]:
        """The outputs asked for, by name."""

    def close(self) -> None:
        """Called once, when no new call comes any more."""


class Servable:
    """A version that answers.

    Args:
        name: The model's name.
        version: Its number.
        signatures: What can be asked for: SignatureDefs by name.
        engine: Computes them.
    """

    def __init__(self, name: str, version: int, signatures: Mapping[str, Any], engine: Computes) -> None:
        self.name, self.version, self.signatures = name, version, dict(signatures)
        self.engine = engine

    def precision_of(self, signature: str) -> Precision:
        """What a signature is computed in."""
        return self.engine.precision_of(signature)

    @property
    def precision(self) -> Precision:
        """What the quickest signature is computed in: those that only explain may need more."""
        return min(map(self.precision_of, self.signatures), key=FASTEST_FIRST.index)

    def opened(self, signature: str) -> bool:
        """Whether nothing is left for the signature's first call."""
        return self.engine.opened(signature)

    def close(self) -> None:
        """No new call comes any more; those that are there are still answered."""
        self.engine.close()

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
        inputs = _inputs(request.inputs, signature.inputs, any_shape=self.engine.any_shape is not None)
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
        engine = self.engine
        try:
            for input_name, array in inputs.items():
                _check_shape(input_name, array.shape, signature.inputs[input_name].tensor_shape)
        except ServingError:
            if engine.any_shape is None:
                raise
            engine = engine.any_shape
        if any(array.size == 0 for array in inputs.values()):
            if engine.any_shape is None:
                return {output: _empty(signature.outputs[output]) for output in outputs}
            engine = engine.any_shape
        try:
            return engine.run(name, inputs, outputs, timeout_s)
        except RuntimeError as error:  # shapes that the signature leaves open, and the network doesn't take
            raise invalid(str(error)) from error


def _inputs(given: Any, wanted: Any, *, any_shape: bool) -> dict[str, NDArray[Any]]:
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
            if not any_shape:  # before its content is read
                _check_shape(name, shape_of(tensor), info.tensor_shape)
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
    """What a batch of nothing gives: OpenVINO doesn't compute it."""
    shape = [0] if info.tensor_shape.unknown_rank else [max(0, dim.size) for dim in info.tensor_shape.dim]
    return np.zeros(shape, dtype_of(info.dtype))
