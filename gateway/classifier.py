"""How does a picture become an answer? Five steps, whoever asks and wherever the picture came from."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gateway.admission import Admission
from gateway.cards import Card, Cards, Choice, ServedVersion
from gateway.deadline import Deadline
from gateway.errors import InvalidRequest, ModelRejected, NotExplainable
from gateway.images import DecodeScale, decode
from gateway.preprocessing import Images, scale, to_tensor
from gateway.serving import ModelServer, NotServed, Outputs, Signature
from gateway.slots import DecodeSlots

Result = TypeVar("Result")


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


@dataclass(frozen=True)
class Explanation:
    """What in the picture speaks for a class."""

    answer: Answer
    label: str
    """The class that is explained."""
    heatmap: NDArray[np.float32]
    """float32 (h, w) in [0, 1]: how much each cell of what the model saw speaks for the class."""


class Classifier:
    """Answers pictures.

    Args:
        cards: Say which model answers.
        server: Computes.
        slots: Turns at decoding.
        admission: Learns how long the model server takes.
    """

    def __init__(self, cards: Cards, server: ModelServer, slots: DecodeSlots, admission: Admission) -> None:
        self._cards, self._server, self._slots, self._admission = cards, server, slots, admission

    def classify(
        self, picture: bytes, model: str, version: Choice, deadline: Deadline, timings: Timings | None = None
    ) -> Answer:
        """What a model says of a picture.

        Args:
            picture: A whole picture file.
            model: The model's name, or empty for the default one.
            version: Its version's number or label, or None for the newest.
            deadline: The request's.
            timings: Gets the time of each step.

        Raises:
            UnknownModel, ImageUnreadable, ImageTooLarge, ModelError
        """
        timings = timings or Timings()

        def classified(served: ServedVersion) -> Answer:
            images = self._prepare(picture, served.card, deadline, timings)
            (name,) = served.signature.inputs
            tensor = images if served.takes_uint8 else scale(images, served.card.preprocessing)
            return answer(self._compute(served, served.signature, {name: tensor}, deadline, timings), served)

        return self._with_served(model, version, deadline, classified)

    def explain(
        self, picture: bytes, label: str, model: str, version: Choice, deadline: Deadline, timings: Timings
    ) -> Explanation:
        """What in the picture speaks for a class.

        Args:
            picture: A whole picture file.
            label: The class, or empty for the top one.
            model: The model's name, or empty for the default one.
            version: Its version's number or label, or None for the newest.
            deadline: The request's.
            timings: Gets the time of each step.

        Raises:
            InvalidRequest: The model has no such class.
            NotExplainable: The model can't explain.
            UnknownModel, ImageUnreadable, ImageTooLarge, ModelError
        """

        def explained(served: ServedVersion) -> Explanation:
            labels = served.card.labels
            if label and label not in labels:
                raise InvalidRequest(f"{served} has no class {label}; it has {', '.join(labels)}.")
            if served.explanation is None:
                raise NotExplainable(f"{served} has no signature that explains")
            index = np.array([labels.index(label) if label else -1], np.int32)
            inputs: dict[str, NDArray[Any]] = {
                "images": self._prepare(picture, served.card, deadline, timings),
                "class_index": index,
            }
            outputs = self._compute(served, served.explanation, inputs, deadline, timings)
            answered, heatmap = answer(outputs, served), outputs.arrays.get("heatmap", np.empty(0))
            if heatmap.ndim != 3 or len(heatmap) != 1 or not np.isfinite(heatmap).all():
                raise ModelRejected(f"{served} gave a heatmap of shape {heatmap.shape}")
            return Explanation(answered, label or answered.label, heatmap[0])

        return self._with_served(model, version, deadline, explained)

    def _with_served(
        self, model: str, version: Choice, deadline: Deadline, use: Callable[[ServedVersion], Result]
    ) -> Result:
        """Use the version that answers; once more if it went away since its state was asked for."""
        served = self._cards.resolve(model, version, deadline)
        try:
            return use(served)
        except NotServed:
            self._cards.forget(served)
            return use(self._cards.resolve(model, version, deadline))

    def _prepare(self, picture: bytes, card: Card, deadline: Deadline, timings: Timings) -> Images:
        """The picture as the card's model wants it: uint8 (1, H, W, 3)."""
        with timings.step("decode"):
            image = self.decode(picture, card.input_size, card.resize.decode_scale, deadline)
        with timings.step("preprocess"):
            return to_tensor(image, card.input_size, card.resize)

    def decode(self, picture: bytes, size: tuple[int, int], scale: DecodeScale, deadline: Deadline) -> Image.Image:
        """The picture as an image, when there is a turn for it (`gateway.images.decode`).

        Raises:
            Overloaded: There was none before the deadline.
            ImageUnreadable, ImageTooLarge
        """
        return decode(picture, size, scale, lambda pixels: self._slots.turn(pixels, deadline))

    def _compute(
        self,
        served: ServedVersion,
        signature: Signature,
        inputs: dict[str, NDArray[Any]],
        deadline: Deadline,
        timings: Timings,
    ) -> Outputs:
        with timings.step("model"), self._admission.at_model():
            return self._server.predict(served.card.name, served.card.version, signature, inputs, deadline)


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
