"""Where are converted models kept, so that a second start is quick?

Below `XDG_CACHE_HOME`, never in the model's own folder. An entry is named by what it depends on and written whole or
not at all, so servers may share the cache, also while they start; a damaged entry is made again.
"""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import openvino

from model.convert import GRAPHS_FILE
from model.errors import LoadError

FORMAT = "3"
"""Changes when `model.convert` writes something else for the same SavedModel."""
CONVERSION_S = 600.0
MANIFEST = "manifest.json"

_log = logging.getLogger(__name__)


def converted(version: Path) -> Path:
    """The folder with the graphs of a SavedModel (`model.convert`), made now if the cache hasn't got it.

    Raises:
        LoadError: There is no SavedModel, or it can't be converted.
    """
    entry = cache_home() / _key(version)
    if _is_whole(entry):
        return entry
    entry.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=entry.parent))
    try:
        _convert(version, partial)
        digests = {file.name: _digest(file) for file in sorted(partial.iterdir())}
        (partial / MANIFEST).write_text(json.dumps(digests))
        partial.chmod(0o755)  # mkdtemp lets only its maker in; an image's server runs as another user
        return _put(partial, entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def cache_home() -> Path:
    """The folder of all entries."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "sports-classifier" / "openvino"


def _put(partial: Path, entry: Path) -> Path:
    """Move a finished entry to its name. Another server may have been quicker: then its entry is as good."""
    for _ in range(2):
        try:
            os.rename(partial, entry)
            return entry
        except OSError:
            if _is_whole(entry):
                return entry
            shutil.rmtree(entry, ignore_errors=True)
    raise LoadError(f"the cache entry {entry} can't be written")


def _convert(version: Path, out: Path) -> None:
    _log.info("converting %s for OpenVINO, once", version)
    command = [sys.executable, "-m", "model.convert", str(version), str(out)]
    root = Path(__file__).parent.parent
    try:
        child = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=CONVERSION_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"converting {version} took longer than {CONVERSION_S:.0f} s") from error
    if child.returncode != 0:
        lines = child.stderr.strip().splitlines() or [f"exit status {child.returncode}"]
        raise LoadError(f"{version} can't be converted: {lines[-1]}")


def _key(version: Path) -> str:
    """Names everything that the graphs depend on."""
    if not (version / "saved_model.pb").is_file():
        raise LoadError(f"Could not find SavedModel .pb at supplied export directory path: {version}")
    digest = hashlib.sha256(f"{FORMAT} {openvino.__version__}".encode())
    for file in [version / "saved_model.pb", *sorted((version / "variables").glob("*"))]:
        digest.update(f"{file.name} {_digest(file)}".encode())
    return digest.hexdigest()


def _is_whole(entry: Path) -> bool:
    try:
        digests = json.loads((entry / MANIFEST).read_text())
        return GRAPHS_FILE in digests and all(_digest(entry / name) == wanted for name, wanted in digests.items())
    except (OSError, ValueError, AttributeError):
        return False


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
