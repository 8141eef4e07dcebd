import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from trainer.known import OUTLIER_SCORES, SCORES, Evidence, Statistics, auroc, flagged

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 600)
CENTRES = RNG.normal(0, 4, (3, 40))
FEATURES = (CENTRES[LABELS] + RNG.normal(0, 1, (600, 40))).astype(np.float32)
STATISTICS = Statistics.of(FEATURES, LABELS)


def evidence(features: np.ndarray) -> Evidence:
    logits = (features @ CENTRES.T / 40).astype(np.float32)
    return Evidence(logits, np.ones(len(features), np.float32), features, STATISTICS)


def test_distances_are_in_deviations_of_a_class() -> None:
    inside = (FEATURES - STATISTICS.mean) @ STATISTICS.whitening - STATISTICS.class_means[LABELS]
    assert np.abs(inside.var(axis=0) - 1).max() < 0.02


@pytest.mark.parametrize("name", SCORES | OUTLIER_SCORES)
def test_every_score_is_higher_on_what_is_known(name: str) -> None:
    score = (SCORES | OUTLIER_SCORES)[name]
    known = np.asarray(score(evidence(FEATURES[:200])))
    foreign = np.asarray(score(evidence(np.random.default_rng(1).normal(0, 1, (200, 40)).astype(np.float32))))
    assert known.shape == (200,)
    assert auroc(known, foreign) > 0.8
    assert flagged(known, foreign, 0.95) > 0.3


def test_auroc_is_scikit_learns() -> None:
    known, foreign = RNG.integers(3, 12, 300).astype(np.float32), RNG.integers(0, 9, 200).astype(np.float32)
    wanted = roc_auc_score(np.r_[np.ones(300), np.zeros(200)], np.r_[known, foreign])
    assert auroc(known, foreign) == pytest.approx(wanted)


def test_what_is_below_the_score_that_most_reach_is_flagged() -> None:
    assert flagged(np.arange(100, dtype=np.float32), np.array([0, 4, 5, 50], np.float32), 0.95) == 0.5
