"""The Compose files ask for nothing that Compose, the images and the gateway don't know, and for nothing unsafe."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.conftest import ROOT
from tests.deploy.conftest import Plant
from tests.deploy.images import PINNED, POSTGRES, Image, check_problems, read_image, variable_problems, version, words

Tree = dict[str, Any]

BASE, CPU, DATABASE = "docker-compose.yaml", "docker-compose.cpu.yaml", "docker-compose.postgres.yaml"
VARIANTS = [(BASE,), (BASE, CPU), (BASE, DATABASE), (BASE, CPU, DATABASE)]
REPLACED = {"command", "entrypoint", "test"}
"""Lists that Compose replaces; others it joins."""
RESET = object()
SCHEMA = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())


class Loader(yaml.SafeLoader):
    """Knows Compose's own tag."""


Loader.add_constructor("!reset", lambda *_: RESET)


def merged(base: Tree, over: Tree) -> Tree:
    """Two Compose files as one."""
    tree = dict(base)
    for key, value in over.items():
        if value is RESET:
            tree.pop(key, None)
        elif isinstance(value, dict) and isinstance(tree.get(key), dict):
            tree[key] = merged(tree[key], value)
        elif isinstance(value, list) and key not in REPLACED:
            tree[key] = tree.get(key, []) + value
        else:
            tree[key] = value
    return tree


def load(root: Path, names: tuple[str, ...]) -> Tree:
    tree: Tree = {}
    for name in names:
        tree = merged(tree, Loader((root / name).read_text()).get_single_data())
    return tree


def problems(root: Path, names: tuple[str, ...]) -> list[str]:
    """Everything that is wrong with the files, together."""
    project = load(root, names)
    unknown = [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(project)]
    if unknown:
        return unknown
    images = {}
    for name, service in project["services"].items():
        try:
            images[name] = image_of(service, root)
        except (OSError, KeyError) as error:
            return [f"{name} can't be built: {error}"]
    return [
        f"{name}: {problem}"
        for name, service in project["services"].items()
        for problem in (
            *unsafe(service),
            *unlike_its_image(service, images[name], root),
            *unconnected(service, project, images),
        )
    ]


def image_of(service: Tree, root: Path) -> Image:
    if PINNED.fullmatch(service["image"]):
        return POSTGRES
    return read_image(root / service["build"]["dockerfile"], service["build"].get("target", ""))


def unsafe(service: Tree) -> Iterator[str]:
    wanted = {
        "read_only": True,
        "init": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
    }
    for key, value in wanted.items():
        if service.get(key) != value:
            yield f"{key} isn't {value}"
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", service.get("user", "")):
        yield "its user is no number, or root"
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    if set(limits) != {"cpus", "memory", "pids"}:
        yield f"its limits are {sorted(limits)}"
    if "stop_grace_period" not in service:
        yield "it has no time to stop"


def unlike_its_image(service: Tree, image: Image, root: Path) -> Iterator[str]:
    if image is not POSTGRES and service["image"].partition(":")[2] != version(root):
        yield f"its tag isn't the project's version: {service['image']}"
    if service["user"] != image.user:
        yield f"its user is {service['user']}, the image's is {image.user}"
    yield from variable_problems(service.get("environment", {}), image, root)
    for path in re.findall(r"=(/\S+)", words(service.get("command", []))):
        if not image.has(path, root):
            yield f"{path} isn't in the image"
    for mount in service.get("volumes", []):
        path = mount.partition(":")[2]
        if not image.has(path, root):
            yield f"{path} isn't in the image, so its volume would be root's"
    check = service.get("healthcheck", {}).get("test")
    if check is None and not image.has_health_check:
        yield "it has no health check"
    yield from check_problems(words(check or []), image.ports, root)


def unconnected(service: Tree, project: Tree, images: dict[str, Image]) -> Iterator[str]:
    for network in service["networks"]:
        if network not in project["networks"]:
            yield f"there is no network {network}"
    for name in service.get("depends_on", {}):
        if name not in project["services"]:
            yield f"there is no service {name}"
    for mount in service.get("volumes", []):
        if mount.partition(":")[0] not in project["volumes"]:
            yield f"there is no volume {mount}"
    for published in service.get("ports", []):
        if published.split(":")[-2:] != ["9696", "9696"]:
            yield f"it publishes {published}"
    for host, port in called(service.get("environment", {})):
        other = project["services"].get(host, {"networks": []})
        if not set(other["networks"]) & set(service["networks"]):
            yield f"it can't reach {host}"
        elif int(port) not in images[host].ports:
            yield f"{host} doesn't listen on {port}"


def called(environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The services and ports that the variables name."""
    for value in environment.values():
        if match := re.fullmatch(r"(?:postgresql://.*@)?([a-z]+):(\d+)(?:/\w+)?", value):
            yield match[1], match[2]


@pytest.mark.parametrize("names", VARIANTS)
def test_files_are_in_order(names: tuple[str, ...]) -> None:
    assert problems(ROOT, names) == []


@pytest.mark.parametrize("names", VARIANTS)
def test_only_the_gateways_port_is_published(names: tuple[str, ...]) -> None:
    services = load(ROOT, names)["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["gateway"]
    assert services["gateway"]["ports"] == ["${SPORTS_ADDRESS:-127.0.0.1}:9696:9696"]


@pytest.mark.parametrize("names", VARIANTS)
def test_model_server_has_no_way_out(names: tuple[str, ...]) -> None:
    project = load(ROOT, names)
    assert [project["networks"][name] for name in project["services"]["model"]["networks"]] == [{"internal": True}]


def test_override_fits_half_a_gigabyte_and_any_processor() -> None:
    model = load(ROOT, VARIANTS[1])["services"]["model"]
    assert model["deploy"]["resources"]["limits"] == {"cpus": "2", "memory": "512M", "pids": 512}
    assert "platform" not in model


@pytest.mark.parametrize("names", VARIANTS)
def test_history_outlives_its_container(names: tuple[str, ...]) -> None:
    gateway = load(ROOT, names)["services"]["gateway"]
    assert gateway["volumes"] == [f"gateway-data:{gateway['environment']['GATEWAY_DATA_DIR']}"]


def test_database_is_reached_by_the_gateway_only_and_has_no_way_out() -> None:
    project = load(ROOT, (BASE, DATABASE))
    (network,) = project["services"]["database"]["networks"]
    assert project["networks"][network] == {"internal": True}
    assert {name for name, service in project["services"].items() if network in service["networks"]} == {
        "gateway",
        "database",
    }


def test_gateway_finds_the_database_that_is_made_and_does_not_wait_for_it() -> None:
    services = load(ROOT, (BASE, DATABASE))["services"]
    made = services["database"]["environment"]
    url = f"postgresql://{made['POSTGRES_USER']}:${{POSTGRES_PASSWORD}}@database:5432/{made['POSTGRES_DB']}"
    assert services["gateway"]["environment"]["DATABASE_URL"] == url
    assert services["gateway"]["depends_on"]["database"] == {"condition": "service_started"}
    check = services["database"]["healthcheck"]["test"]
    assert check[-2:] == [f"--username={made['POSTGRES_USER']}", f"--dbname={made['POSTGRES_DB']}"]


def test_password_has_no_default_and_its_lack_is_a_sentence() -> None:
    password = load(ROOT, (BASE, DATABASE))["services"]["database"]["environment"]["POSTGRES_PASSWORD"]
    assert re.fullmatch(r"\$\{POSTGRES_PASSWORD:\?[a-z][^}]{20,}\}", password)


def test_database_is_stopped_before_it_is_killed() -> None:
    database = load(ROOT, (BASE, DATABASE))["services"]["database"]
    assert (database["stop_signal"], database["stop_grace_period"]) == ("SIGINT", "60s")


@pytest.mark.parametrize(
    ("name", "old", "new", "found"),
    [
        ("docker-compose.yaml", "environment:", "enviroment:", "enviroment"),
        ("docker-compose.yaml", "start_period", "start_peroid", "start_peroid"),
        ("docker-compose.yaml", "memory: 2G", "memroy: 2G", "memroy"),
        ("docker-compose.yaml", "service_healthy", "service_healty", "service_healty"),
        ("docker-compose.yaml", "cap_drop: [ALL]", "cap_drop: [AL]", "cap_drop"),
        ("docker-compose.yaml", "read_only: true", "read_only: false", "read_only"),
        ("docker-compose.yaml", '"10001:10001"', '"0:10001"', "user"),
        ("docker-compose.yaml", '"10001:10001"', '"1001:10001"', "user"),
        ("docker-compose.yaml", "gateway/Dockerfile", "gateway/Dokerfile", "Dokerfile"),
        ("docker-compose.yaml", "sports-model:0.1.0", "sports-model:latest", "latest"),
        ("docker-compose.yaml", "GATEWAY_MODEL_SERVER", "GATEWAY_MODELSERVER", "GATEWAY_MODELSERVER"),
        ("docker-compose.yaml", "model:8500", "modle:8500", "modle"),
        ("docker-compose.yaml", "model:8500", "model:8502", "8502"),
        ("docker-compose.yaml", "GATEWAY_MODEL_DIR: /models", "GATEWAY_MODEL_DIR: /model", "/model"),
        ("docker-compose.yaml", "9696:9696", "9696:9669", "9669"),
        ("docker-compose.yaml", "networks: [inside]", "networks: [insde]", "insde"),
        ("docker-compose.yaml", "depends_on: {model:", "depends_on: {modle:", "modle"),
        ("docker-compose.yaml", "/v1/models/sports7", "/v1/models/sport7", "sport7"),
        ("docker-compose.yaml", "127.0.0.1/8501", "127.0.0.1/8510", "8510"),
        ("docker-compose.cpu.yaml", "target: model", "target: modle", "modle"),
        ("docker-compose.cpu.yaml", "/models/models.config", "/models/model.config", "model.config"),
        ("docker-compose.cpu.yaml", "services:", "servces:", "servces"),
        ("docker-compose.cpu.yaml", '"127.0.0.1:8500"', '"127.0.0.1:850"', "850"),
        (BASE, "gateway-data:/data", "gateway-date:/data", "gateway-date"),
        (BASE, "gateway-data:/data", "gateway-data:/date", "/date"),
        (BASE, "GATEWAY_DATA_DIR: /data", "GATEWAY_DATA_DIR: /date", "/date"),
        (DATABASE, "DATABASE_URL", "DATABASE_URI", "DATABASE_URI"),
        (DATABASE, "@database:5432", "@databse:5432", "databse"),
        (DATABASE, "@database:5432", "@database:5423", "5423"),
        (DATABASE, "networks: [storage]", "networks: []", "can't reach database"),
        (DATABASE, "service_started", "service_startd", "service_startd"),
        (DATABASE, "postgres:18.4-bookworm", "postgres:latest", "database can't be built"),
        (DATABASE, "postgres:18.4-bookworm", "postgres:18-bookworm", "database can't be built"),
        (DATABASE, '"999:999"', '"0:0"', "user"),
        (DATABASE, "read_only: true", "read_only: false", "read_only"),
        (DATABASE, "/var/lib/postgresql", "/var/lib/postgres", "/var/lib/postgres"),
        (DATABASE, "database-data:/", "database-date:/", "database-date"),
        (DATABASE, "POSTGRES_USER", "POSTGRES_USR", "POSTGRES_USR"),
        (DATABASE, "--port=5432", "--port=5423", "5423"),
        (DATABASE, "stop_signal", "stop_singal", "stop_singal"),
        (DATABASE, "cpus: ", "cpu: ", "cpu"),
        ("gateway/Dockerfile", "USER 10001:10001", "USER 10002:10002", "user"),
        ("gateway/Dockerfile", "700 /data", "700 /date", "/data"),
    ],
)
def test_typo_is_found(plant: Plant, name: str, old: str, new: str, found: str) -> None:
    root = plant(name, old, new)
    said = " ".join(problem for names in VARIANTS for problem in problems(root, names))
    assert found in said
