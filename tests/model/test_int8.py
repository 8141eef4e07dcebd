"""The int8 copy of a version: when it computes, what it leaves to float32, and copies that aren't used."""

import json
import logging
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from model import precision
from model.engine import Engine, Lazy
from model.errors import ServingError
from model.int8 import FOLDER, GRAPH, MANIFEST, WEIGHTS
from model.loading import Loader
from model.metrics import Metrics
from model.precision import Precision
from model.servable import Servable
from protos import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc
from protos.tensors import to_array, to_proto
from tests.conftest import TinyModel, running_model_server
from tests.model.test_loading import record, warm_up_log

VNNI, AVX2, PLAIN = "flags\t\t: fpu avx2 avx512_vnni", "flags\t\t: fpu avx avx2", "flags\t\t: fpu sse4_2 avx"


@pytest.fixture
def version(tiny_model: TinyModel, tmp_path: Path) -> Path:
    """A copy of the version with the int8 copy, to be spoiled."""
    return Path(shutil.copytree(tiny_model.quick, tmp_path / "quick" / "1"))


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """What the system says of its processor."""
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(precision, "_CPU_INFO", info)
    return lambda flags: (info.write_text(f"processor : 0\n{flags}\n"), None)[1]


def loaded(version: Path, wanted: Precision | None = None) -> Servable:
    return Loader(Metrics(), wanted)("quick", version)


def rewrite(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize(("flags", "named"), [(VNNI, "avx512_vnni"), (AVX2, "avx2")])
def test_int8_is_chosen_where_card_and_processor_allow(
    version: Path, processor: Callable[[str], None], caplog: pytest.LogCaptureFixture, flags: str, named: str
) -> None:
    processor(flags)
    with caplog.at_level(logging.INFO):
        assert loaded(version).precision == "int8"
    assert f"int8, because its card says that int8 passed, and the processor has {named}" in caplog.text
    assert "explain in float32, serve_uint8 in int8, serving_default in int8" in caplog.text


@pytest.mark.parametrize(
    ("flags", "card", "why"),
    [
        (PLAIN, {}, "the processor has none of amx_int8, avx512_vnni, avx_vnni, avx2"),
        ("", {}, "the processor has none of"),
        (VNNI, {"int8": {"passed": False}}, "doesn't say that int8 passed"),
        (VNNI, {"int8": "yes"}, "doesn't say that int8 passed"),
        (VNNI, {"known_threshold": {"float32": 0.5}}, "no threshold for int8"),
        (VNNI, {"known_threshold": 7}, "no threshold for int8"),
    ],
)
def test_int8_is_not_chosen_otherwise(
    version: Path,
    processor: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
    flags: str,
    card: dict[str, object],
    why: str,
) -> None:
    processor(flags)
    rewrite(version / "assets.extra" / "card.json", **card)
    with caplog.at_level(logging.INFO):
        assert loaded(version).precision == "float32"
    assert why in caplog.text
    assert loaded(version, "int8").precision == "int8", "told to, it computes in int8 all the same"


def test_answers_are_like_tensorflows_and_explanations_are_its_own(version: Path, tiny_model: TinyModel) -> None:
    servable, oracle = loaded(version, "int8"), np.load(tiny_model.oracle)
    answered = servable.run("serve_uint8", {"images": oracle["images"]}, ["probabilities"], 60)["probabilities"]
    difference = np.abs(answered - oracle["serve_uint8"])
    assert 0 < difference.max() <= 0.1  # seven bits, and three channels that nothing averages
    assert servable.precision_of("serve_uint8") == "int8"
    inputs = {"images": oracle["images"], "class_index": np.array([-1, 0, 1, 2, -1], np.int32)}
    assert not servable.opened("explain")
    explained = servable.run("explain", inputs, [], 60)
    assert servable.opened("explain")
    assert servable.precision_of("explain") == "float32"
    assert explained["heatmap"] == pytest.approx(oracle["heatmap"], abs=1e-5)
    assert explained["probabilities"] == pytest.approx(oracle["serve_uint8"], abs=1e-5)


def test_who_waits_for_the_first_call_waits_no_longer_than_its_deadline() -> None:
    opening, may_open = threading.Event(), threading.Event()

    def opened() -> Engine:
        opening.set()
        may_open.wait(10)
        raise RuntimeError("no such graph")

    lazy = Lazy(opened, "float32")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lazy.run, "explain", {}, [], 60)
        assert opening.wait(10)
        with pytest.raises(TimeoutError):
            lazy.run("explain", {}, [], 0.01)
        may_open.set()
        with pytest.raises(ServingError, match="can't be compiled: no such graph"):
            first.result(10)
    assert not lazy.opened("explain")


def test_warm_up_leaves_explanations_to_their_first_call(version: Path, caplog: pytest.LogCaptureFixture) -> None:
    logs = [record(warm_up_log("quick", name)) for name in ("serve_uint8", "explain")]
    (version / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"".join(logs))
    with caplog.at_level(logging.INFO):
        servable = loaded(version, "int8")
    assert "1 warm-up records, 1 left to the first call" in caplog.text
    assert not servable.opened("explain")


def cut(folder: Path) -> None:
    file = folder / WEIGHTS
    file.write_bytes(file.read_bytes()[:-1])


def not_a_graph(folder: Path) -> None:
    """A graph that OpenVINO can't read, whose manifest says that it's right."""
    from model.cache import digest

    (folder / GRAPH).write_text("<net><layers></net>")
    files = {name: digest(folder / name) for name in (GRAPH, WEIGHTS)}
    rewrite(folder / MANIFEST, files=files)


SPOILT: list[tuple[Callable[[Path], object], str]] = [
    (cut, "its int8.bin isn't what was written"),
    (lambda folder: (folder / WEIGHTS).unlink(), "its int8.bin can't be read"),
    (lambda folder: rewrite(folder / MANIFEST, saved_model="0" * 64), "it was made from another SavedModel"),
    (lambda folder: rewrite(folder / MANIFEST, openvino="2099.1.0"), "made by OpenVINO 2099.1.0, which is newer"),
    (lambda folder: rewrite(folder / MANIFEST, openvino="soon"), "its manifest.json can't be read"),
    (lambda folder: rewrite(folder / MANIFEST, format="0"), "quantize again"),
    (lambda folder: rewrite(folder / MANIFEST, signatures=["nothing"]), "it is for a signature nothing"),
    (lambda folder: rewrite(folder / MANIFEST, files=7), "its manifest.json can't be read"),
    (lambda folder: (folder / MANIFEST).write_text("[]"), "its manifest.json can't be read"),
    (lambda folder: (folder / MANIFEST).unlink(), "its manifest.json can't be read"),
    (not_a_graph, "its int8 copy isn't used"),
]


@pytest.mark.parametrize(("spoil", "said"), SPOILT)
@pytest.mark.parametrize("wanted", ["int8", None])
def test_copy_that_cannot_be_used_is_named_and_float32_answers(
    version: Path,
    processor: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], object],
    said: str,
    wanted: Precision | None,
) -> None:
    processor(VNNI)
    spoil(version / FOLDER)
    with caplog.at_level(logging.INFO):
        servable = loaded(version, wanted)
    assert servable.precision == "float32"
    assert [entry.levelname for entry in caplog.records if said in entry.message] == ["WARNING"]


def test_version_without_a_copy_answers_in_float32(tiny_model: TinyModel, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert Loader(Metrics(), "int8")("tiny", tiny_model.models / "tiny" / "1").precision == "float32"
    assert "float32, because it has no int8 copy" in caplog.text


@pytest.mark.parametrize(("spoil", "computed_in"), [(None, "int8"), (cut, "float32")])
def test_server_names_the_precision_and_is_healthy_either_way(
    version: Path, spoil: Callable[[Path], object] | None, computed_in: str
) -> None:
    if spoil:
        spoil(version / FOLDER)
    flags = ("--model_name=quick", f"--model_base_path={version.parent}", "--engine_precision=int8")
    images = np.full((1, 32, 40, 3), 127, np.uint8)

    def precision_of(call: grpc.Call) -> object:
        return dict(call.initial_metadata())["engine-precision"]

    with running_model_server(*flags) as server, grpc.insecure_channel(server.address) as channel:
        checked = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert checked.status == health_pb2.HealthCheckResponse.SERVING
        service = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for signature, wanted in (("serve_uint8", computed_in), ("explain", "float32")):
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = "quick", signature
            request.inputs["images"].CopyFrom(to_proto(images))
            if signature == "explain":
                request.inputs["class_index"].CopyFrom(to_proto(np.array([-1], np.int32)))
            response, call = service.Predict.with_call(request, timeout=30)
            assert precision_of(call) == wanted
            assert to_array(response.outputs["probabilities"]).shape == (1, 3)
        metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        metadata.model_spec.name = "quick"
        _, call = service.GetModelMetadata.with_call(metadata, timeout=10)
        assert precision_of(call) == computed_in
        assert ("int8 copy isn't used: its int8.bin" in "".join(server.log)) == bool(spoil)
