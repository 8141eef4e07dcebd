"""How is the upper part trained? Epoch by epoch on views of the pictures, its weights averaged; it can be stopped.

A fit lives in a folder: `checkpoint.npz` (everything that the next epoch needs), `best.npz` (the averaged weights of
the best epoch) and `history.json` (a line an epoch).
"""

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tqdm import tqdm

from trainer.config import Config
from trainer.evaluate import cross_entropy, temperature
from trainer.features import Places, Views

_SAYS_NOTHING_OF_THE_FIT = {
    *("name", "version", "left_out", "judged", "outliers_not_used", "known_score"),
    *("data", "base_weights", "intended_use", "limits", "licence"),
}
"""Fields of the configuration that may change while a fit is stopped."""

HISTORY_FILE = "history.json"

Arrays = list[NDArray[Any]]


@dataclass
class Progress:
    """How far a run is, and what it has found."""

    epoch: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Split:
    """Places of the pictures to fit, of those held back, and of the outliers, which are fitted too."""

    fitted: Places
    held_back: Places
    outliers: Places


def draw(labels: NDArray[np.intp], split: Split, config: Config, rng: np.random.Generator) -> list[Places]:
    """The batches of one epoch: as many pictures as there are to fit, and the outliers' share beside them.

    Args:
        labels: The class of each picture.
        split: Which may be drawn.
        config: Says how even the classes are drawn, and how many of a batch are outliers.
        rng: Decides everything.

    Returns:
        Places, batch by batch, each of `config.batch_size`.
    """
    classes, counts = np.unique(labels[split.fitted], return_counts=True)
    wanted = counts ** (1.0 - config.balance)
    wanted = np.round(wanted / wanted.sum() * len(split.fitted)).astype(int)
    drawn = []
    for label, count in zip(classes, wanted, strict=True):
        of_class = split.fitted[labels[split.fitted] == label]
        rounds = [rng.permutation(of_class) for _ in range(-(-count // len(of_class)))]
        drawn.append(np.concatenate(rounds)[:count])
    inside = rng.permutation(np.concatenate(drawn))
    outside = round(config.batch_size * config.outlier_share) if len(split.outliers) else 0
    steps = len(split.fitted) // (config.batch_size - outside)
    inside = np.resize(inside, steps * (config.batch_size - outside)).reshape(steps, -1)
    if not outside:
        return list(inside)
    rounds = [rng.permutation(split.outliers) for _ in range(-(-steps * outside // len(split.outliers)))]
    outliers = np.concatenate(rounds)[: steps * outside].reshape(steps, outside)
    return list(np.concatenate([inside, outliers], axis=1))


class Fit:
    """The upper blocks, their optimizers and their moving average, epoch by epoch."""

    def __init__(
        self,
        config: Config,
        upper: Any,
        views: Views,
        labels: NDArray[np.intp],
        split: Split,
        folder: Path,
        *,
        after_epoch: Callable[[dict[str, float]], None] = lambda line: None,
    ) -> None:
        self.config, self.upper, self.views, self.labels = config, upper, views, labels
        self.split, self.folder, self.after_epoch = split, folder, after_epoch
        folder.mkdir(parents=True, exist_ok=True)
        self.progress = Progress()
        outside = round(config.batch_size * config.outlier_share) if len(split.outliers) else 0
        self.steps_an_epoch = len(split.fitted) // (config.batch_size - outside)
        self.num_classes = int(labels[split.fitted].max()) + 1
        self.held_back_features = views.plain(split.held_back)
        head = {id(variable) for variable in upper.get_layer("head").trainable_variables}
        parts: tuple[list[Any], list[Any]] = ([], [])
        for variable in upper.trainable_variables:
            parts[id(variable) in head].append(variable)
        self.optimizers = []
        for variables, highest in zip(parts, (config.learning_rate, config.head_learning_rate), strict=True):
            optimizer = keras.optimizers.AdamW(highest, weight_decay=config.weight_decay, clipnorm=1.0)
            optimizer.build(variables)
            self.optimizers.append((optimizer, variables, highest))
        self.average = [tf.Variable(variable.value) for variable in upper.trainable_variables]
        self.step = tf.function(self._step)
        self.forward = tf.function(lambda some: tf.cast(upper(tf.cast(some, tf.float32), training=False), tf.float32))

    def fit(self) -> Arrays:
        """The averaged weights of the epoch with the lowest loss on the held-back pictures."""
        self._resume()
        while self.progress.epoch < self.config.epochs + self.config.calm_epochs:
            if self.progress.epoch - self.progress.best_epoch >= self.config.patience:
                break
            loss = self._epoch(self.progress.epoch)
            self.progress.epoch += 1
            self._judge(loss)
            self._save()
            self.after_epoch(self.progress.history[-1])
        with np.load(self.folder / "best.npz") as best:
            return [best[name] for name in best.files]

    def take(self, weights: Arrays) -> None:
        """Give the upper part these weights."""
        self._assign(self.upper.trainable_variables, weights)

    def _epoch(self, epoch: int) -> float:
        """One pass over the pictures, each in a view of its own; the mean training loss."""
        config, rng = self.config, np.random.default_rng((self.config.seed, epoch))
        batches = draw(self.labels, self.split, config, rng)
        calm = epoch >= config.epochs
        mixup = 0.0 if calm else config.mixup
        targets = self._targets(0.0 if calm else config.label_smoothing)
        losses = []
        bar = tqdm(batches, f"epoch {epoch + 1}/{config.epochs + config.calm_epochs}", unit="step", disable=None)
        for step, (places, features) in enumerate(zip(bar, self.views.batches(epoch + 1, batches), strict=True)):
            share = rng.beta(mixup, mixup) if mixup else 1.0
            self._set_learning_rate(epoch * self.steps_an_epoch + step)
            loss = self.step(
                tf.constant(features),
                tf.constant(targets[self.labels[places]]),
                tf.constant(rng.permutation(config.batch_size)),
                tf.constant(share, tf.float32),
                tf.constant(self._decay(epoch * self.steps_an_epoch + step), tf.float32),
            )
            losses.append(float(loss))
        return float(np.mean(losses))

    def _targets(self, smoothing: float) -> NDArray[np.float32]:
        """What each class, and last the outliers, should be answered with: smoothed over the outputs."""
        outputs = self.upper.output_shape[-1]
        targets: NDArray[np.float32] = np.eye(outputs, dtype=np.float32) * (1 - smoothing) + smoothing / outputs
        return targets

    def logits(self, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """What the upper part answers with its present weights: float32 (pictures, outputs)."""
        size = self.config.batch_size
        parts = [self.forward(tf.constant(features[start : start + size])) for start in range(0, len(features), size)]
        logits: NDArray[np.float32] = np.concatenate([part.numpy() for part in parts])
        return logits

    def _step(self, features: Any, targets: Any, partner: Any, share: Any, decay: Any) -> Any:
        features = tf.cast(features, tf.float32)
        features = share * features + (1 - share) * tf.gather(features, partner)
        targets = share * targets + (1 - share) * tf.gather(targets, partner)
        with tf.GradientTape() as tape:
            logits = tf.cast(self.upper(features, training=True), tf.float32)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
        gradients = tape.gradient(loss, [variables for _, variables, _ in self.optimizers])
        for (optimizer, variables, _), some in zip(self.optimizers, gradients, strict=True):
            optimizer.apply(some, variables)
        for average, variable in zip(self.average, self.upper.trainable_variables, strict=True):
            average.assign(decay * average + (1 - decay) * variable)
        return loss

    def _set_learning_rate(self, step: int) -> None:
        """A linear rise over the first epoch, then a cosine to zero (arXiv 1608.03983); a lower one for calm epochs."""
        rise, end = self.steps_an_epoch, self.steps_an_epoch * self.config.epochs
        if step < rise:
            share = (step + 1) / rise
        elif step < end:
            share = _cosine((step - rise) / max(1, end - rise))
        else:
            share = self.config.calm_share * _cosine((step - end) / (self.steps_an_epoch * self.config.calm_epochs))
        for optimizer, _, highest in self.optimizers:
            optimizer.learning_rate.assign(highest * share)

    def _decay(self, step: int) -> float:
        """The average forgets its noisy start quickly, and little once it has seen much."""
        return min(self.config.average, (1 + step) / (10 + step))

    def _judge(self, training_loss: float) -> None:
        """Loss and accuracy of the averaged weights on the held-back pictures; the best are kept.

        The loss is taken at the temperature that the export will fold in: label smoothing and mixup make every epoch
        less sure than it is right, which says nothing of which epoch is better.
        """
        current = [variable.numpy() for variable in self.upper.trainable_variables]
        self._assign(self.upper.trainable_variables, [average.numpy() for average in self.average])
        logits = self.logits(self.held_back_features)[:, : self.num_classes]
        truth = self.labels[self.split.held_back]
        loss = cross_entropy(logits / temperature(logits, truth), truth)
        accuracy = float((logits.argmax(axis=1) == truth).mean())
        if loss < self.progress.best_loss:
            self.progress.best_loss, self.progress.best_epoch = loss, self.progress.epoch
            _write(self.folder / "best.npz", [average.numpy() for average in self.average])
        self._assign(self.upper.trainable_variables, current)
        line = {"epoch": self.progress.epoch, "loss": training_loss, "held_back_loss": loss, "accuracy": accuracy}
        self.progress.history.append(line)
        print(" ".join(f"{name} {value:.4g}" for name, value in line.items()), flush=True)
        (self.folder / HISTORY_FILE).write_text(json.dumps(self.progress.history, indent=1))

    def _variables(self) -> list[Any]:
        """Everything that the next epoch depends on."""
        of_optimizers = [variable for optimizer, _, _ in self.optimizers for variable in optimizer.variables]
        return [*self.upper.variables, *self.average, *of_optimizers]

    def _save(self) -> None:
        state = np.array(json.dumps([self._key(), vars(self.progress)]))
        _write(self.folder / "checkpoint.npz", [state, *(variable.numpy() for variable in self._variables())])

    def _resume(self) -> None:
        """Take up the checkpoint in the folder, if it is one of the same fit."""
        path = self.folder / "checkpoint.npz"
        if not path.is_file():
            return
        with np.load(path) as saved:
            state, *values = (saved[name] for name in saved.files)
        key, progress = json.loads(str(state))
        if key != self._key():
            return
        self._assign(self._variables(), values)
        self.progress = Progress(**progress)
        print(f"Going on after epoch {self.progress.epoch}.")

    def _key(self) -> str:
        config = {name: value for name, value in vars(self.config).items() if name not in _SAYS_NOTHING_OF_THE_FIT}
        return f"{config} {[places.tolist() for places in vars(self.split).values()]}"

    @staticmethod
    def _assign(variables: list[Any], values: Arrays) -> None:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def _cosine(done: float) -> float:
    """From 1 to 0, as `done` goes from 0 to 1."""
    return (1 + math.cos(math.pi * done)) / 2


def _write(path: Path, arrays: Arrays) -> None:
    """Write the arrays so that a kill leaves the old file or the new one, never half of one."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, *arrays)
    os.replace(partial, path)
