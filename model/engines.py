"""What computes which signature of a version? OpenVINO, in int8 or in full, and TensorFlow what OpenVINO can't."""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from model.convert import RUNTIME_FILE
from model.engine import Engine, Lazy, graphs_of
from model.errors import LoadError
from model.precision import Choice, Precision
from model.runtime import Runtime
from model.servable import Computes

_log = logging.getLogger(__name__)


class Both:
    """Computes some signatures with one engine, and all others with another.

    Args:
        first: Computes the signatures of `of_first`.
        of_first: Their names.
        rest: Computes the others.
    """

    def __init__(self, first: Computes, of_first: Collection[str], rest: Computes) -> None:
        self._first, self._of_first, self._rest = first, frozenset(of_first), rest

    def run(
        self, signature: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str], timeout_s: float
    ) -> dict[str, NDArray[Any]]:
        """The outputs asked for, by name."""
        return self._of(signature).run(signature, inputs, outputs, timeout_s)

    def precision_of(self, signature: str) -> Precision:
        """What a signature is computed in."""
        return self._of(signature).precision_of(signature)

    def opened(self, signature: str) -> bool:
        """Whether nothing is left for the signature's first call."""
        return self._of(signature).opened(signature)

    @property
    def any_shape(self) -> Computes | None:
        """TensorFlow, whose graph finds out whether a shape fits, where one of the two is it."""
        return self._rest.any_shape

    def close(self) -> None:
        """Close both."""
        self._first.close()
        self._rest.close()

    def _of(self, signature: str) -> Computes:
        return self._first if signature in self._of_first else self._rest


def open_engine(folder: Path, converted: Path, signatures: Mapping[str, Any], choice: Choice, streams: int) -> Computes:
    """What computes a version's signatures.

    Args:
        folder: The version's folder.
        converted: What `model.convert` made of it.
        signatures: Its SignatureDefs by name.
        choice: What OpenVINO computes in.
        streams: Calls that OpenVINO computes side by side when they meet.

    Raises:
        LoadError: A signature needs the TensorFlow runtime, which isn't installed.
    """
    graphs = graphs_of(converted)
    refused: dict[str, str] = json.loads((converted / RUNTIME_FILE).read_text())
    engine: Computes | None = None
    if graphs:
        try:
            engine = _in_int8(folder, graphs, choice, streams) or Engine(graphs, choice.full, streams)
        except RuntimeError as error:  # converted, and still not to be compiled
            refused = dict.fromkeys([*graphs, *refused], str(error).strip().splitlines()[-1])
    if not refused and engine:
        return engine
    name, reason = next(iter(refused.items()), ("", "it has no signature that OpenVINO runs"))
    runtime = Runtime(folder, signatures, f"{name}: {reason}")
    _log.info("%s: TensorFlow computes %s, because %s", folder, ", ".join(sorted(refused)), reason)
    return Both(engine, set(graphs) - set(refused), runtime) if engine else runtime


def _in_int8(folder: Path, graphs: Mapping[str, list[Path]], choice: Choice, streams: int) -> Computes | None:
    """The int8 copy for the signatures that it has, and behind it the others, opened when one of them is called.

    Those only explain: one at a time is enough for the memory that it takes.
    """
    if choice.int8 is None:
        return None
    try:
        quick = choice.int8.graphs(graphs)
        engine = Engine(quick, "int8", streams)
    except (LoadError, RuntimeError) as error:
        said = str(error).strip().splitlines()[-1]
        _log.warning("%s: its int8 copy isn't used: %s; computing in %s", folder, said, choice.full)
        return None
    others = {name: chain for name, chain in graphs.items() if name not in quick}
    if not others:
        return engine
    return Both(engine, quick, Lazy(partial(Engine, others, choice.full, 1), choice.full))
