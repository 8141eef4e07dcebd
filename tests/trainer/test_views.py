from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from gateway.images import decode
from gateway.preprocessing import to_tensor
from tests.pictures import drawn, encoded, jpeg
from trainer.augment import augment
from trainer.config import Config, load_config
from trainer.data import Example
from trainer.errors import TrainerError
from trainer.features import tensors, views

SHIPPED = load_config("sports7")
CONFIG = replace(SHIPPED, input_size=(75, 99), views=4)


@pytest.fixture
def examples(tmp_path: Path) -> list[Example]:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    pictures = {
        "large.jpg": jpeg(1280, 960),
        "turned.jpg": encoded(drawn(640, 300), "JPEG", exif=exif),
        "small.jpg": jpeg(50, 40),
        "palette.png": encoded(drawn(200, 100).convert("P"), "PNG"),
    }
    for name, picture in pictures.items():
        (tmp_path / name).write_bytes(picture)
    return [Example(tmp_path / name, 0) for name in pictures]


@pytest.mark.parametrize("config", [SHIPPED, CONFIG])
def test_trainers_batch_is_the_gateways_tensor_bit_for_bit(examples: list[Example], config: Config) -> None:
    (batch,) = tensors(examples, config.input_size, config.resize)
    for row, example in zip(batch, examples, strict=True):
        image = decode(example.path.read_bytes(), config.input_size, config.resize.decode_scale)
        gateways = to_tensor(image, config.input_size, config.resize)
        assert (gateways[0] == row).all()
        assert (views(example, 0, config)[0] == row).all()


def test_views_differ_and_follow_the_seed(examples: list[Example]) -> None:
    first, again = views(examples[0], 3, CONFIG), views(examples[0], 3, CONFIG)
    other = views(examples[0], 3, replace(CONFIG, seed=1))
    assert first.shape == (4, 75, 99, 3)
    assert (first == again).all()
    assert (first[0] == other[0]).all()
    assert all((first[view] != other[view]).any() and (first[view] != first[0]).any() for view in (1, 2, 3))


def test_augmented_view_keeps_the_smallest_crop_and_changes_the_aspect() -> None:
    image = drawn(300, 200)
    seen = [augment(image, 0.5, np.random.default_rng(seed)) for seed in range(50)]
    areas = [view.width * view.height / (300 * 200) for view in seen]
    aspects = [view.width / view.height for view in seen]
    assert 0.4 < min(areas) < 0.7
    assert max(areas) <= 1
    assert max(aspects) - min(aspects) > 0.2


def test_broken_picture_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(jpeg()[:300])
    with pytest.raises(TrainerError, match=r"broken\.jpg"):
        list(tensors([Example(broken, 0)], (75, 75), CONFIG.resize))
