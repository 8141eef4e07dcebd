"""How might a picture look from elsewhere, in worse light, from a worse camera, or half hidden? Its augmented views."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from trainer.config import Config
from trainer.robustness import blur, jpeg, rotate, shrink

_GREY = (127, 127, 127)
_CELLS = 8
"""Cells a side that a picture is blanked by: those of a heatmap at 299x299 pixels."""


def augment(image: Image.Image, config: Config, rng: np.random.Generator) -> Image.Image:
    """One random view: shrunk, cut out and stretched, mirrored, changed by some operations, degraded, partly blanked.

    Args:
        image: RGB, upright.
        config: Says how much of each.
        rng: Decides everything: the same state gives the same view.

    Returns:
        RGB, of the network's input size.
    """
    height, width = config.input_size
    if rng.random() < config.shrunk:
        image = shrink(int(rng.integers(160, 320)))(image)
    box = _box(image.width, image.height, config.smallest_crop, config.stretch, rng)
    image = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    if rng.random() < 0.5:
        image = ImageOps.mirror(image)
    for place in rng.choice(len(_OPERATIONS), config.operations, replace=False):
        image = _OPERATIONS[place](image, rng)
    if rng.random() < config.degraded:
        image = _degrade(image, rng).resize((width, height), Image.Resampling.BILINEAR)
    if rng.random() < config.blanked:
        image = _blank(image, rng)
    return image


def _box(
    width: int, height: int, smallest: float, stretch: float, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """A random box of at least `smallest` of the area; it is as wide as high, or up to `stretch` times wider or higher.

    The box becomes the whole view, so that every class is seen squeezed as well as in its own proportions.
    """
    area = rng.uniform(smallest, 1.0) * width * height
    aspect = math.exp(rng.uniform(-1, 1) * math.log(stretch))
    across, down = min(width, math.sqrt(area * aspect)), min(height, math.sqrt(area / aspect))
    left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
    return left, top, left + across, top + down


def _degrade(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Compressed, blurred or made small, as pictures are that were passed on often."""
    kind = rng.integers(3)
    if kind == 0:
        return jpeg(int(rng.integers(12, 75)))(image)
    if kind == 1:
        return blur(rng.uniform(0.002, 0.012))(image)
    return shrink(int(rng.integers(72, 200)))(image)


def _blank(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Some cells, or one block of them, in the picture's mean colour: no part may speak for the class alone.

    After hide-and-seek (arXiv 1811.02545) and cutout (arXiv 1708.04552).
    """
    hidden = np.zeros((_CELLS, _CELLS), bool)
    if rng.random() < 0.5:
        hidden.flat[rng.choice(hidden.size, rng.integers(6, 24), replace=False)] = True
    else:
        rows, columns = rng.integers(2, 6, 2)
        top, left = rng.integers(0, _CELLS - rows + 1), rng.integers(0, _CELLS - columns + 1)
        hidden[top : top + rows, left : left + columns] = True
    mean = tuple(int(value) for value in np.asarray(image).mean(axis=(0, 1)))
    mask = Image.fromarray((hidden * 255).astype(np.uint8)).resize(image.size, Image.Resampling.NEAREST)
    return Image.composite(Image.new("RGB", image.size, mean), image, mask)


def _enhanced(kind: Callable[[Image.Image], ImageEnhance._Enhance], by: float) -> "_Operation":
    return lambda image, rng: kind(image).enhance(rng.uniform(1 - by, 1 + by))


def _sheared(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    across, down = rng.uniform(-0.2, 0.2, 2)
    middle_x, middle_y = image.width / 2, image.height / 2
    matrix = (1, across, -across * middle_y, down, 1, -down * middle_x)
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=_GREY)


_Operation = Callable[[Image.Image, np.random.Generator], Image.Image]
_OPERATIONS: tuple[_Operation, ...] = (
    _enhanced(ImageEnhance.Brightness, 0.5),
    _enhanced(ImageEnhance.Contrast, 0.5),
    _enhanced(ImageEnhance.Color, 0.7),
    _enhanced(ImageEnhance.Sharpness, 0.9),
    lambda image, rng: ImageOps.autocontrast(image),
    lambda image, rng: ImageOps.equalize(image),
    lambda image, rng: ImageOps.posterize(image, int(rng.integers(4, 8))),
    lambda image, rng: ImageOps.grayscale(image).convert("RGB"),
    lambda image, rng: rotate(rng.uniform(-20, 20))(image),
    _sheared,
)
"""After RandAugment (arXiv 1909.13719): a few at random, each at a random strength."""
