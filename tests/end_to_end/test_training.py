"""A whole run on pictures that the test draws: trained, stopped, taken up, exported, evaluated, served."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO, cast

import numpy as np
import pytest
from PIL import Image

from gateway.cards import Card
from model.cache import converted
from model.engine import graphs_of
from model.int8 import int8_copy
from model.precision import supports
from protos import prediction_log_pb2
from tests.conftest import ROOT
from tests.waiting import until
from trainer.robustness import HARDSHIPS

CONFIG = """
from gateway.preprocessing import Resize
from trainer.config import Config

config = Config(
    name="corners", version=3, input_size=(107, 139), frozen_until="mixed9",
    epochs={epochs}, calm_epochs={calm}, batch_size=8, held_back=0.2, nearest_cosine=1.1,
    outliers_not_used=("mauve",), known_score="none_odds", data="drawn by a test",
    resize=Resize(decode_scale="fit", filter="bilinear", aspect="crop"),
)
"""


class Worker:
    """Runs commands of the trainer, and programs, in a process that has loaded TensorFlow once."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def trainer(self, *arguments: object, fails: bool = False) -> str:
        """What the command prints, or where it should fail, says."""
        status, out, err = self._run("trainer", *map(str, arguments))
        assert (status != 0) is fails, err[-3000:]
        return err if fails else out

    def program(self, text: str, *arguments: object) -> None:
        """Run a text of Python."""
        status, _, err = self._run("program", text, *map(str, arguments))
        assert status == 0, err[-2000:]

    def _run(self, *line: str) -> tuple[int, str, str]:
        stdin, stdout = cast(TextIO, self._process.stdin), cast(TextIO, self._process.stdout)
        print(json.dumps(line), file=stdin, flush=True)
        status, out, err = json.loads(stdout.readline())
        return status, out, err


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    command = [sys.executable, "-m", "tests.end_to_end.tensorflow_worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as process:
        yield Worker(process)
        process.kill()


def paint(folder: Path, count: int, rng: np.random.Generator, *channels: int) -> None:
    """Pictures whose channels are full, the others speckled."""
    folder.mkdir(parents=True)
    for number in range(count):
        cells = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)
        cells[..., list(channels)] = 255
        Image.fromarray(cells).resize((110, 90), Image.Resampling.BICUBIC).save(folder / f"{number}.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of two classes, of none of them, and the configuration."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("valid", 2)):
        paint(folder / "data" / split / "red", count, rng, 0)
        paint(folder / "data" / split / "blue", count, rng, 2)
    paint(folder / "outliers" / "green", 8, rng, 1)
    paint(folder / "outliers" / "mauve", 2, rng, 0, 2)
    for split in ("tune", "valid"):
        paint(folder / "foreign" / split / "green", 3, rng, 1)
        paint(folder / "foreign" / split / "yellow", 2, rng, 0, 1)
    shutil.copy(folder / "foreign" / "valid" / "green" / "0.png", folder / "outliers" / "green" / "judged.png")
    (folder / "config.py").write_text(CONFIG.format(epochs=1, calm=0))
    return folder


@pytest.fixture(scope="module")
def arguments(folder: Path) -> list[object]:
    return [folder / "config.py", "--data", folder / "data", "--run", folder / "run"]


@pytest.fixture(scope="module")
def version(worker: Worker, folder: Path, arguments: list[object]) -> Path:
    """The exported model."""
    foreign = ("--foreign", folder / "foreign")
    said = worker.trainer("train", *arguments, "--weights", "random", "--outliers", folder / "outliers", *foreign)
    assert "24 training pictures" in said
    outliers = json.loads((folder / "run" / "outliers.json").read_text())
    assert outliers == {"pictures": 8, "classes": ["green"]}, "one is judged on, and mauve isn't used"
    said = worker.trainer("export", *arguments, "--models", folder / "models", "--keras", *foreign)
    assert "agree within" in said
    return folder / "models" / "corners" / "3"


def test_export_has_what_the_model_folder_needs(version: Path) -> None:
    files = {str(path.relative_to(version)) for path in version.rglob("*") if path.is_file()}
    assert {"saved_model.pb", "variables/variables.index", "assets.extra/card.json"} <= files
    assert version.with_suffix(".keras").is_file()
    assert (version / "variables" / "variables.data-00000-of-00001").stat().st_size < 92_000_000


def test_gateway_reads_the_card(version: Path) -> None:
    card = Card.model_validate_json((version / "assets.extra" / "card.json").read_bytes())
    assert (card.labels, card.input_size, card.version) == (("blue", "red"), (107, 139), 3)
    assert set(card.known_threshold) == {"float32"}
    document = json.loads((version / "assets.extra" / "card.json").read_bytes())
    assert document["data"]["source"] == "drawn by a test"
    measured = document["metrics"]["float32"]
    assert (measured["valid"]["pictures"], measured["foreign"]["pictures"]) == (4, 5)
    assert measured["foreign"]["unseen"]["pictures"] == 2
    assert document["known_score"] == "none_odds"
    assert document["data"]["outliers"] == {"pictures": 8, "classes": ["green"]}


def test_warm_up_requests_name_every_signature(version: Path) -> None:
    from model.warmup import _records

    records = [
        prediction_log_pb2.PredictionLog.FromString(record)
        for record in _records(version / "assets.extra" / "tf_serving_warmup_requests")
    ]
    specs = [record.predict_log.request.model_spec for record in records]
    assert {(spec.name, spec.signature_name) for spec in specs} == {
        ("corners", "serving_default"),
        ("corners", "serve_uint8"),
        ("corners", "explain"),
    }


def test_signatures_agree_and_kernels_are_float16(worker: Worker, version: Path) -> None:
    program = """
import sys, numpy as np, tensorflow as tf
from gateway.preprocessing import scale
signatures = tf.saved_model.load(sys.argv[1]).signatures
images = np.random.default_rng(0).integers(0, 256, (3, 107, 139, 3), np.uint8)
by_uint8 = signatures["serve_uint8"](images=tf.constant(images))
by_float = signatures["serving_default"](images=tf.constant(scale(images, "tf")))
assert set(by_uint8) == set(by_float) == {"probabilities", "logits", "known_score"}
for name in by_float:
    assert np.abs(by_uint8[name] - by_float[name]).max() < 1e-5, name
in_graph = tf.cast(images, tf.float32) / 127.5 - 1
assert np.abs(in_graph - scale(images, "tf")).max() <= 1e-6
reader = tf.train.load_checkpoint(sys.argv[1] + "/variables/variables")
kernels = [reader.get_tensor(name) for name in reader.get_variable_to_shape_map()]
kernels = [kernel for kernel in kernels if getattr(kernel, "ndim", 0) == 4]
assert len(kernels) == 94
assert all((kernel == kernel.astype(np.float16)).all() for kernel in kernels)
"""
    worker.program(program, version)


def test_every_signature_is_served_from_the_same_weights(version: Path) -> None:
    graphs = graphs_of(converted(version))
    assert set(graphs) == {"serving_default", "serve_uint8", "explain"}
    assert {steps[-1].stem for steps in graphs.values()} == {"trunk"}


def test_heatmap_is_grad_cam_by_gradient_tape(worker: Worker, version: Path) -> None:
    program = """
import sys, keras, numpy as np, tensorflow as tf
model = keras.saving.load_model(sys.argv[1] + ".keras", compile=False)
upper, lower = model.get_layer("upper"), model.get_layer("lower")
head = upper.get_layer("head")
features_of = keras.Model(upper.input, head.input)
images = np.random.default_rng(0).integers(0, 256, (4, 107, 139, 3), np.uint8)
explain = tf.saved_model.load(sys.argv[1]).signatures["explain"]
for index in (0, 1):
    features = features_of(lower(images / np.float32(127.5) - 1))
    with tf.GradientTape() as tape:
        tape.watch(features)
        logit = head(features)[:, index]
    weights = tf.reduce_mean(tape.gradient(logit, features), axis=(1, 2))
    wanted = tf.nn.relu(tf.einsum("bhwc,bc->bhw", features, weights)).numpy()
    wanted /= np.maximum(wanted.max(axis=(1, 2), keepdims=True), 1e-30)
    given = explain(images=tf.constant(images), class_index=tf.constant([index] * 4))["heatmap"].numpy()
    assert given.shape == wanted.shape == (4, 2, 3)
    assert np.abs(given - wanted).max() < 1e-4, (given, wanted)
    assert given.any(axis=(1, 2)).sum() + (wanted.max(axis=(1, 2)) == 0).sum() == 4
outputs = explain(images=tf.constant(images), class_index=tf.constant([-1] * 4))
top = tf.argmax(outputs["logits"], axis=1, output_type=tf.int32)
assert (explain(images=tf.constant(images), class_index=top)["heatmap"].numpy() == outputs["heatmap"].numpy()).all()
"""
    worker.program(program, version)


def test_stopped_run_goes_on_and_a_finished_one_is_not_repeated(
    worker: Worker, folder: Path, version: Path, arguments: list[object]
) -> None:
    known = ("--outliers", folder / "outliers", "--foreign", folder / "foreign")
    said = worker.trainer("train", *arguments, "--weights", "random", *known)
    assert "Going on after epoch 1" in said
    assert "epoch 2 " not in said


def test_killed_run_ends_as_one_that_was_never_stopped(worker: Worker, folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.py"
    config.write_text(CONFIG.format(epochs=3, calm=1))
    command = ["train", str(config), "--data", str(folder / "data"), "--outliers", str(folder / "outliers")]
    command += ["--weights", "random", "--run"]
    alone = [sys.executable, "-m", "trainer", *command, str(tmp_path / "killed")]
    with (
        subprocess.Popen(alone, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
        ThreadPoolExecutor(1) as pool,
    ):
        whole = pool.submit(worker.trainer, *command, tmp_path / "whole")  # meanwhile: each builds its network first
        until(lambda: (tmp_path / "killed" / "checkpoint.npz").exists() or process.poll() is not None, 100)
        process.kill()
        whole.result()
    assert "Going on after epoch" in worker.trainer(*command, tmp_path / "killed")
    histories = [json.loads((tmp_path / name / "history.json").read_text()) for name in ("whole", "killed")]
    assert len(histories[0]) == 4
    assert histories[0] == histories[1]


def test_evaluation_through_the_embedded_server(
    worker: Worker, folder: Path, version: Path, arguments: list[object]
) -> None:
    models = ("--models", folder / "models")
    foreign = ("--foreign", folder / "foreign")
    said = worker.trainer("evaluate", *arguments, *models, "--robustness", "--explanation", "--record", *foreign)
    assert "of 4 pictures are right" in said
    report = folder / "run" / "report-valid-float32"
    result = json.loads((report / "report.json").read_text())
    assert result["pictures"] == 4
    assert set(result["robustness"]) == set(HARDSHIPS)
    recorded = json.loads((version / "assets.extra" / "card.json").read_text())["metrics"]["float32"]
    assert recorded["robustness"] == result["robustness"]
    assert recorded["explanation"] == result["explanation"]
    assert recorded["foreign"]["pictures"] == 5
    page = (report / "index.html").read_text()
    mistakes = 4 - sum(row[place] for place, row in enumerate(result["confusion"]))
    assert page.count("<figure>") == mistakes
    assert page.count('src="data:image/png') == 2
    for name in ("confusion.png", "reliability.png"):
        with Image.open(report / name) as plot:
            assert plot.format == "PNG"
    bfloat16 = (*arguments, *models, "--precision", "bfloat16", "--record")
    if not supports("bfloat16"):
        assert "didn't start" in worker.trainer("evaluate", *bfloat16, fails=True)
        return
    assert "of 4 pictures are right" in worker.trainer("evaluate", *bfloat16)
    card = Card.model_validate_json((version / "assets.extra" / "card.json").read_bytes())
    assert card.known_threshold["bfloat16"] == pytest.approx(card.known_threshold["float32"], abs=0.05)


def test_int8_copy_is_made_measured_and_judged(
    worker: Worker, folder: Path, version: Path, arguments: list[object]
) -> None:
    """One attempt: whether the untrained network holds the limits is chance, what the card says of it isn't."""
    program = """
import sys
from trainer import __main__, quantize
quantize.ATTEMPTS = quantize.ATTEMPTS[:1]
sys.exit(__main__.main(sys.argv[1:]))
"""
    models = ("--models", folder / "models", "--foreign", folder / "foreign")
    worker.program(program, "quantize", *arguments, *models)
    card = json.loads((version / "assets.extra" / "card.json").read_text())
    measured, (tried,) = card["metrics"]["int8"], card["int8"]["tried"]
    assert measured["agreement"]["pictures"] == 28
    assert tried["agreement"] == measured["agreement"]["share"]
    assert tried["auroc_lost"] == pytest.approx(
        card["metrics"]["float32"]["foreign"]["auroc"] - measured["foreign"]["auroc"], abs=1e-4
    )
    held = tried["agreement"] >= 0.985 and all(
        tried[name] <= card["int8"]["limits"][name] for name in ("accuracy_lost", "ece", "auroc_lost")
    )
    assert card["int8"]["passed"] is held
    assert set(card["known_threshold"]) >= {"float32", "int8"}
    assert card["temperatures"]["float32"] == card["temperature"]
    copy = int8_copy(version)
    assert copy is not None
    assert copy.signatures == ("serve_uint8", "serving_default")
    quantized = copy.graph.with_suffix(".bin").stat().st_size
    assert quantized < 0.3 * (version / "variables" / "variables.data-00000-of-00001").stat().st_size


def test_version_that_is_there_is_not_replaced_unasked(
    worker: Worker, folder: Path, version: Path, arguments: list[object]
) -> None:
    said = worker.trainer("export", *arguments, "--models", folder / "models", fails=True)
    assert "--replace" in said


def test_wrong_use_is_a_sentence(worker: Worker, folder: Path, tmp_path: Path) -> None:
    config = folder / "config.py"
    assert "nowhere" in worker.trainer("train", config, "--data", tmp_path / "nowhere", fails=True)
    assert "give some by --outliers" in worker.trainer("train", config, "--data", folder / "data", fails=True)
    outliers = ("--outliers", folder / "outliers")
    missing = ("--weights", tmp_path / "missing.h5", "--run", tmp_path, *outliers)
    assert "missing.h5" in worker.trainer("train", config, "--data", folder / "data", *missing, fails=True)
    nothing = ("--data", folder / "data", "--run", tmp_path, "--models", tmp_path)
    assert "train the run first" in worker.trainer("export", config, *nothing, fails=True)
    outliers = ("--weights", "random", "--outliers", folder / "foreign" / "tune", "--run", tmp_path)
    assert "no class mauve" in worker.trainer("train", config, "--data", folder / "data", *outliers, fails=True)
    assert "no exported model" in worker.trainer("evaluate", config, *nothing, fails=True)


def test_known_scores_are_compared_on_foreign_pictures(
    worker: Worker, folder: Path, version: Path, arguments: list[object]
) -> None:
    said = worker.trainer("known", *arguments, "--foreign", folder / "foreign")
    written = json.loads((folder / "run" / "known.json").read_text())
    assert f"Best on tune: {written['best']}" in said
    assert {"max_probability", "energy", "nearness", "none_odds"} <= set(written["scores"])
    for told in written["scores"].values():
        assert set(told) == {"tune", "valid", "unseen"}
        assert all(0 <= one["flagged"] <= 1 and 0 <= one["auroc"] <= 1 for one in told.values())


def test_doubtful_labels_are_listed_with_their_pictures(
    worker: Worker, folder: Path, arguments: list[object], tmp_path: Path
) -> None:
    said = worker.trainer("doubtful", *arguments[:3], "--run", tmp_path, "--weights", "random")
    assert "of 24 are right" in said
    listed = (tmp_path / "doubtful" / "doubtful.csv").read_text().splitlines()
    assert listed[0] == "image_ID,label,answer,probability"
    assert (tmp_path / "doubtful" / "index.html").read_text().count("<figure>") == len(listed) - 1


def test_search_goes_on_and_keeps_its_record(
    worker: Worker, folder: Path, arguments: list[object], tmp_path: Path
) -> None:
    command = ("search", *arguments[:3], "--run", tmp_path, "--weights", "random", "--minutes")
    for trials in (1, 2):
        worker.trainer(*command, "0.001")
        record = json.loads((tmp_path / "search" / "search.json").read_text())
        assert len(record["trials"]) == trials
    assert record["trials"][0]["values"]["mixup"] == 0.2
    assert record["best_loss"] == min(trial["loss"] for trial in record["trials"])
    worker.trainer(*command, "0")
    assert json.loads((tmp_path / "search" / "search.json").read_text()) == record
