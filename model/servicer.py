"""How do calls over gRPC reach the models? Each method converts, asks the repository, and converts back."""

import logging
from collections.abc import Callable
from typing import Any

import grpc

from model.errors import ServingError, invalid
from model.repository import Repository
from protos import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

PRECISION_METADATA = "engine-precision"
LONGEST_CALL_S = 60.0
"""Deadline of a call that brings none."""

_log = logging.getLogger(__name__)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    """`tensorflow.serving.PredictionService`: Predict and GetModelMetadata."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Outputs of a signature, with the version that computed them."""
        servable = self._repository.servable(request.model_spec)
        remaining = context.time_remaining()
        timeout_s = LONGEST_CALL_S if remaining is None else min(remaining, LONGEST_CALL_S)
        signature, outputs = servable.predict(request, timeout_s)
        context.send_initial_metadata(((PRECISION_METADATA, servable.engine.precision),))
        response = predict_pb2.PredictResponse(outputs=outputs)
        response.model_spec.name = servable.name
        response.model_spec.version.value = servable.version
        response.model_spec.signature_name = signature
        return response

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The signatures of a version, packed as TensorFlow Serving packs them."""
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {field} is not supported")
        servable = self._repository.servable(request.model_spec)
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signatures)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = servable.name
        response.model_spec.version.value = servable.version
        response.metadata["signature_def"].Pack(signatures)
        return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]
    """`tensorflow.serving.ModelService`: GetModelStatus."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The state of a model's versions."""
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        statuses = self._repository.status(request.model_spec)
        return get_model_status_pb2.GetModelStatusResponse(model_version_status=statuses)


class Errors(grpc.ServerInterceptor):
    """Ends a call with the code and text of what its method raised; a surprise is INTERNAL, and only logged."""

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], details: grpc.HandlerCallDetails
    ) -> Any:
        """Wrap unary methods, which are all that TensorFlow Serving has; health's stream passes."""
        found = continuation(details)
        if found is None or found.unary_unary is None:
            return found

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return found.unary_unary(request, context)
            except ServingError as error:
                context.abort(error.code, error.text)
            except TimeoutError:
                context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline exceeded")
            except NotImplementedError as error:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
            except Exception:
                _log.exception("%s failed", details.method)
                context.abort(grpc.StatusCode.INTERNAL, "Internal error")

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=found.request_deserializer,
            response_serializer=found.response_serializer,
        )
