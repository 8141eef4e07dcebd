"""The scripts and Dockerfiles have no mistake that their linters know, and the scripts do what they say."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.deploy.conftest import Plant
from tests.deploy.images import tool, version
from tests.deploy.test_kubernetes import named, render, workloads

SCRIPTS = [path.relative_to(ROOT) for path in (*ROOT.glob("*.sh"), *ROOT.glob("kube-config/*.sh"), ROOT / ".ci/run")]
DOCKERFILES = [path.relative_to(ROOT) for path in (*ROOT.glob("Dockerfile*"), *ROOT.glob("*/Dockerfile*"))]
DEPLOY = "deploy-local-kube.sh"

# What the script calls, as far as it listens to the answer; every call is written down in $STATE/calls.
TOOLS = {
    "docker": """
case "$1" in
  version) echo "${ARCHITECTURE-amd64}"; [ -n "${ARCHITECTURE-amd64}" ] ;;
  image) cat "$STATE/image" ;;
esac
""",
    "kind": """
case "$1" in
  get) cat "$STATE/clusters" ;;
  create) echo sports > "$STATE/clusters" ;;
esac
""",
    "kubectl": """
case "$*" in
  *' get deployment'*) cat "$STATE/annotation" ;;
  *' get secret '*) [ ! -s "$STATE/secret" ] || echo secret/sports-database ;;
  *' create --filename -') cat > "$STATE/secret" ;;
  *' annotate '*) cp "$STATE/image" "$STATE/annotation" ;;
  *' rollout status '*) [ ! -e "$STATE/broken" ] ;;
  *port-forward*) echo 'Forwarding from 127.0.0.1:4242 -> 9696'; exec sleep 60 ;;
esac
""",
    "curl": """
echo '{"tennis":0.94}'
""",
}


class Machine:
    """A machine whose docker, kind, kubectl and curl only write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        for name in ("calls", "clusters", "annotation", "secret"):
            (folder / name).touch()
        self.build("sha256:first")
        for name, text in TOOLS.items():
            path = folder / "bin" / name
            path.write_text(f'#!/bin/sh\necho "{name} $*" >> "$STATE/calls"\n{text}')
            path.chmod(0o755)

    def build(self, image: str) -> None:
        """Have docker build this image from now on."""
        (self.folder / "image").write_text(image)

    def secret(self) -> dict[str, Any]:
        """The Secret that the cluster got."""
        return yaml.safe_load((self.folder / "secret").read_text())

    def deploy(self, path: str | None = None, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        """Run the script; what it said, and what it called."""
        (self.folder / "calls").write_text("")
        path = path or f"{self.folder / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            [shutil.which("bash") or "bash", ROOT / DEPLOY], capture_output=True, text=True, timeout=30, check=False,
            env={"PATH": path, "STATE": str(self.folder), "TMPDIR": str(self.folder), **environment},
        )  # fmt: skip
        return done, (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def shellcheck(path: Path) -> str:
    return subprocess.run([tool("shellcheck"), path], capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_script_is_in_order(script: Path) -> None:
    assert shellcheck(ROOT / script) == ""
    assert os.access(ROOT / script, os.X_OK) or script.name == "run"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=str)
def test_dockerfile_is_in_order(dockerfile: Path) -> None:
    done = subprocess.run(
        [tool("hadolint"), "--no-color", ROOT / dockerfile], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (DEPLOY, "${#missing[@]}", "${#mising[@]}"),
        (DEPLOY, '[ -n "$before" ]', "[ -n $before ]"),
        (DEPLOY, "done\nfor workload", "don\nfor workload"),
        (DEPLOY, '$password"\n  url', '$pasword"\n  url'),
        ("kube-config/copy-cards.sh", '"$here"/base', "$here/base"),
    ],
)
def test_typo_is_found(plant: Plant, name: str, old: str, new: str) -> None:
    assert shellcheck(plant(name, old, new) / name)


def test_missing_tools_are_named_in_one_sentence(machine: Machine) -> None:
    bare = machine.folder / "bare"
    bare.mkdir()
    (bare / "dirname").symlink_to(shutil.which("dirname") or "")
    (bare / "curl").symlink_to(machine.folder / "bin" / "curl")
    done, calls = machine.deploy(str(bare))
    assert done.returncode == 1
    assert done.stderr == "deploy-local-kube.sh: these tools are missing: docker kind kubectl.\n"
    assert not calls


@pytest.mark.parametrize(("architecture", "word"), [("", "engine"), ("arm64", "arm64")])
def test_docker_that_cannot_do_it_is_said_before_anything_is_built(
    machine: Machine, architecture: str, word: str
) -> None:
    done, calls = machine.deploy(ARCHITECTURE=architecture)
    assert done.returncode == 1
    assert word in done.stderr
    assert len(calls) == 1


def test_first_run_makes_the_cluster_and_predicts(machine: Machine) -> None:
    done, calls = machine.deploy()
    assert done.returncode == 0, done.stderr
    images, kubectl = "sports-model:0.1.0 sports-gateway:0.1.0", "kubectl --context kind-sports --namespace sports"
    steps = [
        "docker build --tag sports-model:0.1.0 --file model/Dockerfile .",
        "docker build --tag sports-gateway:0.1.0 --file gateway/Dockerfile .",
        "kind create cluster --name sports --wait 120s",
        "kubectl config set-context kind-sports --namespace sports",
        f"kind load docker-image --name sports {images}",
        f"{kubectl} apply --filename kube-config/base/namespace.yaml",
        f"{kubectl} create --filename -",
        f"{kubectl} apply --kustomize kube-config/overlays/kind",
        f"{kubectl} annotate --overwrite deployment/tf-serving-sports-model image-id=sha256:first",
        f"{kubectl} annotate --overwrite deployment/sports-gateway image-id=sha256:first",
        f"{kubectl} rollout status deployment/tf-serving-sports-model --timeout 300s",
        f"{kubectl} rollout status deployment/sports-gateway --timeout 300s",
        f"{kubectl} rollout status statefulset/sports-database --timeout 300s",
        f"{kubectl} port-forward services/sports-gateway-service :9696",
    ]
    assert [call for call in calls if call in steps] == steps
    assert any(call.startswith("curl") and "127.0.0.1:4242/predict" in call and "tennis.jpg" in call for call in calls)
    assert not [call for call in calls if "restart" in call]
    assert '{"tennis":0.94}' in done.stdout
    assert "kubectl port-forward services/sports-gateway-service 9696:9696" in done.stdout
    assert "kind delete cluster --name sports" in done.stdout
    assert not list(machine.folder.glob("tmp.*"))


def test_second_run_keeps_the_cluster_and_restarts_only_what_changed(machine: Machine) -> None:
    machine.deploy()
    again, calls = machine.deploy()
    assert again.returncode == 0
    assert not [call for call in calls if "create" in call or "restart" in call]
    machine.build("sha256:second")
    _, calls = machine.deploy()
    assert len([call for call in calls if "rollout restart" in call]) == 1  # the annotation here is one for both


def test_first_run_makes_a_password_that_nobody_sees_and_the_second_keeps_it(machine: Machine) -> None:
    done, calls = machine.deploy()
    made = machine.secret()
    password = made["stringData"]["password"]
    assert re.fullmatch(r"[0-9a-f]{48}", password)
    assert password not in "".join([done.stdout, done.stderr, *calls])
    machine.deploy()
    assert machine.secret() == made
    (machine.folder / "secret").write_text("")
    machine.deploy()
    assert machine.secret()["stringData"]["password"] != password


def test_secret_fits_the_database_and_everybody_who_asks_for_it(machine: Machine) -> None:
    machine.deploy()
    secret, objects = machine.secret(), render(ROOT, "overlays/kind")
    containers = [found for each in workloads(objects) for found in each["spec"]["template"]["spec"]["containers"]]
    variables = {variable["name"]: variable for found in containers for variable in found.get("env", [])}
    asked = {found["valueFrom"]["secretKeyRef"]["key"] for found in variables.values() if "valueFrom" in found}
    assert asked == set(secret["stringData"])
    service = named(objects, "Service", secret["metadata"]["name"])
    assert service
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local"
    user, name = variables["POSTGRES_USER"]["value"], variables["POSTGRES_DB"]["value"]
    url = f"postgresql://{user}:{secret['stringData']['password']}@{host}:{service['spec']['ports'][0]['port']}/{name}"
    assert secret["stringData"]["url"] == url


def test_rollout_that_does_not_end_is_named(machine: Machine) -> None:
    (machine.folder / "broken").touch()
    done, calls = machine.deploy()
    assert done.returncode == 1
    assert "tf-serving-sports-model wasn't ready" in done.stderr
    assert not [call for call in calls if "port-forward" in call]


def test_script_builds_the_projects_version() -> None:
    assert f"\nversion={version(ROOT)}\n" in (ROOT / DEPLOY).read_text()


def card(models: Path, folder: str) -> None:
    path = models / folder / "assets.extra" / "card.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")


def copy_cards(config: Path, models: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([config / "copy-cards.sh", models], capture_output=True, text=True, check=False)


def test_new_versions_cards_are_copied_and_mounted(tmp_path: Path) -> None:
    config, models = tmp_path / "kube-config", tmp_path / "models"
    shutil.copytree(ROOT / "kube-config", config)
    versions = ["dogs/1", "sports7/1", "sports7/2"]
    for folder in versions:
        card(models, folder)
    assert copy_cards(config, models).returncode == 0
    command = [tool("kubectl"), "kustomize", str(config / "base")]
    rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    objects = list(yaml.safe_load_all(rendered))
    (config_map,) = [found for found in objects if found["kind"] == "ConfigMap"]
    assert list(config_map["data"]) == [f"{folder.replace('/', '-')}.json" for folder in versions]
    (gateway,) = [
        found for found in objects if found["kind"] == "Deployment" and "gateway" in found["metadata"]["name"]
    ]
    volumes = gateway["spec"]["template"]["spec"]["volumes"]
    (items,) = [volume["configMap"]["items"] for volume in volumes if "configMap" in volume]
    assert [item["path"] for item in items] == [f"{folder}/assets.extra/card.json" for folder in versions]
    before = {path: path.read_bytes() for path in config.rglob("*") if path.is_file()}
    assert copy_cards(config, models).returncode == 0
    assert {path: path.read_bytes() for path in config.rglob("*") if path.is_file()} == before


def test_copying_without_cards_or_marks_fails_and_says_why(plant: Plant, tmp_path: Path) -> None:
    config = plant("kube-config/base/gateway.yaml", "# end of cards", "# the end") / "kube-config"
    without_cards = copy_cards(config, tmp_path)
    assert without_cards.returncode == 1
    assert "there is no card below" in without_cards.stderr
    assert list((config / "base" / "cards").iterdir())
    card(tmp_path, "sports7/1")
    without_mark = copy_cards(config, tmp_path)
    assert without_mark.returncode == 1
    assert "must have one line '# end of cards'" in without_mark.stderr
