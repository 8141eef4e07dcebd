"""What do the Dockerfiles promise to those who run their images?"""

import copy
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from gateway.settings import Address, Settings


def _variables(settings: type[BaseSettings]) -> set[str]:
    prefix = settings.model_config.get("env_prefix", "")
    return {str(field.validation_alias or prefix + name).upper() for name, field in settings.model_fields.items()}


VARIABLES = _variables(Settings) | _variables(Address)
"""What the gateway reads from its environment."""
PINNED = re.compile(r"postgres:\d+\.\d+-bookworm")
"""The one image that isn't ours, to the patch: another major version couldn't read what the last one wrote."""


@dataclass
class Image:
    """A stage of a Dockerfile, with all that it is built on."""

    ports: set[int] = field(default_factory=set)
    user: str = "root"
    has_health_check: bool = False
    paths: set[str] = field(default_factory=set)
    """Where files were put."""
    variables: set[str] = field(default_factory=lambda: VARIABLES)

    def has(self, path: str, root: Path) -> bool:
        """Whether the path is there, as far as can be told: /models is the checkout's `model`."""
        made = any(path == known or path.startswith(f"{known.rstrip('/')}/") for known in self.paths)
        return made and (not path.startswith("/models/") or (root / "model" / path.removeprefix("/models/")).exists())


POSTGRES = Image(
    {5432}, "999:999", paths={"/var/lib/postgresql"}, variables={"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
)
"""The official image since 18, which moved its volume: docker-library/postgres 18/bookworm/Dockerfile."""


def read_image(dockerfile: Path, target: str = "") -> Image:
    """The target stage, or the last.

    Raises:
        KeyError: There is no such stage.
    """
    lines = [line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#")]
    stages: dict[str, Image] = {}
    last = ""
    for instruction in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        word, _, rest = instruction.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            last = name or f"stage {len(stages)}"
            stages[last] = copy.deepcopy(stages.get(base, Image()))
        elif last:
            _take(stages[last], word, rest)
    return stages[target or last]


def _take(image: Image, word: str, rest: str) -> None:
    if word == "EXPOSE":
        image.ports |= {int(port) for port in rest.split()}
    elif word == "USER":
        image.user = rest
    elif word == "HEALTHCHECK":
        image.has_health_check = rest != "NONE"
    elif word in ("COPY", "ADD", "WORKDIR") or (word == "RUN" and rest.startswith(("ln -s", "install -d"))):
        image.paths.add(rest.split()[-1])


def built_images(root: Path) -> dict[str, Image]:
    """The images by name and tag, as docker-compose.yaml builds them."""
    services = yaml.safe_load((root / "docker-compose.yaml").read_text())["services"].values()
    return {service["image"]: read_image(root / service["build"]["dockerfile"]) for service in services}


def pulled_images(root: Path) -> dict[str, Image]:
    """The images by name and tag that docker-compose.postgres.yaml takes from others."""
    services = yaml.safe_load((root / "docker-compose.postgres.yaml").read_text())["services"].values()
    return {service["image"]: POSTGRES for service in services if PINNED.fullmatch(service.get("image", ""))}


def version(root: Path) -> str:
    """The project's; every image has it as its tag."""
    return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])


def served_models(root: Path) -> set[str]:
    """The names in models.config."""
    return set(re.findall(r'name: "(\w+)"', (root / "model" / "models.config").read_text()))


def variable_problems(environment: dict[str, str], image: Image, root: Path) -> Iterator[str]:
    """What is wrong with a container's environment."""
    for name, value in environment.items():
        if name not in image.variables:
            yield f"{name} is no variable of its image"
        if value.startswith("/") and not image.has(value, root):
            yield f"{name}: {value} isn't in the image"


def check_problems(text: str, ports: set[int], root: Path) -> Iterator[str]:
    """What is wrong with a health check's command: ports that nobody listens on, models that aren't served."""
    for port in re.findall(r"127\.0\.0\.1(?:[:/]| --port=)(\d+)", text):
        if int(port) not in ports:
            yield f"a health check asks port {port}"
    for name in re.findall(r"/v1/models/(\w+)", text):
        if name not in served_models(root):
            yield f"a health check asks for the model {name}"


def tool(name: str) -> str:
    """A program of the development list, or of the machine; without it the test is skipped."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} isn't installed")
    return found


def words(value: Any) -> str:
    """A command as one text."""
    return value if isinstance(value, str) else " ".join(value)
