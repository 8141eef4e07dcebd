"""How good are a served model's answers?"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

ECE_BINS = 15
BOOTSTRAPS = 500
KEPT = 0.95
"""Share of true pictures that the threshold for `confident` keeps."""


def report(probabilities: NDArray[np.float32], truth: NDArray[np.intp], labels: tuple[str, ...]) -> dict[str, Any]:
    """What the answers are worth, in shares from 0 to 1.

    Args:
        probabilities: float32 (pictures, num_classes), rows sum to 1.
        truth: The right class of each picture.
        labels: The classes' names, in the order of the outputs.

    Returns:
        `pictures`, `accuracy` with its 95 % `interval` (Wilson's), `cross_entropy`, `ece` (expected calibration error,
        15 equal-width bins, arXiv 1706.04599) with its 95 % `ece_interval` (bootstrap) and its bins, `reliability` (as
        that function gives them), `by_class` (precision, recall, f1, pictures) and `confusion` (rows are the truth).
    """
    answers = probabilities.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), int)
    np.add.at(confusion, (truth, answers), 1)
    right = int(confusion.trace())
    chosen = probabilities[np.arange(len(truth)), truth]
    by_class = {
        label: {
            "precision": _share(confusion[place, place], confusion[:, place].sum()),
            "recall": _share(confusion[place, place], confusion[place].sum()),
            "f1": _share(2 * confusion[place, place], confusion[:, place].sum() + confusion[place].sum()),
            "pictures": int(confusion[place].sum()),
        }
        for place, label in enumerate(labels)
    }
    confidence, is_right = probabilities.max(axis=1), answers == truth
    return {
        "pictures": len(truth),
        "accuracy": _share(right, len(truth)),
        "interval": wilson(right, len(truth)),
        "cross_entropy": round(float(-np.log(np.maximum(chosen, 1e-12)).mean()), 4),
        "reliability": [[round(value, 4) for value in row] for row in reliability(confidence, is_right)],
        "ece": round(ece(confidence, is_right), 4),
        "ece_interval": ece_interval(confidence, is_right),
        "by_class": by_class,
        "confusion": confusion.tolist(),
    }


def ece(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Expected calibration error: how far confidence and accuracy lie apart, over 15 equal-width bins."""
    return sum(abs(mean - share) * count for _, mean, share, count in reliability(confidence, right)) / len(right)


def reliability(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> list[tuple[float, float, float, int]]:
    """The bins that hold answers: the bin's middle, its mean confidence, the share that is right, and its answers."""
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    return [
        ((b + 0.5) / ECE_BINS, float(confidence[bins == b].mean()), float(right[bins == b].mean()), int(sum(bins == b)))
        for b in np.unique(bins)
    ]


def ece_interval(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> list[float]:
    """The 95 % interval of the ECE: percentiles over BOOTSTRAPS resamplings of the pictures."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(right), len(right)) for _ in range(BOOTSTRAPS)]
    low, high = np.percentile([ece(confidence[some], right[some]) for some in drawn], [2.5, 97.5])
    return [round(float(low), 4), round(float(high), 4)]


def wilson(right: int, count: int) -> list[float]:
    """The 95 % interval of a share (E. B. Wilson, 1927)."""
    z, share = 1.96, right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return [round(middle - half, 4), round(middle + half, 4)]


def cross_entropy(logits: NDArray[np.floating[Any]], truth: NDArray[np.intp]) -> float:
    """Mean negative log probability of the right classes."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -float(log_probabilities[np.arange(len(truth)), truth].mean())


def temperature(logits: NDArray[np.float32], truth: NDArray[np.intp]) -> float:
    """The divisor of the logits with the lowest cross entropy on these pictures (arXiv 1706.04599), 0.1 to 10."""
    found = minimize_scalar(lambda power: cross_entropy(logits / 10**power, truth), bounds=(-1, 1), method="bounded")
    return round(float(10**found.x), 4)


def threshold(known_score: NDArray[np.float32]) -> float:
    """The score that KEPT of these pictures reach: below it an answer isn't confident."""
    return round(float(np.quantile(known_score, 1 - KEPT)), 4)


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Probabilities, float32 (pictures, num_classes); rows sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def _share(part: int, of: int) -> float:
    return round(int(part) / max(1, int(of)), 4)


def as_text(result: dict[str, Any]) -> str:
    """The report for a terminal."""
    low, high = result["interval"]
    lines = [
        f"{result['accuracy']:.2%} of {result['pictures']} pictures are right (95 % interval {low:.1%} to {high:.1%}); "
        f"ECE {result['ece']:.3f}, cross entropy {result['cross_entropy']:.3f}"
    ]
    for label, row in result["by_class"].items():
        lines.append(
            f"  {label:<16} precision {row['precision']:.3f}  recall {row['recall']:.3f}  of {row['pictures']}"
        )
    return "\n".join(lines)
