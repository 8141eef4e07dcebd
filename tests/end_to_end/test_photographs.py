"""How good the shipped model is where it is served, on photographs that it wasn't trained on."""

import csv

import numpy as np
import pytest
import requests

from gateway.images import decode
from gateway.preprocessing import Resize, to_tensor
from model.cache import converted
from model.engine import Engine, supports
from tests.conftest import ROOT, SHARED
from tests.end_to_end.conftest import System

DATA = SHARED / "data" / "sports7"

pytestmark = pytest.mark.shared


def photographs() -> list[tuple[bytes, str]]:
    with (DATA / "labels.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "valid"]
    return [((DATA / row["image_ID"]).read_bytes(), row["label"]) for row in rows]


def test_service_answers_95_of_100_photographs_rightly(system: System) -> None:
    chosen = np.random.default_rng(0).permutation(np.array(photographs(), dtype=object))[:200]
    with requests.Session() as session:
        answers = [session.post(f"{system.base}/predict", files={"f": body}, timeout=15).json() for body, _ in chosen]
    assert np.mean([answer == label for answer, (_, label) in zip(answers, chosen, strict=True)]) >= 0.95


@pytest.mark.timeout(400)
@pytest.mark.skipif(not supports("bfloat16"), reason="this processor has no bfloat16 instructions")
def test_bfloat16_answers_as_float32_does() -> None:
    version = ROOT / "model" / "sports7" / "1"
    how = Resize(decode_scale="fit", filter="bilinear", aspect="crop")
    images = [to_tensor(decode(body, (299, 299), "fit"), (299, 299), how) for body, _ in photographs()]
    answers = {}
    for precision in ("float32", "bfloat16"):
        engine = Engine(converted(version), precision, streams=1)  # type: ignore[arg-type]
        batches = [np.concatenate(images[start : start + 16]) for start in range(0, len(images), 16)]
        outputs = [engine.run("serve_uint8", {"images": batch}, ["probabilities"], 60) for batch in batches]
        answers[precision] = np.concatenate([output["probabilities"] for output in outputs])
    top = {precision: probabilities.argmax(axis=1) for precision, probabilities in answers.items()}
    assert (top["float32"] == top["bfloat16"]).mean() >= 0.995
