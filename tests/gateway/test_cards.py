"""Which versions are used, with a real model server behind and cards that tests spoil."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.admission import Admission
from gateway.cards import Cards
from gateway.classifier import Answer, Classifier, answer
from gateway.deadline import Deadline
from gateway.errors import ModelRejected, ModelUnavailable, UnknownModel
from gateway.serving import ModelServer, Outputs
from gateway.slots import DecodeSlots
from tests.conftest import Running, TinyModel
from tests.pictures import jpeg

Spoil = Callable[[dict[str, Any]], Any]


@pytest.fixture
def server(model_server: Running) -> Iterator[ModelServer]:
    client = ModelServer(model_server.address)
    yield client
    client.close()


@pytest.fixture
def folder(tiny_model: TinyModel, tmp_path: Path) -> Path:
    """A model folder of the test's own, with the card of tiny/1."""
    card = Path("tiny/1/assets.extra/card.json")
    (tmp_path / card).parent.mkdir(parents=True)
    shutil.copyfile(tiny_model.models / card, tmp_path / card)
    return tmp_path


def rewrite(folder: Path, change: Spoil, version: int = 1) -> None:
    path = folder / "tiny/1/assets.extra/card.json"
    card = json.loads(path.read_text())
    change(card)
    target = folder / f"tiny/{version}/assets.extra/card.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda card: card.pop("labels"), "labels"),
        (lambda card: card.update(labels=["one"]), "labels"),
        (lambda card: card.update(input_size=[0, 32]), "input_size.0"),
        (lambda card: card.update(preprocessing="mine"), "preprocessing"),
        (lambda card: card["resize"].update(filter="nearest"), "resize.filter"),
        (lambda card: card.update(known_threshold={"float8": 1}), "known_threshold.float8"),
        (lambda card: card.update(name="other"), "other/1"),
        (lambda card: card.update(version=2), "tiny/2"),
    ],
)
def test_unusable_card_is_named_and_not_used(server: ModelServer, folder: Path, spoil: Spoil, problem: str) -> None:
    rewrite(folder, spoil)
    cards = Cards(folder, server)
    (version,) = cards.versions("tiny", Deadline(5))
    assert version.card is None
    assert problem in version.problem
    with pytest.raises(ModelUnavailable):
        cards.resolve("tiny", None, Deadline(5))


def test_card_of_a_version_that_is_not_served_is_passed_over(server: ModelServer, folder: Path) -> None:
    rewrite(folder, lambda card: card.update(version=2), version=2)
    cards = Cards(folder, server)
    assert [(version.number, version.state) for version in cards.versions("tiny", Deadline(5))] == [
        (2, "NOT_SERVED"),
        (1, "AVAILABLE"),
    ]
    assert str(cards.resolve("", None, Deadline(5))) == "tiny/1"
    with pytest.raises(UnknownModel):
        cards.resolve("tiny", 2, Deadline(5))


def test_no_cards_at_all_is_no_model(server: ModelServer, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        Cards(tmp_path, server).resolve("", None, Deadline(5))


def test_default_model_is_the_settings_or_the_first(server: ModelServer, folder: Path) -> None:
    shutil.copytree(folder / "tiny", folder / "also")
    assert Cards(folder, server).default_model == "also"
    assert Cards(folder, server, "tiny").default_model == "tiny"


def test_uint8_signature_is_preferred(server: ModelServer, folder: Path) -> None:
    served = Cards(folder, server).resolve("tiny", None, Deadline(5))
    assert served.signature.name == "serve_uint8"
    assert served.takes_uint8


def classified(server: ModelServer, folder: Path) -> Answer:
    classifier = Classifier(Cards(folder, server), server, DecodeSlots(), Admission(1))
    return classifier.classify(jpeg(), "tiny", None, Deadline(5))


@pytest.mark.parametrize(("threshold", "confident"), [(0.0, True), (1.01, False)])
def test_confident_is_the_cards_threshold(server: ModelServer, folder: Path, threshold: float, confident: bool) -> None:
    rewrite(folder, lambda card: card.update(known_threshold={"float32": threshold}))
    assert classified(server, folder).confident is confident


def test_precision_without_a_threshold_is_never_confident(server: ModelServer, folder: Path) -> None:
    rewrite(folder, lambda card: card.update(known_threshold={"int8": 0.0}))
    assert classified(server, folder).confident is False


def test_labels_that_do_not_fit_the_outputs_are_refused(server: ModelServer, folder: Path) -> None:
    rewrite(folder, lambda card: card.update(labels=["a", "b"]))
    with pytest.raises(ModelRejected):
        classified(server, folder)


def test_missing_probabilities_are_refused(server: ModelServer, folder: Path) -> None:
    served = Cards(folder, server).resolve("tiny", None, Deadline(5))
    with pytest.raises(ModelRejected):
        answer(Outputs({}, "float32"), served)
