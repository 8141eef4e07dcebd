"""How is an evaluation told? As JSON for programs, and as one HTML page with its plots and its worst mistakes.

The page holds photographs of the data set, so it lies in the run's folder; the plots alone may be shown elsewhere.
"""

import base64
import html
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trainer.config import Config
from trainer.data import Dataset, Example, example_name
from trainer.evaluate import reliability
from trainer.features import read

MOST_MISTAKES = 60
_THUMBNAIL = (180, 180)
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
td, th { padding: .25rem .75rem; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child { text-align: left; } img { max-width: 100%; }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { font-size: 13px; }
"""


def confusion_plot(result: dict[str, Any], labels: Sequence[str]) -> bytes:
    """The confusion matrix as PNG: rows are the truth, a row's shades are its shares."""
    counts = np.array(result["confusion"])
    figure = Figure(figsize=(1.8 + 0.62 * len(labels), 1.4 + 0.55 * len(labels)), layout="constrained")
    axis = figure.subplots()
    axis.imshow(counts / np.maximum(1, counts.sum(axis=1, keepdims=True)), cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(labels)), labels, rotation=40, ha="right")
    axis.set_yticks(range(len(labels)), labels)
    axis.set(xlabel="answer", ylabel="truth")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            shade = "white" if count > counts[row].sum() / 2 else "black"
            axis.text(column, row, str(count), ha="center", va="center", color=shade, fontsize=9)
    return _png(figure)


def reliability_plot(confidence: NDArray[np.float32], right: NDArray[np.bool_], ece: float) -> bytes:
    """The reliability diagram as PNG: how often answers of a confidence are right."""
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axis = figure.subplots()
    bins = reliability(confidence, right)
    axis.plot([0, 1], [0, 1], color="#999", linewidth=1)
    axis.bar([row[0] for row in bins], [row[2] for row in bins], width=0.06, color="#0969da", alpha=0.8)
    for middle, _, share, count in bins:
        axis.text(middle, min(share + 0.015, 1.01), str(count), ha="center", fontsize=7)
    axis.set(xlim=(0, 1), ylim=(0, 1.06), xlabel="confidence", ylabel="share that is right", title=f"ECE {ece:.3f}")
    axis.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def write(
    folder: Path,
    config: Config,
    result: dict[str, Any],
    examples: Sequence[Example],
    probabilities: NDArray[np.float32],
    labels: Sequence[str],
    judged: Mapping[str, str],
) -> Path:
    """Write `report.json`, the plots and `index.html` into the folder.

    Args:
        folder: Made if it isn't there.
        config: The run; says how pictures are read for the contact sheet.
        result: `trainer.evaluate.report`, and what else was measured.
        examples: The pictures that were answered.
        probabilities: float32 (pictures, num_classes), their answers.
        labels: The classes' names.
        judged: What somebody said of a mistake, by the picture's name: wrong label, ambiguous, real miss.

    Returns:
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    truth = np.array([example.label for example in examples])
    right = probabilities.argmax(axis=1) == truth
    plots = {
        "confusion.png": confusion_plot(result, labels),
        "reliability.png": reliability_plot(probabilities.max(axis=1), right, result["ece"]),
    }
    for name, png in plots.items():
        (folder / name).write_bytes(png)
    (folder / "report.json").write_text(json.dumps(result, indent=1) + "\n")
    page = folder / "index.html"
    shown = "".join(f'<img src="{_data("png", png)}" alt="{name}">' for name, png in plots.items())
    body = f"{_summary(result)}{shown}{_tables(result)}{_mistakes(config, examples, probabilities, labels, judged)}"
    page.write_text(f'<!doctype html><meta charset="utf-8"><title>Evaluation</title><style>{_STYLE}</style>{body}\n')
    return page


def _summary(result: dict[str, Any]) -> str:
    (low, high), (ece_low, ece_high) = result["interval"], result["ece_interval"]
    title = html.escape(f"{result['model']} on {result['split']}, {result['precision']}")
    right = f"{result['accuracy']:.2%} of {result['pictures']} pictures are right"
    certain = f"(95 % interval {low:.1%} to {high:.1%})"
    calibrated = f"ECE {result['ece']:.3f} ({ece_low:.3f} to {ece_high:.3f})"
    return f"<h1>{title}</h1><p>{right} {certain}. {calibrated}, cross entropy {result['cross_entropy']:.3f}.</p>"


def _tables(result: dict[str, Any]) -> str:
    classes = [
        (label, f"{row['precision']:.1%}", f"{row['recall']:.1%}", f"{row['f1']:.1%}", row["pictures"])
        for label, row in result["by_class"].items()
    ]
    tables = "<h2>By class</h2>" + _table(("class", "precision", "recall", "F1", "pictures"), classes)
    if result.get("robustness"):
        rows = [(name, f"{share:.1%}") for name, share in result["robustness"].items()]
        tables += "<h2>Robustness</h2>" + _table(("pictures", "right"), rows)
    return tables


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def contact_sheet(
    folder: Path, config: Config, examples: Sequence[Example], probabilities: NDArray[np.float32], dataset: Dataset
) -> Path:
    """A page of pictures whose answers contradict their labels, in the order given.

    Returns:
        `folder/index.html`.
    """
    page = folder / "index.html"
    shown = _figures(config, examples, probabilities, dataset.labels, {})
    title = f"<h1>{len(examples)} doubtful labels</h1>"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><title>Doubtful labels</title><style>{_STYLE}</style>{title}{shown}\n'
    )
    return page


def _mistakes(
    config: Config,
    examples: Sequence[Example],
    probabilities: NDArray[np.float32],
    labels: Sequence[str],
    judged: Mapping[str, str],
) -> str:
    """The wrong answers, the surest first, and how many were judged to be what."""
    truth = np.array([example.label for example in examples])
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != truth)
    wrong = wrong[np.argsort(-probabilities[wrong, answers[wrong]])][:MOST_MISTAKES]
    mistaken = [examples[int(place)] for place in wrong]
    shown = _figures(config, mistaken, probabilities[wrong], labels, judged)
    counts = Counter(judged.get(example_name(example), "not judged") for example in mistaken)
    said = html.escape(", ".join(f"{count} {judgement}" for judgement, count in counts.most_common()))
    return f"<h2>{len(wrong)} mistakes, the surest first</h2><p>{said}</p>{shown}"


def _figures(
    config: Config,
    examples: Sequence[Example],
    probabilities: NDArray[np.float32],
    labels: Sequence[str],
    judged: Mapping[str, str],
) -> str:
    figures = []
    for example, row in zip(examples, probabilities, strict=True):
        image = read(example.path, config.input_size, config.resize)
        image.thumbnail(_THUMBNAIL)
        out = BytesIO()
        image.save(out, "JPEG", quality=85)
        said = f"{labels[row.argmax()]} {row.max():.2f}, is {labels[example.label]}"
        judgement = judged.get(example_name(example))
        caption = html.escape(f"{said}{f': {judgement}' if judgement else ''} ({example.path.name})")
        picture = f'<img src="{_data("jpeg", out.getvalue())}" alt="">'
        figures.append(f"<figure>{picture}<figcaption>{caption}</figcaption></figure>")
    return f"<div class=mistakes>{''.join(figures)}</div>"


def _png(figure: Figure) -> bytes:
    out = BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def _data(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
