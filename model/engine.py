"""How are a model's outputs computed? OpenVINO on the processor, from the graphs that `model.convert` wrote."""

import json
import queue
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import openvino
from numpy.typing import NDArray

from model.convert import GRAPHS_FILE, TRUNK_INPUT

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
        self,
        signature: str,
        inputs: Mapping[str, NDArray[Any] | openvino.Tensor],
        outputs: Iterable[str],
        timeout_s: float,
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
            for graph in first:
                _give(requests[graph], inputs)
                requests[graph].infer()
                inputs = {**inputs, TRUNK_INPUT: requests[graph].get_output_tensor()}
            _give(requests[last], inputs)
            requests[last].infer()
            return {name: requests[last].get_tensor(name).data.copy() for name in outputs}

    @property
    def any_shape(self) -> None:
        """Nobody: the network's shapes are the signature's."""
        return None

    def close(self) -> None:
        """Nothing is kept that the memory's end wouldn't end; calls that still come are computed."""

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


def _give(request: openvino.InferRequest, inputs: Mapping[str, NDArray[Any] | openvino.Tensor]) -> None:
    """Set the inputs that the graph has. One that the signature hasn't got matters to none of its outputs: zeros do."""
    batch_size = max((tensor.shape[0] for tensor in inputs.values() if tensor.shape), default=1)
    for port in request.model_inputs:
        name = port.get_any_name()
        given = inputs.get(name)
        if given is None:
            shape = [size.get_length() if size.is_static else batch_size for size in port.get_partial_shape()]
            given = np.zeros(shape, port.get_element_type().to_dtype())
        if not isinstance(given, openvino.Tensor):
            given = openvino.Tensor(np.ascontiguousarray(given))
        request.set_tensor(port, given)
