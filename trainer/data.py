"""Which pictures are trained on, which pick the epoch, and which only report?

Pictures come as a folder a class, or as a CSV with an image and a label column. A picture belongs to `train` or to
`valid`: by the CSV's `split` column, or by folders of these names; without either everything is `train`.

Two more sets may come beside the classes' own, in the same forms: outliers, pictures of none of the classes that are
trained on as such, and foreign pictures, which show how well the model tells what it doesn't know (`tune` chooses,
`valid` reports).
"""

import csv
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.audit import alike
from trainer.errors import TrainerError

SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".webp"}
SPLITS = ("train", "valid")
FOREIGN_SPLITS = ("tune", "valid")
FEWEST_PICTURES = 10
"""Fewest training pictures of a class: below it nothing is left to pick the epoch with."""


@dataclass(frozen=True)
class Example:
    """One labelled picture: `label` is its class' place in the data set's `labels`, or -1 for none of them."""

    path: Path
    label: int
    name: str
    """What the data set calls it: the class' name, also of a class that isn't the model's."""


@dataclass(frozen=True)
class Dataset:
    """The pictures of a run. `labels` is sorted: the order of the model's outputs."""

    labels: tuple[str, ...]
    train: tuple[Example, ...]
    valid: tuple[Example, ...]


Foreign = dict[str, tuple[Example, ...]]
"""Pictures of none of the classes, by split: `tune` and `valid`."""


def load(data: Path, left_out: Path | None = None) -> Dataset:
    """The data set in a folder (which may hold a `labels.csv`), or behind a CSV file.

    Args:
        data: The folder or the file.
        left_out: A CSV whose column `image_ID` names training pictures, `CLASS/FILE`, that aren't used.

    Raises:
        TrainerError: Something is missing, unknown or empty; the text names it.
    """
    found = list(_found(data, SPLITS))
    labels = tuple(sorted({label for _, label, _ in found}))
    if len(labels) < 2:
        raise TrainerError(f"{data} holds pictures of {len(labels)} classes; a classifier needs two.")
    split: dict[str, list[Example]] = {name: [] for name in SPLITS}
    for path, label, name in sorted(found):
        split[name].append(Example(path, labels.index(label), label))
    if left_out is not None:
        wrong = notes(left_out)
        split["train"] = [example for example in split["train"] if example_name(example) not in wrong]
    for number, label in enumerate(labels):
        count = sum(example.label == number for example in split["train"])
        if count < FEWEST_PICTURES:
            raise TrainerError(f"The class {label} has {count} training pictures; {FEWEST_PICTURES} are the fewest.")
    return Dataset(labels, tuple(split["train"]), tuple(split["valid"]))


def load_outliers(data: Path, not_used: Collection[str], foreign: Sequence[Example]) -> tuple[Example, ...]:
    """Pictures of none of the run's classes.

    Args:
        data: Where they lie, in one of the forms of a data set.
        not_used: Classes of theirs that are left alone.
        foreign: Pictures that a model is judged on: none of these is among the outliers, nor one that looks the same.

    Raises:
        TrainerError: Something is missing, unknown or empty; the text names it.
    """
    found = sorted(_found(data, SPLITS))
    unknown = set(not_used) - {label for _, label, _ in found}
    if unknown:
        raise TrainerError(f"{data} has no class {', '.join(sorted(unknown))}, which outliers_not_used names.")
    examples = [Example(path, -1, label) for path, label, _ in found if label not in not_used]
    seen = alike([example.path for example in examples], [example.path for example in foreign])
    return tuple(example for example, same in zip(examples, seen, strict=True) if not same)


def load_foreign(data: Path) -> Foreign:
    """Pictures of none of the run's classes, by split (`tune`, `valid`), that are never trained on.

    Raises:
        TrainerError: Something is missing, unknown or empty; the text names it.
    """
    found = sorted(_found(data, FOREIGN_SPLITS))
    splits = {
        name: tuple(Example(path, -1, label) for path, label, of in found if of == name) for name in FOREIGN_SPLITS
    }
    for name, examples in splits.items():
        if not examples:
            raise TrainerError(f"{data} has no pictures in the split {name}.")
    return splits


def example_name(example: Example) -> str:
    """The picture's name within its data set: `CLASS/FILE`."""
    return "/".join(example.path.parts[-2:])


def notes(path: Path, column: str = "image_ID") -> dict[str, str]:
    """What a CSV beside a configuration says of pictures: its column by the picture's name, `CLASS/FILE`.

    Raises:
        TrainerError: It can't be read, or lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise TrainerError(f"{path} can't be read: {error.strerror}.") from error
    for needed in ("image_ID", column):
        if rows and needed not in rows[0]:
            raise TrainerError(f"{path} has no column {needed}.")
    return {row["image_ID"]: row[column] for row in rows}


def _found(data: Path, splits: tuple[str, ...]) -> Iterator[tuple[Path, str, str]]:
    """Each picture with its label and its split."""
    if data.suffix == ".csv":
        return _from_csv(data, splits)
    if (data / "labels.csv").is_file():
        return _from_csv(data / "labels.csv", splits)
    if data.is_dir():
        return _from_folders(data, splits)
    raise TrainerError(f"{data} is neither a folder nor a CSV file.")


def _from_csv(path: Path, splits: tuple[str, ...]) -> Iterator[tuple[Path, str, str]]:
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
            name = row.get("split") or splits[0]
            if name not in splits:
                raise TrainerError(f"{path}, line {rows.line_num}: the split {name} is neither {' nor '.join(splits)}.")
            image = next((root / row["image_ID"] for root in roots if (root / row["image_ID"]).is_file()), None)
            if image is None:
                raise TrainerError(f"{path}, line {rows.line_num}: there is no picture {row['image_ID']}.")
            if not row["label"]:
                raise TrainerError(f"{path}, line {rows.line_num}: the label is empty.")
            yield image, row["label"], name


def _from_folders(data: Path, splits: tuple[str, ...]) -> Iterator[tuple[Path, str, str]]:
    by_split = {name: data / name for name in splits if (data / name).is_dir()} or {splits[0]: data}
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
