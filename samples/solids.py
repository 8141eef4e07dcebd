"""What does a body made of capsules look like in the light?"""

from collections.abc import Sequence

import numpy as np
from geometry import FINE, HEIGHT, WIDTH, Capsule, Floats

LIGHT = (-0.42, -0.66, 0.62)
"""Towards the light: left, up, to us."""


def frame(parts: Sequence[Capsule]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of the canvas that holds the body."""
    corners = np.array(
        [[x + s * r, y + s * r] for a, b, ra, rb in parts for (x, y), r in ((a, ra), (b, rb)) for s in (-1, 1)]
    )
    left, top = np.maximum(np.floor(corners.min(0) * FINE).astype(int) - 3, 0)
    right, bottom = np.minimum(np.ceil(corners.max(0) * FINE).astype(int) + 4, (WIDTH * FINE, HEIGHT * FINE))
    return left, top, right, bottom


def relief(parts: Sequence[Capsule], rows: Floats, columns: Floats) -> tuple[Floats, Floats]:
    """How far the body stands out to us at every pixel, and how much of the pixel it covers."""
    depth, cover = np.zeros_like(rows), np.zeros_like(rows)
    for a, b, ra, rb in parts:
        (ax, ay), across, down = (a[0] * FINE, a[1] * FINE), (b[0] - a[0]) * FINE, (b[1] - a[1]) * FINE
        along = ((columns - ax) * across + (rows - ay) * down) / max(across**2 + down**2, 1e-6)
        share = along.clip(0, 1)
        radius = (ra + share * (rb - ra)) * FINE
        away = (columns - ax - share * across) ** 2 + (rows - ay - share * down) ** 2
        depth += np.maximum(radius**2 - away, 0) ** 4
        cover = np.maximum(cover, (radius - np.sqrt(away) + 0.5).clip(0, 1))
    thinnest = min(max(ra, rb) for _, _, ra, rb in parts)
    return _soften(depth ** np.float32(1 / 8), round(0.22 * FINE * thinnest)), cover


def _soften(depth: Floats, reach: int) -> Floats:
    """The mean of each pixel's neighbours that far around it."""
    span = 2 * reach + 1
    for _ in ("down", "across"):
        sums = np.cumsum(np.pad(depth, ((reach + 1, reach), (0, 0)), "edge"), 0, np.float64)
        depth = ((sums[span:] - sums[:-span]) / span).astype(np.float32).T
    return depth


def light(depth: Floats) -> Floats:
    """How much light every pixel of a surface gets, 0 to 1."""
    down, right = np.gradient(depth)
    lit: Floats = (LIGHT[2] - right * LIGHT[0] - down * LIGHT[1]) / np.sqrt(1 + right**2 + down**2)
    return lit.clip(0)
