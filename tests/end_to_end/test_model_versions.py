"""Versions that come and go on disk, labels, policies, and configurations that change while the server answers."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bench.processes import resident_mib
from protos import model_management_pb2, model_server_config_pb2, model_service_pb2_grpc
from tests.conftest import TinyModel, running_model_server
from tests.model.calls import SHAPE, answering, eventually, predict, predict_request, reload, states

Code = grpc.StatusCode


@pytest.fixture
def base(tiny_model: TinyModel, tmp_path: Path) -> Path:
    """A folder of one model, with version 1."""
    shutil.copytree(tiny_model.models / "tiny" / "1", tmp_path / "tiny" / "1")
    return tmp_path / "tiny"


@pytest.fixture
def channel(base: Path) -> Iterator[grpc.Channel]:
    """To a server that looks for versions of `base` every second."""
    flags = ("--model_name=tiny", f"--model_base_path={base}")
    with running_model_server(*flags) as running, grpc.insecure_channel(running.address) as opened:
        yield opened


def add(base: Path, version: int) -> None:
    """Another version, there at once."""
    shutil.copytree(base / "1", base.parent / "coming")
    (base.parent / "coming").rename(base / str(version))


def is_healthy(channel: grpc.Channel) -> bool:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def test_version_that_comes_takes_over_and_when_it_goes_the_old_one_does(channel: grpc.Channel, base: Path) -> None:
    add(base, 2)
    eventually(lambda: states(channel) == {2: "AVAILABLE", 1: "END"})
    assert answering(channel) == answering(channel, version=2) == 2
    assert answering(channel, version=1) == "NOT_FOUND: Servable not found for request: Specific(tiny, 1)"
    shutil.rmtree(base / "2")
    eventually(lambda: states(channel) == {2: "END", 1: "AVAILABLE"})
    assert answering(channel) == 1


def test_bad_version_takes_nothing_down_and_is_served_once_it_is_mended(channel: grpc.Channel, base: Path) -> None:
    (base / "2").mkdir()
    eventually(lambda: states(channel) == {2: "END", 1: "AVAILABLE"})
    assert answering(channel) == 1
    assert is_healthy(channel)
    shutil.copytree(base / "1", base / "2", dirs_exist_ok=True)
    eventually(lambda: answering(channel) == 2)


def test_half_written_version_is_served_when_it_is_whole(channel: grpc.Channel, base: Path) -> None:
    coming = base / "2"
    shutil.copytree(base / "1", coming, ignore=shutil.ignore_patterns("variables.data*"))
    eventually(lambda: states(channel).get(2) == "END")
    assert answering(channel) == 1
    for part in (base / "1" / "variables").iterdir():
        shutil.copy(part, coming / "variables")
    eventually(lambda: answering(channel) == 2)


def test_what_is_no_version_is_ignored(channel: grpc.Channel, base: Path) -> None:
    for name in ("-3", "2a", "٣", "99999999999999999999999"):
        (base / name).mkdir()
    (base / "7").write_text("a file")
    add(base, 2)
    eventually(lambda: answering(channel) == 2)
    assert set(states(channel)) == {1, 2}


def test_folder_that_cannot_be_read_changes_nothing(channel: grpc.Channel, base: Path) -> None:
    base.rename(base.parent / "away")
    add_back = threading.Timer(2.5, lambda: (base.parent / "away").rename(base))
    add_back.start()
    while add_back.is_alive():
        assert answering(channel) == 1
    assert states(channel) == {1: "AVAILABLE"}


def test_no_call_is_lost_while_versions_change(channel: grpc.Channel, base: Path) -> None:
    answered: list[int | str] = []
    done = threading.Event()

    def call() -> None:
        while not done.is_set():
            answered.append(answering(channel))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for version in (2, 3, 4):
        add(base, version)
        eventually(lambda version=version: answered[-1:] == [version])
    done.set()
    for caller in callers:
        caller.join()
    assert set(answered) == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ({}, {4}),
        ({"latest": {"num_versions": 2}}, {3, 4}),
        ({"all": {}}, {1, 2, 3, 4}),
        ({"specific": {"versions": [1, 3, 9]}}, {1, 3}),
    ],
)
def test_policy_chooses_versions(channel: grpc.Channel, base: Path, policy: dict[str, Any], served: set[int]) -> None:
    for version in (2, 3, 4):
        add(base, version)
    reload(channel, {"name": "tiny", "base_path": str(base), "model_version_policy": policy})

    def available() -> set[int]:
        return {version for version, state in states(channel).items() if state == "AVAILABLE"}

    eventually(lambda: available() == served)
    assert answering(channel) == max(served)


def test_labels_name_versions_that_are_available(channel: grpc.Channel, base: Path) -> None:
    add(base, 2)
    both = {"name": "tiny", "base_path": str(base), "model_version_policy": {"all": {}}}
    reload(channel, both)
    reload(channel, {**both, "version_labels": {"stable": 1, "canary": 2}})
    assert (answering(channel, version_label="stable"), answering(channel, version_label="canary")) == (1, 2)
    reload(channel, {**both, "version_labels": {"stable": 2}})
    assert answering(channel, version_label="stable") == 2
    unknown = "INVALID_ARGUMENT: Unrecognized servable version label: "
    assert answering(channel, version_label="canary") == f"{unknown}canary"
    assert answering(channel, version_label="") == unknown
    with pytest.raises(grpc.RpcError) as caught:
        reload(channel, {**both, "version_labels": {"stable": 9}})
    assert (caught.value.code(), caught.value.details()) == (
        Code.FAILED_PRECONDITION,
        "Request to assign label to version 9 of model tiny, which is not currently available for inference",
    )
    assert answering(channel, version_label="stable") == 2


def test_new_label_may_wait_for_its_version_where_that_is_allowed(base: Path, tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    config.write_text(
        f'model_config_list {{ config {{ name: "tiny" base_path: "{base}" model_platform: "tensorflow" '
        'version_labels { key: "next" value: 2 } } }'
    )
    flags = (f"--model_config_file={config}", "--allow_version_labels_for_unavailable_models")
    with running_model_server(*flags) as running, grpc.insecure_channel(running.address) as channel:
        waiting = "NOT_FOUND: Servable not found for request: Specific(tiny, 2)"
        assert answering(channel, version_label="next") == waiting
        add(base, 2)
        eventually(lambda: answering(channel, version_label="next") == 2)


def test_reload_adds_and_drops_models(channel: grpc.Channel, base: Path, tiny_model: TinyModel) -> None:
    floats = {"name": "floats", "base_path": str(tiny_model.models / "floats")}
    response = reload(channel, {"name": "tiny", "base_path": str(base)}, floats)
    assert (response.status.error_code, response.status.error_message) == (0, "")
    assert answering(channel) == 1
    assert states(channel, "floats") == {1: "AVAILABLE"}
    reload(channel, floats)
    assert answering(channel) == "NOT_FOUND: Servable not found for request: Latest(tiny)"
    assert states(channel) == {1: "END"}
    reload(channel)
    assert states(channel, "floats") == {1: "END"}
    reload(channel, {"name": "tiny", "base_path": str(base)})
    assert answering(channel) == 1


@pytest.mark.parametrize(
    ("models", "code", "text"),
    [
        (
            [{"name": "tiny", "base_path": "models/tiny"}],
            Code.INVALID_ARGUMENT,
            "absolute path or URI; got base_path()=mo",
        ),
        ([{"name": "a", "base_path": "/a"}] * 2, Code.INVALID_ARGUMENT, "Illegal to list model a multiple times"),
        ([{"name": "", "base_path": "/a"}], Code.INVALID_ARGUMENT, "no name"),
        (
            [{"name": "a", "base_path": "/a", "model_platform": "caffe"}],
            Code.INVALID_ARGUMENT,
            "unsupported platform caffe",
        ),
        ([{"name": "a", "base_path": "/nowhere"}], Code.UNKNOWN, "Some models did not become available: {{name: a}}"),
    ],
)
def test_wrong_configuration_is_refused_and_a_good_one_still_taken(
    channel: grpc.Channel, base: Path, models: list[dict[str, Any]], code: grpc.StatusCode, text: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        reload(channel, *models)
    assert caught.value.code() is code
    assert text in caught.value.details()
    reload(channel, {"name": "tiny", "base_path": str(base)})
    assert answering(channel) == 1


def test_reload_without_a_list_is_refused(channel: grpc.Channel) -> None:
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    request = model_management_pb2.ReloadConfigRequest(config=model_server_config_pb2.ModelServerConfig())
    with pytest.raises(grpc.RpcError) as caught:
        stub.HandleReloadConfigRequest(request, timeout=10)
    assert caught.value.code() is Code.INVALID_ARGUMENT
    assert "Only ModelConfigList is currently supported" in caught.value.details()


def test_configuration_file_is_read_again(base: Path, tiny_model: TinyModel, tmp_path: Path) -> None:
    config = tmp_path / "models.config"

    def write(*models: str) -> None:
        blocks = "".join(f"config {{ {model} }}" for model in models)
        (tmp_path / "new").write_text(f"model_config_list {{ {blocks} }}")
        (tmp_path / "new").rename(config)

    tiny, floats = (
        f'name: "{name}" base_path: "{folder}"'
        for name, folder in (("tiny", base), ("floats", tiny_model.models / "floats"))
    )
    write(tiny)
    flags = (f"--model_config_file={config}", "--model_config_file_poll_wait_seconds=1")
    with running_model_server(*flags) as running, grpc.insecure_channel(running.address) as channel:
        write(tiny, floats)
        eventually(lambda: answering(channel, "floats", version=1) != "NOT_FOUND" and is_listed(channel, "floats"))
        config.write_text("model_config_list { oops")
        eventually(lambda: any("Error parsing text-format" in line for line in running.log))
        assert is_listed(channel, "floats")
        write(floats)
        eventually(lambda: answering(channel) == "NOT_FOUND: Servable not found for request: Latest(tiny)")


def is_listed(channel: grpc.Channel, model: str) -> bool:
    try:
        return "AVAILABLE" in states(channel, model).values()
    except grpc.RpcError:
        return False


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is read from /proc")
def test_memory_comes_back_when_a_version_is_dropped(base: Path) -> None:
    flags = ("--model_name=tiny", f"--model_base_path={base}")
    with running_model_server(*flags) as running, grpc.insecure_channel(running.address) as channel:
        held = []
        for version in range(2, 8):
            add(base, version)
            eventually(
                lambda version=version: set(states(channel).items()) >= {(version, "AVAILABLE"), (version - 1, "END")}
            )
            predict(channel, predict_request(np.zeros((200, *SHAPE), np.uint8)))
            held.append(resident_mib([running.process.pid]))
    assert max(held[3:]) < held[1] + 20
