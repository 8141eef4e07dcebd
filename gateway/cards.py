"""Which model answers, and what must be known of it?

A card lies beside each version of a model, at NAME/VERSION/assets.extra/card.json below the model folder. The cards say
which models there are, the model server which of their versions it serves. Labels, sizes and thresholds never come from
code.
"""

import json
import math
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from gateway.deadline import Deadline
from gateway.errors import ModelError, ModelRejected, ModelTimeout, ModelUnavailable, UnknownModel
from gateway.preprocessing import Resize, Scaling
from gateway.serving import ModelServer, NotServed, Signature
from protos import types_pb2

STATES_S = 1.0
"""How long states and cards are believed, in seconds."""
LONGEST_STATES_S = 10.0
"""How old states may be that are believed while they're asked for anew, or while the server doesn't say, in seconds."""
UINT8_SIGNATURE, FLOAT_SIGNATURE, EXPLAIN_SIGNATURE = "serve_uint8", "serving_default", "explain"
EXPLAIN_INPUTS = {"images": types_pb2.DT_UINT8, "class_index": types_pb2.DT_INT32}
AVAILABLE = "AVAILABLE"

Choice = int | str | None
"""A version by its number or by its label, or the newest."""
Side = Annotated[int, Field(ge=1, le=4096)]


class Card(BaseModel):
    """What the gateway must know of one version of a model; the file says more, for people."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    name: str
    version: PositiveInt
    labels: Annotated[tuple[str, ...], Field(min_length=2)]
    """Class names, in the order of the outputs."""
    input_size: tuple[Side, Side]
    """(height, width) of the images that the model takes."""
    preprocessing: Scaling
    """How the float32 signature wants its pixels scaled."""
    resize: Resize
    """How a picture is brought to `input_size`."""
    known_threshold: dict[Literal["float32", "bfloat16", "int8"], float]
    """Lowest `known_score` of a confident answer, by the precision that computed it."""


@dataclass(frozen=True)
class ServedVersion:
    """A version that answers: its card, the signature to call, and the one that explains, if there is one."""

    card: Card
    signature: Signature
    explanation: Signature | None

    @property
    def takes_uint8(self) -> bool:
        """Whether the signature scales in the graph."""
        return types_pb2.DT_UINT8 in self.signature.inputs.values()

    def __str__(self) -> str:
        return f"{self.card.name}/{self.card.version}"


@dataclass(frozen=True)
class Version:
    """A version in the model folder: its card or what is wrong with it, and its state."""

    number: int
    card: Card | None
    problem: str
    state: str
    precision: str | None
    """What it is computed in, where it answers."""
    document: dict[str, Any]
    """The whole card, as its file has it."""


@dataclass(frozen=True)
class _Known:
    """States of a model's versions, when they were last asked for, and when the server last said them."""

    asked: float
    heard: float
    states: dict[int, str]


_NOTHING_KNOWN = _Known(-math.inf, -math.inf, {})


class Cards:
    """The models of a folder, as a model server serves them.

    Args:
        folder: Holds NAME/VERSION/assets.extra/card.json.
        server: Is asked for states and signatures.
        default_model: Answers when no name is given; empty: the first by name.
    """

    def __init__(self, folder: Path, server: ModelServer, default_model: str = "") -> None:
        self._folder, self._server, self._default = folder, server, default_model
        self._lock = threading.Lock()
        self._states: dict[str, _Known] = {}
        self._read: tuple[float, dict[str, dict[int, tuple[Card | None, str, dict[str, Any]]]]] = (-STATES_S, {})
        self._signatures: dict[tuple[str, int], tuple[Signature, Signature | None]] = {}

    def resolve(self, name: str, version: Choice, deadline: Deadline) -> ServedVersion:
        """The version that answers.

        Args:
            name: The model, or empty for the default one.
            version: Its version's number or label, or None for the newest that is available.
            deadline: The request's.

        Raises:
            UnknownModel: No card knows the model or the version, the version isn't served, or there's no such label.
            ModelUnavailable: No version is available now.
        """
        name = name or self.default_model
        cards = self._cards_of(name)
        if isinstance(version, str):
            version = self._labelled(name, version, deadline)
        states = self._known_states(name, deadline)
        if isinstance(states, ModelError):
            raise states
        available = {
            number: card
            for number, (card, _, _) in cards.items()
            if card is not None and states.get(number) == AVAILABLE and version in (None, number)
        }
        if not available and version is not None:
            raise UnknownModel(f"Version {version} of the model {name} isn't served.")
        if not available:
            raise ModelUnavailable(f"no version of {name} is available")
        number = max(available)
        return ServedVersion(available[number], *self._chosen(name, number, deadline))

    @property
    def default_model(self) -> str:
        """The model that answers when no name is given.

        Raises:
            ModelUnavailable: There is no model at all.
        """
        names = self.names
        if not self._default and not names:
            raise ModelUnavailable(f"there are no cards below {self._folder}")
        return self._default or names[0]

    @property
    def names(self) -> list[str]:
        """The models that have cards, sorted."""
        return sorted(self._cards())

    def versions(self, name: str, deadline: Deadline) -> list[Version]:
        """Every version of a model that has a card, newest first.

        Raises:
            UnknownModel: No card knows the model.
        """
        cards = self._cards_of(name)
        states = self._known_states(name, deadline)
        known = states if isinstance(states, dict) else {}
        missing = "UNKNOWN" if isinstance(states, ModelError) else "NOT_SERVED"
        return [
            Version(number, card, problem, state, self._precision(name, number, state, deadline), document)
            for number, (card, problem, document) in sorted(cards.items(), reverse=True)
            for state in [known.get(number, missing)]
        ]

    def forget(self, served: ServedVersion) -> None:
        """Ask again: the model server says that it doesn't serve this version."""
        with self._lock:
            self._states.pop(served.card.name, None)
            self._signatures.pop((served.card.name, served.card.version), None)

    def _precision(self, name: str, version: int, state: str, deadline: Deadline) -> str | None:
        """Asked anew each time: a server that was restarted may compute in another."""
        try:
            return self._server.precision(name, version, deadline) if state == AVAILABLE else None
        except ModelError:
            return None

    def _labelled(self, name: str, label: str, deadline: Deadline) -> int:
        try:
            return self._server.labelled(name, label, deadline)
        except (ModelRejected, NotServed) as error:
            raise UnknownModel(f"No version of the model {name} is served as {label[:100]}.") from error

    def _known_states(self, name: str, deadline: Deadline) -> dict[int, str] | ModelError:
        """States by version, about STATES_S old; or why they can't be known.

        One request asks, and the others go on with what is known meanwhile. A server that is too busy to say is as it
        was.
        """
        with self._lock:
            known = self._states.get(name, _NOTHING_KNOWN)
            now = time.monotonic()
            if now - known.asked < STATES_S:
                return known.states
            if believed := now - known.heard < LONGEST_STATES_S:
                self._states[name] = replace(known, asked=now)
        try:
            states = self._server.status(name, deadline)
        except NotServed:
            states = {}
        except ModelTimeout as error:
            return known.states if believed else error
        except ModelError as error:
            with self._lock:
                self._states.pop(name, None)  # the next request finds out when the server is back
            return error
        with self._lock:
            now = time.monotonic()
            self._states[name] = _Known(now, now, states)
        return states

    def _chosen(self, name: str, version: int, deadline: Deadline) -> tuple[Signature, Signature | None]:
        """The signature to call, the one that takes uint8 where there is one; and the one that explains."""
        known = self._signatures.get((name, version))
        if known is not None:
            return known
        signatures = self._server.signatures(name, version, deadline)
        found = signatures.get(UINT8_SIGNATURE) or signatures.get(FLOAT_SIGNATURE)
        if found is None or len(found.inputs) != 1:
            raise ModelRejected(f"{name}/{version} has no signature with one input: {sorted(signatures)}")
        explanation = signatures.get(EXPLAIN_SIGNATURE)
        if explanation is not None and explanation.inputs != EXPLAIN_INPUTS:
            explanation = None
        self._signatures[name, version] = found, explanation
        return found, explanation

    def _cards_of(self, name: str) -> dict[int, tuple[Card | None, str, dict[str, Any]]]:
        cards = self._cards().get(name)
        if cards is None:
            raise UnknownModel(f"There is no model {name}.")
        return cards

    def _cards(self) -> dict[str, dict[int, tuple[Card | None, str, dict[str, Any]]]]:
        """Every card in the folder by name and version, at most STATES_S old."""
        with self._lock:
            read, cards = self._read
        if time.monotonic() - read < STATES_S:
            return cards
        cards = {}
        for path in self._folder.glob("*/*/assets.extra/card.json"):
            name, number = path.parts[-4], path.parts[-3]
            if number.isascii() and number.isdigit():
                cards.setdefault(name, {})[int(number)] = _load(path, name, int(number))
        with self._lock:
            self._read = (time.monotonic(), cards)
        return cards


def _load(path: Path, name: str, version: int) -> tuple[Card | None, str, dict[str, Any]]:
    """A card, or what is wrong with it; and the whole document."""
    try:
        document = json.loads(path.read_bytes())
        card = Card.model_validate(document)
    except ValidationError as error:
        wrong = error.errors()[0]
        return None, f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}", {}
    except (OSError, ValueError) as error:
        return None, str(error), {}
    if (card.name, card.version) != (name, version):
        return None, f"the card is of {card.name}/{card.version}", {}
    return card, "", document
