"""Which versions are used, with a real model server behind and cards that tests spoil."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.admission import Admission
from gateway.cards import Cards
from gateway.classifier import Answer, Classifier, Timings, answer
from gateway.deadline import Deadline
from gateway.errors import ModelRejected, ModelUnavailable, UnknownModel
from gateway.serving import ModelServer, Outputs
from gateway.slots import DecodeSlots
from protos import get_model_status_pb2, model_service_pb2_grpc
from tests.conftest import Running, TinyModel, running_model_server
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


def test_int8_answers_have_their_own_threshold_and_explanations_the_full_one(
    tiny_model: TinyModel, tmp_path: Path
) -> None:
    version = tmp_path / "quick" / "1"
    shutil.copytree(tiny_model.quick, version)
    card = version / "assets.extra" / "card.json"
    thresholds = {"float32": 1.01, "int8": 0.0}
    card.write_text(json.dumps({**json.loads(card.read_text()), "known_threshold": thresholds}))
    flags = ("--model_name=quick", f"--model_base_path={version.parent}", "--engine_precision=int8")
    with running_model_server(*flags) as running:
        client = ModelServer(running.address)
        cards = Cards(tmp_path, client)
        classifier = Classifier(cards, client, DecodeSlots(), Admission(1))
        assert [one.precision for one in cards.versions("quick", Deadline(5))] == ["int8"]
        assert classifier.classify(jpeg(), "quick", None, Deadline(5)).confident
        explained = classifier.explain(jpeg(), "", "quick", None, Deadline(20), Timings())
        assert not explained.answer.confident
        client.close()


class Busy(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]
    """Says at once which version there is, until it's made to hang."""

    def __init__(self) -> None:
        self.free, self.asked, self.calls = threading.Event(), threading.Event(), 0
        self.free.set()

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls += 1
        self.asked.set()
        self.free.wait(10)
        status = get_model_status_pb2.ModelVersionStatus(version=1, state="AVAILABLE")
        return get_model_status_pb2.GetModelStatusResponse(model_version_status=[status])


@pytest.fixture
def busy() -> Iterator[tuple[Busy, ModelServer, grpc.Server]]:
    service, server = Busy(), grpc.server(ThreadPoolExecutor(4))
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = ModelServer(f"127.0.0.1:{port}")
    yield service, client, server
    service.free.set()
    client.close()
    server.stop(None).wait()


def states(cards: Cards, deadline_s: float = 5) -> list[str]:
    return [version.state for version in cards.versions("tiny", Deadline(deadline_s))]


def test_server_that_is_too_busy_to_say_is_as_it_was(
    busy: tuple[Busy, ModelServer, grpc.Server], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, client, server = busy
    monkeypatch.setattr("gateway.cards.STATES_S", 0.0)
    cards = Cards(folder, client)
    assert states(cards) == ["AVAILABLE"]
    service.free.clear()
    assert states(cards, 0.2) == ["AVAILABLE"]
    assert states(cards, 0.2) == ["AVAILABLE"]
    with monkeypatch.context() as later:
        later.setattr("gateway.cards.LONGEST_STATES_S", 0.3)  # it has been silent for longer
        assert states(cards, 0.2) == ["UNKNOWN"]
    service.free.set()
    assert states(cards) == ["AVAILABLE"]
    server.stop(None).wait()
    assert states(cards) == ["UNKNOWN"]
    assert states(cards) == ["UNKNOWN"], "nothing old is believed once the server is away"


def test_one_request_asks_and_the_others_go_on(
    busy: tuple[Busy, ModelServer, grpc.Server], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, client, _ = busy
    cards = Cards(folder, client)
    assert states(cards) == ["AVAILABLE"]
    monkeypatch.setattr("gateway.cards.STATES_S", -1.0)  # what is known is old
    service.free.clear()
    service.asked.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(states, cards)
        assert service.asked.wait(5)
        monkeypatch.setattr("gateway.cards.STATES_S", 60.0)
        assert states(cards) == ["AVAILABLE"]
        assert service.calls == 2
        service.free.set()
        assert first.result(5) == ["AVAILABLE"]
