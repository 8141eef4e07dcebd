"""Which labels of the training pictures are likely wrong?

Networks that never saw a picture say what it shows: the pictures are dealt into folds, and each fold is answered by a
network that was trained on the others. Where such an answer contradicts the label and is sure of it, somebody should
look (the idea of confident learning, arXiv 1911.00068). Nothing is left out by itself: the list that a configuration
names in `left_out` is made from this one by a person.
"""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer import network, report
from trainer.config import Config
from trainer.data import Dataset, Example, example_name
from trainer.evaluate import softmax, temperature
from trainer.features import Extractor, Places, kept_views
from trainer.fit import Fit, Split
from trainer.split import groups_of
from trainer.train import trainable

FOLDS = 3
EPOCHS = 4
VIEWS = 3
SURE = 0.6
"""Least probability of another class than the label's that makes a label doubtful."""


def doubtful(config: Config, dataset: Dataset, weights: Path | None, run: Path) -> Path:
    """Write what is doubtful into `run/doubtful`: `doubtful.csv`, and a page with the pictures.

    Returns:
        The page.
    """
    examples = dataset.train
    folder = run / "doubtful"
    probabilities = out_of_fold(config, examples, weights, folder)
    labels = np.array([example.label for example in examples])
    answers = probabilities.argmax(axis=1)
    right = float((answers == labels).mean())
    wrong = np.flatnonzero((answers != labels) & (probabilities.max(axis=1) >= SURE))
    wrong = wrong[np.argsort(-probabilities[wrong].max(axis=1))]
    with (folder / "doubtful.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image_ID", "label", "answer", "probability"))
        for place in wrong:
            name = example_name(examples[place])
            names = (dataset.labels[labels[place]], dataset.labels[answers[place]])
            writer.writerow((name, *names, f"{probabilities[place].max():.3f}"))
    print(f"Out of fold {right:.2%} of {len(examples)} are right; {len(wrong)} labels are doubtful.")
    return report.contact_sheet(folder, config, [examples[place] for place in wrong], probabilities[wrong], dataset)


def deal(groups: Sequence[int], seed: int) -> NDArray[np.intp]:
    """The fold of each picture, 0 to FOLDS - 1; near duplicates share one."""
    distinct = np.unique(groups)
    fold = np.random.default_rng(seed).permutation(len(distinct)) % FOLDS
    return fold[np.searchsorted(distinct, groups)]


def out_of_fold(config: Config, examples: Sequence[Example], weights: Path | None, folder: Path) -> NDArray[np.float32]:
    """Probabilities (pictures, num_classes) by networks that didn't see the picture; resumable after every epoch."""
    backbone = network.backbone(weights, config.input_size)
    extract = Extractor(network.lower(backbone, config.frozen_until), config.preprocessing)
    views = kept_views(examples, config, VIEWS, extract, weights, folder)
    folds = deal(groups_of(examples, config, views), config.seed)
    labels = np.array([example.label for example in examples])
    short = replace(config, epochs=EPOCHS, patience=EPOCHS)
    nothing: Places = np.array([], np.intp)
    probabilities = np.zeros((len(examples), int(labels.max()) + 1), np.float32)
    for fold in range(FOLDS):
        asked = np.flatnonzero(folds == fold)
        split = Split(np.flatnonzero(folds != fold), asked, nothing)
        fit = Fit(
            short, trainable(config, weights, probabilities.shape[1]), views, labels, split, folder / f"fold{fold}"
        )
        fit.take(fit.fit())
        logits = fit.logits(fit.held_back_features)
        probabilities[asked] = softmax(logits / temperature(logits, labels[asked]))
    return probabilities
