"""What does a SavedModel promise? Its signatures, read from saved_model.pb without TensorFlow."""

from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from model.errors import LoadError
from protos import saved_model_pb2

SERVE_TAG = "serve"
DEFAULT_SIGNATURE = "serving_default"


def signature_defs(version: Path) -> dict[str, Any]:
    """The SignatureDefs of the graph tagged `serve`, by their names.

    Raises:
        LoadError: There is no SavedModel in the folder, or no such graph in it.
    """
    saved_model = saved_model_pb2.SavedModel()
    try:
        saved_model.ParseFromString((version / "saved_model.pb").read_bytes())
    except (OSError, DecodeError) as error:
        raise LoadError(f"Could not read the SavedModel in {version}: {error}") from error
    for graph in saved_model.meta_graphs:
        if SERVE_TAG in graph.meta_info_def.tags:
            signatures = {name: definition for name, definition in graph.signature_def.items() if definition.outputs}
            return {name: definition for name, definition in signatures.items() if not name.startswith("__")}
    raise LoadError(f"The SavedModel in {version} has no graph tagged {SERVE_TAG}")
