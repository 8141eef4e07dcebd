"""Which training pictures are fitted, and which are held back to pick the epoch and the thresholds?"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trainer import audit
from trainer.config import Config
from trainer.data import Dataset, Example, example_name, hold_back, notes
from trainer.errors import TrainerError
from trainer.features import Places, Views, read

SPLIT_FILE = "split.json"

_AT_ONCE = 256


def split(examples: Sequence[Example], config: Config, views: Views, run: Path) -> tuple[Places, Places]:
    """Places of the pictures to fit and of those held back; written down in the run's folder for the export.

    Raises:
        TrainerError: Of some class none can be held back.
    """
    names = [example_name(example) for example in examples]
    if config.held_back_pictures is not None:
        listed = _listed(config.held_back_pictures, examples)
        print(f"{len(examples)} training pictures; {len(listed)} held back, as {config.held_back_pictures.name} says.")
        held = np.isin(names, listed)
        return np.flatnonzero(~held), np.flatnonzero(held)
    key = hashlib.sha256(json.dumps([names, config.held_back, config.nearest_cosine, config.seed]).encode()).hexdigest()
    file = run / SPLIT_FILE
    written = json.loads(file.read_text()) if file.is_file() else {}
    if written.get("key") != key:
        groups = groups_of(examples, config, views)
        _, held_back = hold_back([example.label for example in examples], groups, config.held_back, config.seed)
        lacking = {example.label for example in examples} - {examples[place].label for place in held_back}
        if lacking:
            alike = next(example for example in examples if example.label in lacking).path.parent
            raise TrainerError(f"The pictures like those in {alike} are so alike or so few that none can be held back.")
        written = {"key": key, "distinct": len(set(groups)), "held_back": [names[place] for place in held_back]}
        file.write_text(json.dumps(written, indent=1))
    print(
        f"{len(examples)} training pictures, {written['distinct']} of them distinct; "
        f"{len(written['held_back'])} held back to pick the epoch and the threshold."
    )
    held = np.isin(names, written["held_back"])
    return np.flatnonzero(~held), np.flatnonzero(held)


def _listed(path: Path, examples: Sequence[Example]) -> list[str]:
    """The names in a list of pictures to hold back.

    Raises:
        TrainerError: One of them isn't there, or a class has none.
    """
    names, by_name = list(notes(path)), {example_name(example): example for example in examples}
    if missing := [name for name in names if name not in by_name]:
        raise TrainerError(f"{path} names {missing[0]}, which is no training picture; another data set needs its own.")
    if lacking := {example.label for example in examples} - {by_name[name].label for name in names}:
        alike = next(example for example in examples if example.label in lacking).path.parent
        raise TrainerError(f"{path} holds back none of the pictures like those in {alike}.")
    return names


def held_back_examples(config: Config, dataset: Dataset, run: Path) -> list[Example]:
    """The training pictures that the run held back.

    Raises:
        TrainerError: The run isn't trained.
    """
    file = run / SPLIT_FILE
    if config.held_back_pictures is not None:
        names = set(_listed(config.held_back_pictures, dataset.train))
    elif file.is_file():
        names = set(json.loads(file.read_text())["held_back"])
    else:
        raise TrainerError(f"There is no {file}: train the run first.")
    return [example for example in dataset.train if example_name(example) in names]


def groups_of(examples: Sequence[Example], config: Config, views: Views) -> list[int]:
    """The group of near duplicates that each picture belongs to, named by the place of its first picture."""
    places = np.arange(len(examples))
    pooled = [
        views.plain(places[start : start + _AT_ONCE]).mean(axis=(1, 2), dtype=np.float32)
        for start in range(0, len(examples), _AT_ONCE)
    ]
    hashes = [audit.perceptual_hash(read(example.path, config.input_size, config.resize)) for example in examples]
    return audit.near_duplicates(hashes, np.concatenate(pooled), config.nearest_cosine)
