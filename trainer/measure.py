"""What is an exported model worth where it is served? Its answers are measured, and written into its card."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.config import Config
from trainer.data import Dataset, Example, Foreign
from trainer.evaluate import KEPT, report, threshold
from trainer.known import auroc
from trainer.robustness import HARDSHIPS
from trainer.served import Answers, answered, served_answers
from trainer.split import held_back_examples


def evaluated(
    version: Path, config: Config, examples: Sequence[Example], labels: tuple[str, ...], precision: str
) -> tuple[dict[str, Any], Answers]:
    """What the exported model's answers to labelled pictures are worth (`trainer.evaluate.report`), and the answers."""
    given = answered(version, config, examples, precision)
    return report(given.probabilities, np.array([example.label for example in examples]), labels), given


def robustness(version: Path, config: Config, examples: Sequence[Example], precision: str) -> dict[str, float]:
    """The share of right answers by what was done to the pictures; printed as well."""
    truth = np.array([example.label for example in examples])
    shares = {}
    for name, change in HARDSHIPS.items():
        worse = answered(version, config, examples, precision, change=change)
        shares[name] = round(float((worse.probabilities.argmax(axis=1) == truth).mean()), 4)
        print(f"  {name:<16} {shares[name]:.1%}", flush=True)
    return shares


def record(
    version: Path,
    config: Config,
    dataset: Dataset,
    run: Path,
    foreign: Foreign | None,
    precision: str,
    more: dict[str, Any],
) -> None:
    """Measure the exported model in a precision and write threshold and metrics, and `more` of them, into its card."""
    path = version / "assets.extra" / "card.json"
    written = read_card(path)
    measured: dict[str, Any] = {}
    scores: dict[str, NDArray[np.float32]] = {}
    for name, examples in (("held_back", held_back_examples(config, dataset, run)), ("valid", dataset.valid)):
        if not examples:
            continue
        measured[name], given = evaluated(version, config, examples, dataset.labels, precision)
        scores[name] = given.known_score
        if name == "held_back":
            written["known_threshold"][precision] = threshold(given.known_score)
        kept = float((given.known_score >= written["known_threshold"][precision]).mean())
        measured[name]["confident"] = round(kept, 4)
    if foreign is not None:
        given = answered(version, config, foreign["valid"], precision)
        seen = set(written["data"].get("outliers", {}).get("classes", ()))
        known = scores.get("valid", scores["held_back"])
        least = written["known_threshold"][precision]
        measured["foreign"] = foreign_report(known, given.known_score, least, foreign["valid"], seen)
    written["metrics"][precision] = measured | more
    written["metrics"]["note"] = f"known_threshold keeps {KEPT:.0%} of the held-back pictures; valid only reports."
    write_card(path, written)


def foreign_report(
    known: NDArray[np.float32],
    scores: NDArray[np.float32],
    least: float,
    examples: Sequence[Example],
    seen: Collection[str],
) -> dict[str, Any]:
    """How well foreign pictures are told from known ones.

    Args:
        known: `known_score` of pictures of the classes that the network wasn't trained on.
        scores: `known_score` of the foreign pictures.
        least: The threshold: what is below is flagged as not confident.
        examples: The foreign pictures.
        seen: Classes of the outliers in training.

    Returns:
        `pictures`, `flagged` and `auroc`, of all and under `unseen` of the classes that training never saw.
    """
    unseen = np.array([example.name not in seen for example in examples])

    def told(some: NDArray[np.float32]) -> dict[str, Any]:
        flagged = round(float((some < least).mean()), 4)
        return {"pictures": len(some), "flagged": flagged, "auroc": round(auroc(known, some), 4)}

    return {**told(scores), "unseen": told(scores[unseen])} if unseen.any() else told(scores)


def agreement(version: Path, config: Config, dataset: Dataset, precision: str) -> dict[str, Any]:
    """How many of the data set's pictures get the top class in a precision that they get in float32.

    Both are asked of the embedded server.

    Returns:
        `pictures`, all of `train` and `valid`, and the `share` of them.
    """
    examples = [*dataset.train, *dataset.valid]
    full, other = (
        served_answers(version, config, examples, asked).probabilities.argmax(axis=1)
        for asked in ("float32", precision)
    )
    return {"pictures": len(examples), "share": round(float((full == other).mean()), 4)}


def read_card(path: Path) -> dict[str, Any]:
    """The card in a file."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def write_card(path: Path, written: dict[str, Any]) -> None:
    """Write the card, a key a line, in UTF-8."""
    path.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
