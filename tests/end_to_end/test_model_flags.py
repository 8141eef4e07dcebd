"""The flags of tensorflow_model_server, and the ways to reach the server that they open."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import requests
import trustme

from protos import prediction_service_pb2_grpc
from protos.tensors import to_array
from tests.conftest import ROOT, TinyModel, running_model_server
from tests.model.calls import SHAPE, answering, predict, predict_request


@pytest.fixture
def flags(tiny_model: TinyModel) -> tuple[str, str]:
    return "--model_name=tiny", f"--model_base_path={tiny_model.models / 'tiny'}"


def ends_with(*flags: str) -> str:
    """What a server that doesn't start says."""
    command = [sys.executable, "-m", "model.server", *flags]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode != 0
    return child.stderr


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--no_such_flag", "unrecognized arguments: --no_such_flag"),
        ("--modelname=tiny", "unrecognized arguments: --modelname=tiny"),
        ("--port=http", "'http' is no port"),
        ("--port=70000", "'70000' is no port"),
        ("--port=-1", "'-1' is no port"),
        ("--enable_batching=perhaps", "'perhaps' is neither true nor false"),
        ("--grpc_max_threads=0", "'0' is no number above 0"),
        ("--grpc_channel_arguments=oops", "oops isn't key=value"),
        ("--platform_config_file=/a", "--platform_config_file isn't supported here: models are SavedModels."),
        ("--use_alts_credentials", "--use_alts_credentials isn't supported here"),
        ("--prefer_tflite_model=true", "--prefer_tflite_model isn't supported here"),
        ("--saved_model_tags=serve,tpu", "only `serve` is served"),
        ("--ssl_config_file=/nowhere", "/nowhere can't be read"),
        ("--engine_precision=float16", "invalid choice: 'float16'"),
        ("--engine_streams=65", "65 is more than 64"),
        ("--engine_streams=0", "'0' is no number above 0"),
    ],
)
def test_wrong_flag_ends_the_start_with_a_sentence(flags: tuple[str, str], flag: str, text: str) -> None:
    assert text in ends_with(*flags, "--port=0", flag)


def test_version_is_printed() -> None:
    command = [sys.executable, "-m", "model.server", "--version"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "OpenVINO" in printed


def test_flag_without_effect_is_told_and_the_rest_works(flags: tuple[str, str], tmp_path: Path) -> None:
    socket = tmp_path / "model.sock"
    more = (
        "--flush_filesystem_caches=false",
        "--tensorflow_session_parallelism=2",
        "--prefer_tflite_model=false",
        "--grpc_channel_arguments=grpc.max_connection_age_ms=100000,grpc.primary_user_agent=x",
        f"--grpc_socket_path={socket}",
        "--enable_model_warmup=false",
    )
    with running_model_server(*flags, *more) as running:
        for address in (running.address, f"unix:{socket}"):
            with grpc.insecure_channel(address) as channel:
                assert answering(channel) == 1
        assert any("--flush_filesystem_caches changes nothing here" in line for line in running.log)
        assert not any("--prefer_tflite_model" in line for line in running.log)


def test_messages_above_four_megabytes_and_compressed_ones_are_taken(flags: tuple[str, str]) -> None:
    large = predict_request(np.zeros((2000, *SHAPE), np.uint8))
    assert large.ByteSize() > 7_000_000
    options = [("grpc.max_receive_message_length", -1)]
    with running_model_server(*flags) as running, grpc.insecure_channel(running.address, options) as channel:
        outputs = predict(channel, large, timeout=60).outputs
        assert len(outputs["logits"].float_val) == 6000
        assert predict(channel, predict_request(), compression=grpc.Compression.Gzip).outputs["logits"]


def test_joined_calls_are_answered_as_single_ones(flags: tuple[str, str], tiny_model: TinyModel) -> None:
    images = np.load(tiny_model.oracle)["images"]
    joining = ("--enable_batching", f"--batching_parameters_file={ROOT / 'model' / 'batching.config'}")
    with running_model_server(*flags, *joining) as running, grpc.insecure_channel(running.address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        requests_ = [predict_request(images[number % 5 : number % 5 + 1]) for number in range(60)]
        answers = [call.result() for call in [stub.Predict.future(request, timeout=20) for request in requests_]]
        too_large = answering_text(channel, predict_request(np.zeros((9, *SHAPE), np.uint8)))
    wanted = np.load(tiny_model.oracle)["serve_uint8"]
    for number, answer in enumerate(answers):
        assert np.abs(to_array(answer.outputs["probabilities"])[0] - wanted[number % 5]).max() <= 1e-4
    assert too_large == "INVALID_ARGUMENT: Task size 9 is larger than maximum input batch size 8"


def answering_text(channel: grpc.Channel, request: Any) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        predict(channel, request)
    return f"{caught.value.code().name}: {caught.value.details()}"


def test_batching_file_needs_batching_and_must_be_one(flags: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "batching.config"
    file.write_text("max_batch_size { value: 8 } allowed_batch_sizes: 4")
    named = f"--batching_parameters_file={file}"
    assert "without setting server_options.enable_batching to true" in ends_with(*flags, "--port=0", named)
    assert "allowed_batch_sizes" in ends_with(*flags, "--port=0", named, "--enable_batching")


def test_metrics_are_shown_where_the_configuration_says(flags: tuple[str, str]) -> None:
    more = ("--rest_api_any_port", f"--monitoring_config_file={ROOT / 'model' / 'monitoring.config'}")
    with running_model_server(*flags, *more) as running, grpc.insecure_channel(running.address) as channel:
        (line,) = [line for line in running.log if "REST API on " in line]
        base = f"http://{line.rsplit(' ', 1)[1].strip()}"
        assert answering(channel) == 1
        assert answering(channel, model="made-up") != 1
        body = {"signature_name": "serve_uint8", "instances": np.zeros((1, *SHAPE), int).tolist()}
        assert requests.post(f"{base}/v1/models/tiny:predict", json=body, timeout=10).status_code == 200
        page = requests.get(f"{base}/monitoring/prometheus/metrics", timeout=10).text
    assert "# TYPE :tensorflow:serving:request_count counter" in page
    assert ':tensorflow:serving:request_count{model_name="tiny",status="OK"} 2' in page
    assert ':tensorflow:serving:request_count{model_name="(unknown)",status="NOT_FOUND"} 1' in page
    assert ':tensorflow:serving:request_latency_count{API="predict",entrypoint="REST",model_name="tiny"} 1' in page
    assert ':tensorflow:cc:saved_model:load_attempt_count{model_path="' in page


def pem(text: bytes) -> str:
    return text.decode().replace("\n", "\\n")


def test_tls_needs_the_right_authority_and_where_asked_a_clients_certificate(
    flags: tuple[str, str], tmp_path: Path
) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    own, client = authority.issue_cert("localhost", "127.0.0.1"), authority.issue_cert("client.test")
    config = tmp_path / "ssl.config"
    config.write_text(
        f'server_key: "{pem(own.private_key_pem.bytes())}" server_cert: "{pem(own.cert_chain_pems[0].bytes())}" '
        f'custom_ca: "{pem(authority.cert_pem.bytes())}" client_verify: true'
    )
    key, chain = client.private_key_pem.bytes(), client.cert_chain_pems[0].bytes()
    with running_model_server(*flags, f"--ssl_config_file={config}") as running:
        known = grpc.ssl_channel_credentials(authority.cert_pem.bytes(), key, chain)
        nobody = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        other = grpc.ssl_channel_credentials(stranger.cert_pem.bytes(), key, chain)
        with grpc.secure_channel(running.address, known) as channel:
            assert answering(channel) == 1
        for refused in (nobody, other):
            with grpc.secure_channel(running.address, refused) as channel:
                assert str(answering(channel)).startswith("UNAVAILABLE")
        with grpc.insecure_channel(running.address) as channel:
            assert str(answering(channel)).startswith("UNAVAILABLE")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("server_key: 'a'", "must hold server_key and server_cert"),
        ("oops", "Error parsing text-format tensorflow.serving.SSLConfig"),
        ("server_key: 'a' server_cert: 'b' client_verify: true", "client_verify needs custom_ca"),
    ],
)
def test_wrong_ssl_configuration_ends_the_start(flags: tuple[str, str], tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "ssl.config"
    config.write_text(text)
    assert said in ends_with(*flags, "--port=0", f"--ssl_config_file={config}")
