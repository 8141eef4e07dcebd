"""How are rackets, shuttlecocks and stumps drawn?"""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from canvas import Canvas
from colours import DARK, Colour
from geometry import Point


def racket(canvas: Canvas, grip: Point, angle: float, size: float, head: Point, frame: Colour, strings: Colour) -> None:
    """A racket from the hand outwards; `size` is its length, `head` the half axes of its oval as shares of that."""
    along, aside = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
    a, b = head[0] * size, head[1] * size

    def at(u: float, v: float) -> Point:
        return (grip[0] + along[0] * u + aside[0] * v, grip[1] + along[1] * u + aside[1] * v)

    middle = size - a
    count = 16
    mesh = []
    for i in range(1, count):
        s = 2 * i / count - 1
        reach = math.sqrt(1 - s * s)
        mesh.append((at(middle + s * a, -reach * b), at(middle + s * a, reach * b)))
        mesh.append((at(middle - reach * a, s * b), at(middle + reach * a, s * b)))
    canvas.lines(mesh, max(0.5, size / 260), strings, 0.85)
    rim = [at(middle + a * math.cos(t), b * math.sin(t)) for t in np.linspace(0, 2 * math.pi, 41)]
    thick = size / 62
    rods = [(p, q, thick, thick) for p, q in pairwise(rim)]
    throat = [(at(size * 0.36, 0), at(middle - a * 0.86, s * b * 0.5), thick, thick) for s in (-1, 1)]
    canvas.solid([*rods, *throat, (at(0, 0), at(size * 0.37, 0), thick, thick)], frame, gloss=0.35)
    canvas.solid([(at(-size * 0.06, 0), at(size * 0.22, 0), thick * 1.35, thick * 1.25)], DARK, folds=0.3)


def shuttlecock(canvas: Canvas, cork: Point, angle: float, size: float) -> None:
    """A shuttlecock whose feathers point along the angle, seen a little from behind."""
    along, aside = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))

    def at(up: float, out: float, turn: float) -> Point:
        u, v = up + 0.34 * out * math.sin(turn), out * math.cos(turn)  # we see into the skirt
        return (cork[0] + size * (along[0] * u + aside[0] * v), cork[1] + size * (along[1] * u + aside[1] * v))

    for turn in sorted(np.linspace(0, 2 * math.pi, 17)[:-1], key=lambda t: -math.sin(t)):
        _feather(canvas, at, turn, size)
    front = np.linspace(math.pi, 2 * math.pi, 24)
    threads = [[at(up, out, turn) for turn in front] for up, out in ((0.34, 0.215), (0.46, 0.262))]
    canvas.lines(threads, size / 70, (236, 236, 232))
    canvas.solid([(at(-0.02, 0, 0), at(0.1, 0, 0), 0.13 * size, 0.135 * size)], (238, 234, 222), folds=0.1, gloss=0.2)
    canvas.lines([[at(0.12, 0.137, turn) for turn in front]], size / 22, (34, 120, 70))


def _feather(canvas: Canvas, at: Callable[[float, float, float], Point], turn: float, size: float) -> None:
    light = 0.74 if math.sin(turn) > 0 else 1.0  # darker inside
    shade = light * (0.86 + 0.14 * math.cos(turn - 0.9))
    vane = [at(0.48, 0.25, turn - 0.16), at(0.72, 0.36, turn - 0.2), at(0.9, 0.42, turn - 0.2)]
    vane += [at(0.97 - 0.07 * s * s, 0.44, turn + 0.2 * s) for s in (-0.8, -0.5, -0.2, 0.2, 0.5, 0.8)]
    vane += [at(0.9, 0.42, turn + 0.2), at(0.72, 0.36, turn + 0.17), at(0.48, 0.25, turn + 0.12)]
    canvas.polygon(vane, (250 * shade, 250 * shade, 246 * shade), 0.96)
    barbs = [
        (at(up, 0.02 + up * 0.44, turn), at(up + 0.06, 0.03 + up * 0.44, turn + side))
        for up in np.arange(0.5, 0.86, 0.035)
        for side in (-0.15, 0.15)
    ]
    canvas.lines(barbs, size / 300, (150, 152, 158), 0.4)
    canvas.lines([(at(0.1, 0.13, turn), at(0.98, 0.44, turn))], size / 90, (225 * light, 222 * light, 206 * light))


def stumps(canvas: Canvas, foot: Point, metre: float) -> None:
    """Three stumps with their bails."""
    canvas.shadow((foot[0] + 14, foot[1]), 40, 6, 0.35)
    places = [foot[0] + offset * metre for offset in (-0.11, 0.0, 0.11)]
    for x in places:
        canvas.solid(
            [((x, foot[1]), (x, foot[1] - 0.71 * metre), 0.022 * metre, 0.022 * metre)], (222, 178, 104), gloss=0.2
        )
    for a, b in pairwise(places):
        y = foot[1] - 0.735 * metre
        canvas.solid([((a + 1, y), (b - 1, y), 0.013 * metre, 0.013 * metre)], (226, 186, 116))
