"""How do bytes from a stranger become an upright RGB image, within limits of format and pixels?

The trainer decodes with the same function, so that a model sees in service what it saw in training.
"""

import warnings
from contextlib import suppress
from io import BytesIO
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, ImageOps

from gateway.errors import ImageTooLarge, ImageUnreadable

DecodeScale = Literal["full", "fit"]

FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
"""What is decoded, recognised by content. Pillow reaches MPO, a phone's JPEG with a second picture, through JPEG."""

MAX_PIXELS = 50_000_000
"""Largest width times height that is decoded."""

# The second wall behind the check in `decode`: Pillow judges sizes that only its plugins know.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", message="Corrupt EXIF data")  # a stranger's broken EXIF is no news

_SIDEWAYS = {5, 6, 7, 8}  # EXIF orientations that swap width and height (CIPA DC-008, tag 274)


def decode(picture: bytes, size: tuple[int, int], decode_scale: DecodeScale) -> Image.Image:
    """The picture's first frame, upright.

    Args:
        picture: A whole JPEG, PNG, GIF or WebP file.
        size: (height, width) that the image will be resized to.
        decode_scale: `full` decodes every pixel. `fit` lets the JPEG decoder leave out detail (by 2, 4 or 8) that a
            resize to `size` would average away; the image keeps at least that size. Other formats are always full.

    Returns:
        RGB, turned as its EXIF orientation says; transparency is laid over white.

    Raises:
        ImageTooLarge: It has more than MAX_PIXELS pixels.
        ImageUnreadable: It is damaged, cut short, or of another format.
    """
    try:
        with Image.open(BytesIO(picture), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageTooLarge(f"{image.width}x{image.height} pixels")
            orientation = _orientation(image)
            if decode_scale == "fit":
                height, width = size[::-1] if orientation in _SIDEWAYS else size
                image.draft("RGB", (width, height))
            image.load()
            return _to_rgb(_upright(image, orientation))
    except ImageTooLarge:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(str(error)) from error
    except Exception as error:  # decoders raise many kinds: OSError, ValueError, SyntaxError, struct.error, ...
        raise ImageUnreadable(f"{type(error).__name__}: {error}") from error


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (upright) to 8; a damaged EXIF block counts as upright."""
    with suppress(Exception):
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        return orientation if orientation in range(1, 9) else 1
    return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    if orientation == 1:
        return image
    return ImageOps.exif_transpose(image)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image  # convert() would copy every pixel
    if image.mode.startswith("I"):  # 16 bits a pixel; Pillow's own conversion clips instead of scaling
        image = Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
