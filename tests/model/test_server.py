"""The embedded server answers as TensorFlow Serving does, over a real connection."""

import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from protos import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from protos.tensors import to_array, to_proto
from tests.conftest import ROOT, Running, TinyModel, running_model_server

Code = grpc.StatusCode
SHAPE = (32, 40, 3)


def predict_request(
    images: Any = None, model: str = "tiny", signature: str = "serve_uint8", name: str = "images"
) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    request.inputs[name].CopyFrom(to_proto(np.zeros((1, *SHAPE), np.uint8) if images is None else images))
    return request


def predict(channel: grpc.Channel, request: Any) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=10)


@pytest.mark.parametrize("signature", ["serve_uint8", "serving_default"])
def test_answers_are_tensorflows(channel: grpc.Channel, tiny_model: TinyModel, signature: str) -> None:
    oracle = np.load(tiny_model.oracle)
    images = oracle["images"]
    if signature == "serving_default":
        images = images / np.float32(127.5) - 1
    response = predict(channel, predict_request(images, signature=signature))
    assert np.abs(to_array(response.outputs["probabilities"]) - oracle[signature]).max() <= 1e-4
    assert set(response.outputs) == {"probabilities", "logits", "known_score"}


def test_explanation_is_tensorflows_from_the_same_weights(channel: grpc.Channel, tiny_model: TinyModel) -> None:
    oracle = np.load(tiny_model.oracle)
    request = predict_request(oracle["images"], signature="explain")
    request.inputs["class_index"].CopyFrom(to_proto(np.array([-1, 0, 1, 2, -1], np.int32)))
    outputs = predict(channel, request).outputs
    assert np.abs(to_array(outputs["heatmap"]) - oracle["heatmap"]).max() <= 1e-4
    assert np.abs(to_array(outputs["probabilities"]) - oracle["serve_uint8"]).max() <= 1e-4
    assert "heatmap" not in predict(channel, predict_request(oracle["images"])).outputs


def test_batch_answers_as_its_rows_do(channel: grpc.Channel, tiny_model: TinyModel) -> None:
    images = np.load(tiny_model.oracle)["images"]
    batch = to_array(predict(channel, predict_request(images)).outputs["logits"])
    rows = [
        to_array(predict(channel, predict_request(images[i : i + 1])).outputs["logits"])[0] for i in range(len(images))
    ]
    assert np.abs(batch - rows).max() <= 1e-5


def test_empty_batch_gives_empty_outputs(channel: grpc.Channel) -> None:
    outputs = predict(channel, predict_request(np.zeros((0, *SHAPE), np.uint8))).outputs
    assert to_array(outputs["probabilities"]).shape == (0, 3)


def test_answer_names_version_signature_and_precision(channel: grpc.Channel) -> None:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    response, call = stub.Predict.with_call(predict_request(), timeout=10)
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("tiny", 1, "serve_uint8")
    assert dict(call.initial_metadata())["engine-precision"] == "float32"


def test_outputs_travel_in_typed_fields(channel: grpc.Channel) -> None:
    tensor = predict(channel, predict_request()).outputs["probabilities"]
    assert len(tensor.float_val) == 3
    assert not tensor.tensor_content


def test_inputs_are_read_from_typed_fields(channel: grpc.Channel) -> None:
    request = predict_request()
    tensor = request.inputs["images"]
    wanted = predict(channel, request).outputs["logits"]
    tensor.tensor_content = b""
    tensor.int_val.append(0)  # one value stands for all
    assert predict(channel, request).outputs["logits"] == wanted


def test_output_filter_chooses(channel: grpc.Channel) -> None:
    request = predict_request()
    request.output_filter.append("known_score")
    assert set(predict(channel, request).outputs) == {"known_score"}


def spoiled(**changes: Any) -> Any:
    request = predict_request()
    for name, value in changes.items():
        if name == "version":
            request.model_spec.version.value = value
        elif name == "label":
            request.model_spec.version_label = value
        elif name == "output_filter":
            request.output_filter.extend(value)
        elif name == "content":
            request.inputs["images"].tensor_content = value
        elif name == "dims":
            del request.inputs["images"].tensor_shape.dim[:]
            for size in value:
                request.inputs["images"].tensor_shape.dim.add(size=size)
        elif name == "dtype":
            request.inputs["images"].dtype = value
        elif name == "extra":
            request.inputs[value].CopyFrom(request.inputs["images"])
        elif name == "no_inputs":
            del request.inputs["images"]
    return request


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (predict_request(model=""), Code.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        (predict_request(model="other"), Code.NOT_FOUND, "Servable not found for request: Latest(other)"),
        (spoiled(version=99), Code.NOT_FOUND, "Servable not found for request: Specific(tiny, 99)"),
        (spoiled(label="canary"), Code.INVALID_ARGUMENT, "Unrecognized servable version label: canary"),
        (predict_request(signature="X"), Code.FAILED_PRECONDITION, 'Serving signature key "X" not found.'),
        (spoiled(no_inputs=True), Code.INVALID_ARGUMENT, "input size does not match signature: 0!=1 len({}) != "),
        (spoiled(extra="b"), Code.INVALID_ARGUMENT, "Sent extra: {b}. Missing but required: {}."),
        (predict_request(name="x"), Code.INVALID_ARGUMENT, "Signature input alias: images (serve_uint8_images:0)"),
        (predict_request(signature=""), Code.INVALID_ARGUMENT, "to be float but uint8 is provided"),
        (spoiled(dtype=7), Code.INVALID_ARGUMENT, "to be uint8 but string is provided"),
        (predict_request(np.zeros((1, 5, 5, 3), np.uint8)), Code.INVALID_ARGUMENT, "[1, 5, 5, 3]"),
        (predict_request(np.zeros(SHAPE, np.uint8)), Code.INVALID_ARGUMENT, "[32, 40, 3]"),
        (spoiled(content=b"short"), Code.INVALID_ARGUMENT, "5 bytes"),
        (spoiled(content=b"0" * 5000), Code.INVALID_ARGUMENT, "5000 bytes"),
        (spoiled(dims=[-1, *SHAPE]), Code.INVALID_ARGUMENT, "isn't fully known"),
        (spoiled(dims=[2**40, *SHAPE]), Code.INVALID_ARGUMENT, "more than"),
        (spoiled(output_filter=["F"]), Code.INVALID_ARGUMENT, "output tensor alias not found in signature: F Outputs"),
        (spoiled(output_filter=["logits"] * 2), Code.INVALID_ARGUMENT, "duplicate output tensor alias: logits"),
        (predict_request(model="x" * 5000), Code.NOT_FOUND, "...TRUNCATED"),
    ],
)
def test_wrong_request_is_refused_and_the_next_one_answered(
    channel: grpc.Channel, request_: Any, code: grpc.StatusCode, text: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        predict(channel, request_)
    assert caught.value.code() is code
    assert text in caught.value.details()
    assert predict(channel, predict_request()).outputs


def test_unknown_method_is_unimplemented(channel: grpc.Channel) -> None:
    call = channel.unary_unary("/tensorflow.serving.PredictionService/Guess")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"", timeout=10)
    assert caught.value.code() is Code.UNIMPLEMENTED


def test_metadata_gives_the_signatures(channel: grpc.Channel) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "tiny"
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    response = stub.GetModelMetadata(request, timeout=10)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert response.model_spec.version.value == 1
    assert set(signatures.signature_def) == {"serving_default", "serve_uint8", "explain"}
    assert signatures.signature_def["serve_uint8"].method_name == "tensorflow/serving/predict"


@pytest.mark.parametrize(
    ("model", "fields", "code", "text"),
    [
        (None, ["signature_def"], Code.INVALID_ARGUMENT, "Missing ModelSpec"),
        ("tiny", [], Code.INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"),
        ("tiny", ["weights"], Code.INVALID_ARGUMENT, "Metadata field weights is not supported"),
        ("other", ["signature_def"], Code.NOT_FOUND, "Servable not found for request: Latest(other)"),
    ],
)
def test_wrong_metadata_request_is_refused(
    channel: grpc.Channel, model: str | None, fields: list[str], code: grpc.StatusCode, text: str
) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    if model is not None:
        request.model_spec.name = model
    with pytest.raises(grpc.RpcError) as caught:
        prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(request, timeout=10)
    assert (caught.value.code(), caught.value.details()) == (code, text)


def status_request(model: str | None, version: int | None = None) -> Any:
    request = get_model_status_pb2.GetModelStatusRequest()
    if model is not None:
        request.model_spec.name = model
    if version is not None:
        request.model_spec.version.value = version
    return request


def test_status_of_a_served_version(channel: grpc.Channel) -> None:
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    for version in (None, 1):
        (status,) = stub.GetModelStatus(status_request("tiny", version), timeout=10).model_version_status
        assert (status.version, status.state) == (1, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
        assert (status.status.error_code, status.status.error_message) == (0, "")


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (status_request(None), Code.INVALID_ARGUMENT, "Missing ModelSpec"),
        (status_request("other"), Code.NOT_FOUND, "Could not find any versions of model other"),
        (status_request("tiny", 9), Code.NOT_FOUND, "Could not find version 9 of model tiny"),
    ],
)
def test_wrong_status_request_is_refused(channel: grpc.Channel, request_: Any, code: Any, text: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request_, timeout=10)
    assert (caught.value.code(), caught.value.details()) == (code, text)


@pytest.mark.parametrize("service", ["", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"])
def test_health_is_serving(channel: grpc.Channel, service: str) -> None:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_many_callers_at_once_are_answered(channel: grpc.Channel) -> None:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    calls = [stub.Predict.future(predict_request(), timeout=20) for _ in range(64)]
    assert {call.result().model_spec.version.value for call in calls} == {1}


def test_sigterm_finishes_what_is_in_flight(tiny_model: TinyModel) -> None:
    flags = ("--model_name=tiny", f"--model_base_path={tiny_model.models / 'tiny'}")
    with running_model_server(*flags) as running, grpc.insecure_channel(running.address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(health).status == health_pb2.HealthCheckResponse.SERVING
        predict(channel, predict_request())
        large = predict_request(np.zeros((500, *SHAPE), np.uint8))
        calls = [stub.Predict.future(large, timeout=20) for _ in range(4)]
        started = threading.Event()
        calls[0].add_done_callback(lambda _: started.set())
        assert started.wait(20)
        running.process.send_signal(signal.SIGTERM)
        assert next(health).status == health_pb2.HealthCheckResponse.NOT_SERVING
        done = [call for call in calls if call.exception() is None]
        assert running.process.wait(20) == 0
    assert len(done) == len(calls)
    assert any("draining" in line for line in running.log)


def write_config(path: Path, *models: tuple[str, Path | str]) -> Path:
    blocks = "".join(f'config {{ name: "{name}" base_path: "{base}" }}' for name, base in models)
    path.write_text(f"model_config_list {{ {blocks} }}")
    return path


def test_config_file_names_several_models_and_the_newest_version_is_served(
    tiny_model: TinyModel, tmp_path: Path
) -> None:
    shutil.copytree(tiny_model.models / "tiny" / "1", tmp_path / "two" / "10")
    shutil.copytree(tiny_model.models / "tiny" / "1", tmp_path / "two" / "9")
    (tmp_path / "two" / "not-a-version").mkdir()
    config = write_config(tmp_path / "models.config", ("one", tiny_model.models / "tiny"), ("two", tmp_path / "two"))
    with (
        running_model_server(f"--model_config_file={config}") as running,
        grpc.insecure_channel(running.address) as channel,
    ):
        assert predict(channel, predict_request(model="one")).model_spec.version.value == 1
        assert predict(channel, predict_request(model="two")).model_spec.version.value == 10


def test_bad_model_beside_a_good_one_is_told_and_health_is_not_serving(tiny_model: TinyModel, tmp_path: Path) -> None:
    (tmp_path / "bad" / "1").mkdir(parents=True)
    (tmp_path / "bad" / "1" / "saved_model.pb").write_bytes(b"\xff\xff garbage")
    config = write_config(tmp_path / "models.config", ("good", tiny_model.models / "tiny"), ("bad", tmp_path / "bad"))
    with (
        running_model_server(f"--model_config_file={config}") as running,
        grpc.insecure_channel(running.address) as channel,
    ):
        assert predict(channel, predict_request(model="good")).outputs
        with pytest.raises(grpc.RpcError) as caught:
            predict(channel, predict_request(model="bad"))
        assert caught.value.code() is Code.NOT_FOUND
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        (status,) = stub.GetModelStatus(status_request("bad"), timeout=10).model_version_status
        assert status.state == get_model_status_pb2.ModelVersionStatus.END
        assert "SavedModel" in status.status.error_message
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


def ends_with(*flags: str) -> str:
    command = [sys.executable, "-m", "model.server", *flags]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode != 0
    return child.stderr


def test_wrong_start_ends_with_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.config"
    broken.write_text("model_config_list { oops")
    relative = write_config(tmp_path / "relative.config", ("m", "models/m"))
    twice = write_config(tmp_path / "twice.config", ("m", tmp_path), ("m", tmp_path))
    parse_error = "Error parsing text-format tensorflow.serving.ModelServerConfig"
    assert parse_error in ends_with(f"--model_config_file={broken}")
    assert "absolute path or URI; got base_path()=models/m" in ends_with(f"--model_config_file={relative}")
    assert "multiple times" in ends_with(f"--model_config_file={twice}")
    assert "can't be read" in ends_with("--model_config_file=/nowhere/models.config")
    assert "unrecognized arguments: --no_such_flag" in ends_with("--no_such_flag")
    assert "Say which models" in ends_with()
    assert "No versions of servable m found" in ends_with("--model_name=m", f"--model_base_path={tmp_path}", "--port=0")


def test_convert_prepares_a_start_that_converts_nothing(
    tiny_model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    prepare = [sys.executable, "-m", "model.server", "convert", str(tiny_model.models)]
    subprocess.run(prepare, cwd=ROOT, check=True, capture_output=True, timeout=100)
    assert len(list(tmp_path.glob("*/*/*/graphs.json"))) == 2
    flags = ("--model_name=tiny", f"--model_base_path={tiny_model.models / 'tiny'}")
    with running_model_server(*flags) as running:
        assert not any("converting" in line for line in running.log)
    assert "Say which folder" in ends_with("convert")
    assert "no MODEL/VERSION" in ends_with("convert", str(tmp_path))


def test_busy_port_is_named(model_server: Running, tiny_model: TinyModel) -> None:
    flags = ("--model_name=tiny", f"--model_base_path={tiny_model.models / 'tiny'}")
    assert f"127.0.0.1:{model_server.port}" in ends_with(*flags, f"--port={model_server.port}")


def test_it_listens_on_one_loopback_address_unless_told(model_server: Running) -> None:
    refused = []
    for address in ("127.0.0.1", "127.0.0.2"):
        with socket.socket() as probe:
            probe.settimeout(5)
            refused.append(probe.connect_ex((address, model_server.port)) != 0)
    assert refused == [False, True]
