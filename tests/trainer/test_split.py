"""A list of the pictures to hold back: exactly those, on every machine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.config import Config, load_config
from trainer.data import Dataset, Example, load
from trainer.errors import TrainerError
from trainer.split import held_back_examples, split


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    for label in "ab":
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(12):
            (tmp_path / "data" / label / f"{number}.jpg").touch()
    return load(tmp_path / "data")


def config(tmp_path: Path, *names: str) -> Config:
    path = tmp_path / "held_back.csv"
    path.write_text("\n".join(["image_ID", *names]) + "\n")
    return replace(load_config("sports7"), held_back_pictures=path)


def test_exactly_the_listed_pictures_are_held_back(dataset: Dataset, tmp_path: Path) -> None:
    listed = config(tmp_path, "b/3.jpg", "a/7.jpg", "a/11.jpg")
    no_views: Any = None  # no picture is looked at
    fitted, held_back = split(dataset.train, listed, no_views, tmp_path)
    names = {f"{example.path.parent.name}/{example.path.name}" for example in _at(dataset, held_back)}
    assert names == {"b/3.jpg", "a/7.jpg", "a/11.jpg"}
    assert sorted([*fitted, *held_back]) == list(range(24))
    assert held_back_examples(listed, dataset, tmp_path / "no run") == _at(dataset, held_back)


def _at(dataset: Dataset, places: np.ndarray) -> list[Example]:
    return [dataset.train[place] for place in places]


@pytest.mark.parametrize(
    ("names", "said"),
    [(("a/1.jpg", "b/99.jpg"), "names b/99.jpg, which is no training picture"), (("a/1.jpg",), "none of the pictures")],
)
def test_list_that_does_not_fit_the_pictures_is_refused(
    dataset: Dataset, tmp_path: Path, names: tuple[str, ...], said: str
) -> None:
    with pytest.raises(TrainerError, match=said):
        held_back_examples(config(tmp_path, *names), dataset, tmp_path)


def test_without_list_and_run_nothing_is_known(dataset: Dataset, tmp_path: Path) -> None:
    drawn = replace(load_config("sports7"), held_back_pictures=None)
    with pytest.raises(TrainerError, match="train the run first"):
        held_back_examples(drawn, dataset, tmp_path)
