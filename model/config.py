"""Which models shall be served, and which of their versions? As a `ModelServerConfig` says it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.errors import ConfigError, ServingError, invalid
from model.text_protos import read_text
from protos import model_server_config_pb2

MOST_VERSIONS = 100
"""Versions of one model that are served at a time, whatever its policy."""


@dataclass(frozen=True)
class ModelConfig:
    """One model: its name, the folder that holds its versions, which of them are served, and names for some of them."""

    name: str
    base_path: Path
    labels: dict[str, int] = field(default_factory=dict)
    latest: int | None = 1
    """How many of the newest versions are served; None for all, or for those in `specific`."""
    specific: tuple[int, ...] = ()
    """The versions that are served, if they're named."""

    def aspired(self) -> list[int] | None:
        """The versions on disk that the policy asks for, newest first; None if the folder can't be read."""
        if (found := versions(self.base_path)) is None:
            return None
        found = found[::-1]
        if self.specific:
            return [version for version in found if version in self.specific][:MOST_VERSIONS]
        return found[: MOST_VERSIONS if self.latest is None else min(self.latest, MOST_VERSIONS)]


def versions(base_path: Path) -> list[int] | None:
    """The numbers of the version folders, ascending, or None if they can't be read; other names are no versions."""
    try:
        names = [path.name for path in base_path.iterdir() if path.is_dir()]
    except OSError:
        return None
    return sorted({int(name) for name in names if re.fullmatch(r"[0-9]{1,18}", name)})


def version_folder(base_path: Path, version: int) -> Path:
    """The folder of a version, whose name may have leading zeros."""
    return next(
        (path for path in sorted(base_path.iterdir()) if path.name.isdigit() and int(path.name) == version),
        base_path / str(version),
    )


def read_config(path: Path) -> list[ModelConfig]:
    """The models of a text-format `tensorflow.serving.ModelServerConfig`.

    Raises:
        ConfigError: It can't be read, or asks for something that isn't served here.
    """
    config = read_text(path, model_server_config_pb2.ModelServerConfig(), "ModelServerConfig")
    try:
        models = models_of(config)
    except ServingError as error:
        raise ConfigError(f"{path}: {error.text}") from error
    if not models:
        raise ConfigError(f"{path} names no model")
    return models


def models_of(config: Any) -> list[ModelConfig]:
    """The models of a ModelServerConfig.

    Raises:
        ServingError: It asks for something that isn't served here, or that TensorFlow Serving refuses too.
    """
    if config.WhichOneof("config") == "custom_model_config":
        raise invalid("ModelServer does not yet support custom model config.")
    models = [_model_of(model) for model in config.model_config_list.config]
    _refuse_twice([model.name for model in models])
    return models


def _model_of(model: Any) -> ModelConfig:
    if not model.name:
        raise invalid("a model has no name")
    if model.model_platform not in ("", "tensorflow"):
        raise invalid(f"Model {model.name} requests unsupported platform {model.model_platform}")
    if not Path(model.base_path).is_absolute():
        raise invalid(f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}")
    policy = model.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    if choice == "specific" and not policy.specific.versions:
        raise invalid(f"Model {model.name} has a specific version policy that names no version")
    return ModelConfig(
        model.name,
        Path(model.base_path),
        dict(model.version_labels),
        None if choice in ("all", "specific") else max(1, policy.latest.num_versions),
        tuple(policy.specific.versions) if choice == "specific" else (),
    )


def _refuse_twice(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise invalid(f"Illegal to list model {name} multiple times in config list")
        seen.add(name)
