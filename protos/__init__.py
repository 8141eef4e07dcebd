"""TensorFlow Serving's protocol, without the TensorFlow runtime.

tensorflow-serving-api's modules import TensorFlow's generated `*_pb2` modules, and importing those the usual way runs
`tensorflow/__init__`: seconds, and half a gigabyte. Here they are found below TensorFlow's folder without running it.
Only those files have to be there, so an image without TensorFlow can carry just them.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def _tensorflow_not_run() -> Iterator[None]:
    """Let `tensorflow.*_pb2` be imported while `tensorflow` itself is an empty package.

    Afterwards the empty package is gone again, so that a later `import tensorflow` gets the real one. The modules made
    here stay valid: protobuf keeps one descriptor, and one class, a message.
    """
    if "tensorflow" in sys.modules:
        yield  # the runtime is there already: its modules are the ones to use
        return
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("TensorFlow's generated protobuf modules are missing: install tensorflow-cpu, or copy them.")
    package = ModuleType("tensorflow")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["tensorflow"] = package
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name == "tensorflow" or name.startswith("tensorflow.")]:
            del sys.modules[name]


with _tensorflow_not_run():
    from tensorflow.core.example import example_pb2, feature_pb2
    from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
    from tensorflow.core.protobuf import error_codes_pb2, meta_graph_pb2, saved_model_pb2
    from tensorflow_serving.apis import (
        classification_pb2,
        get_model_metadata_pb2,
        get_model_status_pb2,
        inference_pb2,
        input_pb2,
        model_management_pb2,
        model_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_log_pb2,
        prediction_service_pb2_grpc,
        regression_pb2,
    )
    from tensorflow_serving.config import model_server_config_pb2

__all__ = [
    "classification_pb2",
    "error_codes_pb2",
    "example_pb2",
    "feature_pb2",
    "get_model_metadata_pb2",
    "get_model_status_pb2",
    "inference_pb2",
    "input_pb2",
    "meta_graph_pb2",
    "model_management_pb2",
    "model_pb2",
    "model_server_config_pb2",
    "model_service_pb2_grpc",
    "predict_pb2",
    "prediction_log_pb2",
    "prediction_service_pb2_grpc",
    "regression_pb2",
    "saved_model_pb2",
    "tensor_pb2",
    "tensor_shape_pb2",
    "types_pb2",
]
