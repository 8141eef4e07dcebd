from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures import drawn
from trainer.audit import near_duplicates, perceptual_hash
from trainer.config import load_config
from trainer.data import example_name, hold_back, load, load_foreign, load_outliers, notes
from trainer.errors import TrainerError


def folders(root: Path, counts: dict[str, int]) -> Path:
    for label, count in counts.items():
        (root / label).mkdir(parents=True)
        for number in range(count):
            (root / label / f"{number}.jpg").touch()
    return root


def csv(root: Path, *lines: str, name: str = "labels.csv") -> Path:
    (root / name).write_text("\n".join(lines) + "\n")
    return root / name


def test_a_folder_a_class(tmp_path: Path) -> None:
    dataset = load(folders(tmp_path, {"b": 10, "a": 12}))
    assert dataset.labels == ("a", "b")
    assert (len(dataset.train), len(dataset.valid)) == (22, 0)
    assert all(dataset.labels[example.label] == example.path.parent.name for example in dataset.train)


def test_folders_of_splits(tmp_path: Path) -> None:
    folders(tmp_path / "train", {"a": 10, "b": 10})
    folders(tmp_path / "valid", {"a": 2, "b": 3})
    dataset = load(tmp_path)
    assert (len(dataset.train), len(dataset.valid)) == (20, 5)


def test_kaggles_csv_beside_a_folder_of_its_name(tmp_path: Path) -> None:
    folders(tmp_path, {"train": 20})
    path = csv(tmp_path, "image_ID,label", *(f"{n}.jpg,{'ab'[n % 2]}" for n in range(20)), name="train.csv")
    dataset = load(path)
    assert dataset.labels == ("a", "b")
    assert len(dataset.train) == 20


def test_csv_with_splits(tmp_path: Path) -> None:
    folders(tmp_path, {"a": 11, "b": 11})
    rows = [f"{label}/{n}.jpg,{label},{'valid' if n == 0 else 'train'}" for label in "ab" for n in range(11)]
    dataset = load(csv(tmp_path, "image_ID,label,split", *rows).parent)
    assert (len(dataset.train), len(dataset.valid)) == (20, 2)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["image,label", "a/0.jpg,a"], "image, label"),
        (["image_ID,label,colour", "a/0.jpg,a,red"], "colour"),
        (["image_ID,label", "a/0.jpg,a", "a/missing.jpg,a"], "line 3: there is no picture a/missing.jpg"),
        (["image_ID,label", "a/0.jpg,"], "line 2: the label is empty"),
        (["image_ID,label,split", "a/0.jpg,a,test"], "the split test"),
        (["image_ID,label", "a/0.jpg,a"], "1 classes"),
    ],
)
def test_wrong_csv_is_named(tmp_path: Path, lines: list[str], said: str) -> None:
    folders(tmp_path, {"a": 10})
    with pytest.raises(TrainerError, match=said):
        load(csv(tmp_path, *lines))


def test_wrong_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(TrainerError, match=r"nowhere\.csv can't be read"):
        load(tmp_path / "nowhere.csv")
    with pytest.raises(TrainerError, match="empty"):
        load(folders(tmp_path / "one", {"a": 10, "empty": 0}))
    with pytest.raises(TrainerError, match="few has 3 training pictures"):
        load(folders(tmp_path / "two", {"a": 10, "few": 3}))


def test_unknown_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.py").touch()
    with pytest.raises(TrainerError, match=r"nowhere.*sports7"):
        load_config("nowhere")
    with pytest.raises(TrainerError, match=r"doesn't define"):
        load_config(str(tmp_path / "empty.py"))


def test_near_duplicates_stay_on_one_side() -> None:
    labels = [place % 3 for place in range(300)]
    groups = [place // 6 * 6 + place % 3 for place in range(300)]
    fitted, held_back = hold_back(labels, groups, 0.1, seed=0)
    assert sorted([*fitted, *held_back]) == list(range(300))
    assert not {groups[place] for place in fitted} & {groups[place] for place in held_back}
    for label in range(3):
        assert 8 <= sum(labels[place] == label for place in held_back) <= 12


def test_split_follows_its_seed() -> None:
    labels, groups = [0, 1] * 100, list(range(200))
    first, again, other = (hold_back(labels, groups, 0.1, seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again != other


def noise(seed: int) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(small).resize((200, 150), Image.Resampling.BICUBIC)


def test_scaled_and_compressed_copy_is_a_near_duplicate_and_another_picture_is_not(tmp_path: Path) -> None:
    noise(0).resize((97, 80)).save(tmp_path / "copy.jpg", quality=40)
    with Image.open(tmp_path / "copy.jpg") as copy:
        hashes = [perceptual_hash(image) for image in (noise(0), noise(1), copy, drawn())]
    features = np.eye(4, dtype=np.float32)
    assert near_duplicates(hashes, features, 0.95) == [0, 1, 0, 3]


def test_alike_features_are_near_duplicates_also_through_a_third() -> None:
    hashes = [perceptual_hash(noise(seed)) for seed in range(3)]
    features = np.array([[1, 0], [0.96, 0.28], [0.85, 0.53]], np.float32)
    assert features[0] @ features[2] < 0.95 < features[1] @ features[2]
    assert near_duplicates(hashes, features, 0.95) == [0, 0, 0]


def pictures(root: Path, seeds: dict[str, list[int]]) -> Path:
    """A folder a class, with pictures of noise."""
    for label, some in seeds.items():
        (root / label).mkdir(parents=True)
        for seed in some:
            noise(seed).save(root / label / f"{seed}.png")
    return root


def test_outliers_are_none_of_the_classes_and_none_of_the_foreign_pictures(tmp_path: Path) -> None:
    pictures(tmp_path / "outliers", {"golf": [0, 1, 2], "judo": [3, 4]})
    pictures(tmp_path / "foreign" / "tune", {"golf": [9]})
    pictures(tmp_path / "foreign" / "valid", {"golf": [1], "rugby": [8]})
    foreign = load_foreign(tmp_path / "foreign")
    assert {split: [example.name for example in examples] for split, examples in foreign.items()} == {
        "tune": ["golf"],
        "valid": ["golf", "rugby"],
    }
    outliers = load_outliers(tmp_path / "outliers", ("judo",), [*foreign["tune"], *foreign["valid"]])
    assert [(example.path.name, example.name, example.label) for example in outliers] == [
        ("0.png", "golf", -1),
        ("2.png", "golf", -1),
    ]


def test_wrong_outliers_and_foreign_pictures_are_named(tmp_path: Path) -> None:
    pictures(tmp_path / "outliers", {"golf": [0]})
    with pytest.raises(TrainerError, match="no class judo"):
        load_outliers(tmp_path / "outliers", ("judo",), [])
    pictures(tmp_path / "foreign" / "tune", {"golf": [9]})
    with pytest.raises(TrainerError, match="no pictures in the split valid"):
        load_foreign(tmp_path / "foreign")
    (tmp_path / "outliers" / "golf" / "broken.jpg").write_bytes(b"no picture")
    judged = load_outliers(tmp_path / "outliers", (), [])[:1]
    with pytest.raises(TrainerError, match=r"broken\.jpg can't be used"):
        load_outliers(tmp_path / "outliers", (), judged)


def test_pictures_left_out_are_named_in_a_list(tmp_path: Path) -> None:
    folders(tmp_path / "data", {"a": 12, "b": 12})
    wrong = csv(tmp_path, "image_ID,reason", "a/3.jpg,wrong label", "b/0.jpg,ambiguous", name="wrong.csv")
    dataset = load(tmp_path / "data", wrong)
    names = {example_name(example) for example in dataset.train}
    assert len(names) == 22
    assert not names & {"a/3.jpg", "b/0.jpg"}
    assert notes(wrong, "reason") == {"a/3.jpg": "wrong label", "b/0.jpg": "ambiguous"}
    with pytest.raises(TrainerError, match=r"wrong\.csv has no column judgement"):
        notes(wrong, "judgement")
    with pytest.raises(TrainerError, match=r"nowhere\.csv can't be read"):
        load(tmp_path / "data", tmp_path / "nowhere.csv")


def test_lists_beside_the_shipped_configuration_can_be_read() -> None:
    config = load_config("sports7")
    assert config.left_out is not None
    assert config.judged is not None
    assert notes(config.left_out, "reason")
    assert set(notes(config.judged, "judgement").values()) <= {"wrong label", "ambiguous", "real miss"}
