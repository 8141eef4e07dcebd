"""How does a picture look from slightly elsewhere? Its augmented views, before they are resized as in service."""

import math

import numpy as np
from PIL import Image, ImageEnhance

_GREY = (127, 127, 127)


def augment(image: Image.Image, smallest_crop: float, rng: np.random.Generator) -> Image.Image:
    """One random view: turned a little, cut out, mirrored, and lit differently.

    Args:
        image: RGB, upright.
        smallest_crop: Smallest area that is cut out, as a share of the picture.
        rng: Decides everything: the same state gives the same view.

    Returns:
        RGB, of another size: cuts change the aspect too, so that it can't serve as a cue.
    """
    if rng.random() < 0.3:
        image = image.rotate(rng.uniform(-12, 12), Image.Resampling.BILINEAR, fillcolor=_GREY)
    image = image.crop(_box(image.width, image.height, smallest_crop, rng))
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(rng.uniform(0.7, 1.3))
    if rng.random() < 0.1:
        image = image.convert("L").convert("RGB")
    return image


def _box(width: int, height: int, smallest: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A random box of at least `smallest` of the area whose aspect differs from the picture's by up to 4:3."""
    area = rng.uniform(smallest, 1.0)
    stretch = math.exp(rng.uniform(-1, 1) * math.log(4 / 3) / 2)
    across = min(1.0, math.sqrt(area) * stretch)
    down = min(1.0, math.sqrt(area) / stretch)
    box_width, box_height = max(1, round(width * across)), max(1, round(height * down))
    left, top = int(rng.integers(0, width - box_width + 1)), int(rng.integers(0, height - box_height + 1))
    return left, top, left + box_width, top + box_height
