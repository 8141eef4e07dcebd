import numpy as np

from trainer.explanation import blank


def test_cells_are_blanked_where_the_heatmap_has_them() -> None:
    image = np.random.default_rng(0).integers(0, 256, (75, 99, 3)).astype(np.uint8)
    blanked = blank(image, np.array([0, 5]), (2, 3))
    changed = (blanked != image).any(axis=2)
    assert changed[:38, :33].mean() > 0.95
    assert changed[38:, 66:].mean() > 0.95
    assert not changed[:37, 34:].any()
    assert not changed[39:, :65].any()
    mean = image.mean(axis=(0, 1)).round().astype(np.uint8)
    assert (blanked[0, 0] == mean).all()
    assert (blanked[-1, -1] == mean).all()
    assert (blank(image, np.array([], np.intp), (2, 3)) == image).all()
