"""How are a model's outputs computed? OpenVINO on the processor, from the graphs that `model.convert` wrote."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import openvino
from numpy.typing import NDArray

from model.convert import GRAPHS_FILE, TRUNK_INPUT
from model.cores import bound_cores, usable_cores
from model.errors import ServingError
from model.precision import FullPrecision, Precision

_OPENVINO_TYPES: dict[Precision, str] = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
"""What operations are computed in that a graph doesn't quantize; those that it does are int8 whatever this says."""


def graphs_of(converted: Path) -> dict[str, list[Path]]:
    """For each signature the graphs that run one after the other, in a folder that `model.convert` wrote."""
    graphs: dict[str, list[str]] = json.loads((converted / GRAPHS_FILE).read_text())
    return {name: [converted / f"{graph}.xml" for graph in chain] for name, chain in graphs.items()}


class _Request:
    """A compiled graph with its buffers, for one call at a time. What is the same for every call is looked up once."""

    def __init__(self, compiled: openvino.CompiledModel) -> None:
        self._request = compiled.create_infer_request()
        self._inputs = [
            (place, port.get_any_name(), port.get_partial_shape(), port.get_element_type().to_dtype())
            for place, port in enumerate(compiled.inputs)
        ]
        self._outputs = {name: place for place, port in enumerate(compiled.outputs) for name in port.get_names()}

    def compute(self, inputs: Mapping[str, NDArray[Any] | openvino.Tensor]) -> None:
        """Compute the outputs of inputs by name.

        One that the signature hasn't got matters to none of its outputs: zeros do.
        """
        for place, name, shape, dtype in self._inputs:
            given = inputs.get(name)
            if given is None:
                batch = max((tensor.shape[0] for tensor in inputs.values() if tensor.shape), default=1)
                given = np.zeros([size.get_length() if size.is_static else batch for size in shape], dtype)
            if not isinstance(given, openvino.Tensor):
                given = openvino.Tensor(np.ascontiguousarray(given))
            self._request.set_input_tensor(place, given)
        self._request.start_async()  # infer() would copy all outputs, too
        self._request.wait()

    @property
    def only_output(self) -> openvino.Tensor:
        """The output of a graph that has one; the next call overwrites it."""
        return self._request.get_output_tensor(0)

    def output(self, name: str) -> NDArray[Any]:
        """A copy of an output."""
        return np.array(self._request.get_output_tensor(self._outputs[name]).data)


class _Streams:
    """Graphs compiled to compute so many calls side by side, each on an equal share of the cores.

    Raises:
        RuntimeError: OpenVINO can't read or compile a graph.
    """

    def __init__(self, paths: Iterable[Path], precision: Precision, count: int) -> None:
        core = openvino.Core()
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": _OPENVINO_TYPES[precision],
            "NUM_STREAMS": count,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if (cores := usable_cores()) < bound_cores():  # else OpenVINO knows better, hyper-threads for one
            options["INFERENCE_NUM_THREADS"] = cores
            options["ENABLE_CPU_PINNING"] = (
                False  # every container with a quota would pin its threads to the same cores
            )
        compiled = {path: core.compile_model(path, "CPU", options) for path in paths}
        # A set of requests belongs to one call at a time; waiting for one is the only queue, first come, first served.
        self._idle = [{path: _Request(model) for path, model in compiled.items()} for _ in range(count)]
        self._waiting: deque[Future[dict[Path, _Request]]] = deque()
        self._lock = threading.Lock()

    @contextmanager
    def one(self, timeout_s: float) -> Iterator[dict[Path, _Request]]:
        """A stream for the block, as its requests by graph.

        Raises:
            TimeoutError: None was free in time.
        """
        requests = self._taken(timeout_s)
        try:
            yield requests
        finally:
            self._give_back(requests)

    def _taken(self, timeout_s: float) -> dict[Path, _Request]:
        with self._lock:
            if self._idle:  # then nobody waits
                return self._idle.pop()
            turn: Future[dict[Path, _Request]] = Future()
            self._waiting.append(turn)
        try:
            return turn.result(max(0.0, timeout_s))
        except TimeoutError:
            if turn.cancel():
                raise TimeoutError from None
            return turn.result()  # it came at the last moment

    def _give_back(self, requests: dict[Path, _Request]) -> None:
        with self._lock:
            while self._waiting:
                turn = self._waiting.popleft()
                if turn.set_running_or_notify_cancel():
                    turn.set_result(requests)
                    return
            self._idle.append(requests)


class Engine:
    """Computes signatures of one model version.

    A call that finds no other gets all cores, and is answered soonest. Calls that meet are computed side by side, on
    fewer cores each: two threads that wait for each other at every layer get less done than two that don't.

    Args:
        graphs: For each signature the files of the graphs that run one after the other.
        precision: What the network computes in; inputs and outputs keep their types.
        streams: How many calls are computed side by side when they meet; the weights are in memory once more for them.
            1: calls are computed one after the other.

    Raises:
        RuntimeError: OpenVINO can't read or compile a graph.
    """

    def __init__(self, graphs: Mapping[str, Sequence[Path]], precision: Precision, streams: int) -> None:
        self._precision = precision
        self._graphs = graphs
        paths = dict.fromkeys(path for chain in graphs.values() for path in chain)
        self._whole = _Streams(paths, precision, 1)
        self._shared = _Streams(paths, precision, streams) if streams > 1 else self._whole
        self._lock = threading.Lock()
        self._calls = 0

    def run(
        self,
        signature: str,
        inputs: Mapping[str, NDArray[Any] | openvino.Tensor],
        outputs: Iterable[str],
        timeout_s: float,
    ) -> dict[str, NDArray[Any]]:
        """The outputs asked for.

        Args:
            signature: One of those that it computes.
            inputs: Every input of the signature, of its type and shape.
            outputs: Names of the outputs to copy.
            timeout_s: Longest wait for a free stream, in seconds.

        Raises:
            TimeoutError: No stream was free in time.
            RuntimeError: OpenVINO refused the inputs.
        """
        *first, last = self._graphs[signature]
        with self._stream(timeout_s) as requests:
            for graph in first:
                requests[graph].compute(inputs)
                inputs = {**inputs, TRUNK_INPUT: requests[graph].only_output}
            requests[last].compute(inputs)
            return {name: requests[last].output(name) for name in outputs}

    def precision_of(self, signature: str) -> Precision:
        """The same for all signatures."""
        return self._precision

    def opened(self, signature: str) -> bool:
        """It is: nothing is left for the first call."""
        return True

    @property
    def any_shape(self) -> None:
        """Nobody: the network's shapes are the signature's."""
        return None

    def close(self) -> None:
        """Nothing is kept that the memory's end wouldn't end; calls that still come are computed."""

    @contextmanager
    def _stream(self, timeout_s: float) -> Iterator[dict[Path, _Request]]:
        with self._lock:
            streams = self._shared if self._calls else self._whole
            self._calls += 1
        try:
            with streams.one(timeout_s) as requests:
                yield requests
        finally:
            with self._lock:
                self._calls -= 1


class Lazy:
    """An engine that is opened at its first call: until then its graphs take no memory.

    Args:
        open_engine: Opens it.
        precision: What it computes in.
    """

    def __init__(self, open_engine: Callable[[], Engine], precision: FullPrecision) -> None:
        self._open, self._precision = open_engine, precision
        self._engine: Engine | None = None
        self._opening = threading.Lock()

    def run(
        self, signature: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str], timeout_s: float
    ) -> dict[str, NDArray[Any]]:
        """The outputs asked for; the first call, and those that come meanwhile, wait until the engine is open.

        Raises:
            TimeoutError: It wasn't in time, or no stream was free.
            ServingError: It can't be opened.
            RuntimeError: OpenVINO refused the inputs.
        """
        until = time.monotonic() + timeout_s
        engine = self._engine or self._first(timeout_s)
        return engine.run(signature, inputs, outputs, until - time.monotonic())

    def precision_of(self, signature: str) -> Precision:
        """The same for all signatures."""
        return self._precision

    def opened(self, signature: str) -> bool:
        """Whether a call came already."""
        return self._engine is not None

    @property
    def any_shape(self) -> None:
        """Nobody: the network's shapes are the signature's."""
        return None

    def close(self) -> None:
        """Nothing is kept that the memory's end wouldn't end."""

    def _first(self, timeout_s: float) -> Engine:
        if not self._opening.acquire(timeout=min(max(0.0, timeout_s), threading.TIMEOUT_MAX)):
            raise TimeoutError
        try:
            if self._engine is None:
                self._engine = self._open()
        except RuntimeError as error:
            raise ServingError(grpc.StatusCode.INTERNAL, f"the graph can't be compiled: {error}") from error
        finally:
            self._opening.release()
        return self._engine
