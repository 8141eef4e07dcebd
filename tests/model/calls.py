"""Requests and calls that several tests make."""

import time
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np

from protos import (
    get_model_status_pb2,
    model_management_pb2,
    model_server_config_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from protos.tensors import to_proto

SHAPE = (32, 40, 3)
"""Of the small model's images."""
State = get_model_status_pb2.ModelVersionStatus.State


def predict_request(
    images: Any = None, model: str = "tiny", signature: str = "serve_uint8", name: str = "images", **choice: Any
) -> Any:
    """A PredictRequest for the small model; `version=` or `version_label=` chooses."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    choose(request.model_spec, **choice)
    request.inputs[name].CopyFrom(to_proto(np.zeros((1, *SHAPE), np.uint8) if images is None else images))
    return request


def choose(spec: Any, version: int | None = None, version_label: str | None = None) -> None:
    if version is not None:
        spec.version.value = version
    if version_label is not None:
        spec.version_label = version_label


def predict(channel: grpc.Channel, request: Any, **options: Any) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, **{"timeout": 10, **options})


def answering(channel: grpc.Channel, model: str = "tiny", **choice: Any) -> int | str:
    """The version that answers, or the text of the error."""
    try:
        return int(predict(channel, predict_request(model=model, **choice)).model_spec.version.value)
    except grpc.RpcError as error:
        return f"{error.code().name}: {error.details()}"


def states(channel: grpc.Channel, model: str = "tiny") -> dict[int, str]:
    """The state of each version that the server knows."""
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = model
    statuses = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=10).model_version_status
    return {status.version: State.Name(status.state) for status in statuses}


def reload(channel: grpc.Channel, *models: dict[str, Any]) -> Any:
    """Have the server serve these models; each is the fields of a ModelConfig."""
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.SetInParent()
    for model in models:
        config.model_config_list.config.add(**model)
    request = model_management_pb2.ReloadConfigRequest(config=config)
    return model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(request, timeout=30)


def eventually(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.05)
