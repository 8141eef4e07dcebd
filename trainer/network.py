"""Which network is trained, and where is it cut in two?

InceptionV3 (arXiv 1512.00567): the lower part stays as ImageNet made it, so what it says of a picture is computed once;
the upper part and a new head are trained.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trainer.errors import TrainerError

FEATURES = 2048
"""Channels of InceptionV3's last block."""

RANDOM = Path("random")
"""Stands for a weights file where there is none to be had."""


def backbone(weights: Path | None, input_size: tuple[int, int]) -> Any:
    """InceptionV3 without its top, for float32 images in [-1, 1].

    Args:
        weights: A file of ImageNet weights; None has Keras download its own; RANDOM starts from noise.
        input_size: (height, width), each at least 75.

    Raises:
        TrainerError: The weights aren't there or aren't InceptionV3's.
    """
    shape = (*input_size, 3)
    if weights == RANDOM:
        warning = "WARNING: the backbone starts from random weights. Nothing good comes of a few thousand pictures so."
        print(f"{'!' * len(warning)}\n{warning}\n{'!' * len(warning)}", file=sys.stderr)
        return keras.applications.InceptionV3(weights=None, include_top=False, input_shape=shape)
    if weights is None:
        return keras.applications.InceptionV3(weights="imagenet", include_top=False, input_shape=shape)
    model = keras.applications.InceptionV3(weights=None, include_top=False, input_shape=shape)
    try:
        model.load_weights(weights)
    except (OSError, ValueError) as error:
        raise TrainerError(f"The weights {weights} can't be loaded into InceptionV3: {error}") from error
    return model


def lower(model: Any, until: str) -> Any:
    """The frozen part: images to the output of the block `until`."""
    part = keras.Model(model.input, model.get_layer(until).output, name="lower")
    part.trainable = False
    return part


def upper(model: Any, until: str, outputs: int, dropout: float, seed: int) -> Any:
    """The trained part: the output of the block `until` to logits (batch, outputs).

    Batch normalisation keeps ImageNet's statistics: a few thousand pictures in small batches have none better. The head
    starts from zero, and computes in float32 whatever the blocks before it do.
    """
    head = keras.Sequential(
        [
            keras.layers.GlobalAveragePooling2D(dtype="float32"),
            keras.layers.Dropout(dropout, seed=seed, dtype="float32"),
            keras.layers.Dense(outputs, kernel_initializer="zeros", name="logits", dtype="float32"),
        ],
        name="head",
    )
    features = model.get_layer(until).output
    part = keras.Model(features, head(model.output), name="upper")
    for layer in part.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    return part


@contextmanager
def computing_in_bfloat16(wanted: bool) -> Iterator[None]:
    """Networks built inside keep their weights in float32 and compute in bfloat16, if it is wanted."""
    before = keras.config.dtype_policy()
    if wanted:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def explainable(model: Any) -> tuple[Callable[[Any], Any], Any, Any]:
    """What an explanation needs of a `whole` network.

    Returns:
        A function from float32 images (batch, H, W, 3) to the feature maps before the head (batch, h, w, channels); the
        head's kernel (channels, outputs) and its bias (outputs,).
    """
    lower_part, upper_part = model.get_layer("lower"), model.get_layer("upper")
    head = upper_part.get_layer("head")
    body = keras.Model(upper_part.input, head.input)
    kernel, bias = (np.asarray(weights) for weights in head.get_layer("logits").get_weights())
    return lambda images: body(lower_part(images, training=False), training=False), kernel, bias


def pooled_and_logits(model: Any) -> Any:
    """What a `whole` network says on the way: images to its FEATURES pooled features and, after them, the logits."""
    lower_part, upper_part = model.get_layer("lower"), model.get_layer("upper")
    head = upper_part.get_layer("head")
    pooled = keras.layers.GlobalAveragePooling2D()(head.input)
    both = keras.layers.Concatenate(name="said")([pooled, upper_part.output])
    images = keras.Input(lower_part.input_shape[1:])
    return keras.Model(images, keras.Model(upper_part.input, both)(lower_part(images)))


def whole(lower_part: Any, upper_part: Any) -> Any:
    """Both parts in one: float32 images (batch, H, W, 3) to logits (batch, num_classes)."""
    images = keras.Input(lower_part.input_shape[1:], name="images")
    return keras.Model(images, upper_part(lower_part(images)), name="sports")
