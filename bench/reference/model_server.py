"""The TensorFlow runtime behind a minimal gRPC server: python -m bench.reference.model_server PORT SAVED_MODEL"""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, and nothing else."""

    def __init__(self, saved_model: str) -> None:
        self._loaded = tf.saved_model.load(saved_model)

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The outputs of the signature, in typed fields."""
        signature = self._loaded.signatures[request.model_spec.signature_name]
        outputs = signature(**{name: tf.make_ndarray(value) for name, value in request.inputs.items()})
        response = predict_pb2.PredictResponse()
        for name, value in outputs.items():
            response.outputs[name].float_val.extend(value.numpy().ravel().tolist())
        return response


def main(port: str, saved_model: str) -> None:
    server = grpc.server(ThreadPoolExecutor(8))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(saved_model), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
