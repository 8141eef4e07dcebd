"""Which pictures are trained on, which pick the epoch, and which only report?

Pictures come as a folder a class, or as a CSV with an image and a label column. A picture belongs to `train` or to
`valid`: by the CSV's `split` column, or by folders of these names; without either everything is `train`.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import TrainerError

SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".webp"}
SPLITS = ("train", "valid")
FEWEST_PICTURES = 10
"""Fewest training pictures of a class: below it nothing is left to pick the epoch with."""


@dataclass(frozen=True)
class Example:
    """One labelled picture: `label` is its class' place in the data set's `labels`."""

    path: Path
    label: int


@dataclass(frozen=True)
class Dataset:
    """The pictures of a run. `labels` is sorted: the order of the model's outputs."""

    labels: tuple[str, ...]
    train: tuple[Example, ...]
    valid: tuple[Example, ...]


def load(data: Path) -> Dataset:
    """The data set in a folder (which may hold a `labels.csv`), or behind a CSV file.

    Raises:
        TrainerError: Something is missing, unknown or empty; the text names it.
    """
    if data.suffix == ".csv":
        found = list(_from_csv(data))
    elif (data / "labels.csv").is_file():
        found = list(_from_csv(data / "labels.csv"))
    elif data.is_dir():
        found = list(_from_folders(data))
    else:
        raise TrainerError(f"{data} is neither a folder nor a CSV file.")
    labels = tuple(sorted({label for _, label, _ in found}))
    if len(labels) < 2:
        raise TrainerError(f"{data} holds pictures of {len(labels)} classes; a classifier needs two.")
    split: dict[str, list[Example]] = {name: [] for name in SPLITS}
    for path, label, name in sorted(found):
        split[name].append(Example(path, labels.index(label)))
    for number, label in enumerate(labels):
        count = sum(example.label == number for example in split["train"])
        if count < FEWEST_PICTURES:
            raise TrainerError(f"The class {label} has {count} training pictures; {FEWEST_PICTURES} are the fewest.")
    return Dataset(labels, tuple(split["train"]), tuple(split["valid"]))


def _from_csv(path: Path) -> Iterator[tuple[Path, str, str]]:
    """Kaggle's form: image and label columns, beside the pictures or beside a folder of the CSV's own name."""
    try:
        file = path.open(newline="", encoding="utf-8-sig")
    except OSError as error:
        raise TrainerError(f"{path} can't be read: {error.strerror}.") from error
    with file:
        rows = csv.DictReader(file)
        columns = rows.fieldnames or []
        unknown = [name for name in columns if name not in ("image_ID", "label", "split")]
        if unknown or "image_ID" not in columns or "label" not in columns:
            raise TrainerError(
                f"{path} has the columns {', '.join(columns)}; it needs image_ID, label and maybe split."
            )
        roots = [path.parent, path.with_suffix("")]
        for row in rows:
            name = row.get("split") or "train"
            if name not in SPLITS:
                raise TrainerError(f"{path}, line {rows.line_num}: the split {name} is neither train nor valid.")
            image = next((root / row["image_ID"] for root in roots if (root / row["image_ID"]).is_file()), None)
            if image is None:
                raise TrainerError(f"{path}, line {rows.line_num}: there is no picture {row['image_ID']}.")
            if not row["label"]:
                raise TrainerError(f"{path}, line {rows.line_num}: the label is empty.")
            yield image, row["label"], name


def _from_folders(data: Path) -> Iterator[tuple[Path, str, str]]:
    by_split = {name: data / name for name in SPLITS if (data / name).is_dir()} or {"train": data}
    for name, root in by_split.items():
        for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
            pictures = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
            if not pictures:
                raise TrainerError(f"The folder {folder} holds no pictures ({', '.join(sorted(SUFFIXES))}).")
            for path in pictures:
                yield path, folder.name, name


def hold_back(
    labels: Sequence[int], groups: Sequence[int], share: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split pictures in two so that near duplicates stay together and every class gives the same share.

    Args:
        labels: The class of each picture.
        groups: The group of near duplicates that each picture belongs to (`trainer.audit`).
        share: How much is held back, 0 to 1.
        seed: Another seed, another choice.

    Returns:
        The places of the pictures to train on, and of those held back; both sorted.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        members[group].append(place)
    wanted = {label: share * sum(other == label for other in labels) for label in set(labels)}
    held_back: list[int] = []
    for group in np.random.default_rng(seed).permutation(sorted(members)):
        label = labels[members[group][0]]
        if len(members[group]) <= wanted[label] + 0.5:
            held_back += members[group]
            wanted[label] -= len(members[group])
    chosen = np.zeros(len(labels), bool)
    chosen[held_back] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
