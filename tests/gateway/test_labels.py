"""Versions by their labels, over the embedded server."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from gateway.app import create_app
from gateway.settings import Address, Settings
from tests.conftest import TinyModel, running_model_server
from tests.pictures import jpeg


@pytest.fixture(scope="module")
def client(tiny_model: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Versions 1 and 2 are served, as `stable` and `canary`; `next` waits for version 3."""
    models = tmp_path_factory.mktemp("models")
    for version in ("1", "2"):
        shutil.copytree(tiny_model.models / "tiny" / "1", models / "tiny" / version)
        relabel(models / "tiny" / version / "assets.extra" / "card.json", int(version))
    config = models / "models.config"
    labels = "".join(
        f'version_labels {{ key: "{key}" value: {value} }} '
        for key, value in (("stable", 1), ("canary", 2), ("next", 3))
    )
    config.write_text(
        f'model_config_list {{ config {{ name: "tiny" base_path: "{models / "tiny"}" model_platform: "tensorflow" '
        f"model_version_policy {{ all {{}} }} {labels} }} }}"
    )
    flags = (f"--model_config_file={config}", "--allow_version_labels_for_unavailable_models")
    with running_model_server(*flags) as running:
        yield create_app(Settings(model_server=running.address, model_dir=models), Address()).test_client()


def relabel(card: Path, version: int) -> None:
    card.write_text(json.dumps({**json.loads(card.read_text()), "version": version}))


def ask(client: FlaskClient, query: str) -> tuple[int, str]:
    answer = client.post(f"/predict?{query}", data=jpeg(), content_type="image/jpeg")
    return answer.status_code, answer.headers.get("X-Model") or json.loads(answer.data)["code"]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("version_label=stable", 200, "tiny/1"),
        ("version_label=canary", 200, "tiny/2"),
        ("model=tiny&version_label=stable", 200, "tiny/1"),
        ("", 200, "tiny/2"),
        ("version_label=unknown", 404, "unknown_model"),
        ("version_label=next", 404, "unknown_model"),
        ("model=other&version_label=stable", 404, "unknown_model"),
        ("version_label=", 400, "invalid_request"),
        ("version_label=stable&version=1", 400, "invalid_request"),
        ("version_label=stable&version_label=canary", 400, "invalid_request"),
    ],
)
def test_label_chooses_a_version(client: FlaskClient, query: str, status: int, said: str) -> None:
    assert ask(client, query) == (status, said)


def test_label_chooses_in_every_route(client: FlaskClient) -> None:
    assert client.get("/classes?version_label=stable").json["model"] == "tiny/1"  # type: ignore[index]
    answer = client.post("/explain?version_label=stable", data=jpeg(), content_type="image/jpeg")
    assert (answer.status_code, answer.headers["X-Model"]) == (200, "tiny/1")
