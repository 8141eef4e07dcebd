"""What is a version computed in? What was asked for, as far as its card, its int8 copy and the processor allow it."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import openvino

from model.errors import LoadError
from model.int8 import Int8Copy, int8_copy

FullPrecision = Literal["float32", "bfloat16"]
"""What graphs that were converted from the SavedModel can be computed in."""
Precision = Literal[FullPrecision, "int8"]

FASTEST_FIRST: tuple[Precision, ...] = ("int8", "bfloat16", "float32")
PRECISION_METADATA = "engine-precision"
"""Says with an answer what it was computed in: a header in REST, initial metadata in gRPC."""
CARD_FILE = "card.json"

_CPU_INFO = Path("/proc/cpuinfo")
_INT8_INSTRUCTIONS = ("amx_int8", "avx512_vnni", "avx_vnni", "avx2")
"""Flags of processors that compute int8 faster than float32, the best one first. All but AVX2 multiply and add in one
instruction; it takes three, and is twice as fast still (bench/README.md)."""
_NEEDS: dict[FullPrecision, str] = {"float32": "FP32", "bfloat16": "BF16"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """What a version is computed in, and why."""

    full: FullPrecision
    """What its converted graphs are computed in."""
    int8: Int8Copy | None
    """Computes the signatures that it has, in int8, in their place."""
    why: str

    @property
    def precision(self) -> Precision:
        """What most calls are computed in."""
        return self.full if self.int8 is None else "int8"


def supports(precision: FullPrecision) -> bool:
    """Whether this processor has instructions for the precision."""
    return _NEEDS[precision] in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def int8_instructions() -> str:
    """The best of this processor's flags for int8; empty: it has none, or the system doesn't say."""
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        return ""
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return next((flag for flag in _INT8_INSTRUCTIONS if flag in flags), "")


def choose(wanted: Precision | None, version: Path) -> Choice:
    """What to compute a version in.

    Args:
        wanted: What was asked for; None: the fastest that its card and the processor allow.
        version: Its folder. An int8 copy in it that can't be used is no error: the log says what is wrong with it.
    """
    if wanted in ("float32", "bfloat16"):
        return Choice(wanted, None, "it was told to")
    card = _card(version)
    full: FullPrecision = "bfloat16" if "bfloat16" in _thresholds(card) and supports("bfloat16") else "float32"
    if wanted is None and (against := _against_int8(card)):
        return Choice(full, None, against)
    try:
        copy = int8_copy(version)
    except LoadError as error:
        _log.warning("%s: its int8 copy isn't used: %s", version, error)
        return Choice(full, None, "its int8 copy can't be used")
    if copy is None:
        return Choice(full, None, "it has no int8 copy")
    if wanted is None:
        return Choice(full, copy, f"its card says that int8 passed, and the processor has {int8_instructions()}")
    return Choice(full, copy, "it was told to")


def _against_int8(card: dict[str, Any]) -> str:
    """Why int8 isn't chosen by itself, or nothing."""
    if not isinstance(card.get("int8"), dict) or card["int8"].get("passed") is not True:
        return "its card doesn't say that int8 passed"
    if "int8" not in _thresholds(card):
        return "its card has no threshold for int8"
    if not int8_instructions():
        return f"the processor has none of {', '.join(_INT8_INSTRUCTIONS)} for int8"
    return ""


def _thresholds(card: dict[str, Any]) -> dict[str, Any]:
    thresholds = card.get("known_threshold")
    return thresholds if isinstance(thresholds, dict) else {}


def _card(version: Path) -> dict[str, Any]:
    """The version's card; empty where there is none, or it can't be read."""
    try:
        card = json.loads((version / "assets.extra" / CARD_FILE).read_bytes())
        if not isinstance(card, dict):
            raise ValueError("it is no object")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _log.warning("%s: its card can't be read (%s); computing in float32", version, error)
        return {}
    return card
