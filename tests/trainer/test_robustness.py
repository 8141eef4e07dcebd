import numpy as np
import pytest
from PIL import Image

from tests.pictures import drawn
from trainer.robustness import HARDSHIPS, blur, crop, jpeg, rotate, shrink


@pytest.mark.parametrize("name", HARDSHIPS)
def test_hardship_changes_the_picture_and_keeps_it_a_picture(name: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8))
    changed = HARDSHIPS[name](noise)
    assert changed.mode == "RGB"
    assert changed.size != noise.size or changed.tobytes() != noise.tobytes()


def test_sizes_are_what_is_asked_for() -> None:
    assert crop(0.5)(drawn(100, 60)).size == (50, 30)
    assert shrink(30)(drawn(100, 60)).size == (50, 30)
    assert shrink(96)(drawn(100, 60)).size == (100, 60)
    assert rotate(20)(drawn(100, 60)).size == blur(0.01)(drawn(100, 60)).size == jpeg(20)(drawn(100, 60)).size


def test_less_quality_is_further_from_the_picture() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8))
    distances = [np.abs(np.asarray(jpeg(quality)(noise), int) - np.asarray(noise, int)).mean() for quality in (90, 20)]
    assert distances[0] < distances[1]
