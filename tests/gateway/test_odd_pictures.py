"""Odd but valid pictures: each is read, and shows what was drawn."""

import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, features

from gateway.cards import Resize
from gateway.images import decode
from gateway.jpeg import Scans, scans
from gateway.preprocessing import to_tensor
from tests.pictures import drawn, encoded
from tests.pngs import CHANNELS, DEPTHS, Sampler, chunk, png

SIZE = (16, 16)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
PNG_FORMS = [(colour, depth, interlaced) for colour in DEPTHS for depth in DEPTHS[colour] for interlaced in (0, 1)]


def half_black(colour_type: int, depth: int) -> Sampler:
    """Black on the left, white on the right, opaque."""
    top = 2**depth - 1

    def sample(x: int, y: int) -> tuple[int, ...]:
        value = 0 if x < 8 else (1 if colour_type == 3 else top)
        opaque = (top,) if colour_type in (4, 6) else ()
        return (value,) * (CHANNELS[colour_type] - len(opaque)) + opaque

    return sample


@pytest.mark.parametrize(("colour_type", "depth", "interlaced"), PNG_FORMS)
def test_every_png_form_is_read(colour_type: int, depth: int, interlaced: int) -> None:
    palette = chunk(b"PLTE", bytes(BLACK + WHITE)) if colour_type == 3 else b""
    picture = png((17, 13), colour_type, depth, half_black(colour_type, depth), bool(interlaced), palette)
    image = decode(picture, SIZE, "fit")
    assert (image.mode, image.size) == ("RGB", (17, 13))
    assert (image.getpixel((2, 2)), image.getpixel((14, 11))) == (BLACK, WHITE)


@pytest.mark.parametrize(("colour_type", "depth", "interlaced"), [form for form in PNG_FORMS if form[0] < 4])
def test_clear_colour_of_a_png_is_white(colour_type: int, depth: int, interlaced: int) -> None:
    clear = {0: struct.pack(">H", 0), 2: struct.pack(">HHH", 0, 0, 0), 3: b"\0"}[colour_type]
    extra = (chunk(b"PLTE", bytes(BLACK + WHITE)) if colour_type == 3 else b"") + chunk(b"tRNS", clear)
    picture = png((17, 13), colour_type, depth, half_black(colour_type, depth), bool(interlaced), extra)
    assert decode(picture, SIZE, "fit").getpixel((2, 2)) == WHITE


def exif(*entries: tuple[int, int, int, int], next_directory: int = 0) -> bytes:
    """An EXIF block with entries of (tag, type, count, value), of which nothing is checked."""
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + directory + struct.pack("<I", next_directory)


def lab() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


SHORT, ASCII, LONG, RATIONAL = 3, 2, 4, 5
TURNED = (ExifTags.Base.Orientation, SHORT, 1, 6)
JPEGS: dict[str, Callable[[], bytes]] = {
    "4:4:4": lambda: encoded(drawn(), "JPEG", quality=95, subsampling="4:4:4"),
    "4:1:1": lambda: encoded(drawn(), "JPEG", quality=95, subsampling="4:1:1"),
    "stored as RGB": lambda: encoded(drawn(), "JPEG", quality=95, keep_rgb=True),
    "restart markers": lambda: encoded(drawn(), "JPEG", quality=95, restart_marker_blocks=1),
    "progressive": lambda: encoded(drawn(), "JPEG", quality=95, progressive=True),
    "CMYK": lambda: encoded(drawn(mode="CMYK"), "JPEG", quality=95),
    "CMYK, progressive": lambda: encoded(drawn(mode="CMYK"), "JPEG", quality=95, progressive=True),
    "Lab profile": lambda: encoded(drawn(), "JPEG", quality=95, icc_profile=lab()),
    "broken profile": lambda: encoded(drawn(), "JPEG", quality=95, icc_profile=b"no profile" * 50),
    "two pictures, as phones write": lambda: encoded(
        drawn(), "MPO", quality=95, save_all=True, append_images=[drawn()]
    ),
    "a film behind": lambda: encoded(drawn(), "JPEG", quality=95) + b"\0\0\0\x18ftypmp42" + bytes(100_000),
    "zeros behind": lambda: encoded(drawn(), "JPEG", quality=95) + bytes(10),
    "long comment": lambda: encoded(drawn(), "JPEG", quality=95, comment=b"x" * 60_000),
    "orientation 0": lambda: encoded(drawn(), "JPEG", quality=95, exif=exif((ExifTags.Base.Orientation, SHORT, 1, 0))),
    "orientation as text": lambda: encoded(drawn(), "JPEG", quality=95, exif=exif((0x112, ASCII, 4, 0x36))),
    "orientation nowhere": lambda: encoded(drawn(), "JPEG", quality=95, exif=exif((0x112, RATIONAL, 1, 2**32 - 1))),
    "tag of 4 GiB": lambda: encoded(drawn(), "JPEG", quality=95, exif=exif((0x110, ASCII, 2**32 - 1, 8))),
}


def in_three_scans() -> bytes:
    """A baseline JPEG with a scan for each of Y, Cb and Cr: made of a grey one, whose tables and data it repeats."""
    grey = encoded(drawn(mode="L"), "JPEG", quality=95)
    frame, scan, end = grey.index(b"\xff\xc0"), grey.index(b"\xff\xda"), grey.rindex(b"\xff\xd9")
    parts = b"".join(struct.pack("BBB", number, 0x11, 0) for number in (1, 2, 3))
    whole = grey[:frame] + b"\xff\xc0\0\x11" + grey[frame + 4 : frame + 9] + b"\3" + parts
    between, data = grey[frame + 13 : scan], grey[scan + 10 : end]
    return (
        whole + between + b"".join(b"\xff\xda\0\x08\1" + bytes((n, 0, 0, 63, 0)) + data for n in (1, 2, 3)) + grey[end:]
    )


OTHERS: dict[str, Callable[[], bytes]] = {
    "WebP, lossless": lambda: encoded(drawn(), "WEBP", lossless=True),
    "WebP, moving": lambda: encoded(drawn(), "WEBP", save_all=True, append_images=[drawn().rotate(90)], quality=95),
    "WebP, broken EXIF": lambda: encoded(drawn(), "WEBP", lossless=True, exif=b"Exif\0\0junk"),
    "PNG, moving": lambda: encoded(drawn(), "PNG", save_all=True, append_images=[drawn().rotate(90)]),
    "PNG, broken EXIF": lambda: encoded(drawn(), "PNG", exif=b"junk and junk"),
    "PNG, broken profile": lambda: encoded(drawn(), "PNG", icc_profile=b"junk"),
    "PNG, palette with alpha": lambda: encoded(drawn(mode="RGBA").quantize(), "PNG"),
    "GIF, interlaced": lambda: encoded(drawn(), "GIF", interlace=1),
}


@pytest.mark.parametrize("name", [*JPEGS, *OTHERS])
def test_odd_picture_shows_what_was_drawn(name: str) -> None:
    image = decode((JPEGS | OTHERS)[name](), SIZE, "full")
    assert image.mode == "RGB"
    assert np.abs(np.asarray(image, int) - np.asarray(drawn(), int)).mean() < 12


@pytest.mark.parametrize(
    "block",
    [
        exif(TURNED, next_directory=8),
        exif(TURNED, (0x9999, 99, 1, 6), (ExifTags.Base.ExifOffset, LONG, 1, 2**32 - 16)),
        exif((0x110, ASCII, 2**32 - 1, 8), TURNED),
    ],
    ids=["a directory that follows itself", "tags that point nowhere", "a tag of 4 GiB"],
)
def test_picture_is_turned_though_the_rest_of_its_exif_is_broken(block: bytes) -> None:
    upright = decode(
        encoded(drawn().transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=block), SIZE, "full"
    )
    assert np.abs(np.asarray(upright, int) - np.asarray(drawn(), int)).mean() < 12


@pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without an AVIF decoder")
@pytest.mark.parametrize("options", [{}, {"save_all": True, "append_images": [drawn(mode="RGBA").rotate(90)]}])
def test_odd_avif_is_read(options: dict[str, object]) -> None:
    image = decode(encoded(drawn(mode="RGBA"), "AVIF", quality=95, **options), SIZE, "full")
    assert np.abs(np.asarray(image, int) - np.asarray(drawn(), int)).mean() < 12


@pytest.mark.parametrize("aspect", ["crop", "stretch", "pad"])
@pytest.mark.parametrize(
    ("form", "size"),
    [("JPEG", (65_500, 1)), ("JPEG", (1, 65_500)), ("PNG", (1_000_000, 1)), ("PNG", (1, 1_000_000)), ("GIF", (1, 1))],
)
def test_extreme_picture_becomes_a_tensor(form: str, size: tuple[int, int], aspect: str) -> None:
    image = decode(encoded(Image.new("RGB", size, "white"), form), SIZE, "fit")
    resize = Resize.model_validate({"decode_scale": "fit", "filter": "bilinear", "aspect": aspect})
    tensor = to_tensor(image, (299, 299), resize)
    assert (tensor.shape, tensor.dtype, int(tensor.max())) == ((1, 299, 299, 3), np.uint8, 255)


def test_jpeg_with_a_scan_for_each_channel_is_read() -> None:
    assert scans(in_three_scans(), 100) == Scans(3, held_whole=True)
    wanted = Image.merge("YCbCr", [drawn(mode="L")] * 3).convert("RGB")
    image = decode(in_three_scans(), SIZE, "full")
    assert np.abs(np.asarray(image, int) - np.asarray(wanted, int)).mean() < 12
