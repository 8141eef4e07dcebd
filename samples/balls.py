"""How are balls drawn?"""

import math
from collections.abc import Callable

import numpy as np
from canvas import Canvas
from colours import rgb
from geometry import FINE, Floats, Point
from solids import LIGHT


def ball(canvas: Canvas, centre: Point, radius: float, paint: Callable[[Floats], Floats], gloss: float) -> None:
    """A ball; `paint` says its colour for unit vectors (H, W, 3) on the sphere."""
    r = radius * FINE
    rows, columns = np.mgrid[-r - 2 : r + 2, -r - 2 : r + 2].astype(np.float32)
    near = np.sqrt(np.maximum(1 - (rows**2 + columns**2) / r**2, 0))
    normal = np.stack([columns / r, rows / r, near], -1)
    lit = np.maximum(normal @ rgb(LIGHT), 0)
    colour = paint(normal) * (0.34 + 0.72 * lit)[..., None] + 255 * gloss * (lit**24)[..., None]
    cover = (r - np.hypot(rows, columns) + 0.5).clip(0, 1)[..., None]
    top, left = round(centre[1] * FINE - r - 2), round(centre[0] * FINE - r - 2)
    part = canvas.pixels[top : top + len(rows), left : left + len(rows)]
    part += (colour - part) * cover


def football(normal: Floats) -> Floats:
    """A truncated icosahedron's black pentagons and white hexagons."""
    reach = normal @ _faces().T
    first = reach.argmax(-1)
    ranked = np.partition(reach, -2, axis=-1)
    seam = ((ranked[..., -1] - ranked[..., -2]) / 0.009).clip(0, 1)[..., None]
    colour = np.where((first < 12)[..., None], rgb((28, 28, 32)), rgb((246, 246, 246)))
    return np.asarray(colour * (0.45 + 0.55 * seam), np.float32)


def _faces() -> Floats:
    """Where the 12 pentagons and then the 20 hexagons look, longer for the faces that are nearer to the middle."""
    golden = (1 + math.sqrt(5)) / 2
    signs = (-1, 1)
    five = [(0, s, t * golden) for s in signs for t in signs]
    six = [(0, s / golden, t * golden) for s in signs for t in signs]
    turned = [[(x, y, z), (z, x, y), (y, z, x)] for x, y, z in five]
    pentagons = np.array([p for some in turned for p in some], np.float32)
    hexagons = [p for x, y, z in six for p in ((x, z, y), (y, x, z), (z, y, x))]
    hexagons += [(s, t, u) for s in signs for t in signs for u in signs]
    faces = np.concatenate([pentagons, np.array(hexagons, np.float32)])
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    faces[:12] /= 2.327  # how far the faces are from the middle
    faces[12:] /= 2.267
    tilt, swing = 0.5, 0.35
    turn = np.array([[math.cos(swing), -math.sin(swing), 0], [math.sin(swing), math.cos(swing), 0], [0, 0, 1]])
    turn = turn @ np.array([[1, 0, 0], [0, math.cos(tilt), -math.sin(tilt)], [0, math.sin(tilt), math.cos(tilt)]])
    towards: Floats = faces @ turn.T.astype(np.float32)
    return towards


def tennis_ball(normal: Floats) -> Floats:
    """Yellow felt with a white seam."""
    x, y, z = np.moveaxis(normal, -1, 0)
    seam = np.abs(x * y * 1.6 + z * 0.55 - 0.42)
    colour = np.where((seam < 0.05)[..., None], rgb((240, 244, 225)), rgb((206, 232, 50)))
    return np.asarray(colour, np.float32)


def leather(normal: Floats) -> Floats:
    """Red all over."""
    return np.broadcast_to(rgb((170, 24, 30)), normal.shape)
