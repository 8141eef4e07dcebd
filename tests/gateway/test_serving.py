"""gRPC codes become our errors: a real server answers each code."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from gateway.deadline import Deadline
from gateway.errors import GatewayError, ModelRejected, ModelTimeout, ModelUnavailable
from gateway.serving import ModelServer, NotServed, Signature
from protos import prediction_service_pb2_grpc, types_pb2

SIGNATURE = Signature("serve_uint8", {"images": types_pb2.DT_UINT8})
IMAGES = np.zeros((1, 2, 2, 3), np.uint8)
SPECIAL = {
    "INVALID_ARGUMENT": ModelRejected,
    "FAILED_PRECONDITION": ModelRejected,
    "UNIMPLEMENTED": ModelRejected,
    "DEADLINE_EXCEEDED": ModelTimeout,
    "NOT_FOUND": NotServed,
}


class Refusing(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    """Answers with the code that the model's name names."""

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        context.abort(grpc.StatusCode[request.model_spec.name], "refused")


@pytest.fixture(scope="module")
def client() -> Iterator[ModelServer]:
    server = grpc.server(ThreadPoolExecutor(4))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Refusing(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = ModelServer(f"127.0.0.1:{port}")
    yield client
    client.close()
    server.stop(None).wait()


@pytest.mark.parametrize("code", [code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_code_becomes_its_error(client: ModelServer, code: str) -> None:
    wanted: type[GatewayError] = SPECIAL.get(code, ModelUnavailable)
    with pytest.raises(GatewayError) as caught:
        client.predict(code, 1, SIGNATURE, {"images": IMAGES}, Deadline(5))
    assert type(caught.value) is wanted


def test_calls_go_round_the_addresses_of_a_name() -> None:
    """ipv4:a,b is a name with two addresses; each server counts its calls."""
    counts = [0, 0]

    def counting(place: int) -> tuple[grpc.Server, int]:
        class Counting(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
            def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
                counts[place] += 1
                context.abort(grpc.StatusCode.INTERNAL, "counted")

        server = grpc.server(ThreadPoolExecutor(2))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Counting(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        return server, port

    servers = [counting(0), counting(1)]
    client = ModelServer("ipv4:" + ",".join(f"127.0.0.1:{port}" for _, port in servers))
    deadline = Deadline(10)
    while not all(counts) and deadline.remaining_s():
        with pytest.raises(ModelUnavailable):
            client.predict("any", 1, SIGNATURE, {"images": IMAGES}, deadline)
    assert all(counts)
    client.close()
    for server, _ in servers:
        server.stop(None).wait()


def test_no_time_left_is_no_call(client: ModelServer) -> None:
    with pytest.raises(ModelTimeout):
        client.predict("INTERNAL", 1, SIGNATURE, {"images": IMAGES}, Deadline(0))
