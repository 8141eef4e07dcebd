"""Pictures that tests draw: small, and different in every corner, so that a turned or mirrored one is seen."""

from io import BytesIO
from typing import Any

from PIL import Image

CORNERS = {"top left": "red", "top right": "lime", "bottom left": "blue", "bottom right": "white"}


def drawn(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Four rectangles in the CORNERS' colours."""
    image = Image.new("RGB", (width, height))
    for number, colour in enumerate(CORNERS.values()):
        left, top = number % 2 * width // 2, number // 2 * height // 2
        image.paste(colour, (left, top, left + width - width // 2, top + height - height // 2))
    return image.convert(mode)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def jpeg(width: int = 64, height: int = 48, **options: Any) -> bytes:
    return encoded(drawn(width, height), "JPEG", quality=95, **options)


def with_scans(picture: bytes, count: int) -> bytes:
    """A progressive JPEG whose last scan stands there so often."""
    last, end = picture.rindex(b"\xff\xda"), picture.rindex(b"\xff\xd9")
    return picture[:last] + picture[last:end] * count + picture[end:]
