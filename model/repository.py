"""Which versions of which models answer right now?

One thread at a time changes that: it looks which versions are wanted and there, loads the new ones, and only then drops
those that are wanted no more, so that a model never goes without a version that could be served. A call that has got a
version keeps it: its memory goes when the last of them is answered.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc

from model.config import ModelConfig, version_folder
from model.errors import ConfigError, LoadError, ServingError, invalid, not_found, precondition
from model.memory import give_back
from model.servable import Servable
from protos import error_codes_pb2, get_model_status_pb2

__all__ = ["ConfigError", "Repository"]

State = get_model_status_pb2.ModelVersionStatus.State
MOST_ENDED = 100
"""Versions of a model that were served once and are still told of."""

Load = Callable[[str, Path], Servable]
"""Makes a version that answers, of a model's name and the version's folder; raises LoadError."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rules:
    """How failures and labels are treated, as the flags of the same names say."""

    max_num_load_retries: int = 5
    load_retry_interval_s: float = 60.0
    allow_version_labels_for_unavailable_models: bool = False


@dataclass
class _Version:
    state: int
    servable: Servable | None = None
    error: str = ""
    attempts: int = 0
    tried_at: float = 0.0
    seen: object = None
    """What its folder looked like when loading it failed: another look is worth another try."""


@dataclass
class _Model:
    config: ModelConfig | None
    """None: it isn't configured any more."""
    versions: dict[int, _Version] = field(default_factory=dict)

    def available(self) -> dict[int, Servable]:
        """The versions that answer."""
        found = {number: version.servable for number, version in self.versions.items()}
        return {number: servable for number, servable in found.items() if servable is not None}


class Repository:
    """The models, and their versions by state.

    Args:
        load: Makes a version that answers.
        rules: How failures and labels are treated.
        prepare: Gets all the folders that are about to be loaded, where there are several; may say which can't be.
    """

    def __init__(
        self,
        load: Load,
        rules: Rules | None = None,
        prepare: Callable[[list[Path]], list[Path | LoadError]] = lambda folders: [],
    ) -> None:
        self._load, self._rules, self._prepare = load, rules or Rules(), prepare
        self._models: dict[str, _Model] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._changing = threading.Lock()
        self._lock = threading.Lock()  # around what calls read; never held while something loads

    def apply(self, configs: Sequence[ModelConfig]) -> None:
        """Serve these models from now on: new ones are loaded, those that aren't named are dropped.

        Raises:
            ServingError: A label names a version that isn't available, or a new model couldn't be loaded.
        """
        with self._changing:
            labels = self._checked_labels(configs)
            new = [config.name for config in configs if self._config(config.name) is None]
            with self._lock:
                self._labels = labels
                for model in self._models.values():
                    model.config = None
                for config in configs:
                    self._models.setdefault(config.name, _Model(None)).config = config
            self._follow()
        if missing := [name for name in new if not self._models[name].available()]:
            named = ", ".join(f"{{name: {name}}}" for name in missing)
            raise ServingError(grpc.StatusCode.UNKNOWN, f"Some models did not become available: {{{named}}}")

    def poll(self) -> None:
        """Look at the disk again: versions that came are loaded, those that went are dropped."""
        with self._changing:
            self._follow()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all answers."""
        return not any(model.available() for model in self._models.values())

    @property
    def is_complete(self) -> bool:
        """Whether every configured model has a version that answers, and no wanted version failed."""
        configured = [model for model in self._models.values() if model.config is not None]
        return all(model.available() for model in configured)

    def knows(self, name: str) -> bool:
        """Whether there is, or was, a model of that name."""
        return name in self._models

    def servable(self, spec: Any) -> Servable:
        """The version that a ModelSpec asks for.

        Raises:
            ServingError: It names no model, or one that isn't served.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        with self._lock:
            model = self._models.get(spec.name)
            available = model.available() if model else {}
            if choice == "version_label":
                if spec.version_label not in self._labels.get(spec.name, {}):
                    raise invalid(f"Unrecognized servable version label: {spec.version_label}")
                wanted = self._labels[spec.name][spec.version_label]
            elif choice == "version":
                wanted = spec.version.value
            elif available:
                wanted = max(available)
            else:
                raise not_found(f"Servable not found for request: Latest({spec.name})")
        if wanted not in available:
            raise not_found(f"Servable not found for request: Specific({spec.name}, {wanted})")
        return available[wanted]

    def status(self, spec: Any) -> list[Any]:
        """ModelVersionStatus of the version that a ModelSpec asks for, or of all versions, newest first.

        Raises:
            ServingError: It names an unknown model or version.
        """
        with self._lock:
            model = self._models.get(spec.name)
            found = dict(model.versions) if model else {}
        if spec.WhichOneof("version_choice") == "version":
            wanted = spec.version.value
            if wanted not in found:
                raise not_found(f"Could not find version {wanted} of model {spec.name}")
            found = {wanted: found[wanted]}
        if not found:
            raise not_found(f"Could not find any versions of model {spec.name}")
        return [_status(number, found[number]) for number in sorted(found, reverse=True)]

    def close(self) -> None:
        """Drop everything."""
        with self._changing:
            for model in self._models.values():
                model.config = None
            self._follow()

    def _config(self, name: str) -> ModelConfig | None:
        model = self._models.get(name)
        return model.config if model else None

    def _checked_labels(self, configs: Sequence[ModelConfig]) -> dict[str, dict[str, int]]:
        """server_core.cc, UpdateModelVersionLabelMap: labels are judged before anything is loaded."""
        for config in configs:
            model = self._models.get(config.name)
            available = model.available() if model else {}
            for label, version in config.labels.items():
                known = self._labels.get(config.name, {}).get(label, version)
                may_be_away = self._rules.allow_version_labels_for_unavailable_models and known == version
                if version not in available and not may_be_away:
                    raise precondition(
                        f"Request to assign label to version {version} of model {config.name}, "
                        "which is not currently available for inference"
                    )
        return {config.name: dict(config.labels) for config in configs}

    def _follow(self) -> None:
        aspired = {name: self._aspired(name, model) for name, model in self._models.items()}
        folders = [
            folder
            for name, numbers in aspired.items()
            for number in numbers or ()
            if (folder := self._to_load(self._models[name], number)) is not None
        ]
        prepared = self._prepare(folders) if len(folders) > 1 else []
        bad = {folder: made for folder, made in zip(folders, prepared, strict=False) if isinstance(made, LoadError)}
        dropped = False
        for name, numbers in aspired.items():
            if numbers is not None:
                for number in numbers:
                    self._try(name, self._models[name], number, bad)
                dropped = self._drop(name, self._models[name], numbers) or dropped
        if dropped:
            gc.collect()
            give_back()

    def _aspired(self, name: str, model: _Model) -> list[int] | None:
        """The versions wanted and there, newest first; None if that can't be known now: then nothing changes."""
        if model.config is None:
            return []
        aspired = model.config.aspired()
        if not aspired and not model.available():
            _log.error("No versions of servable %s found under base path %s", name, model.config.base_path)
        return aspired

    def _to_load(self, model: _Model, number: int) -> Path | None:
        """The folder of a version that should be loaded now: it isn't yet, and hasn't failed as it is."""
        if model.config is None:
            return None
        folder = version_folder(model.config.base_path, number)
        version = model.versions.get(number)
        if version is not None and (version.servable or not self._worth_another_try(version, folder)):
            return None
        return folder

    def _try(self, name: str, model: _Model, number: int, bad: Mapping[Path, LoadError]) -> None:
        folder = self._to_load(model, number)
        if folder is None:
            return
        version = model.versions.get(number)
        attempts = version.attempts + 1 if version else 1
        loading = _Version(State.LOADING, attempts=attempts, tried_at=time.monotonic(), seen=_look(folder))
        self._set(model, number, loading)
        try:
            if folder in bad:
                raise bad[folder]
            servable = self._load(name, folder)
        except Exception as error:  # whatever is wrong with one version, the others go on
            if not isinstance(error, LoadError):
                _log.exception("%s version %d", name, number)
            _log.error("%s version %d can't be served: %s", name, number, error)
            self._set(model, number, replace(loading, error=str(error) or type(error).__name__, state=State.END))
        else:
            self._set(model, number, replace(loading, servable=servable, state=State.AVAILABLE))

    def _worth_another_try(self, version: _Version, folder: Path) -> bool:
        if version.state == State.END and not version.error:
            return True  # it was dropped in good order, and is wanted again
        if _look(folder) != version.seen:
            version.attempts = 0  # somebody is still writing it, or has mended it
            return True
        waited = time.monotonic() - version.tried_at >= self._rules.load_retry_interval_s
        return waited and version.attempts <= self._rules.max_num_load_retries

    def _drop(self, name: str, model: _Model, aspired: Sequence[int]) -> bool:
        """Drop what isn't wanted any more, if something that is wanted answers; whether anything was dropped."""
        available = model.available()
        unwanted = set(available) - set(aspired)
        if not unwanted or (aspired and not set(available) & set(aspired)):
            return False
        for number in unwanted:
            servable = available[number]
            self._set(model, number, _Version(State.END))
            servable.close()
            _log.info("%s version %d is served no more", name, number)
        with self._lock:
            for number in sorted(set(model.versions) - set(aspired))[:-MOST_ENDED]:
                del model.versions[number]
        return True

    def _set(self, model: _Model, number: int, version: _Version) -> None:
        with self._lock:
            model.versions[number] = version


def _look(folder: Path) -> object:
    """Names, sizes and times of what is in the folder: it changes while somebody still writes there."""
    try:
        stats = [(path.relative_to(folder), path.stat()) for path in sorted(folder.rglob("*"))[:1000]]
        return [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats]
    except OSError:
        return None


def _status(number: int, version: _Version) -> Any:
    status = get_model_status_pb2.ModelVersionStatus(version=number, state=version.state)
    failed = error_codes_pb2.UNKNOWN if version.error else error_codes_pb2.OK
    status.status.error_code, status.status.error_message = failed, version.error
    return status
