"""How are places told?

Places on the picture are in pixels, x to the right and y down; figures and grounds are measured in metres.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Point = tuple[float, float]
Capsule = tuple[Point, Point, float, float]
"""A rod with round ends: its two ends and the radius at each."""

WIDTH, HEIGHT = 640, 480
FINE = 2
"""Pixels of the canvas to a pixel of the picture, each way."""


def between(a: Point, b: Point, share: float) -> Point:
    """The point at that share of the way from a to b."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)


def places(top: int = 0) -> tuple[Floats, Floats]:
    """Rows and columns of the canvas from that one of its rows on, in pixels of the picture."""
    rows, columns = np.mgrid[top : HEIGHT * FINE, : WIDTH * FINE].astype(np.float32) / FINE
    return rows, columns
