"""Draws what a model's card says: its confusion matrix, its reliability, and what is left of it on worse pictures."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 15px; }
  .small { font-size: 11px; fill: #57606a; }
  .end { text-anchor: end; }
  .middle { text-anchor: middle; }
  .bar { fill: #0969da; }
  .line { stroke: #8c959f; fill: none; }
  .page { fill: white; }
  .on { fill: white; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; } .bar { fill: #4493f8; } .line { stroke: #656c76; }
    .page { fill: #0d1117; } .on { fill: white; }
  }
"""


def _svg(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<title>{escape(title)}</title>'
    page = f'<rect width="{width}" height="{height}" class="page"/>\n{_text(16, 26, title, "title")}'
    return "\n".join([head, f"<style>{_STYLE}</style>", page, *parts, "</svg>\n"])


def _text(x: float, y: float, text: object, kind: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(str(text))}</text>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:g} {y1:g} L{x2:g} {y2:g}" class="line"/>'


def confusion(labels: Sequence[str], counts: Sequence[Sequence[int]], title: str) -> str:
    """The confusion matrix as SVG: a row a class, its shade the share of the row's pictures."""
    cell, left, top = 46, 110, 60
    parts = []
    for row, (label, numbers) in enumerate(zip(labels, counts, strict=True)):
        middle = top + cell * row + cell / 2 + 5
        parts.append(_text(left - 8, middle, label, "end"))
        for column, count in enumerate(numbers):
            share = count / max(1, sum(numbers))
            x, y = left + cell * column, top + cell * row
            box = f'x="{x}" y="{y}" width="{cell - 2}" height="{cell - 2}" rx="4"'
            parts.append(f'<rect {box} class="bar" fill-opacity="{max(0.06, share):.3f}"/>')
            if count:
                parts.append(_text(x + cell / 2 - 1, middle, count, "middle on" if share > 0.5 else "middle"))
    under = top + cell * len(labels) + 16
    for column, label in enumerate(labels):
        x = left + cell * column + cell / 2
        turned = f'transform="rotate(-35 {x:g} {under})" class="end"'
        parts.append(f'<text x="{x:g}" y="{under}" {turned}>{escape(label)}</text>')
    width, height = left + cell * len(labels) + 20, under + 76
    parts += [_text(left - 8, top - 10, "truth", "end small"), _text(width - 20, height - 12, "answer", "end small")]
    return _svg(width, height, title, parts)


def reliability(bins: Sequence[Sequence[float]], ece: float, title: str) -> str:
    """The reliability diagram as SVG: how often answers of a confidence are right, and how many there are."""
    side, left, top = 320, 60, 50
    bottom = top + side
    parts = [
        _line(left, bottom, left + side, top),
        _line(left, bottom, left + side, bottom),
        _line(left, bottom, left, top),
    ]
    for middle, _, share, count in bins:
        x, height, width = left + side * middle, side * share, side / 15 - 3
        box = f'x="{x - width / 2:.1f}" y="{bottom - height:.1f}" width="{width:.1f}" height="{height:.1f}"'
        parts.append(f'<rect {box} class="bar" fill-opacity="0.75"/>')
        parts.append(_text(round(x, 1), round(max(bottom - height, top + 8) - 4, 1), int(count), "small middle"))
    for value in (0, 0.5, 1):
        parts.append(_text(left + side * value, bottom + 18, f"{value:g}", "small middle"))
        parts.append(_text(left - 8, bottom - side * value + 4, f"{value:g}", "small end"))
    parts.append(_text(left + side / 2, bottom + 38, "confidence; numbers are answers", "small middle"))
    parts.append(_text(left + 12, top + 18, f"ECE {ece:.3f}"))
    return _svg(left + side + 30, bottom + 54, title, parts)


def robustness(shares: Mapping[str, float], whole: float, title: str) -> str:
    """What is left of the accuracy on pictures in a worse state, as SVG bars."""
    left, top, row, longest = 150, 46, 24, 280
    rows: dict[str, Any] = {"as they are": whole, **shares}
    parts = []
    for number, (name, share) in enumerate(rows.items()):
        y = top + row * number
        parts.append(_text(left - 8, y + 15, name, "end"))
        parts.append(
            f'<rect x="{left}" y="{y + 3}" width="{longest * share:.1f}" height="{row - 8}" rx="3" class="bar"/>'
        )
        parts.append(_text(round(left + longest * share + 8, 1), y + 15, f"{share:.1%}"))
    return _svg(left + longest + 70, top + row * len(rows) + 16, title, parts)
