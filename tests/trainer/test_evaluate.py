import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, log_loss, precision_score, recall_score

from trainer.evaluate import (
    as_text,
    cross_entropy,
    ece,
    ece_interval,
    reliability,
    report,
    temperature,
    threshold,
    wilson,
)

LABELS = ("a", "b", "c")


def test_report_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], 200).astype(np.float32)
    truth = rng.integers(0, 3, 200)
    answers = probabilities.argmax(axis=1)
    result = report(probabilities, truth, LABELS)
    assert result["accuracy"] == pytest.approx((answers == truth).mean(), abs=1e-4)
    assert result["confusion"] == confusion_matrix(truth, answers).tolist()
    exact = probabilities.astype(float) / probabilities.astype(float).sum(axis=1, keepdims=True)
    assert result["cross_entropy"] == pytest.approx(log_loss(truth, exact), abs=1e-3)
    for place, label in enumerate(LABELS):
        row = result["by_class"][label]
        assert row["precision"] == pytest.approx(precision_score(truth == place, answers == place), abs=1e-4)
        assert row["f1"] == pytest.approx(f1_score(truth == place, answers == place), abs=1e-4)
        assert row["recall"] == pytest.approx(recall_score(truth == place, answers == place), abs=1e-4)
    assert f"of {result['by_class']['c']['pictures']}" in as_text(result)


def test_ece_of_sure_and_of_half_right_answers() -> None:
    assert ece(np.ones(10, np.float32), np.ones(10, bool)) == 0
    assert ece(np.full(10, 0.95, np.float32), np.arange(10) % 2 == 0) == pytest.approx(0.45)


def test_ece_interval_holds_the_ece_and_narrows_with_more_pictures() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for count in (200, 5000):
        confidence = rng.uniform(0.5, 1, count).astype(np.float32)
        right = rng.random(count) < confidence - 0.1
        low, high = ece_interval(confidence, right)
        assert low <= ece(confidence, right) <= high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_reliability_counts_every_answer_once() -> None:
    confidence = np.array([0.0, 0.5, 0.99, 1.0], np.float32)
    bins = reliability(confidence, np.array([False, True, True, True]))
    assert [row[3] for row in bins] == [1, 1, 2]
    assert bins[-1][2] == 1


def test_wilson_interval_is_the_books() -> None:
    """81 of 263: 0.255 to 0.366 (R. G. Newcombe, Statistics in Medicine 17, 1998, table I)."""
    assert wilson(81, 263) == pytest.approx([0.2553, 0.3662], abs=1e-4)


def test_threshold_keeps_its_share() -> None:
    scores = np.linspace(0, 1, 1001).astype(np.float32)
    assert (scores >= threshold(scores)).mean() == pytest.approx(0.95, abs=0.002)


def test_temperature_undoes_a_scaling_of_the_logits() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 3)).astype(np.float32)
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(3, p=row / row.sum()) for row in scores.astype(float)])
    found = temperature(2.5 * logits, truth)
    assert found == pytest.approx(2.5, rel=0.1)
    assert cross_entropy(2.5 * logits / found, truth) < cross_entropy(2.5 * logits, truth)
