"""How is a call answered, whichever way it came? By the version that it asks for, and counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from model import examples
from model.errors import ServingError, invalid
from model.metrics import UNKNOWN, Metrics, stopwatch
from model.repository import Repository
from protos import get_model_metadata_pb2, predict_pb2


class Prediction:
    """PredictionService without its transport. Every method raises ServingError, or TimeoutError.

    Args:
        repository: The versions that answer.
        metrics: Counts the calls.
        entrypoint: `GRPC` or `REST`, for the metrics.
        check_method_names: Whether Classify and Regress only take signatures that are made for them.
    """

    def __init__(
        self, repository: Repository, metrics: Metrics, entrypoint: str, *, check_method_names: bool = False
    ) -> None:
        self._repository, self._metrics, self._entrypoint = repository, metrics, entrypoint
        self._check_method_names = check_method_names

    def predict(self, request: Any, timeout_s: float) -> tuple[Any, str]:
        """A PredictResponse, and what it was computed in."""
        with self.counted(request.model_spec.name, "predict"):
            servable = self._repository.servable(request.model_spec)
            signature, outputs = servable.predict(request, timeout_s)
            response = predict_pb2.PredictResponse(outputs=outputs)
            response.model_spec.name = servable.name
            response.model_spec.version.value = servable.version
            response.model_spec.signature_name = signature
            return response, servable.precision_of(signature)

    def classify(self, request: Any, timeout_s: float) -> Any:
        """A ClassificationResponse."""
        with self.counted(request.model_spec.name, "classify"):
            servable = self._repository.servable(request.model_spec)
            return examples.classify(servable, request, timeout_s, check_method_name=self._check_method_names)

    def regress(self, request: Any, timeout_s: float) -> Any:
        """A RegressionResponse."""
        with self.counted(request.model_spec.name, "regress"):
            servable = self._repository.servable(request.model_spec)
            return examples.regress(servable, request, timeout_s, check_method_name=self._check_method_names)

    def multi_inference(self, request: Any, timeout_s: float) -> Any:
        """A MultiInferenceResponse."""
        name = request.tasks[0].model_spec.name if request.tasks else ""
        with self.counted(name, "multi_inference"):
            return examples.multi_inference(self._repository.servable, request, timeout_s)

    def metadata(self, request: Any) -> tuple[Any, str]:
        """A GetModelMetadataResponse, with the signatures packed as TensorFlow Serving packs them; and what the version
        computes in, but for what only explains."""
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
        return response, servable.precision

    @contextmanager
    def counted(self, name: str, api: str) -> Iterator[None]:
        """Count the block as a call of a model: `predict`, `classify`, `regress` or `multi_inference`."""
        status = "INTERNAL"
        try:
            with stopwatch() as taken:
                try:
                    yield
                    status = "OK"
                except ServingError as error:
                    status = error.code.name
                    raise
                except TimeoutError:
                    status = "DEADLINE_EXCEEDED"
                    raise
        finally:
            known = name if self._repository.knows(name) else UNKNOWN
            self._metrics.request(known, api, self._entrypoint, status, taken[0])
