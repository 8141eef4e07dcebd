"""How do bytes from a stranger become an upright RGB image, within limits of format and pixels?

The trainer decodes with the same function, so that a model sees in service what it saw in training.
"""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from io import BytesIO
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, ImageOps, PngImagePlugin, UnidentifiedImageError, features

from gateway.errors import FormatNotRead, GatewayError, ImageTooLarge, ImageUnreadable

DecodeScale = Literal["full", "fit"]

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", *(("AVIF",) if features.check("avif") else ()))
"""What is decoded, recognised by content. Pillow reaches MPO, a phone's JPEG with a second picture, through JPEG, and
reads AVIF where it was built with a decoder for it."""

MAX_PIXELS = 50_000_000
"""Largest width times height that is decoded whole."""
MAX_SCALED_PIXELS = 200_000_000
"""The same for a baseline JPEG that is decoded to a smaller one, row by row."""

Gate = Callable[[int], AbstractContextManager[None]]
"""Entered around the decoding of a picture of so many pixels: it may wait for its turn, or raise."""

# The second wall behind the checks in `decode`: Pillow judges sizes that only its plugins know.
Image.MAX_IMAGE_PIXELS = MAX_SCALED_PIXELS
PngImagePlugin.MAX_TEXT_MEMORY = 8 * 2**20
warnings.simplefilter("error", Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", message="Corrupt EXIF data")  # a stranger's broken EXIF is no news

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
"""ISO/IEC 23008-12, annex B: what a phone's HEIC file begins with."""

_SCALED_FORMATS = {"JPEG", "MPO"}

_SIDEWAYS = {5, 6, 7, 8}  # EXIF orientations that swap width and height (CIPA DC-008, tag 274)


def decode(
    picture: bytes, size: tuple[int, int], decode_scale: DecodeScale, gate: Gate = lambda pixels: nullcontext()
) -> Image.Image:
    """The picture's first frame, upright.

    Args:
        picture: A whole JPEG, PNG, GIF, WebP or AVIF file.
        size: (height, width) that the image will be resized to.
        decode_scale: `full` decodes every pixel. `fit` lets the JPEG decoder leave out detail (by 2, 4 or 8) that a
            resize to `size` would average away; the image keeps at least that size. Other formats are always full.
        gate: Gets the number of pixels that are held in memory while decoding.

    Returns:
        RGB, turned as its EXIF orientation says; transparency is laid over white.

    Raises:
        ImageTooLarge: It has more than MAX_PIXELS pixels, or than MAX_SCALED_PIXELS that needn't be held at once.
        FormatNotRead: It is a picture of a format that isn't read here.
        ImageUnreadable: It is damaged, cut short, or no picture.
        GatewayError: What the gate raises.
    """
    try:
        with Image.open(BytesIO(picture), formats=FORMATS) as image:
            whole = image.width * image.height
            if decode_scale == "fit" and image.format in _SCALED_FORMATS:
                height, width = size[::-1] if _orientation(image) in _SIDEWAYS else size
                image.draft("RGB", (width, height))
            # A progressive JPEG's coefficients are all held until its last scan, however small the result is.
            held = whole if image.info.get("progressive") else image.width * image.height
            if held > MAX_PIXELS or whole > MAX_SCALED_PIXELS:
                raise ImageTooLarge(f"{whole} pixels, {held} of them held at once")
            with gate(held):
                image.load()
                return _to_rgb(_upright(image, _orientation(image)))
    except GatewayError:
        raise
    except UnidentifiedImageError as error:
        if picture[4:8] == b"ftyp" and picture[8:12] in _HEIC_BRANDS:
            raise FormatNotRead("HEIC") from error
        raise ImageUnreadable(str(error)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(str(error)) from error
    except Exception as error:  # decoders raise many kinds: OSError, ValueError, SyntaxError, struct.error, ...
        raise ImageUnreadable(f"{type(error).__name__}: {error}") from error


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (upright) to 8; a damaged EXIF block counts as upright.

    Pillow decodes a whole PNG to look for it: other formats than JPEG are asked when they are decoded anyway.
    """
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
