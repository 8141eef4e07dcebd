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
from collections.abc import Mapping, Sequence
from pathlib import Path

import openvino

from model.convert import ERROR_FILE, GRAPHS_FILE
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
    (made,) = prepared([version])
    if isinstance(made, LoadError):
        raise made
    return made


def prepared(versions: Sequence[Path]) -> list[Path | LoadError]:
    """For each SavedModel the folder with its graphs, or why there is none; what is missing is made in one child."""
    entries = [_entry(version) for version in versions]
    missing = {
        version: entry
        for version, entry in zip(versions, entries, strict=True)
        if isinstance(entry, Path) and not _is_whole(entry)
    }
    made = _make(missing) if missing else {}
    return [made.get(version, entry) for version, entry in zip(versions, entries, strict=True)]


def _entry(version: Path) -> Path | LoadError:
    try:
        return cache_home() / _key(version)
    except (LoadError, OSError) as error:
        return error if isinstance(error, LoadError) else LoadError(f"{version} can't be read: {error}")


def _make(missing: Mapping[Path, Path]) -> dict[Path, Path | LoadError]:
    home = cache_home()
    home.mkdir(parents=True, exist_ok=True)
    partials = {version: Path(tempfile.mkdtemp(prefix=".partial-", dir=home)) for version in missing}
    try:
        said = _convert(partials)
        return {version: _kept(version, partial, missing[version], said) for version, partial in partials.items()}
    finally:
        for partial in partials.values():
            shutil.rmtree(partial, ignore_errors=True)


def _kept(version: Path, partial: Path, entry: Path, said: str) -> Path | LoadError:
    """The partial entry in its place, or why it isn't whole."""
    if not (partial / GRAPHS_FILE).is_file():
        error = partial / ERROR_FILE
        return LoadError(f"{version} can't be converted: {error.read_text() if error.is_file() else said}")
    digests = {file.name: digest(file) for file in sorted(partial.iterdir())}
    (partial / MANIFEST).write_text(json.dumps(digests))
    partial.chmod(0o755)  # mkdtemp lets only its maker in; an image's server runs as another user
    try:
        return _put(partial, entry)
    except LoadError as error:
        return error


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


def _convert(folders: Mapping[Path, Path]) -> str:
    """Convert each folder into the other; the child's last words, for those that it didn't get to."""
    _log.info("converting %s for OpenVINO, once", ", ".join(map(str, folders)))
    pairs = [str(folder) for pair in folders.items() for folder in pair]
    command = [sys.executable, "-m", "model.convert", *pairs]
    root, seconds = Path(__file__).parent.parent, CONVERSION_S * len(folders)
    try:
        child = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"it took longer than {seconds:.0f} s"
    lines = child.stderr.strip().splitlines() or [f"exit status {child.returncode}"]
    return lines[-1]


def _key(version: Path) -> str:
    """Names everything that the graphs depend on."""
    if not (version / "saved_model.pb").is_file():
        raise LoadError(f"Could not find SavedModel .pb at supplied export directory path: {version}")
    made_by = f"{FORMAT} {openvino.__version__} {saved_model_digest(version)}"
    return hashlib.sha256(made_by.encode()).hexdigest()


def saved_model_digest(version: Path) -> str:
    """Names a SavedModel by its content: the graph and the variables."""
    whole = hashlib.sha256()
    for file in [version / "saved_model.pb", *sorted((version / "variables").glob("*"))]:
        whole.update(f"{file.name} {digest(file)}".encode())
    return whole.hexdigest()


def _is_whole(entry: Path) -> bool:
    try:
        digests = json.loads((entry / MANIFEST).read_text())
        return GRAPHS_FILE in digests and all(digest(entry / name) == wanted for name, wanted in digests.items())
    except (OSError, ValueError, AttributeError):
        return False


def digest(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
