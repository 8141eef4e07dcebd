"""How the shipped model answers where it is served: as TensorFlow does, and rightly on photographs it never saw."""

import csv
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import requests

from gateway.images import decode
from gateway.preprocessing import Resize, to_tensor
from model.cache import converted
from model.engine import Engine, graphs_of
from model.int8 import int8_copy
from tests.conftest import ROOT, SHARED
from tests.end_to_end.conftest import System

DATA = SHARED / "data" / "sports7"

VERSION = ROOT / "model" / "sports7" / "2"
SIZE = (299, 299)
HOW = Resize(decode_scale="fit", filter="bilinear", aspect="crop")

IN_TENSORFLOW = """
import sys, numpy as np, tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
images = np.load(sys.argv[2])
by_uint8 = signatures["serve_uint8"](images=tf.constant(images))
by_float = signatures["serving_default"](images=tf.constant(images / np.float32(127.5) - 1))
np.savez(sys.argv[3], serve_uint8=by_uint8["probabilities"], serving_default=by_float["probabilities"])
"""


def test_float32_answers_are_tensorflows(tmp_path: Path) -> None:
    pictures = [path.read_bytes() for path in sorted((ROOT / "samples").glob("*.jpg"))]
    images = np.concatenate([to_tensor(decode(picture, SIZE, HOW.decode_scale), SIZE, HOW) for picture in pictures])
    np.save(tmp_path / "images.npy", images)
    files = [str(tmp_path / name) for name in ("images.npy", "answers.npz")]
    subprocess.run([sys.executable, "-c", IN_TENSORFLOW, str(VERSION), *files], check=True, capture_output=True)
    engine = Engine(graphs_of(converted(VERSION)), "float32", streams=1)
    for signature, wanted in np.load(files[1]).items():
        given = images if signature == "serve_uint8" else images / np.float32(127.5) - 1
        answered = engine.run(signature, {"images": given}, ["probabilities"], 60)["probabilities"]
        assert np.abs(answered - wanted).max() <= 1e-4


def photographs(data: Path = DATA) -> list[tuple[bytes, str]]:
    with (data / "labels.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "valid"]
    return [((data / row["image_ID"]).read_bytes(), row["label"]) for row in rows]


Answers = list[tuple[requests.Response, str]]


@pytest.fixture(scope="module")
def asked(system: System) -> Callable[[str], Answers]:
    """Asks the service about 200 photographs of a data set, once; each answer beside the photograph's label."""

    @cache
    def answers(data: str) -> Answers:
        chosen = np.random.default_rng(0).permutation(np.array(photographs(SHARED / "data" / data), dtype=object))[:200]
        with requests.Session() as session:
            url = f"{system.base}/predict"
            return [(session.post(url, files={"f": body}, timeout=15), label) for body, label in chosen]

    return answers


@pytest.mark.shared
def test_service_answers_95_of_100_photographs_rightly(asked: Callable[[str], Answers]) -> None:
    assert np.mean([answer.json() == label for answer, label in asked("sports7")]) >= 0.95


@pytest.mark.shared
@pytest.mark.parametrize(("data", "least", "most"), [("foreign", 0.0, 0.2), ("sports7", 0.9, 1.0)])
def test_service_is_sure_of_its_own_sports_and_not_of_others(
    asked: Callable[[str], Answers], data: str, least: float, most: float
) -> None:
    share = np.mean([answer.headers["X-Confident"] == "true" for answer, _ in asked(data)])
    assert least <= share <= most


@pytest.mark.shared
@pytest.mark.bfloat16
def test_heatmaps_in_bfloat16_are_like_those_in_float32() -> None:
    images = np.concatenate(
        [to_tensor(decode(body, SIZE, HOW.decode_scale), SIZE, HOW) for body, _ in photographs()[::20]]
    )
    inputs = {"images": images, "class_index": np.zeros(len(images), np.int32)}
    maps = []
    for precision in ("float32", "bfloat16"):
        engine = Engine(graphs_of(converted(VERSION)), precision, streams=1)  # type: ignore[arg-type]
        maps.append(engine.run("explain", inputs, ["heatmap"], 60)["heatmap"].reshape(len(images), -1))
    told = [(one, other) for one, other in zip(*maps, strict=True) if one.any() and other.any()]
    assert min(np.corrcoef(one, other)[0, 1] for one, other in told) >= 0.98


@pytest.mark.shared
@pytest.mark.timeout(400)
@pytest.mark.bfloat16
def test_bfloat16_answers_as_float32_does() -> None:
    images = [to_tensor(decode(body, SIZE, HOW.decode_scale), SIZE, HOW) for body, _ in photographs()]
    answers = {}
    for precision in ("float32", "bfloat16"):
        engine = Engine(graphs_of(converted(VERSION)), precision, streams=1)  # type: ignore[arg-type]
        batches = [np.concatenate(images[start : start + 16]) for start in range(0, len(images), 16)]
        outputs = [engine.run("serve_uint8", {"images": batch}, ["probabilities"], 60) for batch in batches]
        answers[precision] = np.concatenate([output["probabilities"] for output in outputs])
    top = {precision: probabilities.argmax(axis=1) for precision, probabilities in answers.items()}
    assert (top["float32"] == top["bfloat16"]).mean() >= 0.995


@pytest.mark.shared
def test_int8_answers_as_float32_does() -> None:
    """On every processor, also those without instructions for int8."""
    images = np.concatenate(
        [to_tensor(decode(body, SIZE, HOW.decode_scale), SIZE, HOW) for body, _ in photographs()[::16]]
    )
    graphs, copy = graphs_of(converted(VERSION)), int8_copy(VERSION)
    assert copy is not None
    answers = [
        engine.run("serve_uint8", {"images": images}, ["probabilities"], 60)["probabilities"]
        for engine in (Engine(graphs, "float32", 1), Engine(copy.graphs(graphs), "int8", 1))
    ]
    assert (answers[0].argmax(axis=1) == answers[1].argmax(axis=1)).mean() >= 0.98
    assert 0 < np.abs(answers[0] - answers[1]).mean() < 0.01
