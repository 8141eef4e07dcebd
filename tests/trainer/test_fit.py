from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from trainer.config import load_config
from trainer.fit import Split, draw

CONFIG = replace(load_config("sports7"), batch_size=8, outlier_share=0.25)
LABELS = np.array([0] * 60 + [1] * 30 + [2] * 6 + [-1] * 10)
SPLIT = Split(np.arange(90), np.arange(90, 96), np.arange(96, 106))


def drawn(**changes: float) -> np.ndarray:
    return np.array(draw(LABELS, SPLIT, replace(CONFIG, **changes), np.random.default_rng(0)))  # type: ignore[arg-type]


def test_batches_hold_the_outliers_share_and_nothing_that_is_held_back() -> None:
    batches = drawn()
    assert batches.shape == (15, 8)
    assert (batches[:, :6] < 90).all()
    assert (batches[:, 6:] >= 96).all()
    assert set(Counter(batches[:, 6:].ravel().tolist()).values()) == {3}, "each outlier as often as the others"


def test_without_outliers_every_picture_is_drawn_once() -> None:
    split = Split(SPLIT.fitted, SPLIT.held_back, np.array([], np.intp))
    batches = draw(LABELS, split, replace(CONFIG, batch_size=9, balance=0.0), np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(90))


@pytest.mark.parametrize(("balance", "share"), [(0.0, 2 / 3), (1.0, 1 / 2)])
def test_balance_evens_the_classes(balance: float, share: float) -> None:
    inside = drawn(balance=balance)[:, :6].ravel()
    assert (inside < 60).mean() == pytest.approx(share, abs=0.01)


def test_another_epoch_is_drawn_otherwise() -> None:
    one, other = (draw(LABELS, SPLIT, CONFIG, np.random.default_rng(seed)) for seed in (0, 1))
    assert any((a != b).any() for a, b in zip(one, other, strict=True))
