import hashlib
from itertools import product

import numpy as np
import pytest
from keras_image_helper import create_preprocessor
from PIL import Image

from gateway.images import decode
from gateway.preprocessing import Resize, resize, scale, seen, to_tensor
from tests.pictures import drawn, encoded, jpeg

STRETCH, CROP, PAD = (Resize(decode_scale="fit", filter="bilinear", aspect=a) for a in ("stretch", "crop", "pad"))

# SHA-256 of the uint8 tensor (1, 299, 299, 3): a change here changes what models see, and needs new model versions.
GOLDEN = {
    "stretch-bilinear": "8bb5510a808f039aba7b1a32ad60ab91847b7883f77f6107902d16244548b6f6",
    "crop-bilinear": "ba11ef322c67e82711b85565e5bcd9e21e35b2aab1662dbfe5d225c7098d2a26",
    "pad-bilinear": "d0fd69f26ab055c0c7b24a7abd6849af0c49d5e114f2a3bdcdfe2eac3d5c174e",
    "crop-bicubic": "1cef86ed1a2506f119dc9616a614b981e5c6235a65ad1ae92bde506e55107a59",
}


def structured(width: int, height: int) -> Image.Image:
    """Smooth waves and hard edges: what filters and scaled decoding treat differently."""
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 7 + y / 31), np.cos(x / 3), np.sign(np.sin(x * y / 2000))], axis=-1)
    return Image.fromarray((127.5 + 127.4 * waves).astype(np.uint8))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_tensor(name: str) -> None:
    aspect, resize_filter = name.split("-")
    how = Resize(decode_scale="fit", filter=resize_filter, aspect=aspect)  # type: ignore[arg-type]
    picture = encoded(structured(1280, 960), "JPEG", quality=90)
    tensor = to_tensor(decode(picture, (299, 299), how.decode_scale), (299, 299), how)
    assert (tensor.shape, tensor.dtype) == ((1, 299, 299, 3), np.uint8)
    assert hashlib.sha256(tensor.tobytes()).hexdigest() == GOLDEN[name]


@pytest.mark.parametrize(
    ("width", "height", "how"), list(product((1, 3, 299, 517, 640), (1, 2, 299, 480), (STRETCH, CROP, PAD)))
)
def test_any_size_gives_the_wanted_shape(width: int, height: int, how: Resize) -> None:
    assert to_tensor(drawn(max(2, width), max(2, height)), (32, 40), how).shape == (1, 32, 40, 3)
    assert to_tensor(Image.new("RGB", (width, height)), (299, 150), how).shape == (1, 299, 150, 3)


def test_crop_takes_the_middle() -> None:
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    assert np.asarray(resize(image, (50, 50), CROP))[:, 1:-1].reshape(-1, 3).min(axis=0).tolist() == [0, 0, 255]


def test_pad_shows_everything_between_grey_bars() -> None:
    padded = np.asarray(resize(Image.new("RGB", (300, 100), "red"), (60, 60), PAD))
    assert padded[0, 30].tolist() == [127, 127, 127]
    assert padded[30, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("how", "area"), [(STRETCH, (0, 0, 300, 100)), (CROP, (100, 0, 200, 100)), (PAD, (0, -100, 300, 200))]
)
def test_seen_area_is_what_the_tensor_shows(how: Resize, area: tuple[float, ...]) -> None:
    assert seen((300, 100), (60, 60), how) == pytest.approx(area)


@pytest.mark.parametrize("how", [STRETCH, CROP])
def test_seen_area_resized_is_the_tensor(how: Resize) -> None:
    image = structured(300, 200)
    left, top, right, bottom = seen(image.size, (60, 60), how)
    part = image.resize((60, 60), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    assert (np.asarray(part) == to_tensor(image, (60, 60), how)[0]).all()


def test_image_of_the_wanted_size_is_untouched() -> None:
    image = drawn(40, 32)
    assert (to_tensor(image, (32, 40), STRETCH)[0] == np.asarray(image)).all()


def test_scaling_is_keras_image_helpers() -> None:
    image = decode(jpeg(40, 32), (32, 40), "full")
    wanted = create_preprocessor("inception_v3", (40, 32)).convert_to_tensor(image)
    scaled = scale(to_tensor(image, (32, 40), STRETCH), "tf")
    assert scaled.dtype == np.float32
    assert np.abs(scaled - wanted).max() <= 1e-6
    assert (scaled.min(), scaled.max()) >= (-1, 1)


def test_scalings_are_keras() -> None:
    pixels = np.array([[[[0, 128, 255]]]], np.uint8)
    assert scale(pixels, "none").ravel().tolist() == [0, 128, 255]
    assert scale(pixels, "caffe").ravel() == pytest.approx([255 - 103.939, 128 - 116.779, -123.68], abs=1e-4)
    assert scale(pixels, "torch").ravel() == pytest.approx([-2.1179, 0.2052, 2.64], abs=1e-3)
