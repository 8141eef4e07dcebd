"""Which versions of which models are served?"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from model.engine import Precision
from model.errors import LoadError, invalid, not_found
from model.servable import Servable
from protos import error_codes_pb2, get_model_status_pb2, model_server_config_pb2

State = get_model_status_pb2.ModelVersionStatus.State

_log = logging.getLogger(__name__)


class ConfigError(Exception):
    """The server can't start with this configuration; the text says why."""


@dataclass(frozen=True)
class ModelConfig:
    """One model: its name, the folder that holds its versions, and names for some of them."""

    name: str
    base_path: Path
    labels: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.base_path.is_absolute():
            raise ConfigError(
                f"Expected model {self.name} to have an absolute path or URI; got base_path()={self.base_path}"
            )


def read_config(path: Path) -> list[ModelConfig]:
    """The models of a text-format `tensorflow.serving.ModelServerConfig`.

    Raises:
        ConfigError: It can't be read, or asks for something that isn't served here.
    """
    config = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(path.read_text(), config)
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        message = "Error parsing text-format tensorflow.serving.ModelServerConfig"
        raise ConfigError(f"{message}: {path}: {error}") from error
    models = []
    for model in config.model_config_list.config:
        if model.model_platform not in ("", "tensorflow"):
            raise ConfigError(f"{path}: the platform {model.model_platform} of {model.name} isn't served here")
        models.append(ModelConfig(model.name, Path(model.base_path), dict(model.version_labels)))
    names = [model.name for model in models]
    if not models or "" in names:
        raise ConfigError(f"{path} names no model" if not models else f"{path}: a model has no name")
    if len(set(names)) < len(names):
        raise ConfigError(f"{path}: Illegal to list model {max(names, key=names.count)} multiple times in config list")
    return models


class Repository:
    """The loaded versions. It is filled before calls arrive and only read afterwards."""

    def __init__(self, models: Sequence[ModelConfig], precision: Precision | None, streams: int) -> None:
        self._models = {model.name: model for model in models}
        self._precision: Precision | None = precision
        self._streams = streams
        self._loaded: dict[str, dict[int, Servable]] = {name: {} for name in self._models}
        self._failed: dict[str, dict[int, str]] = {name: {} for name in self._models}

    def load(self) -> bool:
        """Load the newest version of each model; whether all of them are served now."""
        for model in self._models.values():
            newest = max(_versions(model.base_path), default=None)
            if newest is None:
                _log.error("No versions of servable %s found under base path %s", model.name, model.base_path)
                continue
            try:
                folder = model.base_path / str(newest)
                self._loaded[model.name][newest] = Servable(model.name, folder, self._precision, self._streams)
            except (LoadError, RuntimeError, OSError) as error:
                _log.error("%s version %d can't be served: %s", model.name, newest, error)
                self._failed[model.name][newest] = str(error)
        return all(self._loaded.values())

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all could be loaded."""
        return not any(self._loaded.values())

    def servable(self, spec: Any) -> Servable:
        """The version that a ModelSpec asks for.

        Raises:
            ServingError: It names no model, or one that isn't served.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        versions = self._loaded.get(spec.name, {})
        if spec.version_label:
            labels = self._models[spec.name].labels if spec.name in self._models else {}
            if spec.version_label not in labels:
                raise invalid(f"Unrecognized servable version label: {spec.version_label}")
            wanted = labels[spec.version_label]
        elif spec.HasField("version"):
            wanted = spec.version.value
        else:
            if not versions:
                raise not_found(f"Servable not found for request: Latest({spec.name})")
            wanted = max(versions)
        if wanted not in versions:
            raise not_found(f"Servable not found for request: Specific({spec.name}, {wanted})")
        return versions[wanted]

    def status(self, spec: Any) -> list[Any]:
        """ModelVersionStatus of the version that a ModelSpec asks for, or of all versions.

        Raises:
            ServingError: It names no model, or one that is unknown.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        found = dict.fromkeys(self._loaded.get(spec.name, {}), (State.AVAILABLE, error_codes_pb2.OK, ""))
        for version, text in self._failed.get(spec.name, {}).items():
            found[version] = (State.END, error_codes_pb2.UNKNOWN, text)
        if spec.HasField("version"):
            wanted = spec.version.value
            if wanted not in found:
                raise not_found(f"Could not find version {wanted} of model {spec.name}")
            found = {wanted: found[wanted]}
        if not found:
            raise not_found(f"Could not find any versions of model {spec.name}")
        statuses = []
        for version in sorted(found, reverse=True):
            state, code, text = found[version]
            status = get_model_status_pb2.ModelVersionStatus(version=version, state=state)
            status.status.error_code, status.status.error_message = code, text
            statuses.append(status)
        return statuses


def _versions(base_path: Path) -> list[int]:
    """The numbers of the version folders; other names are no versions."""
    try:
        return [int(path.name) for path in base_path.iterdir() if path.is_dir() and re.fullmatch(r"\d+", path.name)]
    except OSError:
        return []
