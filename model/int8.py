"""Is there an int8 copy of a version, and is it this version's own?

`python -m trainer quantize` writes it to assets.extra/openvino/, where TensorFlow Serving doesn't look: the network
behind the signatures' first steps (`model.convert`'s trunk) with int8 weights and activations, without what explains,
and a manifest that says what it was made from and with.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openvino

from model.cache import FORMAT, digest, saved_model_digest
from model.convert import TRUNK
from model.errors import LoadError

FOLDER = Path("assets.extra") / "openvino"
GRAPH = "int8.xml"
WEIGHTS = "int8.bin"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Int8Copy:
    """A copy that is whole and belongs to its version."""

    graph: Path
    """The network, in the place of the converted trunk."""
    signatures: tuple[str, ...]
    """Those that it computes."""

    def graphs(self, full: Mapping[str, list[Path]]) -> dict[str, list[Path]]:
        """The graphs that run one after the other for each signature that it computes, made from the converted ones.

        Raises:
            LoadError: One of them isn't a signature of this version, or has no trunk.
        """
        for name in self.signatures:
            if full.get(name, [Path()])[-1].stem != TRUNK:
                raise LoadError(f"it is for a signature {name} with a shared network, which this version hasn't got")
        return {name: [*full[name][:-1], self.graph] for name in self.signatures}


def int8_copy(version: Path) -> Int8Copy | None:
    """The int8 copy of the version in the folder, or None where there is none.

    Raises:
        LoadError: It is damaged, of another SavedModel, or of a later OpenVINO.
    """
    folder = version / FOLDER
    if not folder.is_dir():
        return None
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        written, made_by = str(manifest["openvino"]), _release(str(manifest["openvino"]))
        signatures, files = tuple(map(str, manifest["signatures"])), dict(manifest["files"])
        made_of, made_for = manifest["saved_model"], manifest["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LoadError(f"its {MANIFEST} can't be read ({type(error).__name__}: {error})") from error
    if made_by > _release(openvino.__version__):
        raise LoadError(f"it was made by OpenVINO {written}, which is newer than this {openvino.__version__}")
    if made_for != FORMAT:
        raise LoadError(f"it was made for graphs of format {made_for}; those here have {FORMAT}: quantize again")
    for name in (GRAPH, WEIGHTS):
        try:
            whole = digest(folder / name) == files.get(name)
        except OSError as error:
            raise LoadError(f"its {name} can't be read: {error}") from error
        if not whole:
            raise LoadError(f"its {name} isn't what was written: it is cut, or another copy's")
    if made_of != saved_model_digest(version):
        raise LoadError("it was made from another SavedModel")
    return Int8Copy(folder / GRAPH, signatures)


def write_manifest(folder: Path, version: Path, signatures: list[str], made: dict[str, Any]) -> None:
    """Say what an int8 copy is.

    Args:
        folder: Holds GRAPH and WEIGHTS, and gets MANIFEST.
        version: The version that it was made from.
        signatures: Those that it computes.
        made: How it was made, for people.
    """
    manifest = {
        "saved_model": saved_model_digest(version),
        "openvino": _text(_release(openvino.__version__)),
        "format": FORMAT,
        "signatures": signatures,
        "files": {name: digest(folder / name) for name in (GRAPH, WEIGHTS)},
        "made": made,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def _release(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: 2026.4.0-21234-abc is (2026, 4, 0)."""
    found = re.match(r"\d+(\.\d+)*", version)
    if not found:
        raise ValueError(f"{version!r} is no version")
    return tuple(map(int, found[0].split(".")))


def _text(release: tuple[int, ...]) -> str:
    return ".".join(map(str, release))
