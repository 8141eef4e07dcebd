"""How is a classifier trained on two cores? The frozen blocks' features once, then the upper blocks on them.

A run lives in a folder: `features.npy` (the kept features), `split.json` (which pictures were held back),
`checkpoint.npz` (everything that the next epoch needs), `best.npz` (the averaged weights of the best epoch),
`history.json` (a line an epoch) and, at the end, `model.keras`.
"""

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tqdm import tqdm

from trainer import audit, network
from trainer.config import Config
from trainer.data import Dataset, Example, hold_back
from trainer.errors import TrainerError
from trainer.evaluate import cross_entropy, temperature
from trainer.features import Features, cached, read

Arrays = list[NDArray[Any]]


@dataclass
class Progress:
    """How far a run is, and what it has found."""

    epoch: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def train(config: Config, dataset: Dataset, weights: Path | None, run: Path) -> Path:
    """Train, or go on with a run that was stopped.

    Args:
        config: The run.
        dataset: Its pictures; `valid` isn't looked at.
        weights: ImageNet weights of the backbone, or None for Keras' own download.
        run: The run's folder.

    Returns:
        The trained model's file: float32 images (batch, H, W, 3) to logits (batch, num_classes), with the convolution
        kernels rounded to float16 values.

    Raises:
        TrainerError: A picture or the weights can't be used.
    """
    keras.utils.set_random_seed(config.seed)
    run.mkdir(parents=True, exist_ok=True)
    backbone = network.backbone(weights, config.input_size)
    lower = network.lower(backbone, config.frozen_until)
    features = cached(dataset.train, config, weights, lower, run)
    fitted, held_back = _split(dataset.train, config, features, run)
    upper = network.upper(backbone, config.frozen_until, len(dataset.labels), config.dropout, config.seed)
    labels = np.array([example.label for example in dataset.train])
    trainer = _Trainer(config, upper, features, labels, fitted, held_back, run)
    best = trainer.fit()
    for variable, value in zip(upper.trainable_variables, best, strict=True):
        variable.assign(value)
    model = network.whole(lower, upper)
    round_kernels(model)
    path = run / "model.keras"
    model.save(path)
    return path


def round_kernels(model: Any) -> None:
    """Round convolution kernels to float16 values: files of them pack a third smaller, and answers hardly move."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(np.asarray(layer.kernel).astype(np.float16).astype(np.float32))


def _split(
    examples: tuple[Example, ...], config: Config, features: Features, run: Path
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of the pictures to fit and of those held back; written down for the export."""
    pooled = np.stack([one.mean(axis=(0, 1), dtype=np.float32) for one in features[0]])
    hashes = [audit.perceptual_hash(read(example.path, config.input_size, config.resize)) for example in examples]
    groups = audit.near_duplicates(hashes, pooled, config.nearest_cosine)
    fitted, held_back = hold_back([example.label for example in examples], groups, config.held_back, config.seed)
    lacking = {example.label for example in examples} - {examples[place].label for place in held_back}
    if lacking:
        alike = next(example for example in examples if example.label in lacking).path.parent
        raise TrainerError(f"The pictures like those in {alike} are so alike or so few that none can be held back.")
    print(
        f"{len(examples)} training pictures, {len(set(groups))} of them distinct; "
        f"{len(held_back)} held back to pick the epoch and the threshold."
    )
    names = [str(examples[place].path.resolve()) for place in held_back]
    (run / "split.json").write_text(json.dumps({"held_back": names}, indent=1))
    return fitted, held_back


class _Trainer:
    """The upper blocks, their optimizers and their moving average, epoch by epoch."""

    def __init__(
        self,
        config: Config,
        upper: Any,
        features: Features,
        labels: NDArray[np.intp],
        fitted: NDArray[np.intp],
        held_back: NDArray[np.intp],
        run: Path,
    ) -> None:
        self.config, self.upper, self.features, self.labels = config, upper, features, labels
        self.fitted, self.held_back, self.run = fitted, held_back, run
        self.progress = Progress()
        self.steps_an_epoch = len(fitted) // config.batch_size
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
        self.forward = tf.function(lambda some: upper(tf.cast(some, tf.float32), training=False))

    def fit(self) -> Arrays:
        """The averaged weights of the epoch with the lowest loss on the held-back pictures."""
        self._resume()
        while self.progress.epoch < self.config.epochs:
            if self.progress.epoch - self.progress.best_epoch >= self.config.patience:
                break
            loss = self._epoch(self.progress.epoch)
            self.progress.epoch += 1
            self._judge(loss)
            self._save()
        with np.load(self.run / "best.npz") as best:
            return [best[name] for name in best.files]

    def _epoch(self, epoch: int) -> float:
        """One pass over the pictures, each in one of its views; the mean training loss."""
        config, rng = self.config, np.random.default_rng((self.config.seed, epoch))
        order = rng.permutation(self.fitted)
        views = rng.integers(0, config.views, len(order))
        targets = np.eye(self.upper.output_shape[-1], dtype=np.float32)
        targets = targets * (1 - config.label_smoothing) + config.label_smoothing / len(targets)
        losses = []
        bar = tqdm(range(self.steps_an_epoch), f"epoch {epoch + 1}/{config.epochs}", unit="step", disable=None)
        for step in bar:
            batch = slice(step * config.batch_size, (step + 1) * config.batch_size)
            share = rng.beta(config.mixup, config.mixup) if config.mixup else 1.0
            partner = rng.permutation(config.batch_size)
            self._set_learning_rate(epoch * self.steps_an_epoch + step)
            loss = self.step(
                tf.constant(self.features[views[batch], order[batch]]),
                tf.constant(targets[self.labels[order[batch]]]),
                tf.constant(partner),
                tf.constant(share, tf.float32),
                tf.constant(self._decay(epoch * self.steps_an_epoch + step), tf.float32),
            )
            losses.append(float(loss))
        return float(np.mean(losses))

    def _step(self, features: Any, targets: Any, partner: Any, share: Any, decay: Any) -> Any:
        features = tf.cast(features, tf.float32)
        features = share * features + (1 - share) * tf.gather(features, partner)
        targets = share * targets + (1 - share) * tf.gather(targets, partner)
        with tf.GradientTape() as tape:
            logits = self.upper(features, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
        gradients = tape.gradient(loss, [variables for _, variables, _ in self.optimizers])
        for (optimizer, variables, _), some in zip(self.optimizers, gradients, strict=True):
            optimizer.apply(some, variables)
        for average, variable in zip(self.average, self.upper.trainable_variables, strict=True):
            average.assign(decay * average + (1 - decay) * variable)
        return loss

    def _set_learning_rate(self, step: int) -> None:
        """A linear rise over the first epoch, then a cosine to zero (arXiv 1608.03983)."""
        rise, end = self.steps_an_epoch, self.steps_an_epoch * self.config.epochs
        share = (step + 1) / rise if step < rise else (1 + math.cos(math.pi * (step - rise) / max(1, end - rise))) / 2
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
        logits: NDArray[np.float32] = np.concatenate(
            [
                self.forward(tf.constant(self.features[0, self.held_back[start : start + self.config.batch_size]]))
                for start in range(0, len(self.held_back), self.config.batch_size)
            ]
        )
        truth = self.labels[self.held_back]
        loss = cross_entropy(logits / temperature(logits, truth), truth)
        accuracy = float((logits.argmax(axis=1) == truth).mean())
        if loss < self.progress.best_loss:
            self.progress.best_loss, self.progress.best_epoch = loss, self.progress.epoch
            _write(self.run / "best.npz", [average.numpy() for average in self.average])
        self._assign(self.upper.trainable_variables, current)
        line = {"epoch": self.progress.epoch, "loss": training_loss, "held_back_loss": loss, "accuracy": accuracy}
        self.progress.history.append(line)
        print(" ".join(f"{name} {value:.4g}" for name, value in line.items()), flush=True)
        (self.run / "history.json").write_text(json.dumps(self.progress.history, indent=1))

    def _variables(self) -> list[Any]:
        """Everything that the next epoch depends on."""
        of_optimizers = [variable for optimizer, _, _ in self.optimizers for variable in optimizer.variables]
        return [*self.upper.variables, *self.average, *of_optimizers]

    def _save(self) -> None:
        state = np.array(json.dumps([self._key(), vars(self.progress)]))
        _write(self.run / "checkpoint.npz", [state, *(variable.numpy() for variable in self._variables())])

    def _resume(self) -> None:
        """Take up the checkpoint in the run's folder, if it is one of the same run."""
        path = self.run / "checkpoint.npz"
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
        return f"{self.config} {self.fitted.tolist()} {self.held_back.tolist()}"

    @staticmethod
    def _assign(variables: list[Any], values: Arrays) -> None:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def _write(path: Path, arrays: Arrays) -> None:
    """Write the arrays so that a kill leaves the old file or the new one, never half of one."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, *arrays)
    os.replace(partial, path)
