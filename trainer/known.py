"""How is it told that a picture shows none of the classes? Scores for it, compared on pictures that are foreign.

Every score is higher the more a picture is like those that were trained on. All are computed from what the network says
anyway, its logits and the pooled features before them, so that the chosen one can stand in the exported graph.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer import network
from trainer.config import Config
from trainer.data import Dataset, Example, Foreign
from trainer.errors import TrainerError
from trainer.evaluate import KEPT, temperature
from trainer.features import Extractor, tensors
from trainer.split import held_back_examples
from trainer.train import read_outliers, trained

DIRECTIONS = 128
"""How many principal directions of the features the distances are measured in."""

KNOWN_FILE = "known.json"
"""What `compare` writes into the run's folder."""

Rows = Any
"""A float32 tensor, a row a picture."""

KnownScore = Callable[[Rows, Rows], Rows]
"""From all outputs of the network, divided by the temperature (pictures, outputs), and the pooled features (pictures,
channels) to the score (pictures,)."""


@dataclass(frozen=True)
class Statistics:
    """What the trained features look like: of the pictures that were fitted, as they are.

    The covariance is that of the features around their class' mean, in the DIRECTIONS in which they vary most.
    """

    mean: NDArray[np.float32]
    """Of all features: (channels,)."""
    whitening: NDArray[np.float32]
    """From centred features to directions in which classes have variance 1: (channels, directions)."""
    class_means: NDArray[np.float32]
    """In those directions: (num_classes, directions)."""

    @classmethod
    def of(cls, features: NDArray[np.float32], labels: NDArray[np.intp]) -> "Statistics":
        """Statistics of float32 features (pictures, channels)."""
        mean = features.mean(axis=0)
        means = np.stack([features[labels == label].mean(axis=0) for label in np.unique(labels)])
        around = (features - means[labels]).astype(np.float64)
        variances, directions = np.linalg.eigh(around.T @ around / len(around))
        kept = slice(-min(DIRECTIONS, len(features) // 4), None)
        whitening = directions[:, kept] / np.sqrt(variances[kept] + 1e-6)
        return cls(mean, whitening.astype(np.float32), ((means - mean) @ whitening).astype(np.float32))


@dataclass(frozen=True)
class Evidence:
    """What the scores are computed from, of a batch of pictures; tensors."""

    logits: Rows
    """Of the classes, divided by the temperature: (pictures, num_classes)."""
    none: Rows | None
    """Of none of them: (pictures,), where the network was trained with outliers."""
    features: Rows
    """Pooled, before the head: (pictures, channels)."""
    statistics: Statistics | None
    """Of the trained features, for the scores that are called after nearness."""

    @property
    def none_odds(self) -> Rows:
        """The logarithm of how much likelier some class is than none, by the network's own word."""
        return tf.reduce_logsumexp(self.logits, axis=1) - self.none

    @property
    def nearness(self) -> Rows:
        """Minus the squared Mahalanobis distance to the nearest class (arXiv 1807.03888), a direction."""
        if (statistics := self.statistics) is None:
            raise ValueError("nearness needs the statistics of the trained features")
        inside = tf.matmul(self.features - statistics.mean, statistics.whitening)
        distances = tf.reduce_mean(tf.square(inside[:, None] - statistics.class_means), axis=2)
        return -tf.reduce_min(distances, axis=1)


SCORES: dict[str, Callable[[Evidence], Rows]] = {
    "max_probability": lambda given: tf.reduce_max(tf.nn.softmax(given.logits), axis=1),
    "max_logit": lambda given: tf.reduce_max(given.logits, axis=1),
    "energy": lambda given: tf.reduce_logsumexp(given.logits, axis=1),
    "nearness": lambda given: given.nearness,
    "energy_and_nearness": lambda given: tf.reduce_logsumexp(given.logits, axis=1) + given.nearness,
}
"""Scores that every network has: the largest probability (arXiv 1610.02136) and logit (arXiv 1911.11132), the energy
(arXiv 2010.03759), and the nearness in feature space."""

OUTLIER_SCORES: dict[str, Callable[[Evidence], Rows]] = {
    "none_odds": lambda given: given.none_odds,
    "none_margin": lambda given: tf.reduce_max(given.logits, axis=1) - given.none,
    "none_odds_and_energy": lambda given: given.none_odds + tf.reduce_logsumexp(given.logits, axis=1),
    "none_odds_and_nearness": lambda given: given.none_odds + given.nearness,
}
"""Scores of networks that were trained with outliers."""


def in_graph(config: Config, dataset: Dataset, run: Path, model: Any) -> KnownScore:
    """The configuration's score, for the exported graph.

    Raises:
        TrainerError: There is no such score, or the network wasn't trained with the outliers that it needs.
    """
    num_classes, outliers = len(dataset.labels), bool(read_outliers(run)["pictures"])
    scores = SCORES | (OUTLIER_SCORES if outliers else {})
    if config.known_score not in scores:
        needs = " This one needs a training with outliers." if config.known_score in OUTLIER_SCORES else ""
        raise TrainerError(f"There is no known_score {config.known_score!r} but {', '.join(scores)}.{needs}")
    statistics = _statistics(config, dataset, run, model) if "nearness" in config.known_score else None
    score = scores[config.known_score]
    return lambda logits, features: score(_evidence(logits, features, num_classes, statistics))


def _evidence(logits: Rows, features: Rows, num_classes: int, statistics: Statistics | None) -> Evidence:
    none = logits[:, num_classes] if logits.shape[1] > num_classes else None
    return Evidence(logits[:, :num_classes], none, features, statistics)


def _statistics(config: Config, dataset: Dataset, run: Path, model: Any) -> Statistics:
    held_back = set(held_back_examples(config, dataset, run))
    fitted = [example for example in dataset.train if example not in held_back]
    _, features = _said(config, _body(config, model), fitted)
    return Statistics.of(features, np.array([example.label for example in fitted]))


def _body(config: Config, model: Any) -> Extractor:
    """Pooled features and, after them, logits."""
    return Extractor(network.pooled_and_logits(model), config.preprocessing)


def _said(
    config: Config, body: Extractor, examples: Sequence[Example]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits and pooled features of the pictures."""
    both = np.concatenate([body(images) for images in tensors(examples, config.input_size, config.resize)])
    return both[:, network.FEATURES :].astype(np.float32), both[:, : network.FEATURES].astype(np.float32)


def compare(config: Config, dataset: Dataset, run: Path, foreign: Foreign) -> dict[str, Any]:
    """Every score on the foreign pictures; written to `run/known.json`.

    Returns:
        `best` (by the `tune` split: the most flagged at the threshold that KEPT of the held-back pictures reach) and
        `scores`: for each its `flagged` and `auroc` on `tune`, on `valid`, and on the classes in `valid` that training
        never saw.

    Raises:
        TrainerError: The run isn't trained.
    """
    model = trained(run)
    body = _body(config, model)
    statistics = _statistics(config, dataset, run, model)
    num_classes = len(dataset.labels)
    seen = read_outliers(run)
    unseen = [example for example in foreign["valid"] if example.name not in seen["classes"]]
    sets = {"known": held_back_examples(config, dataset, run), **foreign, **({"unseen": unseen} if unseen else {})}
    said = {name: _said(config, body, examples) for name, examples in sets.items()}
    truth = np.array([example.label for example in sets["known"]])
    divisor = temperature(said["known"][0][:, :num_classes], truth)
    scores: dict[str, Any] = {}
    for name, score in (SCORES | (OUTLIER_SCORES if seen["pictures"] else {})).items():
        values = {
            which: np.asarray(score(_evidence(logits / divisor, features, num_classes, statistics)))
            for which, (logits, features) in said.items()
        }
        known = values.pop("known")
        scores[name] = {
            which: {"flagged": round(flagged(known, some, KEPT), 4), "auroc": round(auroc(known, some), 4)}
            for which, some in values.items()
        }
    best = max(scores, key=lambda name: (scores[name]["tune"]["flagged"], scores[name]["tune"]["auroc"]))
    result = {"best": best, "kept": KEPT, "scores": scores}
    (run / KNOWN_FILE).write_text(json.dumps(result, indent=1) + "\n")
    return result


def auroc(known: NDArray[np.float32], foreign: NDArray[np.float32]) -> float:
    """How often a known picture's score is above a foreign one's, 0 to 1; ties count half."""
    order = np.sort(foreign)
    below, up_to = np.searchsorted(order, known, "left"), np.searchsorted(order, known, "right")
    return float((below + up_to).mean() / (2 * len(foreign)))


def flagged(known: NDArray[np.float32], foreign: NDArray[np.float32], kept: float) -> float:
    """Share of the foreign pictures below the score that the share `kept` of the known ones reach."""
    return float((foreign < np.quantile(known, 1 - kept)).mean())
