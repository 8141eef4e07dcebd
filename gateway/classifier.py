"""How does a picture become an answer? Five steps, whoever asks and wherever the picture came from."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from gateway.cards import Cards, ServedVersion
from gateway.deadline import Deadline
from gateway.errors import ModelRejected
from gateway.images import decode
from gateway.preprocessing import scale, to_tensor
from gateway.serving import ModelServer, NotServed, Outputs


@dataclass
class Timings:
    """Milliseconds by step, in the order of the steps."""

    ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count the block's time for the step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.ms[name] = self.ms.get(name, 0.0) + 1000 * (time.perf_counter() - start)


@dataclass(frozen=True)
class Answer:
    """What the model says of a picture."""

    served: ServedVersion
    label: str
    confidence: float
    """The largest probability, 0 to 1."""
    confident: bool
    """Whether the picture is enough like the training pictures to trust the label."""
    probabilities: dict[str, float]
    """Every label's probability, in the card's order."""


class Classifier:
    """Answers pictures.

    Args:
        cards: Say which model answers.
        server: Computes.
    """

    def __init__(self, cards: Cards, server: ModelServer) -> None:
        self._cards, self._server = cards, server

    def classify(
        self, picture: bytes, model: str, version: int | None, deadline: Deadline, timings: Timings | None = None
    ) -> Answer:
        """What a model says of a picture.

        Args:
            picture: A whole picture file.
            model: The model's name, or empty for the default one.
            version: Its version, or None for the newest.
            deadline: The request's.
            timings: Gets the time of each step.

        Raises:
            UnknownModel, ImageUnreadable, ImageTooLarge, ModelError
        """
        timings = timings or Timings()
        served = self._cards.resolve(model, version, deadline)
        try:
            return self._answer(picture, served, deadline, timings)
        except NotServed:  # it went away since its state was asked for: once more, with what is there now
            self._cards.forget(served)
            return self._answer(picture, self._cards.resolve(model, version, deadline), deadline, timings)

    def _answer(self, picture: bytes, served: ServedVersion, deadline: Deadline, timings: Timings) -> Answer:
        card = served.card
        with timings.step("decode"):
            image = decode(picture, card.input_size, card.resize.decode_scale)
        with timings.step("preprocess"):
            images = to_tensor(image, card.input_size, card.resize)
            tensor = images if served.takes_uint8 else scale(images, card.preprocessing)
        with timings.step("model"):
            outputs = self._server.predict(card.name, card.version, served.signature, tensor, deadline)
        return answer(outputs, served)


def answer(outputs: Outputs, served: ServedVersion) -> Answer:
    """The outputs in the card's words.

    Raises:
        ModelRejected: The outputs don't fit the card.
    """
    labels = served.card.labels
    probabilities = outputs.arrays.get("probabilities", np.empty(0))
    if probabilities.shape != (1, len(labels)) or not np.isfinite(probabilities).all():
        raise ModelRejected(f"{served} gave probabilities of shape {probabilities.shape} for {len(labels)} labels")
    by_label = dict(zip(labels, map(float, probabilities[0]), strict=True))
    label = max(by_label, key=by_label.__getitem__)
    known_score = float(outputs.arrays.get("known_score", probabilities.max(axis=1))[0])
    threshold = served.card.known_threshold.get(outputs.precision, np.inf)  # type: ignore[call-overload]
    return Answer(served, label, by_label[label], bool(known_score >= threshold), by_label)
