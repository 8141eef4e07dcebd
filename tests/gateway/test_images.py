import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps, features

from gateway.errors import FormatNotRead, ImageTooLarge, ImageUnreadable, Overloaded
from gateway.images import MAX_PIXELS, MAX_SCALED_PIXELS, decode
from gateway.jpeg import Scans, scans
from tests.pictures import CORNERS, drawn, encoded, jpeg, with_scans
from tests.pngs import chunk, header

SIZE = (32, 32)
COLOURS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    right, bottom = image.width - 3, image.height - 3
    return [image.getpixel(place) for place in ((2, 2), (right, 2), (2, bottom), (right, bottom))]  # type: ignore[misc]


def assert_upright(image: Image.Image, tolerance: int = 12) -> None:
    wanted = np.array([COLOURS[colour] for colour in CORNERS.values()])
    assert np.abs(np.array(corners(image)) - wanted).max() <= tolerance


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP"])
def test_format_is_read(form: str) -> None:
    image = decode(encoded(drawn(), form), SIZE, "fit")
    assert image.mode == "RGB"
    assert_upright(image, tolerance=60)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # FLIP, ROTATE, TRANSPOSE that EXIF undoes
    stored = drawn() if undo is None else drawn().transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture = encoded(stored, "JPEG", quality=95, exif=exif)
    image = decode(picture, SIZE, "full")
    assert image.size == (64, 48)
    assert_upright(image)


def test_fit_keeps_at_least_the_wanted_size_when_the_picture_lies_on_its_side() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture = encoded(drawn(1600, 800), "JPEG", exif=exif)
    image = decode(picture, (400, 200), "fit")
    assert image.size == (200, 400)


def test_fit_decodes_a_large_jpeg_smaller() -> None:
    assert decode(jpeg(2000, 1000), (200, 200), "fit").size == (500, 250)
    assert decode(jpeg(2000, 1000), (200, 200), "full").size == (2000, 1000)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA", "LA", "I;16"])
def test_unusual_mode_is_read(mode: str) -> None:
    image = drawn().convert("L").convert("I;16") if mode == "I;16" else drawn(mode="RGB").convert(mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(drawn(mode="L")).astype(np.uint16) * 257)
    picture = encoded(image, "JPEG" if mode == "CMYK" else "PNG")
    read = decode(picture, SIZE, "full")
    grey = np.asarray(read.convert("L"), int)
    assert read.mode == "RGB"
    if mode != "1":
        assert np.abs(grey - np.asarray(drawn(mode="L"), int)).mean() < 12


def test_transparency_is_laid_over_white() -> None:
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    palette = drawn().convert("P")
    assert decode(encoded(clear, "PNG"), SIZE, "full").getpixel((5, 5)) == (255, 255, 255)
    picture = encoded(palette, "PNG", transparency=palette.getpixel((2, 2)))
    assert decode(picture, SIZE, "full").getpixel((2, 2)) == (255, 255, 255)


def test_broken_exif_counts_as_upright() -> None:
    picture = encoded(drawn(), "JPEG", quality=95, exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff garbage")
    assert_upright(decode(picture, SIZE, "full"))


def test_first_frame_of_an_animation_is_read() -> None:
    picture = encoded(drawn(), "GIF", save_all=True, append_images=[Image.new("RGB", (64, 48), "black")])
    assert_upright(decode(picture, SIZE, "full"), tolerance=60)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP"])
def test_truncated_picture_is_refused(form: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8))
    whole = encoded(noise, form)
    with pytest.raises(ImageUnreadable):
        decode(whole[: len(whole) * 2 // 3], SIZE, "fit")


@pytest.mark.parametrize("form", ["BMP", "TIFF", "PPM", "ICO", "EPS"])
def test_other_format_is_refused(form: str) -> None:
    with pytest.raises(ImageUnreadable):
        decode(encoded(drawn(), form), SIZE, "fit")


@pytest.mark.parametrize("picture", [b"", b"text", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<svg/>"])
def test_bytes_that_are_no_picture_are_refused(picture: bytes) -> None:
    with pytest.raises(ImageUnreadable):
        decode(picture, SIZE, "fit")


@pytest.mark.parametrize("side", [int(MAX_PIXELS**0.5) + 1, 12_000, 60_000])
def test_too_many_pixels_are_refused_unread(side: int) -> None:
    bomb = header(side, side, 2, 8) + chunk(b"IDAT")
    with pytest.raises(ImageTooLarge):
        decode(bomb, SIZE, "fit")


def test_text_chunk_that_unpacks_to_much_is_refused() -> None:
    whole = BytesIO()
    drawn().save(whole, "PNG")
    text = chunk(b"zTXt", b"a\x00\x00" + zlib.compress(b"0" * 80_000_000))
    with pytest.raises(ImageUnreadable):
        decode(whole.getvalue()[:33] + text + whole.getvalue()[33:], SIZE, "fit")


def test_exif_transpose_table_is_pillows() -> None:
    """The orientations above are CIPA DC-008's, not only our reading of them."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    with Image.open(BytesIO(encoded(drawn().transpose(Image.Transpose(2)), "JPEG", quality=95, exif=exif))) as image:
        assert_upright(ImageOps.exif_transpose(image))


def claiming(width: int, height: int, **options: bool) -> bytes:
    """A JPEG whose frame header claims another size than its data has."""
    picture = bytearray(jpeg(**options))
    frame = picture.index(b"\xff\xc2" if options.get("progressive") else b"\xff\xc0")
    picture[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(picture)


@pytest.mark.parametrize(
    ("picture", "scale"),
    [
        (claiming(8000, 7000, progressive=True), "fit"),  # its coefficients are held whole, however it is scaled
        (claiming(8000, 7000), "full"),
        (claiming(20_000, 11_000), "fit"),
    ],
)
def test_jpeg_that_would_take_too_much_memory_is_refused_before_it_is_decoded(picture: bytes, scale: str) -> None:
    with pytest.raises(ImageTooLarge):
        decode(picture, SIZE, scale)  # type: ignore[arg-type]


def test_scans_of_a_jpeg_are_counted_without_decoding() -> None:
    progressive = jpeg(progressive=True)
    assert scans(jpeg(), 100) == Scans(1, held_whole=False)
    assert scans(progressive, 100) == Scans(progressive.count(b"\xff\xda"), held_whole=True)
    assert scans(progressive + jpeg(), 100) == scans(progressive, 100)
    assert scans(with_scans(progressive, 10_000), 100) == Scans(100, held_whole=True)


@pytest.mark.parametrize(("size", "count"), [((64, 48), 100), ((6000, 5000), 30)])
def test_jpeg_of_many_scans_is_refused_before_it_is_decoded(size: tuple[int, int], count: int) -> None:
    picture = encoded(Image.new("L", size), "JPEG", progressive=True)
    with pytest.raises(ImageUnreadable, match="scans"):
        decode(with_scans(picture, count), SIZE, "fit")


PNG, GIF = encoded(drawn(), "PNG"), encoded(drawn(), "GIF")


@pytest.mark.parametrize(
    "picture",
    [
        PNG[:33] + chunk(b"abCd") * 200_000 + PNG[33:],
        PNG[:33] + chunk(b"IDAT") * 200_000 + PNG[33:],
        GIF[:13] + b"\x21\xfe" + b"\x01a" * 200_000 + b"\0" + GIF[13:],
        jpeg()[:2] + b"\xff\xfe\0\2" * 200_000 + jpeg()[2:],
        jpeg()[:2] + b"\xff" * 2_000_000 + jpeg()[2:],
    ],
    ids=["PNG chunks", "PNG data", "GIF comments", "JPEG comments", "JPEG fill bytes"],
)
def test_picture_in_too_many_pieces_is_refused(picture: bytes) -> None:
    with pytest.raises(ImageUnreadable):
        decode(picture, SIZE, "fit")


def test_large_png_of_usual_pieces_is_read() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), np.uint8)
    picture = encoded(Image.fromarray(noise), "PNG")
    assert len(picture) > 12_000_000
    assert decode(picture, SIZE, "fit").size == (2000, 2000)


def test_transparency_is_the_same_in_bands() -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (1500, 1100, 4), np.uint8))
    white = Image.new("RGBA", image.size, "white")
    wanted = Image.alpha_composite(white, image).convert("RGB")
    assert np.array_equal(decode(encoded(image, "PNG", compress_level=0), SIZE, "full"), wanted)


def test_baseline_jpeg_above_the_limit_is_decoded_scaled() -> None:
    picture = encoded(Image.new("L", (9000, 7000)), "JPEG")
    assert MAX_PIXELS < 9000 * 7000 < MAX_SCALED_PIXELS
    assert decode(picture, (299, 299), "fit").size == (1125, 875)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF"])
def test_nothing_is_decoded_before_the_gate(form: str) -> None:
    @contextmanager
    def closed(pixels: int) -> Iterator[None]:
        raise Overloaded("closed")
        yield

    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8))
    whole = encoded(noise, form)
    cut_short = whole[: len(whole) * 2 // 3]  # would be an error if it were decoded
    for picture in (whole, cut_short):
        with pytest.raises(Overloaded):
            decode(picture, SIZE, "fit", closed)


def test_gate_is_told_what_is_held_and_entered_around_the_decoding() -> None:
    told: list[object] = []

    @contextmanager
    def gate(pixels: int) -> Iterator[None]:
        told.append(pixels)
        yield
        told.append("left")

    decode(jpeg(2000, 1000), (200, 200), "fit", gate)
    decode(jpeg(2000, 1000, progressive=True), (200, 200), "fit", gate)
    assert told == [500 * 250, "left", 2000 * 1000, "left"]


@pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without an AVIF decoder")
def test_avif_is_read() -> None:
    assert_upright(decode(encoded(drawn(), "AVIF", quality=95), SIZE, "fit"), tolerance=60)


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_heic_is_named(brand: bytes) -> None:
    with pytest.raises(FormatNotRead):
        decode(b"\x00\x00\x00\x18ftyp" + brand + bytes(400), SIZE, "fit")
