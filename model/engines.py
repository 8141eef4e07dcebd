"""What computes which signature of a version? OpenVINO, and TensorFlow those that OpenVINO can't."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from model.convert import GRAPHS_FILE, RUNTIME_FILE
from model.engine import Engine, Precision
from model.runtime import Runtime
from model.servable import Computes

_log = logging.getLogger(__name__)


class Both:
    """Computes each signature where it can be computed.

    Args:
        engine: OpenVINO's.
        runtime: TensorFlow's.
        by_runtime: The signatures that need it.
    """

    def __init__(self, engine: Computes, runtime: Computes, by_runtime: Sequence[str]) -> None:
        self.precision: Precision = engine.precision
        self._engine, self._runtime, self._by_runtime = engine, runtime, frozenset(by_runtime)

    @property
    def any_shape(self) -> Computes | None:
        """TensorFlow, whose graph finds out whether a shape fits."""
        return self._runtime

    def run(
        self, signature: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str], timeout_s: float
    ) -> dict[str, NDArray[Any]]:
        """The outputs asked for, by name."""
        engine = self._runtime if signature in self._by_runtime else self._engine
        return engine.run(signature, inputs, outputs, timeout_s)

    def close(self) -> None:
        """Close both."""
        self._engine.close()
        self._runtime.close()


def open_engine(
    folder: Path, converted: Path, signatures: Mapping[str, Any], precision: Precision, streams: int
) -> Computes:
    """What computes a version's signatures.

    Args:
        folder: The version's folder.
        converted: What `model.convert` made of it.
        signatures: Its SignatureDefs by name.
        precision: What OpenVINO computes in.
        streams: Calls that OpenVINO computes side by side.

    Raises:
        LoadError: A signature needs the TensorFlow runtime, which isn't installed.
    """
    graphs: dict[str, list[str]] = json.loads((converted / GRAPHS_FILE).read_text())
    refused: dict[str, str] = json.loads((converted / RUNTIME_FILE).read_text())
    engine: Engine | None = None
    if graphs:
        try:
            engine = Engine(converted, precision, streams)
        except RuntimeError as error:  # converted, and still not to be compiled
            refused = dict.fromkeys([*graphs, *refused], str(error).strip().splitlines()[-1])
    if not refused and engine:
        return engine
    name, reason = next(iter(refused.items()), ("", "it has no signature that OpenVINO runs"))
    runtime = Runtime(folder, signatures, f"{name}: {reason}")
    _log.info("%s: TensorFlow computes %s, because %s", folder, ", ".join(sorted(refused)), reason)
    return Both(engine, runtime, list(refused)) if engine else runtime
