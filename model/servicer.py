"""How do calls over gRPC reach the models? Each method asks for what it needs and gives it to `model.prediction`."""

import logging
from collections.abc import Callable
from typing import Any

import grpc

from model.config import models_of
from model.errors import ServingError, invalid
from model.precision import PRECISION_METADATA
from model.prediction import Prediction
from model.repository import Repository
from protos import (
    error_codes_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

LONGEST_CALL_S = 60.0
"""Deadline of a call that brings none."""

_log = logging.getLogger(__name__)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    """`tensorflow.serving.PredictionService`."""

    def __init__(self, prediction: Prediction) -> None:
        self._prediction = prediction

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Outputs of a signature, with the version that computed them."""
        response, precision = self._prediction.predict(request, _timeout_s(context))
        context.send_initial_metadata(((PRECISION_METADATA, precision),))
        return response

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Classes with their scores for each example."""
        return self._prediction.classify(request, _timeout_s(context))

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:
        """A number for each example."""
        return self._prediction.regress(request, _timeout_s(context))

    def MultiInference(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Several of the two above, for the same examples."""
        return self._prediction.multi_inference(request, _timeout_s(context))

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The signatures of a version; the initial metadata say what it computes in."""
        response, precision = self._prediction.metadata(request)
        context.send_initial_metadata(((PRECISION_METADATA, precision),))
        return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]
    """`tensorflow.serving.ModelService`.

    Args:
        repository: The versions, by state.
        changed: Called after the configuration was changed.
    """

    def __init__(self, repository: Repository, changed: Callable[[], object]) -> None:
        self._repository, self._changed = repository, changed

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The state of a model's versions."""
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        statuses = self._repository.status(request.model_spec)
        return get_model_status_pb2.GetModelStatusResponse(model_version_status=statuses)

    def HandleReloadConfigRequest(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Serve the models of another configuration; answers when its new models do."""
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        try:
            self._repository.apply(models_of(request.config))
        finally:
            self._changed()
        response = model_management_pb2.ReloadConfigResponse()
        response.status.error_code = error_codes_pb2.OK
        return response


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


def _timeout_s(context: grpc.ServicerContext) -> float:
    remaining = context.time_remaining()
    return LONGEST_CALL_S if remaining is None else min(remaining, LONGEST_CALL_S)
