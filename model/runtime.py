"""How is computed what OpenVINO can't? By the TensorFlow runtime, which is loaded only then: half a gigabyte.

As TensorFlow Serving does it: the graph tagged `serve` in a session, fed and fetched by the names in the signature.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from model.errors import LoadError, ServingError
from model.precision import Precision

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Runtime:
    """Computes every signature of one model version with TensorFlow, in float32.

    Args:
        folder: The version's folder, a SavedModel.
        signatures: Its SignatureDefs by name.
        reason: Why OpenVINO doesn't do it.

    Raises:
        LoadError: The runtime isn't installed, or can't load the SavedModel.
    """

    def __init__(self, folder: Path, signatures: Mapping[str, Any], reason: str) -> None:
        self._tensorflow = _imported(folder, reason)
        self._signatures = signatures
        self._calls: dict[tuple[str, tuple[str, ...]], Callable[..., list[Any]]] = {}
        self._lock = threading.Lock()
        v1 = self._tensorflow.compat.v1
        self._session = v1.Session(graph=self._tensorflow.Graph())
        try:
            with self._session.graph.as_default():
                v1.saved_model.loader.load(self._session, ["serve"], str(folder))
        except Exception as error:  # TensorFlow raises many kinds
            raise LoadError(f"TensorFlow can't load {folder}: {error}") from error

    def precision_of(self, signature: str) -> Precision:
        """float32, what TensorFlow computes in."""
        return "float32"

    def opened(self, signature: str) -> bool:
        """It is: nothing is left for the first call."""
        return True

    @property
    def any_shape(self) -> "Runtime":
        """Itself: the graph finds out whether a shape fits."""
        return self

    def run(
        self, signature: str, inputs: Mapping[str, NDArray[Any]], outputs: Iterable[str], timeout_s: float
    ) -> dict[str, NDArray[Any]]:
        """The outputs asked for; strings are bytes in arrays of objects.

        Args:
            signature: One of the SavedModel's.
            inputs: Every input of the signature, of its type.
            outputs: Names of the outputs wanted.
            timeout_s: Isn't looked at: TensorFlow runs as many calls as come.

        Raises:
            ServingError: TensorFlow refused the inputs, with its code and text.
        """
        names = tuple(outputs)
        call = self._call(signature, names)
        try:
            computed = call(*(inputs[name] for name in sorted(inputs)))
        except self._tensorflow.errors.OpError as error:
            raise ServingError(_CODES.get(error.error_code, grpc.StatusCode.UNKNOWN), error.message) from error
        except (TypeError, ValueError) as error:  # what the session can't even be fed with
            raise ServingError(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
        return {name: _array(value) for name, value in zip(names, computed, strict=True)}

    def close(self) -> None:
        """The session stays while somebody computes in it, and goes with its last reference."""

    def _call(self, signature: str, names: tuple[str, ...]) -> Callable[..., list[Any]]:
        """What takes the signature's inputs, in the order of their names; made once."""
        with self._lock:
            if (signature, names) not in self._calls:
                definition = self._signatures[signature]
                fetched = [definition.outputs[name].name for name in names]
                fed = [definition.inputs[name].name for name in sorted(definition.inputs)]
                self._calls[signature, names] = self._session.make_callable(fetched, feed_list=fed)
            return self._calls[signature, names]


def _imported(folder: Path, reason: str) -> ModuleType:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow

        tensorflow.saved_model.load  # noqa: B018  # where only the protocol's modules lie, there is no more than a name
    except (ImportError, AttributeError) as error:
        raise LoadError(
            f"{folder} needs the TensorFlow runtime ({reason}), which isn't installed: pip install tensorflow-cpu"
        ) from error
    module: ModuleType = tensorflow
    return module


def _array(value: Any) -> NDArray[Any]:
    return value if isinstance(value, np.ndarray) else np.array(value, object if isinstance(value, bytes) else None)
