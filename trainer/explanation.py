"""Are the heatmaps right, and do they show what the answer rests on?

Right: they are compared with Grad-CAM by a gradient tape on the Keras model. What the answer rests on: the deletion
test. The hottest cells of a picture's heatmap are blanked with its mean colour. If the answer rests on them, that
lowers the class' probability more than blanking random cells does (after the deletion metric of arXiv 1806.07421).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gateway.preprocessing import Images, scale
from trainer.config import Config
from trainer.data import Example
from trainer.features import tensors
from trainer.served import ask
from trainer.train import trained

BLANKED = 0.2
"""Share of the cells that is blanked, 0 to 1."""
JUDGED = 400
"""How many pictures the deletion test takes at most."""
COMPARED = 64
"""How many pictures' heatmaps are compared with the gradient tape's."""
RANDOM_SETS = 5
"""How many sets of random cells the hottest ones are compared with."""


def deletion(version: Path, config: Config, examples: Sequence[Example], precision: str) -> dict[str, Any]:
    """How often blanking the hottest cells lowers the probability more than blanking random ones does on average.

    Args:
        version: The exported model.
        config: Its run.
        examples: Labelled pictures; those that are answered wrongly are left out.
        precision: What the model computes in.

    Returns:
        `pictures`, how many were answered rightly, `held`, the share of these on which it does, and the mean
        probability `whole`, without the `hottest` cells, and without `random` ones.
    """
    examples = _some(examples, JUDGED)
    images = np.concatenate(list(tensors(examples, config.input_size, config.resize)))
    labels = np.array([example.label for example in examples])
    top = np.full(len(images), -1, np.int32)
    whole = list(ask(version, "explain", _batched(images, top), precision))
    probabilities = np.concatenate([one["probabilities"] for one in whole])
    heatmaps = np.concatenate([one["heatmap"] for one in whole])
    right = np.flatnonzero(probabilities.argmax(axis=1) == labels)
    images, labels, heatmaps = images[right], labels[right], heatmaps[right]
    count = round(BLANKED * heatmaps[0].size)
    rng = np.random.default_rng(0)
    hottest = np.argsort(-heatmaps.reshape(len(images), -1), axis=1, kind="stable")[:, :count]
    chosen = [hottest, *(_random(heatmaps.shape, count, rng) for _ in range(RANDOM_SETS))]
    left = [_left(version, images, labels, cells, heatmaps.shape[1:], precision) for cells in chosen]
    random = np.mean(left[1:], axis=0)
    return {
        "pictures": len(right),
        "held": round(float((left[0] < random).mean()), 4),
        "whole": round(float(probabilities[right, labels].mean()), 4),
        "hottest": round(float(left[0].mean()), 4),
        "random": round(float(random.mean()), 4),
    }


def explanation(
    version: Path, config: Config, run: Path, examples: Sequence[Example], precision: str
) -> dict[str, Any]:
    """What `deletion` and `against_tape` measure, in one."""
    return deletion(version, config, examples, precision) | against_tape(version, config, run, examples, precision)


def against_tape(
    version: Path, config: Config, run: Path, examples: Sequence[Example], precision: str
) -> dict[str, Any]:
    """How much the served heatmaps are like Grad-CAM by a gradient tape, for the right class.

    Returns:
        `compared`, how many pictures, and the `lowest_correlation` of a picture's two maps (Pearson's); two maps that
        are zero everywhere count as 1.
    """
    some = _some(examples, COMPARED)
    images = np.concatenate(list(tensors(some, config.input_size, config.resize)))
    labels = np.array([example.label for example in some], np.int32)
    served = np.concatenate([one["heatmap"] for one in ask(version, "explain", _batched(images, labels), precision)])
    wanted = _by_tape(trained(run), scale(images, config.preprocessing), labels)
    return {
        "compared": len(some),
        "lowest_correlation": round(min(map(_correlation, served, wanted)), 4),
    }


def _some(examples: Sequence[Example], most: int) -> list[Example]:
    return [examples[place] for place in np.random.default_rng(0).permutation(len(examples))[:most]]


def _by_tape(model: Any, images: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.float32]:
    lower, upper = model.get_layer("lower"), model.get_layer("upper")
    head = upper.get_layer("head")
    body = keras.Model(upper.input, head.input)
    maps = []
    for image, label in zip(images, labels, strict=True):
        features = body(lower(image[None]))
        with tf.GradientTape() as tape:
            tape.watch(features)
            logit = head(features)[:, label]
        weights = tf.reduce_mean(tape.gradient(logit, features), axis=(1, 2))
        maps.append(tf.nn.relu(tf.einsum("bhwc,bc->bhw", features, weights))[0].numpy())
    return np.stack(maps)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    if not one.any() or not other.any():
        return float(one.any() == other.any())
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _left(
    version: Path,
    images: Images,
    labels: NDArray[np.intp],
    cells: NDArray[np.intp],
    grid: tuple[int, ...],
    precision: str,
) -> NDArray[np.float32]:
    """The classes' probabilities when the cells are blanked."""
    blanked = np.stack([blank(image, some, grid) for image, some in zip(images, cells, strict=True)])
    answered = ask(version, "serve_uint8", ({"images": some["images"]} for some in _batched(blanked)), precision)
    probabilities: NDArray[np.float32] = np.concatenate([one["probabilities"] for one in answered])
    return probabilities[np.arange(len(labels)), labels]


def blank(image: NDArray[np.uint8], cells: NDArray[np.intp], grid: tuple[int, ...]) -> NDArray[np.uint8]:
    """The image (H, W, 3) with some cells of a grid, counted row by row, in its mean colour."""
    height, width = image.shape[:2]
    hidden = np.zeros(grid[0] * grid[1], bool)
    hidden[cells] = True
    rows = np.arange(height) * grid[0] // height
    columns = np.arange(width) * grid[1] // width
    blanked = image.copy()
    blanked[hidden.reshape(grid)[rows][:, columns]] = image.mean(axis=(0, 1)).round().astype(np.uint8)
    return blanked


def _random(shape: tuple[int, ...], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    return rng.random((shape[0], shape[1] * shape[2])).argsort(axis=1)[:, :count]


def _batched(images: Images, class_index: NDArray[np.int32] | None = None) -> Iterator[dict[str, NDArray[Any]]]:
    for start in range(0, len(images), 16):
        some = {"images": images[start : start + 16]}
        yield some if class_index is None else {**some, "class_index": class_index[start : start + 16]}
