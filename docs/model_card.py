"""Writes model/NAME/README.md: what a model's cards say, for people."""

from typing import Any

Document = dict[str, Any]


_JUDGED = {
    "accuracy_lost": "accuracy lost, at most",
    "agreement": "same top class, at least",
    "ece": "ECE, at most",
    "auroc_lost": "AUROC lost, at most",
}


def model_card(cards: list[Document]) -> str:
    """The page of a model.

    Args:
        cards: The card of every version, the oldest first; the newest is told in full.
    """
    card = cards[-1]
    parts = [
        f"# {card['name']}",
        "",
        f"An image classifier for {len(card['labels'])} classes: {', '.join(card['labels'])}. This page is made from "
        f"the cards (`assets.extra/card.json`) by `make docs`; it tells of version {card['version']}, made on "
        f"{card['created']}.",
        "",
        "## What it is for, and what not",
        "",
        card.get("intended_use") or "Nothing is said.",
        "",
        card.get("limits") or "",
        "",
        "## What it was made from",
        "",
        *_made_from(card),
        "",
        "## How good it is",
        "",
        *_metrics(card),
        "",
        "## How it is used",
        "",
        *_use(card),
        "",
        "## Versions",
        "",
        "| version | date | right on `valid` | ECE |",
        "| --- | --- | --- | --- |",
        *(_version(one) for one in reversed(cards)),
    ]
    return "\n".join(parts) + "\n"


def _made_from(card: Document) -> list[str]:
    data = card["data"]
    lines = [
        f"* Pictures: {data['source']} {data['train']} were trained on, {data['held_back']} were held back to pick the "
        f"epoch, the temperature and the threshold, and {data['valid']} only report.",
    ]
    outliers = data.get("outliers") or {"pictures": 0, "classes": []}
    if outliers["pictures"]:
        lines.append(
            f"* Outliers: {outliers['pictures']} pictures of {len(outliers['classes'])} other classes "
            f"({', '.join(outliers['classes'])}), trained on as none of the classes."
        )
    lines += [f"* Base weights: {card['base_weights']}.", f"* Rights: {card['licence']}"]
    return lines


def _precisions(card: Document) -> dict[str, Document]:
    return {name: measured for name, measured in card["metrics"].items() if isinstance(measured, dict)}


def _metrics(card: Document) -> list[str]:
    lines = []
    for precision, measured in _precisions(card).items():
        lines += [f"### Computed in {precision}", ""]
        for split in ("valid", "held_back"):
            if split not in measured:
                continue
            of = measured[split]
            low, high = of["interval"]
            least, most = of["ece_interval"]
            lines.append(
                f"* `{split}`: {of['accuracy']:.2%} of {of['pictures']} are right (95 % interval {low:.1%} to "
                f"{high:.1%}); ECE {of['ece']:.3f} ({least:.3f} to {most:.3f}), cross entropy "
                f"{of['cross_entropy']:.3f}; {of['confident']:.1%} of the answers are confident."
            )
        lines += _not_sure(measured) + _agreement(measured) + _explanation(measured) + [""]
        if "valid" in measured:
            lines += ["| class | precision | recall | F1 | pictures |", "| --- | --- | --- | --- | --- |"]
            for label, row in measured["valid"]["by_class"].items():
                shares = " | ".join(f"{row[name]:.1%}" for name in ("precision", "recall", "f1"))
                lines.append(f"| {label} | {shares} | {row['pictures']} |")
            lines.append("")
        if "robustness" in measured:
            lines += ["| pictures of `valid` | right |", "| --- | --- |"]
            lines += [f"| {name} | {share:.1%} |" for name, share in measured["robustness"].items()]
            lines.append("")
    return [*lines, *_int8(card), card["metrics"].get("note", "")]


def _not_sure(measured: Document) -> list[str]:
    if "foreign" not in measured:
        return []
    of = measured["foreign"]
    said = (
        f"* Pictures of none of the classes: {of['flagged']:.1%} of {of['pictures']} aren't confident, "
        f"AUROC {of['auroc']:.3f}"
    )
    if "unseen" in of:
        unseen = of["unseen"]
        said += (
            f"; of the {unseen['pictures']} whose classes training never saw {unseen['flagged']:.1%}, "
            f"AUROC {unseen['auroc']:.3f}"
        )
    return [said + "."]


def _agreement(measured: Document) -> list[str]:
    if "agreement" not in measured:
        return []
    of = measured["agreement"]
    return [f"* The top class is float32's on {of['share']:.2%} of {of['pictures']} pictures (`train` and `valid`)."]


def _int8(card: Document) -> list[str]:
    """What the int8 copy had to hold, and what it does."""
    if "int8" not in card:
        return []
    limits = card["int8"]["limits"]
    lines = ["### The int8 copy", "", "| made | " + " | ".join(_JUDGED[name] for name in limits) + " |"]
    lines.append("| --- " * (len(limits) + 1) + "|")
    lines.append("| must hold | " + " | ".join(f"{limit:g}" for limit in limits.values()) + " |")
    for tried in card["int8"]["tried"]:
        lines.append(f"| {tried['attempt']} | " + " | ".join(f"{tried.get(name, '')}" for name in limits) + " |")
    passed = "It holds them: the embedded server computes in int8 by itself, where the processor is made for it."
    return [*lines, "", passed if card["int8"]["passed"] else "It doesn't hold them, and is served only on demand.", ""]


def _explanation(measured: Document) -> list[str]:
    if "explanation" not in measured:
        return []
    of = measured["explanation"]
    return [
        f"* Heatmaps: on {of['held']:.1%} of {of['pictures']} rightly answered pictures, blanking the hottest fifth "
        f"lowers the class' probability more than blanking random fifths (mean probability {of['whole']:.3f}, then "
        f"{of['hottest']:.3f} and {of['random']:.3f}). The lowest correlation with Grad-CAM by a gradient tape is "
        f"{of['lowest_correlation']:.4f}, on {of['compared']} pictures."
    ]


def _use(card: Document) -> list[str]:
    height, width = card["input_size"]
    resize = card["resize"]
    by_precision = card.get("temperatures", {})
    temperatures = ", ".join(f"{value:g} in {precision}" for precision, value in by_precision.items())
    temperatures = temperatures or f"{card['temperature']:g}"
    thresholds = ", ".join(f"{value:g} in {precision}" for precision, value in card["known_threshold"].items())
    return [
        f"* Input: {height}x{width} pixels, RGB; decode {resize['decode_scale']}, filter {resize['filter']}, aspect "
        f"{resize['aspect']}; `preprocessing` {card['preprocessing']} for the float32 signature.",
        f"* The logits are divided by the temperature {temperatures}, fitted on the held-back pictures.",
        f"* `known_score` is `{card.get('known_score', 'max_probability')}`; an answer is confident from {thresholds} "
        "on.",
    ]


def _version(card: Document) -> str:
    valid = next((measured["valid"] for measured in _precisions(card).values() if "valid" in measured), None)
    shares = f"{valid['accuracy']:.2%} | {valid['ece']:.3f}" if valid else "not measured | not measured"
    return f"| {card['version']} | {card['created']} | {shares} |"
