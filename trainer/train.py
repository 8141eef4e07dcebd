"""How is a classifier trained on two cores? The frozen blocks by a fast engine, the upper blocks on what they say.

A run lives in a folder: `split.json` (which pictures were held back), what `trainer.fit` keeps, and, at the end,
`model.keras`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trainer import network
from trainer.config import Config
from trainer.data import Dataset, Example
from trainer.errors import TrainerError
from trainer.features import Extractor, FreshViews, has_bfloat16
from trainer.fit import Fit, Split
from trainer.split import split


def train(
    config: Config, dataset: Dataset, weights: Path | None, run: Path, outliers: tuple[Example, ...] = ()
) -> Path:
    """Train, or go on with a run that was stopped.

    Args:
        config: The run.
        dataset: Its pictures; `valid` isn't looked at.
        weights: ImageNet weights of the backbone, or None for Keras' own download.
        run: The run's folder.
        outliers: Pictures of none of the classes. With some, the network has one more output: none of them.

    Returns:
        The trained model's file: float32 images (batch, H, W, 3) to logits (batch, num_classes or one more), with the
        convolution kernels rounded to float16 values.

    Raises:
        TrainerError: A picture or the weights can't be used.
    """
    keras.utils.set_random_seed(config.seed)
    run.mkdir(parents=True, exist_ok=True)
    examples = [*dataset.train, *outliers]
    backbone = network.backbone(weights, config.input_size)
    lower = network.lower(backbone, config.frozen_until)
    views = FreshViews(examples, config, Extractor(lower, config.preprocessing))
    fitted, held_back = split(dataset.train, config, views, run)
    _write_outliers(run, outliers)
    places = Split(fitted, held_back, np.arange(len(dataset.train), len(examples)))
    outputs = len(dataset.labels) + bool(outliers)
    labels = np.array([example.label for example in examples])
    fit = Fit(config, trainable(config, weights, outputs), views, labels, places, run)
    best = fit.fit()
    upper = network.upper(backbone, config.frozen_until, outputs, config.dropout, config.seed)
    for variable, value in zip(upper.trainable_variables, best, strict=True):
        variable.assign(value)
    model = network.whole(lower, upper)
    round_kernels(model)
    centre_head(upper)
    path = run / "model.keras"
    model.save(path)
    return path


def trained(run: Path) -> Any:
    """The run's network, as `network.whole` makes it.

    Raises:
        TrainerError: The run isn't trained.
    """
    file = run / "model.keras"
    if not file.is_file():
        raise TrainerError(f"There is no {file}: train the run first.")
    return keras.saving.load_model(file, compile=False)


def _write_outliers(run: Path, outliers: Sequence[Example]) -> None:
    classes = sorted({example.name for example in outliers})
    (run / "outliers.json").write_text(json.dumps({"pictures": len(outliers), "classes": classes}, indent=1))


def read_outliers(run: Path) -> dict[str, Any]:
    """What the run was trained on as outliers: `pictures`, how many, and `classes`, their names.

    Raises:
        TrainerError: The run isn't trained.
    """
    file = run / "outliers.json"
    if not file.is_file():
        raise TrainerError(f"There is no {file}: train the run first.")
    return dict(json.loads(file.read_text()))


def trainable(config: Config, weights: Path | None, outputs: int) -> Any:
    """The upper part, to be trained in bfloat16 where the processor computes in it."""
    with network.computing_in_bfloat16(has_bfloat16()):
        backbone = network.backbone(weights, config.input_size)
        return network.upper(backbone, config.frozen_until, outputs, config.dropout, config.seed)


def round_kernels(model: Any) -> None:
    """Round convolution kernels to float16 values: files of them pack a third smaller, and answers hardly move."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(np.asarray(layer.kernel).astype(np.float16).astype(np.float32))


def centre_head(upper: Any) -> None:
    """Take the mean over the outputs off the head's weights.

    The probabilities stay the same; what is left of a class' weights is what sets it apart from the others, which is
    what an explanation should show.
    """
    kernel, bias = upper.get_layer("head").get_layer("logits").get_weights()
    centred = [kernel - kernel.mean(axis=1, keepdims=True), bias - bias.mean()]
    upper.get_layer("head").get_layer("logits").set_weights(centred)
