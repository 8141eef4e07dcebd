"""How does a trained network become a model folder that TensorFlow Serving and the embedded server take?

NAME/VERSION/saved_model.pb, variables/    signatures `serving_default` (float32), `serve_uint8` and `explain`
NAME/VERSION/assets.extra/card.json        what the gateway must know of it
NAME/VERSION/assets.extra/tf_serving_warmup_requests
"""

import datetime
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gateway.preprocessing import scale
from protos import prediction_log_pb2, types_pb2
from protos.tensors import to_proto
from trainer import network
from trainer.config import Config
from trainer.data import Dataset, Example, Foreign
from trainer.errors import TrainerError
from trainer.evaluate import temperature
from trainer.features import tensors
from trainer.known import KNOWN_FILE, KnownScore, in_graph
from trainer.measure import record, write_card
from trainer.served import Answers, answered
from trainer.split import held_back_examples
from trainer.train import read_outliers, trained

LARGEST_DIFFERENCE = 1e-4
"""Largest difference of a probability between the Keras model and the exported one."""
COMPARED = 64
"""How many pictures the exported model is compared on."""

_OFFSETS: dict[str, tuple[float, float]] = {"tf": (127.5, 1.0), "none": (1.0, 0.0)}


class Servable(tf.Module):  # type: ignore[misc]
    """The network with its scaling, its softmax and its names, ready to be saved.

    The head, a mean over the cells and a dense layer, is written the other way round: what each cell says for each
    class, then the mean. The logits are the same, and what an explanation needs is there already.
    """

    def __init__(self, model: Any, num_classes: int, config: Config, divisor: float, known_score: KnownScore) -> None:
        super().__init__()
        if config.preprocessing not in _OFFSETS:
            raise TrainerError(f"preprocessing={config.preprocessing!r} has no form in the graph yet; use tf or none.")
        self.weights = [variable.value for variable in model.variables]  # each is saved once
        scale_by, offset = _OFFSETS[config.preprocessing]
        features_of, kernel, bias = network.explainable(model)
        kernel, bias = kernel / divisor, bias / divisor

        def answer(images: Any) -> tuple[dict[str, Any], Any]:
            features = features_of(images)
            cells = tf.nn.conv2d(features, kernel[None, None], 1, "VALID")
            logits = tf.reduce_mean(cells, axis=(1, 2)) + bias
            classes = logits[:, :num_classes]
            outputs = {
                "probabilities": tf.nn.softmax(classes),
                "logits": tf.identity(classes),
                "known_score": known_score(logits, tf.reduce_mean(features, axis=(1, 2))),
            }
            return outputs, cells[..., :num_classes]

        def scaled(images: Any) -> Any:
            return tf.cast(images, tf.float32) / scale_by - offset

        def explain(images: Any, class_index: Any) -> dict[str, Any]:
            outputs, cells = answer(scaled(images))
            top = tf.argmax(outputs["logits"], axis=1, output_type=tf.int32)
            chosen = tf.one_hot(tf.where(class_index < 0, top, class_index), num_classes)
            return {**outputs, "heatmap": heatmap(cells, chosen)}

        shape = (None, *config.input_size, 3)
        floats, bytes_ = tf.TensorSpec(shape, tf.float32, "images"), tf.TensorSpec(shape, tf.uint8, "images")
        index = tf.TensorSpec((None,), tf.int32, "class_index")
        self.functions = {
            "serving_default": tf.function(lambda images: answer(images)[0], [floats]),
            "serve_uint8": tf.function(lambda images: answer(scaled(images))[0], [bytes_]),
            "explain": tf.function(explain, [bytes_, index]),
        }


def heatmap(cells: Any, chosen: Any) -> Any:
    """Grad-CAM (arXiv 1610.02391) in closed form.

    The head is a mean over the cells and one dense layer, so the gradient of a class' logit by a channel is the same in
    every cell: the dense layer's weight, divided by the number of cells. Channels weighted by it and summed are what
    each cell says for the class. No gradient operation stays in the graph.

    Args:
        cells: float32 (batch, h, w, num_classes), what each cell says for each class.
        chosen: float32 (batch, num_classes), 1 for the class of each picture and 0 for the others.

    Returns:
        float32 (batch, h, w) in [0, 1]; the highest cell is 1, or all are 0 where nothing speaks for the class.
    """
    maps = tf.nn.relu(tf.reduce_sum(cells * chosen[:, None, None], axis=3))
    highest = tf.reduce_max(maps, axis=(1, 2), keepdims=True)
    return maps / tf.where(highest > 0, highest, tf.ones_like(highest))


def export(
    config: Config,
    dataset: Dataset,
    run: Path,
    models: Path,
    foreign: Foreign | None,
    *,
    keep_keras: bool,
    replace: bool,
) -> Path:
    """Write the run's model as `models/NAME/VERSION`, compared with the Keras model on real pictures.

    Args:
        config: The run.
        dataset: Its pictures.
        run: The run's folder, trained.
        models: The folder of all models.
        foreign: Pictures of none of the classes, for the card's metrics.
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
    model = trained(run)
    partial = version.with_name(f".{version.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    held_back = held_back_examples(config, dataset, run)
    logits = _keras_logits(model, held_back, config)[:, : len(dataset.labels)]
    divisor = temperature(logits, np.array([example.label for example in held_back]))
    score = in_graph(config, dataset, run, model)
    servable = Servable(model, len(dataset.labels), config, divisor, score)
    tf.saved_model.save(servable, str(partial), servable.functions)
    _compare(logits[:COMPARED] / divisor, answered(partial, config, held_back[:COMPARED], "float32"))
    extra = partial / "assets.extra"
    extra.mkdir()
    write_card(extra / "card.json", card(config, dataset, run, divisor))
    record(partial, config, dataset, run, foreign, "float32", {})
    _write_warmup(extra / "tf_serving_warmup_requests", config)
    if version.exists():
        shutil.rmtree(version)
    os.replace(partial, version)
    if keep_keras:
        shutil.copyfile(run / "model.keras", version.with_suffix(".keras"))
    return version


def _compared(run: Path) -> dict[str, Any]:
    """What `trainer known` found, if it was run."""
    file = run / KNOWN_FILE
    return dict(json.loads(file.read_text())["scores"]) if file.is_file() else {}


def _keras_logits(model: Any, examples: Sequence[Example], config: Config) -> NDArray[np.float32]:
    batches = tensors(examples, config.input_size, config.resize)
    return np.concatenate([model(scale(images, config.preprocessing), training=False) for images in batches])


def _compare(logits: NDArray[np.float32], exported: Answers) -> None:
    """The written model must answer as the Keras model does, on real pictures."""
    difference = float(np.abs(tf.nn.softmax(logits).numpy() - exported.probabilities).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise TrainerError(f"The exported model's probabilities differ from the Keras model's by {difference:.2g}.")
    print(f"Exported and Keras model agree within {difference:.1e} on {len(logits)} pictures.")


def card(config: Config, dataset: Dataset, run: Path, divisor: float) -> dict[str, Any]:
    """The model card, before anything is measured."""
    held_back = len(held_back_examples(config, dataset, run))
    return {
        "name": config.name,
        "version": config.version,
        "labels": list(dataset.labels),
        "input_size": list(config.input_size),
        "preprocessing": config.preprocessing,
        "resize": config.resize.model_dump(),
        "temperature": divisor,
        "known_score": config.known_score,
        "known_scores": _compared(run),
        "known_threshold": {},
        "metrics": {},
        "data": {
            "source": config.data,
            "train": len(dataset.train) - held_back,
            "held_back": held_back,
            "valid": len(dataset.valid),
            "outliers": read_outliers(run),
        },
        "base_weights": config.base_weights,
        "created": datetime.date.today().isoformat(),
        "intended_use": config.intended_use,
        "limits": config.limits,
        "licence": config.licence,
    }


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
