"""What is left of the accuracy when pictures arrive in a worse state than in the data set?"""

from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageFilter

_GREY = (127, 127, 127)


def jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    """Encoded again, at a quality from 1 to 95."""

    def encode(image: Image.Image) -> Image.Image:
        out = BytesIO()
        image.save(out, "JPEG", quality=quality)
        return Image.open(BytesIO(out.getvalue())).convert("RGB")

    return encode


def blur(share: float) -> Callable[[Image.Image], Image.Image]:
    """Gaussian blur whose deviation is a share of the shorter side."""
    return lambda image: image.filter(ImageFilter.GaussianBlur(share * min(image.size)))


def rotate(degrees: float) -> Callable[[Image.Image], Image.Image]:
    """Turned counter-clockwise in its frame; what comes in is grey."""
    return lambda image: image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=_GREY)


def crop(share: float) -> Callable[[Image.Image], Image.Image]:
    """The middle, with a share of each side."""

    def cut(image: Image.Image) -> Image.Image:
        width, height = max(1, round(image.width * share)), max(1, round(image.height * share))
        left, top = (image.width - width) // 2, (image.height - height) // 2
        return image.crop((left, top, left + width, top + height))

    return cut


def shrink(shorter_side: int) -> Callable[[Image.Image], Image.Image]:
    """Made smaller, to a shorter side in pixels; a picture that is smaller stays."""

    def resize(image: Image.Image) -> Image.Image:
        by = shorter_side / min(image.size)
        if by >= 1:
            return image
        return image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.BILINEAR)

    return resize


HARDSHIPS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG quality 50": jpeg(50),
    "JPEG quality 20": jpeg(20),
    "blur 0.5 %": blur(0.005),
    "blur 1 %": blur(0.01),
    "rotated 10°": rotate(10),
    "rotated 20°": rotate(20),
    "middle 80 %": crop(0.8),
    "middle 60 %": crop(0.6),
    "128 pixels": shrink(128),
    "96 pixels": shrink(96),
}
"""What is tried, by its name in the report."""
