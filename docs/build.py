"""Fills in what the documents take from the code and the card: python -m docs.build [--check]

README.md has blocks between `<!-- NAME -->` and `<!-- /NAME -->`; docs/architecture.svg is drawn. With --check nothing
is written, and what is out of date is named.
"""

import json
import sys
from pathlib import Path
from typing import Any

from docs.architecture import drawing
from gateway.settings import Address, Settings

ROOT = Path(__file__).resolve().parent.parent
CARD = ROOT / "model" / "sports7" / "1" / "assets.extra" / "card.json"


def settings_table() -> str:
    """Every setting with its default and its meaning."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for kind, prefix in ((Settings, "GATEWAY_"), (Address, "")):
        for name, field in kind.model_fields.items():
            rows.append(f"| `{prefix}{name.upper()}` | {_default(field.default)} | {field.description} |")
    return "\n".join(rows)


def _default(value: Any) -> str:
    if isinstance(value, Path):
        return f"the checkout's `{value.relative_to(ROOT)}/`"
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    return f"`{value}`" if value != "" else "empty"


def figures() -> str:
    """How good the shipped model is, from its card."""
    card = json.loads(CARD.read_text())
    rows = ["| precision | right on `valid` | 95 % interval | ECE | confident |", "| --- | --- | --- | --- | --- |"]
    precisions = {name: measured for name, measured in card["metrics"].items() if isinstance(measured, dict)}
    for name, measured in precisions.items():
        valid = measured["valid"]
        low, high = valid["interval"]
        shares = f"{valid['accuracy']:.1%} | {low:.1%} to {high:.1%} | {valid['ece']:.3f} | {valid['confident']:.1%}"
        rows.append(f"| {name} | {shares} |")
    classes = ["", "| class | precision | recall | pictures |", "| --- | --- | --- | --- |"]
    for label, row in precisions["float32"]["valid"]["by_class"].items():
        classes.append(f"| {label} | {row['precision']:.1%} | {row['recall']:.1%} | {row['pictures']} |")
    return "\n".join([*rows, *classes])


def documents() -> dict[Path, str]:
    """What every built document should hold."""
    readme = (ROOT / "README.md").read_text()
    measured = {name: (ROOT / "bench" / "results" / f"{name}.md").read_text().strip() for name in ("pixels", "service")}
    for name, text in {"settings": settings_table(), "figures": figures(), **measured}.items():
        readme = _filled(readme, name, text)
    return {ROOT / "README.md": readme, ROOT / "docs" / "architecture.svg": drawing()}


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
