"""How does a tensor become outputs? A gRPC call to the model server, within the request's deadline."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from numpy.typing import NDArray

from gateway.deadline import Deadline
from gateway.errors import ModelError, ModelRejected, ModelTimeout, ModelUnavailable
from protos import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from protos.tensors import to_array, to_proto

STATUS_TIMEOUT_S = 2.0
PRECISION_METADATA = "engine-precision"
_LARGEST_MESSAGE_BYTES = 64 * 2**20

# gRPC's own retry, within the call's deadline, and its own spreading: behind a name with several addresses
# (dns:///a-headless-service:8500) calls go round them, where the default keeps to the first.
_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": "tensorflow.serving.PredictionService"}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}
_OPTIONS = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),  # the default grows to minutes: a restarted server would be missed
    ("grpc.dns_min_time_between_resolutions_ms", 5000),  # the default, 30 s, keeps new pods waiting and old ones asked
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _LARGEST_MESSAGE_BYTES),
]

_ERRORS: dict[grpc.StatusCode, type[ModelError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: ModelRejected,
    grpc.StatusCode.FAILED_PRECONDITION: ModelRejected,
    grpc.StatusCode.UNIMPLEMENTED: ModelRejected,
    grpc.StatusCode.DEADLINE_EXCEEDED: ModelTimeout,
}


class NotServed(ModelUnavailable):
    """The model server doesn't know the model or the version, or no more."""


@dataclass(frozen=True)
class Outputs:
    """What the model server answered: arrays by output name, each with a leading batch dimension."""

    arrays: dict[str, NDArray[Any]]
    precision: str
    """What it computed in."""


@dataclass(frozen=True)
class Signature:
    """One signature of a served version: its name, and its inputs' types by their names."""

    name: str
    inputs: dict[str, int]


class ModelServer:
    """The client; one for a process, made after the fork, because gRPC doesn't survive one.

    Args:
        address: host:port of the gRPC API.
    """

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(
        self, name: str, version: int, signature: Signature, inputs: Mapping[str, NDArray[Any]], deadline: Deadline
    ) -> Outputs:
        """The outputs for a batch of images.

        Args:
            name: The model.
            version: Its version.
            signature: Which of the version's signatures computes.
            inputs: Every input of the signature, of its type.
            deadline: The request's; what is left of it goes along with the call.

        Raises:
            NotServed: The version went away.
            ModelError: No usable answer.
        """
        request = predict_pb2.PredictRequest(model_spec=_spec(name, version))
        request.model_spec.signature_name = signature.name
        for input_name, array in inputs.items():
            request.inputs[input_name].CopyFrom(to_proto(array))
        response, call = self._call(self._predictions.Predict, request, deadline)
        try:
            arrays = {output: to_array(tensor) for output, tensor in response.outputs.items()}
        except ValueError as error:
            raise ModelRejected(f"an output can't be read: {error}") from error
        return Outputs(arrays, _precision(call))

    def status(self, name: str, deadline: Deadline) -> dict[int, str]:
        """The state of each version of a model: `AVAILABLE`, `LOADING`, ...

        Raises:
            NotServed: The model server doesn't know the model.
            ModelError: No usable answer.
        """
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=model_pb2.ModelSpec(name=name))
        response, _ = self._call(self._models.GetModelStatus, request, deadline.within(STATUS_TIMEOUT_S))
        state = get_model_status_pb2.ModelVersionStatus.State
        return {status.version: state.Name(status.state) for status in response.model_version_status}

    def labelled(self, name: str, label: str, deadline: Deadline) -> int:
        """The version of a model that a label stands for: GetModelStatus ignores labels, GetModelMetadata doesn't.

        Raises:
            NotServed: The label's version isn't served.
            ModelRejected: The model has no such label.
            ModelError: No usable answer.
        """
        response, _ = self._metadata(model_pb2.ModelSpec(name=name, version_label=label), deadline)
        return int(response.model_spec.version.value)

    def signatures(self, name: str, version: int, deadline: Deadline) -> dict[str, Signature]:
        """The signatures of a version.

        Raises:
            NotServed: The version isn't served.
            ModelError: No usable answer.
        """
        response, _ = self._metadata(_spec(name, version), deadline)
        found = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(found)
        return {
            key: Signature(key, {alias: info.dtype for alias, info in definition.inputs.items()})
            for key, definition in found.signature_def.items()
        }

    def precision(self, name: str, version: int, deadline: Deadline) -> str:
        """What a version is computed in, but for what only explains.

        Raises:
            NotServed: The version isn't served.
            ModelError: No usable answer.
        """
        _, call = self._metadata(_spec(name, version), deadline)
        return _precision(call)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _metadata(self, spec: Any, deadline: Deadline) -> tuple[Any, grpc.Call]:
        request = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
        return self._call(self._predictions.GetModelMetadata, request, deadline.within(STATUS_TIMEOUT_S))

    def _call(self, method: Any, request: Any, deadline: Deadline) -> tuple[Any, grpc.Call]:
        remaining_s = deadline.remaining_s()
        if not remaining_s:
            raise ModelTimeout("no time was left for the call")
        try:
            answered: tuple[Any, grpc.Call] = method.with_call(request, timeout=remaining_s)
        except grpc.RpcError as error:
            code, detail = error.code(), f"{error.code().name}: {error.details()}"
            if code is grpc.StatusCode.NOT_FOUND:
                raise NotServed(detail) from error
            raise _ERRORS.get(code, ModelUnavailable)(detail) from error
        return answered


def _spec(name: str, version: int) -> Any:
    spec = model_pb2.ModelSpec(name=name)
    spec.version.value = version
    return spec


def _precision(call: grpc.Call) -> str:
    """TensorFlow Serving doesn't say, and computes in float32."""
    return str(dict(call.initial_metadata()).get(PRECISION_METADATA, "float32"))
