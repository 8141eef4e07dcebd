"""Calls that meet in one engine."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from time import sleep

import numpy as np
import openvino
import pytest
from numpy.typing import NDArray

import model.engine
from model.cache import converted
from model.engine import Engine, graphs_of
from tests.conftest import TinyModel


@pytest.mark.parametrize("streams", [1, 2, 3])
def test_calls_that_meet_get_their_own_answers(tiny_model: TinyModel, streams: int) -> None:
    engine = Engine(graphs_of(converted(tiny_model.models / "tiny" / "1")), "float32", streams)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (1 + number % 3, 32, 40, 3), np.uint8) for number in range(24)]

    def answer(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        return engine.run("serve_uint8", {"images": picture}, ["probabilities"], 60)["probabilities"]

    alone = [answer(picture) for picture in pictures]
    assert not any(np.array_equal(*pair) for pair in pairwise(alone))
    with ThreadPoolExecutor(8) as callers:
        for one, other in zip(alone, callers.map(answer, pictures), strict=True):
            np.testing.assert_allclose(other, one, atol=1e-6)


def test_no_more_threads_than_the_quota_allows(tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.engine, "bound_cores", lambda: 8)
    monkeypatch.setattr(model.engine, "usable_cores", lambda: 1)
    graphs, options = graphs_of(converted(tiny_model.models / "tiny" / "1")), []
    compile_model = openvino.Core.compile_model

    def compiled(core: openvino.Core, path: Path, device: str, given: dict[str, object]) -> openvino.CompiledModel:
        made = compile_model(core, path, device, given)
        options.append((made.get_property("INFERENCE_NUM_THREADS"), made.get_property("ENABLE_CPU_PINNING")))
        return made

    monkeypatch.setattr(openvino.Core, "compile_model", compiled)
    engine = Engine(graphs, "float32", 1)
    assert set(options) == {(1, False)}
    images = {"images": np.zeros((1, 32, 40, 3), np.uint8)}
    assert engine.run("serve_uint8", images, ["logits"], 1)["logits"].shape == (1, 3)


@pytest.mark.parametrize("streams", [1, 2])
def test_waiting_for_a_stream_has_an_end(tiny_model: TinyModel, streams: int) -> None:
    engine = Engine(graphs_of(converted(tiny_model.models / "tiny" / "1")), "float32", streams)
    images = {"images": np.zeros((1, 32, 40, 3), np.uint8)}
    with ExitStack() as others:
        for _ in range(1 if streams == 1 else 1 + streams):  # on all cores, and beside it
            others.enter_context(engine._stream(1))
        with pytest.raises(TimeoutError):
            engine.run("serve_uint8", images, ["logits"], 0.01)
    assert engine.run("serve_uint8", images, ["logits"], 1)["logits"].shape == (1, 3)


def test_first_come_is_first_served(tiny_model: TinyModel) -> None:
    engine = Engine(graphs_of(converted(tiny_model.models / "tiny" / "1")), "float32", 1)
    served: list[int] = []

    def call(number: int) -> None:
        with engine._stream(30):
            served.append(number)

    with ThreadPoolExecutor(8) as callers, engine._stream(1):
        for number in range(8):
            callers.submit(call, number)
            while len(engine._whole._waiting) <= number:
                sleep(0.001)
        with pytest.raises(TimeoutError), engine._stream(0):  # whoever gives up is passed over
            pass
    assert served == list(range(8))
