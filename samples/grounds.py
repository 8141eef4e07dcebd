"""What lies under the figures, and what stands behind them?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from canvas import Canvas
from colours import BROWN, DARK, SKIN, TAN, WHITE, Colour, rgb
from geometry import FINE, HEIGHT, WIDTH, Floats, Point, between, places
from noise import pick
from PIL import ImageDraw


@dataclass(frozen=True)
class Camera:
    """Looks level along the ground, from `height` metres above it."""

    horizon: float
    focal: float
    height: float

    def see(self, x: float, far: float, up: float = 0.0) -> Point:
        """Where the point x metres to the right, `far` metres away and `up` metres high is on the picture."""
        return (WIDTH / 2 + self.focal * x / far, self.horizon + self.focal * (self.height - up) / far)

    def metre(self, far: float) -> float:
        """How long a metre is there, in pixels."""
        return self.focal / far

    def ground(self) -> tuple[Floats, Floats, slice]:
        """x and distance of the ground at every canvas pixel below the horizon, and those rows."""
        first = max(0, math.ceil(self.horizon * FINE) + 1)
        rows, columns = places(first)
        far = self.focal * self.height / (rows - self.horizon)
        return (columns - WIDTH / 2) * far / self.focal, far, slice(first, HEIGHT * FINE)


def lay(canvas: Canvas, camera: Camera, colour: Colour, rough: float, metre: float, lean: float = 1.0) -> None:
    """A textured ground; `rough` is how strong the texture is, `metre` its pixels to a metre, `lean` its stretch."""
    x, far, rows = camera.ground()
    along, across = far * metre / lean, x * metre
    texture = 0.6 * pick(canvas.grain, along, across) + 0.4 * pick(canvas.waves, along, across)
    fade = np.minimum(1, 14 / far) * rough
    canvas.pixels[rows] = rgb(colour) * (1 + fade * texture)[..., None]


def stripe(canvas: Canvas, camera: Camera, start: Point, end: Point, wide: float, colour: Colour = WHITE) -> None:
    """A line painted on the ground, from (x, far) to (x, far)."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    ox, oy = -dy / length * wide / 2, dx / length * wide / 2
    steps = [between(start, end, i / 12) for i in range(13)]
    one = [camera.see(x + ox, y + oy) for x, y in steps]
    other = [camera.see(x - ox, y - oy) for x, y in reversed(steps)]
    canvas.polygon(one + other, colour, 0.92)


def net(canvas: Canvas, corners: tuple[Point, Point, Point, Point], cells: Point, colour: Colour, alpha: float) -> None:
    """A mesh between top left, top right, bottom right and bottom left."""
    a, b, c, d = corners
    across, down = round(cells[0]), round(cells[1])
    upright = [(between(a, b, i / across), between(d, c, i / across)) for i in range(across + 1)]
    level = [(between(a, d, i / down), between(b, c, i / down)) for i in range(down + 1)]
    canvas.lines(upright + level, 0.9, colour, alpha)


def crowd(canvas: Canvas, top: float, bottom: float, size: float, dim: float, clothes: Sequence[Colour]) -> None:
    """Rows of seated people, `size` pixels a head."""
    image = canvas.image()
    pen, rng, head = ImageDraw.Draw(image), canvas.rng, size * FINE
    for y in np.arange(top * FINE, bottom * FINE, head * 2.1):
        for x in np.arange(-head, WIDTH * FINE + head, head * 2.3):
            px, py, r = x + rng.normal(0, head / 4), y + rng.normal(0, head / 5), head * rng.uniform(0.42, 0.55)
            light = dim * rng.uniform(0.6, 1.1)
            shirt, skin = clothes[int(rng.integers(len(clothes)))], (SKIN, TAN, BROWN)[int(rng.integers(3))]
            pen.ellipse((px - 1.05 * head, py + 0.5 * r, px + 1.05 * head, py + 2.6 * head), fill=_ink(shirt, light))
            pen.ellipse((px - r, py - r * 1.3, px + r, py + r * 1.3), fill=_ink(skin, light))
            pen.chord((px - r, py - r * 1.4, px + r, py + r), 180, 360, fill=_ink(DARK, light))
    rows = slice(round(top * FINE), round(bottom * FINE))
    canvas.pixels[rows] = np.asarray(image, np.float32)[rows]


def _ink(colour: Colour, light: float) -> tuple[int, int, int]:
    red, green, blue = (min(255, int(value * light)) for value in colour)
    return red, green, blue
