"""How a folder becomes a version that answers: precision, warm-up, and the runtime where it's needed."""

import json
import logging
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from model.errors import LoadError
from model.loading import Loader
from model.metrics import LOADS, Metrics
from model.precision import Precision, supports
from model.runtime import Runtime
from model.servable import Servable
from protos import prediction_log_pb2
from protos.tensors import to_proto
from tests.conftest import ROOT, TinyModel


@pytest.fixture
def version(tiny_model: TinyModel) -> Path:
    return tiny_model.models / "tiny" / "1"


def loaded(folder: Path, precision: Precision | None = None) -> Servable:
    return Loader(Metrics(), precision)("tiny", folder)


def test_precision_follows_card_and_processor(version: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tiny" / "1"
    shutil.copytree(version, copy)
    card = copy / "assets.extra" / "card.json"
    document = json.loads(card.read_text())
    assert loaded(copy).precision == "float32"
    document["known_threshold"]["bfloat16"] = 0.5
    card.write_text(json.dumps(document))
    best = "bfloat16" if supports("bfloat16") else "float32"
    assert loaded(copy).precision == best
    assert loaded(copy, "float32").precision == "float32"
    card.unlink()
    assert loaded(copy).precision == "float32"


def record(content: bytes) -> bytes:
    """A record of a TFRecord file, without its checksums."""
    return struct.pack("<Q", len(content)) + bytes(4) + content + bytes(4)


def warm_up_log(model: str, signature: str) -> bytes:
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = model, signature
    request.inputs["images"].CopyFrom(to_proto(np.zeros((1, 32, 40, 3), np.uint8)))
    return log.SerializeToString()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x05\0\0\0\0\0\0\0", "cut short"),
        (record(warm_up_log("tiny", "serve_uint8"))[:-1], "cut short"),
        (record(b"\xff\xff no log"), "no PredictionLog"),
        (record(warm_up_log("tiny", "nothing")), 'key "nothing" not found'),
    ],
)
def test_broken_warm_up_is_a_load_error(version: Path, tmp_path: Path, content: bytes, said: str) -> None:
    copy = tmp_path / "tiny" / "1"
    shutil.copytree(version, copy)
    (copy / "assets.extra" / "tf_serving_warmup_requests").write_bytes(content)
    with pytest.raises(LoadError, match=said):
        loaded(copy, "float32")


def test_warm_up_records_are_replayed(version: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    copy = tmp_path / "tiny" / "1"
    shutil.copytree(version, copy)
    (copy / "assets.extra" / "tf_serving_warmup_requests").write_bytes(record(warm_up_log("tiny", "serve_uint8")) * 3)
    with caplog.at_level(logging.INFO):
        loaded(copy, "float32")
    assert "3 warm-up records" in caplog.text


def test_loads_are_counted(version: Path, tmp_path: Path) -> None:
    metrics = Metrics()
    load = Loader(metrics)
    load("tiny", version)
    with pytest.raises(LoadError):
        load("tiny", tmp_path / "1")
    page = metrics.page().decode()
    assert f'{LOADS}{{model_path="{version}",status="success"}} 1' in page
    assert f'{LOADS}{{model_path="{tmp_path / "1"}",status="fail"}} 1' in page


def test_runtime_is_loaded_only_where_it_is_needed(version: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from model.loading import Loader; from model.metrics import Metrics; "
        f"Loader(Metrics())('tiny', Path({str(version)!r})); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


def test_missing_runtime_is_named(version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(LoadError, match=r"it takes strings.*isn't installed: pip install tensorflow-cpu"):
        Runtime(version, {}, "it takes strings")
