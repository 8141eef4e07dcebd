"""How does a version get warm? By the recorded requests that lie beside it, which are replayed before it answers."""

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from model import examples
from model.errors import LoadError, ServingError
from model.servable import Servable
from protos import prediction_log_pb2

WARMUP_FILE = "tf_serving_warmup_requests"
MOST_WARMUP_RECORDS = 1000
WARMUP_S = 60.0
"""Longest time for one of them, in seconds."""


def warm_up(servable: Servable, path: Path, iterations: int = 1) -> tuple[int, int]:
    """Replay the recorded requests; how many were, and how many weren't, because their graph waits for a first call.

    Args:
        servable: The version.
        path: A TFRecord file of PredictionLogs; none is no error.
        iterations: How often each is replayed.

    Raises:
        LoadError: The file is damaged, or a request failed.
    """
    replayed = later = 0
    for record in _records(path):
        try:
            log = prediction_log_pb2.PredictionLog.FromString(record)
        except DecodeError as error:
            raise LoadError(f"{path} holds what is no PredictionLog: {error}") from error
        if replayed + later == MOST_WARMUP_RECORDS:
            raise LoadError(f"{path} holds more than {MOST_WARMUP_RECORDS} records")
        if not _opened(servable, log):
            later += 1
            continue
        try:
            for _ in range(iterations):
                _replay(servable, log)
        except (ServingError, TimeoutError) as error:
            raise LoadError(f"a warm-up record of {path} failed: {error}") from error
        replayed += 1
    return replayed, later


def _opened(servable: Servable, log: Any) -> bool:
    """Whether the request finds its graph in memory; one for a signature that isn't there will say so itself."""
    name = log.predict_log.request.model_spec.signature_name
    return name not in servable.signatures or servable.opened(name)


def _replay(servable: Servable, log: Any) -> None:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        servable.predict(log.predict_log.request, WARMUP_S)
    elif kind == "classify_log":
        examples.classify(servable, log.classify_log.request, WARMUP_S)
    elif kind == "regress_log":
        examples.regress(servable, log.regress_log.request, WARMUP_S)
    elif kind == "multi_inference_log":
        examples.multi_inference(lambda spec: servable, log.multi_inference_log.request, WARMUP_S)
    else:
        raise LoadError(f"a warm-up record is a {kind}, which isn't replayed here")


def _records(path: Path) -> Iterator[bytes]:
    """The records of a TFRecord file, or none where there is no file.

    Each is its length (8 bytes), a checksum (4), the record, and a checksum (4); checksums aren't verified.

    Raises:
        LoadError: The file is cut short.
    """
    if not path.is_file():
        return
    content = memoryview(path.read_bytes())
    place = 0
    while place < len(content):
        end = place + 12 + struct.unpack_from("<Q", content, place)[0] if place + 12 <= len(content) else math.inf
        if end + 4 > len(content):
            raise LoadError(f"{path} is cut short")
        yield bytes(content[place + 12 : int(end)])
        place = int(end) + 4
