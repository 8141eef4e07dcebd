"""How does a trained network become a model folder that TensorFlow Serving and the embedded server take?

NAME/VERSION/saved_model.pb, variables/    signatures `serving_default` (float32), `serve_uint8` and `explain`
NAME/VERSION/assets.extra/card.json        what the gateway must know of it
NAME/VERSION/assets.extra/tf_serving_warmup_requests
"""

import datetime
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from gateway.preprocessing import scale
from protos import prediction_log_pb2, types_pb2
from protos.tensors import to_proto
from trainer import network
from trainer.config import Config
from trainer.data import Dataset, Example
from trainer.errors import TrainerError
from trainer.evaluate import KEPT, report, temperature, threshold
from trainer.features import tensors
from trainer.served import Answers, answers

LARGEST_DIFFERENCE = 1e-4
"""Largest difference of a probability between the Keras model and the exported one."""
COMPARED = 64
"""How many pictures the exported model is compared on."""

_OFFSETS: dict[str, tuple[float, float]] = {"tf": (127.5, 1.0), "none": (1.0, 0.0)}


class Servable(tf.Module):  # type: ignore[misc]
    """The network with its scaling, its softmax and its names, ready to be saved."""

    def __init__(self, model: Any, config: Config, divisor: float) -> None:
        super().__init__()
        if config.preprocessing not in _OFFSETS:
            raise TrainerError(f"preprocessing={config.preprocessing!r} has no form in the graph yet; use tf or none.")
        self.weights = [variable.value for variable in model.variables]  # each is saved once
        scale_by, offset = _OFFSETS[config.preprocessing]
        lower, upper, kernel = network.explainable(model)

        def named(logits: Any) -> dict[str, Any]:
            logits = logits / divisor
            probabilities = tf.nn.softmax(logits)
            return {
                "probabilities": probabilities,
                "logits": tf.identity(logits),
                "known_score": tf.reduce_max(probabilities, axis=1),
            }

        def scaled(images: Any) -> Any:
            return tf.cast(images, tf.float32) / scale_by - offset

        def explain(images: Any, class_index: Any) -> dict[str, Any]:
            features, logits = upper(lower(scaled(images), training=False), training=False)
            outputs = named(logits)
            # Of the scaled logits: a second use of the raw ones would keep a converter from folding the scale into the
            # head, and the network from being the same one as in the other signatures.
            top = tf.argmax(outputs["logits"], axis=1, output_type=tf.int32)
            evidence = tf.gather(tf.transpose(kernel.value), tf.where(class_index < 0, top, class_index))
            return {**outputs, "heatmap": heatmap(features, evidence)}

        shape = (None, *config.input_size, 3)
        floats, bytes_ = tf.TensorSpec(shape, tf.float32, "images"), tf.TensorSpec(shape, tf.uint8, "images")
        index = tf.TensorSpec((None,), tf.int32, "class_index")
        self.functions = {
            "serving_default": tf.function(lambda images: named(model(images, training=False)), [floats]),
            "serve_uint8": tf.function(lambda images: named(model(scaled(images), training=False)), [bytes_]),
            "explain": tf.function(explain, [bytes_, index]),
        }


def heatmap(features: Any, evidence: Any) -> Any:
    """Grad-CAM (arXiv 1610.02391) in closed form.

    The head is a mean over the cells and one dense layer, so the gradient of a class' logit by a channel is the same in
    every cell: the dense layer's weight, divided by the number of cells. No gradient operation stays in the graph.

    Args:
        features: float32 (batch, h, w, channels), the head's input.
        evidence: float32 (batch, channels), the dense layer's weights for the class of each picture.

    Returns:
        float32 (batch, h, w) in [0, 1]; the highest cell is 1, or all are 0 where nothing speaks for the class.
    """
    maps = tf.nn.relu(tf.einsum("bhwc,bc->bhw", features, evidence))
    highest = tf.reduce_max(maps, axis=(1, 2), keepdims=True)
    return maps / tf.where(highest > 0, highest, tf.ones_like(highest))


def export(config: Config, dataset: Dataset, run: Path, models: Path, *, keep_keras: bool, replace: bool) -> Path:
    """Write the run's model as `models/NAME/VERSION`, compared with the Keras model on real pictures.

    Args:
        config: The run.
        dataset: Its pictures.
        run: The run's folder, trained.
        models: The folder of all models.
        keep_keras: Write `models/NAME/VERSION.keras` too.
        replace: Replace a version that is there.

    Returns:
        The version's folder.

    Raises:
        TrainerError: The run isn't trained, the version is there, or the exported model answers differently.
    """
    version = models / config.name / str(config.version)
    if version.exists() and not replace:
        raise TrainerError(f"{version} is there already; give the configuration a new version, or say --replace.")
    file = run / "model.keras"
    if not file.is_file():
        raise TrainerError(f"There is no {file}: train the run first.")
    model = keras.saving.load_model(file, compile=False)
    partial = version.with_name(f".{version.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    held_back = held_back_examples(dataset, run)
    logits = _keras_logits(model, held_back, config)
    divisor = temperature(logits, np.array([example.label for example in held_back]))
    servable = Servable(model, config, divisor)
    tf.saved_model.save(servable, str(partial), servable.functions)
    _compare(logits[:COMPARED] / divisor, answered(partial, config, held_back[:COMPARED], "float32"))
    extra = partial / "assets.extra"
    extra.mkdir()
    write_card(extra / "card.json", card(config, dataset, len(held_back), divisor))
    record(partial, config, dataset, held_back, "float32")
    _write_warmup(extra / "tf_serving_warmup_requests", config)
    if version.exists():
        shutil.rmtree(version)
    os.replace(partial, version)
    if keep_keras:
        shutil.copyfile(file, version.with_suffix(".keras"))
    return version


def _keras_logits(model: Any, examples: Sequence[Example], config: Config) -> NDArray[np.float32]:
    batches = tensors(examples, config.input_size, config.resize)
    return np.concatenate([model(scale(images, config.preprocessing), training=False) for images in batches])


def _compare(logits: NDArray[np.float32], exported: Answers) -> None:
    """The written model must answer as the Keras model does, on real pictures."""
    difference = float(np.abs(tf.nn.softmax(logits).numpy() - exported.probabilities).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise TrainerError(f"The exported model's probabilities differ from the Keras model's by {difference:.2g}.")
    print(f"Exported and Keras model agree within {difference:.1e} on {len(logits)} pictures.")


def held_back_examples(dataset: Dataset, run: Path) -> list[Example]:
    """The training pictures that the run held back."""
    names = set(json.loads((run / "split.json").read_text())["held_back"])
    return [example for example in dataset.train if str(example.path.resolve()) in names]


def card(config: Config, dataset: Dataset, held_back: int, divisor: float) -> dict[str, Any]:
    """The model card, before anything is measured."""
    return {
        "name": config.name,
        "version": config.version,
        "labels": list(dataset.labels),
        "input_size": list(config.input_size),
        "preprocessing": config.preprocessing,
        "resize": config.resize.model_dump(),
        "temperature": divisor,
        "known_threshold": {},
        "metrics": {},
        "data": {
            "source": config.data,
            "train": len(dataset.train) - held_back,
            "held_back": held_back,
            "valid": len(dataset.valid),
        },
        "base_weights": config.base_weights,
        "created": datetime.date.today().isoformat(),
        "licence": config.licence,
    }


def record(version: Path, config: Config, dataset: Dataset, held_back: Sequence[Example], precision: str) -> None:
    """Measure the exported model in a precision and write threshold and metrics into its card."""
    path = version / "assets.extra" / "card.json"
    written = json.loads(path.read_text())
    measured: dict[str, Any] = {}
    for name, examples in (("held_back", held_back), ("valid", dataset.valid)):
        if not examples:
            continue
        given = answered(version, config, examples, precision)
        truth = np.array([example.label for example in examples])
        measured[name] = report(given.probabilities, truth, dataset.labels)
        if name == "held_back":
            written["known_threshold"][precision] = threshold(given.known_score)
        kept = float((given.known_score >= written["known_threshold"][precision]).mean())
        measured[name]["confident"] = round(kept, 4)
    written["metrics"][precision] = measured
    written["metrics"]["note"] = f"known_threshold keeps {KEPT:.0%} of the held-back pictures; valid only reports."
    write_card(path, written)


def answered(
    version: Path,
    config: Config,
    examples: Sequence[Example],
    precision: str,
    *,
    change: Callable[[Image.Image], Image.Image] | None = None,
) -> Answers:
    """The exported model's answers to the pictures, as they are or changed."""
    return answers(version, tensors(examples, config.input_size, config.resize, change=change), precision)


def write_card(path: Path, written: dict[str, Any]) -> None:
    """Write the card, a key a line, in UTF-8."""
    path.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_warmup(path: Path, config: Config) -> None:
    """One grey picture for each signature; its one value stands for all of them, which keeps the file small."""
    grey = {"serving_default": types_pb2.DT_FLOAT, "serve_uint8": types_pb2.DT_UINT8, "explain": types_pb2.DT_UINT8}
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, dtype in grey.items():
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = config.name
            request.model_spec.signature_name = signature
            images = request.inputs["images"]
            images.dtype = dtype
            for size in (1, *config.input_size, 3):
                images.tensor_shape.dim.add(size=size)
            if dtype == types_pb2.DT_FLOAT:
                images.float_val.append(0.0)
            else:
                images.int_val.append(127)
            if signature == "explain":
                request.inputs["class_index"].CopyFrom(to_proto(np.array([-1], np.int32)))
            writer.write(log.SerializeToString())
