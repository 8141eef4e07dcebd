"""How are a model's outputs computed? OpenVINO on the processor, from the graphs that `model.convert` wrote."""

import json
import queue
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import openvino
from numpy.typing import NDArray

from model.convert import GRAPHS_FILE

Precision = Literal["float32", "bfloat16"]

_OPENVINO_TYPES: dict[Precision, str] = {"float32": "f32", "bfloat16": "bf16"}
_NEEDS: dict[Precision, str] = {"float32": "FP32", "bfloat16": "BF16"}


def supports(precision: Precision) -> bool:
    """Whether this processor has instructions for the precision."""
    return _NEEDS[precision] in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class Engine:
    """Computes every signature of one model version.

    Args:
        folder: What `model.convert` wrote.
        precision: What the network computes in; inputs and outputs keep their types.
        streams: How many calls are computed side by side; each gets an equal share of the processor's cores.
    """

    def __init__(self, folder: Path, precision: Precision, streams: int) -> None:
        self.precision: Precision = precision
        self._graphs: dict[str, list[str]] = json.loads((folder / GRAPHS_FILE).read_text())
        names = dict.fromkeys(name for graphs in self._graphs.values() for name in graphs)
        core = openvino.Core()
        options = {
            "INFERENCE_PRECISION_HINT": _OPENVINO_TYPES[precision],
            "NUM_STREAMS": streams,
            "PERFORMANCE_HINT": "LATENCY",
        }
        compiled = {name: core.compile_model(folder / f"{name}.xml", "CPU", options) for name in names}
        # A set of requests belongs to one call at a time; waiting for one is the only queue.
        self._idle: queue.LifoQueue[dict[str, openvino.InferRequest]] = queue.LifoQueue()
        for _ in range(streams):
            self._idle.put({name: model.create_infer_request() for name, model in compiled.items()})

    def run(
        self, signature: str, inputs: dict[str, NDArray[Any]], outputs: Iterable[str], timeout_s: float
    ) -> dict[str, NDArray[Any]]:
        """The outputs asked for.

        Args:
            signature: One of the SavedModel's.
            inputs: Every input of the signature, of its type and shape.
            outputs: Names of the outputs to copy.
            timeout_s: Longest wait for a free stream, in seconds.

        Raises:
            TimeoutError: No stream was free in time.
            RuntimeError: OpenVINO refused the inputs.
        """
        *first, last = self._graphs[signature]
        with self._requests(timeout_s) as requests:
            for name, array in inputs.items():
                requests[(first or [last])[0]].set_tensor(name, openvino.Tensor(np.ascontiguousarray(array)))
            for graph in first:
                requests[graph].infer()
                requests[last].set_input_tensor(requests[graph].get_output_tensor())
            requests[last].infer()
            return {name: requests[last].get_tensor(name).data.copy() for name in outputs}

    @contextmanager
    def _requests(self, timeout_s: float) -> Iterator[dict[str, openvino.InferRequest]]:
        try:
            requests = self._idle.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            raise TimeoutError from None
        try:
            yield requests
        finally:
            self._idle.put(requests)
