"""The manifests, as kubectl renders them, ask for nothing that Kubernetes, the images and the gateway don't know."""

import ipaddress
import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway.addresses import may_be_dialled
from gateway.app import create_app
from gateway.settings import Settings
from tests.conftest import ROOT
from tests.deploy.conftest import Plant
from tests.deploy.images import (
    POSTGRES,
    Image,
    built_images,
    check_problems,
    pulled_images,
    tool,
    variable_problems,
    version,
)
from tests.gateway.test_addresses import PUBLIC, REFUSED

Object = dict[str, Any]

OVERLAYS = ["base", "overlays/kind", "overlays/eks"]
VERSIONS = ["1.27", "1.37"]
"""The oldest and the newest Kubernetes that the manifests are held to."""
WORKLOADS = ("Deployment", "StatefulSet")
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
SAFE_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
SAFE_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@lru_cache
def render(root: Path, overlay: str) -> list[Object]:
    command = [tool("kubectl"), "kustomize", str(root / "kube-config" / overlay)]
    return list(yaml.safe_load_all(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [found for found in objects if found["kind"] == kind]


def workloads(objects: list[Object]) -> list[Object]:
    return [found for found in objects if found["kind"] in WORKLOADS]


def named(objects: list[Object], kind: str, name: str) -> Object | None:
    return next((found for found in of_kind(objects, kind) if found["metadata"]["name"] == name), None)


def selected(objects: list[Object], selector: dict[str, str]) -> list[Object]:
    """The pods (their templates) that the labels select."""
    templates = [found["spec"]["template"] for found in workloads(objects)]
    return [template for template in templates if selector.items() <= template["metadata"]["labels"].items()]


def ports(pod: Object) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for found in pod["spec"]["containers"] for port in found["ports"]}


def problems(root: Path, overlay: str) -> list[str]:
    """Everything that is wrong with an overlay."""
    try:
        objects = render(root, overlay)
    except subprocess.CalledProcessError as error:
        return [error.stderr]
    if unknown := list(unknown_fields(objects)):
        return unknown
    images = built_images(root) | pulled_images(root)
    return [
        *misplaced(objects),
        *unselected(objects),
        *(
            f"{found['metadata']['name']}: {problem}"
            for found in workloads(objects)
            for problem in (*unsafe(found), *unmovable(found), *unlike_its_images(found, images, objects, root))
        ),
    ]


def unknown_fields(objects: list[Object]) -> Iterator[str]:
    for found in objects:
        for wanted in VERSIONS:
            if unknown := unknown_field(json.dumps(found), wanted):
                yield f"{found['kind']} {found['metadata']['name']}, Kubernetes {wanted}: {unknown}"


@cache  # a typo changes one object, and the schemas are large
def unknown_field(found: str, wanted: str) -> str:
    try:
        kubernetes_validate.validate(json.loads(found), wanted, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return str(error.message)
    return ""


def misplaced(objects: list[Object]) -> Iterator[str]:
    (namespace,) = of_kind(objects, "Namespace")
    if namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
        yield "the namespace lets unsafe pods in"
    for found in objects:
        if found is not namespace and found["metadata"].get("namespace") != namespace["metadata"]["name"]:
            yield f"{found['kind']} {found['metadata']['name']} isn't in the namespace"


def unselected(objects: list[Object]) -> Iterator[str]:
    """What points to pods, workloads or ports that aren't there."""
    for service in of_kind(objects, "Service"):
        pods = selected(objects, service["spec"]["selector"])
        if len(pods) != 1:
            yield f"the Service {service['metadata']['name']} selects {len(pods)} workloads"
        for port in service["spec"]["ports"]:
            if any(port["targetPort"] not in ports(pod) for pod in pods):
                yield f"the Service {service['metadata']['name']} sends to {port['targetPort']}"
    for budget in of_kind(objects, "PodDisruptionBudget"):
        if len(selected(objects, budget["spec"]["selector"]["matchLabels"])) != 1:
            yield f"the PodDisruptionBudget {budget['metadata']['name']} is of no workload"
    for scaler in of_kind(objects, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        if not named(objects, target["kind"], target["name"]):
            yield f"the HorizontalPodAutoscaler {scaler['metadata']['name']} scales {target['kind']} {target['name']}"
    for policy in of_kind(objects, "NetworkPolicy"):
        yield from (f"the NetworkPolicy {policy['metadata']['name']} {problem}" for problem in idle(policy, objects))
    for found in workloads(objects):
        name, own = found["metadata"]["name"], found["spec"]["selector"]["matchLabels"]
        if selected(objects, own) != [found["spec"]["template"]]:
            yield f"the {found['kind']} {name} selects other pods than its own"
    for found in of_kind(objects, "StatefulSet"):
        service = named(objects, "Service", found["spec"]["serviceName"])
        if service is None or selected(objects, service["spec"]["selector"]) != [found["spec"]["template"]]:
            yield f"the StatefulSet {found['metadata']['name']} has no Service"
    for found in of_kind(objects, "Deployment"):
        name = found["metadata"]["name"]
        for kind in ("PodDisruptionBudget", "HorizontalPodAutoscaler"):
            if not named(objects, kind, name):
                yield f"the Deployment {name} has no {kind}"


def idle(policy: Object, objects: list[Object]) -> Iterator[str]:
    """What a NetworkPolicy names that isn't there."""
    pods = selected(objects, policy["spec"]["podSelector"].get("matchLabels", {}))
    if not pods:
        yield "selects no pods"
    rules: list[tuple[Object, list[Object], list[Object]]] = [
        (rule, rule.get("from", []), pods) for rule in policy["spec"].get("ingress", [])
    ]
    rules += [(rule, rule["to"], []) for rule in policy["spec"].get("egress", [])]
    for rule, peers, receivers in rules:
        for peer in peers:
            if "podSelector" not in peer or "namespaceSelector" in peer:
                continue
            found = selected(objects, peer["podSelector"]["matchLabels"])
            if not found:
                yield "names peers that aren't there"
            receivers = receivers or found
        for port in rule["ports"]:
            if any(port["port"] not in ports(pod).values() for pod in receivers):
                yield f"names port {port['port']}"


def unsafe(workload: Object) -> Iterator[str]:
    pod = workload["spec"]["template"]["spec"]
    if not SAFE_POD.items() <= pod["securityContext"].items():
        yield "its pods' securityContext"
    if pod.get("automountServiceAccountToken") is not False or pod.get("enableServiceLinks") is not False:
        yield "its pods get a token or variables that they don't need"
    for container in pod["containers"]:
        if container["securityContext"] != SAFE_CONTAINER:
            yield "its container's securityContext"
        for key in ("requests", "limits"):
            if set(container.get("resources", {}).get(key, {})) != {"cpu", "memory"}:
                yield f"its {key}"


def unmovable(workload: Object) -> Iterator[str]:
    """What keeps its pods from being spread, and from handing over in peace; a StatefulSet here is one pod."""
    if workload["kind"] == "StatefulSet":
        return
    pod = workload["spec"]["template"]["spec"]
    labels = workload["spec"]["selector"]["matchLabels"]
    spread = pod.get("topologySpreadConstraints", [])
    if not spread or any(constraint["labelSelector"]["matchLabels"] != labels for constraint in spread):
        yield "its pods aren't spread"
    for container in pod["containers"]:
        pause = int(container["lifecycle"]["preStop"]["exec"]["command"][-1])
        if pause >= pod["terminationGracePeriodSeconds"]:
            yield "it is killed before its preStop is over"


def unlike_its_images(workload: Object, images: dict[str, Image], objects: list[Object], root: Path) -> Iterator[str]:
    pod = workload["spec"]["template"]["spec"]
    claims = [claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])]
    for container in pod["containers"]:
        image = images.get(container["image"].rpartition("/")[2])
        if image is None or not (image is POSTGRES or container["image"].endswith(f":{version(root)}")):
            yield f"nobody builds or pins its image {container['image']}"
            continue
        if f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" != image.user:
            yield f"its user isn't the image's {image.user}"
        for port in container["ports"]:
            if port["containerPort"] not in image.ports:
                yield f"its image doesn't listen on {port['containerPort']}"
        yield from mistaken_probes(container, root)
        environment = {variable["name"]: variable.get("value", "") for variable in container.get("env", [])}
        yield from variable_problems(environment, image, root)
        yield from unmounted(pod, claims, container, objects)
        if kept := {"/data", "/var/lib/postgresql"} & image.paths - {m["mountPath"] for m in container["volumeMounts"]}:
            yield f"nothing is mounted at {kept}"
        if server := environment.get("GATEWAY_MODEL_SERVER"):
            yield from unreachable(server, objects)
            if environment.get("GATEWAY_MODEL_DIR") not in [mount["mountPath"] for mount in container["volumeMounts"]]:
                yield "the cards aren't where it looks for them"


def mistaken_probes(container: Object, root: Path) -> Iterator[str]:
    known = {port["name"]: port["containerPort"] for port in container["ports"]}
    for name in PROBES:
        probe = container.get(name)
        if probe is None:
            yield f"it has no {name}"
            continue
        if http := probe.get("httpGet"):
            if http["port"] not in known:
                yield f"its {name} asks port {http['port']}"
            if http["path"] not in routes():
                yield f"its {name} asks for {http['path']}"
        if "tcpSocket" in probe and probe["tcpSocket"]["port"] not in known:
            yield f"its {name} asks port {probe['tcpSocket']['port']}"
        if "grpc" in probe and probe["grpc"]["port"] not in known.values():
            yield f"its {name} asks port {probe['grpc']['port']}"
        yield from check_problems(" ".join(probe.get("exec", {}).get("command", [])), set(known.values()), root)


@lru_cache
def routes() -> set[str]:
    return {rule.rule for rule in create_app(Settings()).url_map.iter_rules()}


def unmounted(pod: Object, claims: list[str], container: Object, objects: list[Object]) -> Iterator[str]:
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    if set(mounts) != {*volumes, *claims}:
        yield f"it mounts {sorted(mounts)} of {sorted([*volumes, *claims])}"
    if "/tmp" not in mounts.values():
        yield "it has no /tmp to write to"
    for volume in volumes.values():
        if config := volume.get("configMap"):
            found = named(objects, "ConfigMap", config["name"])
            keys = {item["key"] for item in config["items"]}
            if found is None or keys != set(found["data"]):
                yield f"its volume {volume['name']} wants {sorted(keys)} of the ConfigMap {config['name']}"


def unreachable(server: str, objects: list[Object]) -> Iterator[str]:
    """What is wrong with the model server's address."""
    match = re.fullmatch(r"dns:///([a-z-]+)\.([a-z-]+)\.svc\.cluster\.local:(\d+)", server)
    service = named(objects, "Service", match[1]) if match else None
    if match is None or service is None or service["metadata"]["namespace"] != match[2]:
        yield f"there is no Service behind {server}"
    elif int(match[3]) not in [port["port"] for port in service["spec"]["ports"]]:
        yield f"the Service behind {server} has another port"
    elif service["spec"].get("clusterIP") != "None":
        yield f"the Service behind {server} isn't headless"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlay_is_in_order(overlay: str) -> None:
    assert problems(ROOT, overlay) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_allowed_unless_said(overlay: str) -> None:
    policies = [policy["spec"] for policy in of_kind(render(ROOT, overlay), "NetworkPolicy")]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies


def test_model_takes_calls_from_the_gateway_only_and_makes_none() -> None:
    policy = named(render(ROOT, "base"), "NetworkPolicy", "model")
    assert policy
    gateway = {"matchLabels": {"app.kubernetes.io/name": "sports-gateway"}}
    ingress = [{"from": [{"podSelector": gateway}], "ports": [{"port": 8500, "protocol": "TCP"}]}]
    assert policy["spec"]["ingress"] == ingress
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy["spec"]


def rules(objects: list[Object], name: str, direction: str) -> list[Object]:
    """What all policies together let the workload's pods do."""
    (workload,) = [found for found in workloads(objects) if found["metadata"]["name"] == name]
    labels = workload["spec"]["template"]["metadata"]["labels"]
    return [
        rule
        for policy in of_kind(objects, "NetworkPolicy")
        if policy["spec"]["podSelector"].get("matchLabels", {}).items() <= labels.items()
        for rule in policy["spec"].get(direction, [])
    ]


def test_database_takes_calls_from_the_gateway_only_and_makes_none() -> None:
    objects = render(ROOT, "overlays/kind")
    gateway = {"matchLabels": {"app.kubernetes.io/name": "sports-gateway"}}
    ingress = [{"from": [{"podSelector": gateway}], "ports": [{"port": 5432, "protocol": "TCP"}]}]
    assert rules(objects, "sports-database", "ingress") == ingress
    assert rules(objects, "sports-database", "egress") == []


@pytest.mark.parametrize(
    ("overlay", "database"),
    [
        ("overlays/kind", {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "sports-database"}}}),
        ("overlays/eks", {"ipBlock": {"cidr": "DATABASE-CIDR"}}),  # which Kubernetes refuses until it's filled in
    ],
)
def test_overlay_opens_the_databases_port_and_no_more(overlay: str, database: Object) -> None:
    known = rules(render(ROOT, "base"), "sports-gateway", "egress")
    opened = [rule for rule in rules(render(ROOT, overlay), "sports-gateway", "egress") if rule not in known]
    assert opened == [{"to": [database], "ports": [{"port": 5432, "protocol": "TCP"}]}]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_gateway_writes_to_the_database_of_the_secret(overlay: str) -> None:
    gateway = named(render(ROOT, overlay), "Deployment", "sports-gateway")
    assert gateway
    pod = gateway["spec"]["template"]["spec"]
    (variable,) = [found for found in pod["containers"][0]["env"] if found["name"] == "DATABASE_URL"]
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "sports-database", "key": "url"}}  # not optional
    assert {"name": "data", "emptyDir": {"sizeLimit": "512Mi"}} in pod["volumes"]


def test_nobody_ships_a_secret() -> None:
    assert not [overlay for overlay in OVERLAYS if of_kind(render(ROOT, overlay), "Secret")]


def test_gateway_fetches_from_the_addresses_that_its_code_dials() -> None:
    policy = named(render(ROOT, "base"), "NetworkPolicy", "gateway")
    assert policy
    (rule,) = [rule for rule in policy["spec"]["egress"] if "ipBlock" in rule["to"][0]]
    assert {port["port"] for port in rule["ports"]} == set(Settings().allowed_ports)
    blocks = [peer["ipBlock"] for peer in rule["to"]]
    excepted = [ipaddress.ip_network(network) for block in blocks for network in block["except"]]
    edges = [edge for network in excepted for edge in (network[0], network[-1])]
    for address in [*map(ipaddress.ip_address, PUBLIC + REFUSED), *edges]:
        passes = any(
            address in ipaddress.ip_network(block["cidr"]) and not any(address in network for network in excepted)
            for block in blocks
        )
        assert passes == (may_be_dialled(address) and getattr(address, "ipv4_mapped", None) is None), address


def test_cards_are_copies_of_the_models() -> None:
    cards = {
        f"{path.parts[-4]}-{path.parts[-3]}.json": path.read_text()
        for path in (ROOT / "model").glob("*/*/assets.extra/card.json")
    }
    objects = render(ROOT, "base")
    (config,) = of_kind(objects, "ConfigMap")
    assert config["data"] == cards, "run kube-config/copy-cards.sh"
    gateway = named(objects, "Deployment", "sports-gateway")
    assert gateway
    (volume,) = [volume for volume in gateway["spec"]["template"]["spec"]["volumes"] if volume["name"] == "cards"]
    for item in volume["configMap"]["items"]:
        assert (ROOT / "model" / item["path"]).read_text() == cards[item["key"]]


def test_two_of_each_run_unless_the_autoscaler_says() -> None:
    replicas = {
        overlay: [found["spec"].get("replicas") for found in of_kind(render(ROOT, overlay), "Deployment")]
        for overlay in OVERLAYS
    }
    assert replicas == {"base": [2, 2], "overlays/kind": [2, 2], "overlays/eks": [None, None]}
    for scaler in of_kind(render(ROOT, "base"), "HorizontalPodAutoscaler"):
        assert scaler["spec"]["minReplicas"] == 2


def test_load_balancer_is_on_eks_only() -> None:
    types = {}
    for overlay in OVERLAYS:
        service = named(render(ROOT, overlay), "Service", "sports-gateway-service")
        assert service
        assert service["spec"]["ports"] == [{"name": "http", "port": 9696, "targetPort": "http"}]
        types[overlay] = service["spec"].get("type", "ClusterIP")
    assert types == {"base": "ClusterIP", "overlays/kind": "ClusterIP", "overlays/eks": "LoadBalancer"}


def test_names_in_the_documents_are_there() -> None:
    objects = render(ROOT, "base")
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for kind, name in re.findall(
            r"\b(deployment|service)s?[/ ]([a-z-]+)(?=[ )]|$)", commands(path.read_text()), re.MULTILINE
        ):
            assert named(objects, kind.title(), name), f"{path.name}: {kind} {name}"


def commands(text: str) -> str:
    """The lines of a document that call kubectl."""
    return "\n".join(line for line in text.splitlines() if "kubectl" in line)


GATEWAY, MODEL, POLICIES = (f"kube-config/base/{name}.yaml" for name in ("gateway", "model", "network-policies"))
KUSTOMIZATION = "kube-config/base/kustomization.yaml"
DATABASE = "kube-config/overlays/kind/database.yaml"


@pytest.mark.parametrize(
    ("name", "old", "new", "found"),
    [
        (GATEWAY, "readinessProbe:", "readinesProbe:", "readinesProbe"),
        (GATEWAY, "replicas: 2", "replicas: two", "two"),
        (GATEWAY, "apiVersion: policy/v1", "apiVersion: policy/v2", "policy"),
        (GATEWAY, "selector: {app.kubernetes.io/name: sports-gateway}", "selector: {app: gateway}", "selects 0"),
        (GATEWAY, "targetPort: http", "targetPort: htpp", "htpp"),
        (GATEWAY, "path: /readyz, port: http", "path: /readyz, port: htpp", "htpp"),
        (GATEWAY, "path: /readyz", "path: /ready", "/ready"),
        (GATEWAY, "containerPort: 9696", "containerPort: 9669", "9669"),
        (GATEWAY, "name: GATEWAY_MODEL_DIR", "name: GATEWAY_MODELS_DIR", "GATEWAY_MODELS_DIR"),
        (GATEWAY, "mountPath: /models", "mountPath: /model", "cards"),
        (GATEWAY, "dns:///tf-serving-sports-model", "dns:///tf-serving-sport-model", "no Service"),
        (GATEWAY, "sports.svc", "sport.svc", "no Service"),
        (GATEWAY, "cluster.local:8500", "cluster.local:8501", "another port"),
        (GATEWAY, "kind: Deployment, name: sports-gateway", "kind: Deployment, name: sport-gateway", "sport-gateway"),
        (GATEWAY, "sports-gateway:0.1.0", "sports-gateway:latest", "latest"),
        (GATEWAY, "name: cards, mountPath", "name: card, mountPath", "card"),
        (GATEWAY, "key: sports7-1.json", "key: sport7-1.json", "sport7-1.json"),
        (GATEWAY, "runAsUser: 10001", "runAsUser: 0", "user"),
        (GATEWAY, "runAsNonRoot: true", "runAsNonRoot: false", "securityContext"),
        (GATEWAY, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "securityContext"),
        (GATEWAY, ", memory: 1Gi}", "}", "limits"),
        (GATEWAY, "terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 3", "preStop"),
        (MODEL, "/v1/models/sports7", "/v1/models/sport7", "sport7"),
        (MODEL, "127.0.0.1/8501", "127.0.0.1/8510", "8510"),
        (MODEL, "grpc: {port: 8500}", "grpc: {port: 8600}", "8600"),
        (MODEL, "clusterIP: None", "clusterIP: ''", "headless"),
        (MODEL, "enableServiceLinks: false", "enableServiceLinks: true", "variables"),
        (POLICIES, "app.kubernetes.io/name: tf-serving-sports-model", "app: model", "selects no pods"),
        (POLICIES, "port: 8500", "port: 8050", "8050"),
        (POLICIES, "port: 9696", "port: 9669", "9669"),
        (KUSTOMIZATION, "namespace: sports", "namespace: sport", "sports-gateway"),
        (KUSTOMIZATION, "- model.yaml", "- modle.yaml", "modle.yaml"),
        (KUSTOMIZATION, "cards/sports7-1.json", "cards/sport7-1.json", "sport7-1.json"),
        (KUSTOMIZATION, "name: model-cards", "name: modle-cards", "model-cards"),
        (GATEWAY, "name: DATABASE_URL", "name: DATABASE_URI", "DATABASE_URI"),
        (GATEWAY, "value: /data", "value: /date", "/date"),
        (GATEWAY, "mountPath: /data", "mountPath: /date", "/data"),
        (DATABASE, "volumeClaimTemplates:", "volumeClaimTemplate:", "volumeClaimTemplate"),
        (DATABASE, "serviceName: sports-database", "serviceName: sport-database", "has no Service"),
        (DATABASE, "runAsUser: 999", "runAsUser: 0", "user"),
        (DATABASE, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "securityContext"),
        (DATABASE, "postgres:18.4-bookworm", "postgres:18", "postgres:18"),
        (DATABASE, "postgres:18.4-bookworm", "postgres:18.3-bookworm", "postgres:18.3"),  # Compose has another
        (DATABASE, "mountPath: /var/lib/postgresql", "mountPath: /var/lib/postgresql/data", "/var/lib/postgresql"),
        (DATABASE, "tcpSocket: {port: postgresql}", "tcpSocket: {port: postgres}", "asks port postgres"),
        (DATABASE, "--port=5432", "--port=5423", "5423"),
        (DATABASE, "protocol: TCP, port: 5432", "protocol: TCP, port: 5423", "5423"),
        (DATABASE, "namespace: sports", "namespace: sport", "isn't in the namespace"),
        ("kube-config/overlays/kind/small.yaml", "name: sports-gateway", "name: sport-gateway", "sport-gateway"),
        ("gateway/Dockerfile", "EXPOSE 9696", "EXPOSE 9669", "9696"),
    ],
)
def test_typo_is_found(plant: Plant, name: str, old: str, new: str, found: str) -> None:
    assert found in " ".join(problems(plant(name, old, new), "overlays/kind"))
