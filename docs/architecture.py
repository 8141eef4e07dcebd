"""Draws docs/architecture.svg: who talks to whom, and what travels."""

from xml.sax.saxutils import escape

WIDTH, HEIGHT = 960, 330
_STYLE = """
  text { font: 15px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 17px; }
  .small { font-size: 13px; fill: #57606a; }
  .box { fill: #f6f8fa; stroke: #8c959f; }
  .ours { fill: #ddf4ff; stroke: #0969da; }
  .made { fill: #fff8c5; stroke: #bf8700; }
  .arrow { stroke: #57606a; stroke-width: 1.6; fill: none; marker-end: url(#head); }
  .page { fill: white; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; } .box { fill: #151b23; stroke: #656c76; } .page { fill: #0d1117; }
    .ours { fill: #0c2d4d; stroke: #4493f8; } .made { fill: #332a05; stroke: #bf8700; } .arrow { stroke: #9198a1; }
  }
"""


def box(x: int, y: int, width: int, height: int, kind: str, title: str, *lines: str) -> str:
    """A rounded box with a title and small lines."""
    parts = [f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" class="{kind}"/>']
    parts.append(f'<text x="{x + 14}" y="{y + 27}" class="title">{escape(title)}</text>')
    for number, line in enumerate(lines):
        parts.append(f'<text x="{x + 14}" y="{y + 50 + 20 * number}" class="small">{escape(line)}</text>')
    return "\n".join(parts)


def arrow(x1: int, y1: int, x2: int, y2: int, label: str, *, above: int = 8, right: int = 0) -> str:
    """A straight arrow with a label `above` and `right` of its middle."""
    middle = f'<text x="{(x1 + x2) // 2 + right}" y="{(y1 + y2) // 2 - above}" text-anchor="middle" class="small">'
    return f'<path d="M{x1} {y1} L{x2} {y2}" class="arrow"/>\n{middle}{escape(label)}</text>'


def drawing() -> str:
    """The whole SVG."""
    parts = [
        box(20, 40, 150, 90, "box", "Caller", "curl, a program,", "a web page"),
        box(
            300,
            20,
            240,
            130,
            "ours",
            "Gateway",
            "Flask, gunicorn: port 9696",
            "fetch, decode, resize",
            "no TensorFlow runtime",
            "history: SQLite or PostgreSQL",
        ),
        box(
            700,
            20,
            240,
            130,
            "ours",
            "Model server",
            "TensorFlow Serving, or the",
            "embedded one on OpenVINO",
            "gRPC: port 8500",
        ),
        box(20, 215, 150, 90, "box", "Web server", "the picture's origin,", "a public address"),
        box(300, 215, 240, 90, "made", "model/sports7", "SavedModel and its card:", "labels, sizes, threshold"),
        box(700, 215, 240, 90, "ours", "Trainer", "InceptionV3, fine-tuned on", "photographs of 7 sports"),
        arrow(170, 75, 300, 75, "picture or URL"),
        arrow(300, 105, 170, 105, '"cricket"', above=-18),
        arrow(540, 75, 700, 75, "uint8 tensor"),
        arrow(700, 105, 540, 105, "probabilities", above=-18),
        arrow(330, 150, 150, 215, "pinned GET", above=6, right=-40),
        arrow(420, 215, 420, 150, "card", above=-4, right=26),
        arrow(700, 260, 540, 260, "export"),
        arrow(540, 225, 720, 150, "weights", above=8, right=-42),
    ]
    head = (
        '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L10 5 L0 10 z" fill="#57606a"/></marker>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="A caller sends a picture or a URL to the gateway, which asks the model server over gRPC.">\n'
        f"<style>{_STYLE}</style>\n<defs>{head}</defs>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" class="page"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
