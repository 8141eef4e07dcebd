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
from trainer.features import augmented, tensors

SHIPPED = load_config("sports7")
CONFIG = replace(SHIPPED, input_size=(75, 99))


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
    return [Example(tmp_path / name, 0, "a") for name in pictures]


@pytest.mark.parametrize("config", [SHIPPED, CONFIG])
def test_trainers_batch_is_the_gateways_tensor_bit_for_bit(examples: list[Example], config: Config) -> None:
    (batch,) = tensors(examples, config.input_size, config.resize)
    for row, example in zip(batch, examples, strict=True):
        image = decode(example.path.read_bytes(), config.input_size, config.resize.decode_scale)
        gateways = to_tensor(image, config.input_size, config.resize)
        assert (gateways[0] == row).all()


def test_views_differ_and_follow_the_seed(examples: list[Example]) -> None:
    first, again, later, elsewhere = (
        augmented(examples[0], place, time, CONFIG)
        for place, time in ((3, (1, 2)), (3, (1, 2)), (3, (1, 3)), (4, (1, 2)))
    )
    other = augmented(examples[0], 3, (1, 2), replace(CONFIG, seed=1))
    assert first.shape == (1, 75, 99, 3)
    assert (first == again).all()
    assert all((first != view).any() for view in (later, elsewhere, other))


PLAIN = replace(CONFIG, smallest_crop=1.0, stretch=1.0, shrunk=0.0, operations=0, degraded=0.0, blanked=0.0)


def halves() -> Image.Image:
    """Left black, right white; a square, which a box of the whole area covers wholly."""
    image = Image.new("RGB", (240, 240), "black")
    image.paste("white", (120, 0, 240, 240))
    return image


def test_view_of_the_whole_picture_is_the_picture_or_its_mirror_image() -> None:
    seen = {augment(halves(), PLAIN, np.random.default_rng(seed)).getpixel((5, 40)) for seed in range(20)}
    assert seen == {(0, 0, 0), (255, 255, 255)}


def test_small_crops_show_a_part_only() -> None:
    config = replace(PLAIN, smallest_crop=0.05)
    seen = [np.asarray(augment(halves(), config, np.random.default_rng(seed))) for seed in range(200)]
    assert any(view.min() == view.max() for view in seen)


def test_stretched_views_squeeze_what_they_show() -> None:
    image = Image.new("RGB", (600, 600), "black")
    image.paste("white", (250, 250, 350, 350))
    config = replace(PLAIN, smallest_crop=0.8, stretch=2.0)
    aspects = []
    for seed in range(40):
        white = np.asarray(augment(image, config, np.random.default_rng(seed)))[..., 0] > 127
        aspects.append(white.any(axis=0).mean() / white.any(axis=1).mean())
    assert min(aspects) < 0.8
    assert max(aspects) > 1.25


def test_blanked_cells_have_the_mean_colour_and_cover_a_part() -> None:
    config = replace(PLAIN, blanked=1.0)
    for seed in range(20):
        view = np.asarray(augment(halves(), config, np.random.default_rng(seed)))
        hidden = ((view > 100) & (view < 155)).all(axis=2).mean()
        assert 0.03 < hidden < 0.5


def test_every_operation_keeps_size_and_mode() -> None:
    config = replace(CONFIG, operations=10, degraded=1.0, blanked=1.0)
    for seed in range(10):
        view = augment(drawn(300, 200), config, np.random.default_rng(seed))
        assert (view.size, view.mode) == ((99, 75), "RGB")


def test_broken_picture_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(jpeg()[:300])
    with pytest.raises(TrainerError, match=r"broken\.jpg"):
        list(tensors([Example(broken, 0, "a")], (75, 75), CONFIG.resize))
