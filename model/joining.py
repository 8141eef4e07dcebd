"""How do the tensors of several calls become those of one, and its outputs theirs again? Along dimension 0.

Rules and texts are TensorFlow Serving's (batching/batching_session.cc, batching_util.h and batching_util.cc).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import invalid, precondition

MOST_PADDED_DIMENSIONS = 6

Arrays = Mapping[str, NDArray[Any]]


def rows_of(inputs: Arrays) -> int:
    """Dimension 0 of a call's inputs.

    Raises:
        ServingError: They don't have one, or not the same.
    """
    if not inputs:
        raise invalid("Batching Run() must have at least one input tensor")
    if any(tensor.ndim == 0 for tensor in inputs.values()):
        raise invalid("Batching Run() input tensors must have at least one dimension")
    rows, *others = {len(tensor) for tensor in inputs.values()}
    if others:
        raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
    return rows


def joined(calls: Sequence[Arrays], rows: int, pad: bool) -> dict[str, NDArray[Any]]:
    """The inputs of all calls, one call after the other.

    Args:
        calls: One or more, each with the same names and types.
        rows: How many the joined tensors shall have; those that lack repeat the first row of the last call.
        pad: Whether tensors are made as large as the largest in every dimension but 0, with their own first value.

    Returns:
        Tensors of the calls' types; those of a single call that is large enough are its own.

    Raises:
        ServingError: The shapes don't go together.
        ValueError: The tensors don't have the same number of dimensions.
    """
    return {name: _joined(name, [call[name] for call in calls], rows, pad) for name in calls[0]}


def share(outputs: Arrays, names: Sequence[str], first: int, rows: int, total: int) -> dict[str, NDArray[Any]]:
    """What belongs to one call.

    Args:
        outputs: Of all calls.
        names: The outputs that this one asked for.
        first: Its first row.
        rows: How many it has.
        total: How many were computed.

    Raises:
        ServingError: An output doesn't have a row for every row of the inputs.
    """
    for name in names:
        if outputs[name].ndim == 0:
            raise precondition("Batched output tensor has 0 dimensions")
        if len(outputs[name]) != total:
            raise precondition(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors"
            )
    return {name: outputs[name][first : first + rows] for name in names}


def together(parts: Sequence[Arrays]) -> Arrays:
    """The outputs of a call that was split."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _joined(name: str, tensors: list[NDArray[Any]], rows: int, pad: bool) -> NDArray[Any]:
    if pad:
        tensors = _alike(tensors)
    elif any(tensor.shape[1:] != tensors[0].shape[1:] for tensor in tensors):
        raise precondition(
            f"Tensors with name '{name}' from different tasks have different shapes and padding is turned off."
            "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name"
            "have equal dimensions starting with the first dim."
        )
    if missing := rows - sum(map(len, tensors)):
        tensors = [*tensors, np.repeat(tensors[-1][:1], missing, axis=0)]
    return tensors[0] if len(tensors) == 1 else np.concatenate(tensors)


def _alike(tensors: list[NDArray[Any]]) -> list[NDArray[Any]]:
    if any(tensor.ndim > MOST_PADDED_DIMENSIONS for tensor in tensors):
        raise invalid("Only tensors with rank from 1 to 6 can be padded.")
    sizes = [max(found) for found in zip(*(tensor.shape[1:] for tensor in tensors), strict=True)]
    return [_widened(tensor, (len(tensor), *sizes)) for tensor in tensors]


def _widened(tensor: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if math.prod(shape) == tensor.size:
        return tensor.reshape(shape)
    if tensor.size == 0:
        raise invalid("Got empty tensor in batch of non-empty tensors.")
    widened = np.full(shape, tensor.flat[0], tensor.dtype)
    widened[tuple(map(slice, tensor.shape))] = tensor
    return widened
