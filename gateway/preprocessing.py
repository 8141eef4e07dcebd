"""How does an image become the tensor that a model expects?

The card says it in the field's words: which size, which filter, what happens to the aspect, and which scaling the
float32 signature wants. The trainer calls the same functions.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from keras_image_helper import create_preprocessor
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict

from gateway.images import DecodeScale

Aspect = Literal["stretch", "crop", "pad"]
Filter = Literal["box", "bilinear", "hamming", "bicubic", "lanczos"]
Scaling = Literal["tf", "torch", "caffe", "none"]

Images = NDArray[np.uint8]
"""uint8, shape (batch, H, W, 3), channels last, RGB."""

_FILTERS: dict[Filter, Image.Resampling] = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_GREY = (127, 127, 127)  # the middle of the range: 0 for a model that wants [-1, 1]


class Resize(BaseModel):
    """How a picture is brought to the model's input size."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    decode_scale: DecodeScale
    """Whether a JPEG is decoded whole (`full`) or only as fine as the input size needs (`fit`)."""
    filter: Filter
    """Pillow's convolution filter; all of them are antialiased when they shrink."""
    aspect: Aspect
    """`stretch` ignores the aspect, `crop` cuts the middle out, `pad` shows everything between grey bars."""


def resize(image: Image.Image, size: tuple[int, int], how: Resize) -> Image.Image:
    """The RGB image in exactly `size` (height, width)."""
    height, width = size
    resample = _FILTERS[how.filter]
    if how.aspect == "stretch":
        return image if image.size == (width, height) else image.resize((width, height), resample)
    if how.aspect == "crop":
        shrink = min(image.width / width, image.height / height)
        across, down = min(image.width, width * shrink), min(image.height, height * shrink)
        left, top = (image.width - across) / 2, (image.height - down) / 2
        box = (left, top, left + across, top + down)
        return image.resize((width, height), resample, box=box)
    grow = min(width / image.width, height / image.height)
    inner = (max(1, round(image.width * grow)), max(1, round(image.height * grow)))
    canvas = Image.new("RGB", (width, height), _GREY)
    canvas.paste(image.resize(inner, resample), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return canvas


def seen(image_size: tuple[int, int], size: tuple[int, int], how: Resize) -> tuple[float, float, float, float]:
    """Which part of an image the tensor shows.

    Args:
        image_size: (width, height) of the image.
        size: (height, width) of the tensor.
        how: How the one became the other.

    Returns:
        (left, top, right, bottom) in the image's pixels; beyond the image where there are bars.
    """
    width, height = image_size
    if how.aspect == "stretch":
        return 0.0, 0.0, float(width), float(height)
    choose = min if how.aspect == "crop" else max
    shrink = choose(width / size[1], height / size[0])
    across, down = size[1] * shrink, size[0] * shrink
    left, top = (width - across) / 2, (height - down) / 2
    return left, top, left + across, top + down


def to_tensor(image: Image.Image, size: tuple[int, int], how: Resize) -> Images:
    """Turn an image into the batch of one that the model expects.

    Args:
        image: RGB, upright, any size.
        size: (height, width) of the model's input.
        how: How the image is brought to that size.

    Returns:
        uint8, shape (1, H, W, 3), channels last.
    """
    return np.asarray(resize(image, size, how))[np.newaxis]


def scale(images: Images, scaling: Scaling) -> NDArray[np.float32]:
    """The images as the float32 signature wants them.

    Args:
        images: uint8, shape (batch, H, W, 3), RGB.
        scaling: Keras' word (`keras.applications.imagenet_utils.preprocess_input`): `tf` gives [-1, 1], `torch`
            ImageNet's mean and deviation, `caffe` BGR less ImageNet's mean, `none` 0 to 255 as they are.

    Returns:
        float32, same shape.
    """
    preprocessor = create_preprocessor(_SCALINGS[scaling], (images.shape[2], images.shape[1]))
    scaled: NDArray[np.float32] = preprocessor.preprocess(images.astype(np.float32))
    return scaled


def _torch(images: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = np.array([0.485, 0.456, 0.406], np.float32)
    deviation = np.array([0.229, 0.224, 0.225], np.float32)
    return (images / np.float32(255) - mean) / deviation


def _unscaled(images: NDArray[np.float32]) -> NDArray[np.float32]:
    return images


_SCALINGS: dict[Scaling, str | Callable[[Any], Any]] = {
    "tf": "inception_v3",
    "torch": _torch,
    "caffe": "resnet50",
    "none": _unscaled,
}
