"""Fills in what the documents take from the code and the card: python -m docs.build [--check]

README.md has blocks between `<!-- NAME -->` and `<!-- /NAME -->`; docs/*.svg are drawn, and each model's README.md is
written. With --check nothing is written, and what is out of date is named.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from docs import figures
from docs.architecture import drawing
from docs.model_card import model_card
from gateway.settings import Address, Settings, variable

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "model"
SHOWN = "sports7"
"""The model whose figures the README shows, in its newest version."""


def settings_table() -> str:
    """Every setting with its default and its meaning."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for kind in (Settings, Address):
        for name, field in kind.model_fields.items():
            default = "the user's state folder" if name == "data_dir" else _default(field.default)
            rows.append(f"| `{variable(kind, name)}` | {default} | {field.description} |")
    return "\n".join(rows)


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return "`on`" if value else "`off`"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Path):
        return f"the checkout's `{value.relative_to(ROOT)}/`"
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    return f"`{value}`" if value not in ("", None) else "empty"


def cards(model: Path) -> list[dict[str, Any]]:
    """The card of every version of a model, the oldest first."""
    found = [json.loads(path.read_text()) for path in model.glob("*/assets.extra/card.json")]
    return sorted(found, key=lambda card: int(card["version"]))


def precisions(card: dict[str, Any]) -> dict[str, Any]:
    """What was measured, by the precision that computed it."""
    return {name: measured for name, measured in card["metrics"].items() if isinstance(measured, dict)}


def accuracy(card: dict[str, Any]) -> str:
    """How good the model is, from its card."""
    rows = [
        "| precision | right on `valid` | 95 % interval | as float32 | ECE | confident | foreign flagged | of unseen "
        "| AUROC |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, measured in precisions(card).items():
        valid, foreign = measured["valid"], measured["foreign"]
        low, high = valid["interval"]
        alike = f"{measured['agreement']['share']:.2%}" if "agreement" in measured else ""
        shares = f"{valid['accuracy']:.1%} | {low:.1%} to {high:.1%} | {alike} | {valid['ece']:.3f}"
        told = f"{foreign['flagged']:.1%} | {foreign['unseen']['flagged']:.1%} | {foreign['auroc']:.3f}"
        rows.append(f"| {name} | {shares} | {valid['confident']:.1%} | {told} |")
    classes = ["", "| class | precision | recall | pictures |", "| --- | --- | --- | --- |"]
    for label, row in precisions(card)["float32"]["valid"]["by_class"].items():
        classes.append(f"| {label} | {row['precision']:.1%} | {row['recall']:.1%} | {row['pictures']} |")
    return "\n".join([*rows, *classes])


def known_scores(card: dict[str, Any]) -> str:
    """The scores that were compared, the best on the half that chooses first."""
    rows = [
        "| score | flagged, `tune` | AUROC | flagged, `valid` | of unseen classes |",
        "| --- | --- | --- | --- | --- |",
    ]
    scores = sorted(card["known_scores"].items(), key=lambda item: -item[1]["tune"]["flagged"])
    for name, told in scores:
        tune, valid, unseen = (told[split] for split in ("tune", "valid", "unseen"))
        row = (
            f"`{name}` | {tune['flagged']:.1%} | {tune['auroc']:.3f} | {valid['flagged']:.1%} | {unseen['flagged']:.1%}"
        )
        rows.append(f"| {row} |")
    return "\n".join(rows)


def plots(card: dict[str, Any]) -> dict[Path, str]:
    """The card's drawings."""
    drawn = {}
    measured = precisions(card)["float32"]["valid"]
    name = f"{card['name']}/{card['version']} on valid"
    drawn["confusion.svg"] = figures.confusion(card["labels"], measured["confusion"], name)
    drawn["reliability.svg"] = figures.reliability(measured["reliability"], measured["ece"], name)
    for of in precisions(card).values():
        if "robustness" in of:
            drawn["robustness.svg"] = figures.robustness(of["robustness"], of["valid"]["accuracy"], name)
    return {ROOT / "docs" / name: svg for name, svg in drawn.items()}


def documents() -> dict[Path, str]:
    """What every built document should hold."""
    readme = (ROOT / "README.md").read_text()
    shown = cards(MODELS / SHOWN)[-1]
    measured = {
        name: (ROOT / "bench" / "results" / f"{name}.md").read_text().strip()
        for name in ("pixels", "service", "explain", "precision")
    }
    taken = {"settings": settings_table(), "figures": accuracy(shown), "known": known_scores(shown)}
    for name, text in {**taken, **measured}.items():
        readme = _filled(readme, name, text)
    pages = {model / "README.md": model_card(cards(model)) for model in sorted(MODELS.iterdir()) if cards(model)}
    return {
        ROOT / "README.md": readme,
        ROOT / "docs" / "architecture.svg": drawing(),
        **plots(shown),
        **pages,
    }


def _filled(document: str, name: str, text: str) -> str:
    """The document with the block's text replaced."""
    before, opening, rest = document.partition(f"<!-- {name} -->\n")
    _, closing, after = rest.partition(f"<!-- /{name} -->")
    if not opening or not closing:
        raise SystemExit(f"the document has no block named {name}")
    return f"{before}{opening}{text}\n{closing}{after}"


def main() -> int:
    """Write, or with --check name what differs."""
    stale = [path for path, text in documents().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        print(*(f"{path.relative_to(ROOT)} is out of date: run `make docs`" for path in stale), sep="\n")
        return 1 if stale else 0
    for path, text in documents().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
