"""How do bytes from a stranger become an upright RGB image, within limits of format and pixels?

The trainer decodes with the same function, so that a model sees in service what it saw in training.
"""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError, features

from gateway.errors import FormatNotRead, GatewayError, ImageTooLarge, ImageUnreadable
from gateway.jpeg import scans

DecodeScale = Literal["full", "fit"]

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", *(("AVIF",) if features.check("avif") else ()))
"""What is decoded, recognised by content. Pillow reaches MPO, a phone's JPEG with a second picture, through JPEG, and
reads AVIF where it was built with a decoder for it."""

MAX_PIXELS = 50_000_000
"""Largest width times height that is decoded whole."""
MAX_SCALED_PIXELS = 200_000_000
"""The same for a baseline JPEG that is decoded to a smaller one, row by row."""

MAX_SCANS = 100
"""Scans of a JPEG in more than one; encoders write about ten."""
MAX_SCANNED_PIXELS = 20 * MAX_PIXELS
"""Scans times pixels: what decoding one may cost, about two seconds."""
MAX_PIECES = 50_000
"""Reads of a file: parsers go through it piece by piece, so that millions of empty ones would keep them busy."""

Gate = Callable[[int], AbstractContextManager[None]]
"""Entered around the decoding of a picture of so many pixels: it may wait for its turn, or raise."""

# The second wall behind the checks in `decode`: Pillow judges sizes that only its plugins know.
Image.MAX_IMAGE_PIXELS = MAX_SCALED_PIXELS
PngImagePlugin.MAX_TEXT_MEMORY = 8 * 2**20
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # a stranger's broken EXIF is no news
warnings.simplefilter("error", Image.DecompressionBombWarning)

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
"""ISO/IEC 23008-12, annex B: what a phone's HEIC file begins with."""

_SCALED_FORMATS = {"JPEG", "MPO"}

_SIDEWAYS = {5, 6, 7, 8}  # EXIF orientations that swap width and height (CIPA DC-008, tag 274)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture of that orientation upright."""
_BAND_PIXELS = 2**20


class _Pieces(BytesIO):
    """A file that gives MAX_PIECES pieces."""

    def __init__(self, picture: bytes) -> None:
        super().__init__(picture)
        self._left = MAX_PIECES

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise ImageUnreadable(f"more than {MAX_PIECES} pieces")
        return super().read(size)


@dataclass(frozen=True)
class Facts:
    """What a picture's head says of it."""

    format: str
    """Pillow's name of it."""
    width: int
    """Upright, in pixels."""
    height: int


def facts(picture: bytes) -> Facts:
    """What a picture is that was decoded already; its pixels aren't looked at."""
    with Image.open(_Pieces(picture), formats=FORMATS) as image:
        # Pillow decodes a whole PNG to look for what usually stands before its pixels.
        asked = image.format != "PNG" or "exif" in image.info
        sideways = asked and _orientation(image) in _SIDEWAYS
        width, height = (image.height, image.width) if sideways else image.size
        return Facts("JPEG" if image.format == "MPO" else str(image.format), width, height)


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
        with Image.open(_Pieces(picture), formats=FORMATS) as image:
            held = _held_pixels(image, picture, size, decode_scale)
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


def _held_pixels(image: Image.Image, picture: bytes, size: tuple[int, int], decode_scale: DecodeScale) -> int:
    """How many pixels are in memory while the image is decoded; a JPEG is set to be decoded scaled, if it may be.

    Raises:
        ImageTooLarge, ImageUnreadable: Decoding it would take too much memory or time.
    """
    whole = image.width * image.height
    layout = scans(picture, MAX_SCANS + 1) if image.format in _SCALED_FORMATS else None
    if layout and decode_scale == "fit":
        height, width = size[::-1] if _orientation(image) in _SIDEWAYS else size
        image.draft("RGB", (width, height))
    # In several scans, all coefficients are held until the last one, however small the result is.
    held = whole if layout and layout.held_whole else image.width * image.height
    if held > MAX_PIXELS or whole > MAX_SCALED_PIXELS:
        raise ImageTooLarge(f"{whole} pixels, {held} of them held at once")
    if layout and (layout.count > MAX_SCANS or layout.count * held > MAX_SCANNED_PIXELS):
        raise ImageUnreadable(f"{layout.count} scans of {held} pixels")
    return held


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (upright) to 8; a damaged EXIF block counts as upright.

    Pillow decodes a whole PNG to look for it: other formats than JPEG are asked when they are decoded anyway.
    """
    with suppress(Exception):
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        return orientation if orientation in range(1, 9) else 1
    return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image  # convert() would copy every pixel
    if image.mode.startswith("I"):  # 16 bits a pixel; Pillow's own conversion clips instead of scaling
        samples = np.asarray(image).clip(0, 65535)
        grey = (samples >> 8).astype(np.uint8)
        if (clear := image.info.get("transparency")) is not None:
            grey[samples == clear] = 255
        image = Image.fromarray(grey)
    return _over_white(image) if image.has_transparency_data else image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    """The picture laid over white, band by band: whole, its intermediate steps would take five times its memory."""
    laid = Image.new("RGB", image.size)
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height))).convert("RGBA")
        laid.paste(Image.alpha_composite(Image.new("RGBA", band.size, "white"), band).convert("RGB"), (0, top))
    return laid
