"""How does an explanation look? As the picture with its heatmap laid over, where the model looked."""

from io import BytesIO
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colormap = Literal["turbo", "viridis", "magma", "grey"]
COLORMAPS = get_args(Colormap)

MAX_PIXELS = 4_000_000
"""Largest picture that is given back; a larger one is made smaller."""

# Colours at equal steps from 0 to 1, mixed linearly between.
_COLOURS: dict[Colormap, list[tuple[int, int, int]]] = {
    "turbo": [
        (48, 18, 59), (70, 98, 215), (53, 171, 248), (27, 229, 181), (116, 254, 93),
        (201, 239, 52), (251, 185, 56), (245, 105, 24), (201, 41, 3), (122, 4, 3),
    ],
    "viridis": [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)],
    "magma": [(0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191)],
    "grey": [(0, 0, 0), (255, 255, 255)],
}  # fmt: skip


def overlay(
    image: Image.Image,
    heatmap: NDArray[np.float32],
    area: tuple[float, float, float, float],
    alpha: float,
    colormap: Colormap,
) -> bytes:
    """The picture with its heatmap, as PNG.

    Args:
        image: RGB, upright.
        heatmap: float32 (h, w) in [0, 1].
        area: (left, top, right, bottom) of the image that the heatmap covers (`preprocessing.seen`).
        alpha: How much of the hottest place is colour, 0 to 1; colder places are clearer, and 0 leaves the picture.
        colormap: What colours stand for 0 to 1.
    """
    by = min(1.0, (MAX_PIXELS / (image.width * image.height)) ** 0.5)
    if by < 1:
        image = image.resize((max(1, int(image.width * by)), max(1, int(image.height * by))), Image.Resampling.BOX)
    heat = _spread(heatmap, image.size, tuple(by * edge for edge in area))
    colours = Image.fromarray(_table(colormap)[_in_bytes(heat)])
    out = BytesIO()
    Image.composite(colours, image, Image.fromarray(_in_bytes(alpha * heat))).save(out, "PNG", compress_level=3)
    return out.getvalue()


def _table(colormap: Colormap) -> NDArray[np.uint8]:
    """The colours of 0, 1/255, ... 1: uint8 (256, 3). A byte each, so that a picture's colours take no more than it."""
    anchors = np.array(_COLOURS[colormap])
    at, steps = np.linspace(0, 1, 256), np.linspace(0, 1, len(anchors))
    return np.rint([np.interp(at, steps, channel) for channel in anchors.T]).astype(np.uint8).T


def _in_bytes(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(255 * shares).astype(np.uint8)


def _spread(heatmap: NDArray[np.float32], size: tuple[int, int], area: tuple[float, ...]) -> NDArray[np.float32]:
    """The heatmap at the picture's size, smooth, and 0 outside its area: float32 (height, width)."""
    left, top, right, bottom = (round(edge) for edge in area)
    cells = Image.fromarray(heatmap.astype(np.float32))
    canvas = Image.new("F", size, 0.0)
    smooth = cells.resize((max(1, right - left), max(1, bottom - top)), Image.Resampling.BICUBIC)
    canvas.paste(smooth, (left, top))
    return np.asarray(canvas).clip(0, 1)
