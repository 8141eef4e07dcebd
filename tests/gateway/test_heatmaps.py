from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gateway.heatmaps import _COLOURS, COLORMAPS, MAX_PIXELS, overlay

GREY = Image.new("RGB", (80, 60), (100, 100, 100))
WHOLE = (0.0, 0.0, 80.0, 60.0)
HOT_CORNER = np.zeros((4, 4), np.float32)
HOT_CORNER[0, 0] = 1


def pixels(png: bytes) -> np.ndarray:
    with Image.open(BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image, int)


def test_hot_corner_is_coloured_and_the_cold_one_is_not() -> None:
    drawn = pixels(overlay(GREY, HOT_CORNER, WHOLE, 1.0, "turbo"))
    assert np.abs(drawn[2, 2] - _COLOURS["turbo"][-1]).max() < 30
    assert drawn[-3, -3].tolist() == [100, 100, 100]


@pytest.mark.parametrize(("heatmap", "alpha"), [(np.zeros((4, 4), np.float32), 1.0), (HOT_CORNER, 0.0)])
def test_nothing_hot_or_no_strength_leaves_the_picture(heatmap: np.ndarray, alpha: float) -> None:
    assert (pixels(overlay(GREY, heatmap, WHOLE, alpha, "turbo")) == 100).all()


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_every_colormap_ends_in_its_last_colour(colormap: str) -> None:
    drawn = pixels(overlay(GREY, np.ones((2, 2), np.float32), WHOLE, 1.0, colormap))  # type: ignore[arg-type]
    assert drawn[30, 40].tolist() == list(_COLOURS[colormap][-1])  # type: ignore[index]


def test_only_the_seen_area_is_coloured() -> None:
    drawn = pixels(overlay(GREY, np.ones((3, 3), np.float32), (10, 0, 70, 60), 1.0, "grey"))
    assert (drawn[:, :9] == 100).all()
    assert (drawn[:, 12:68] == 255).all()
    assert (drawn[:, 72:] == 100).all()


def test_area_beyond_the_picture_is_cut_off() -> None:
    heatmap = np.zeros((2, 2), np.float32)
    heatmap[0] = 1  # the upper half lies above the picture
    drawn = pixels(overlay(GREY, heatmap, (0, -60, 80, 60), 1.0, "grey"))
    assert drawn.shape == (60, 80, 3)
    assert (drawn[40:] == 100).all()


def test_large_picture_is_made_smaller() -> None:
    drawn = pixels(overlay(Image.new("RGB", (4000, 2000)), HOT_CORNER, (0, 0, 4000, 2000), 0.5, "turbo"))
    assert drawn.shape[0] * drawn.shape[1] <= MAX_PIXELS
    assert drawn.shape[1] / drawn.shape[0] == pytest.approx(2, rel=0.01)
