"""Draws the sample pictures, one a sport: `python samples/draw.py [FOLDER]`.

Everything is drawn by code, so the samples are free of other people's rights. Two runs write the same bytes.
Figures and grounds are measured in metres, places on the picture in pixels (x to the right, y down).
"""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Floats = NDArray[np.float32]
Point = tuple[float, float]
Colour = tuple[float, float, float]
Capsule = tuple[Point, Point, float, float]
"""A rod with round ends: its two ends and the radius at each."""

WIDTH, HEIGHT = 640, 480
FINE = 2
"""Pixels of the canvas to a pixel of the picture, each way."""

_LIGHT = (-0.42, -0.66, 0.62)  # towards the light: left, up, to us
_WHITE: Colour = (244, 244, 242)
_SKIN: Colour = (214, 160, 126)
_TAN: Colour = (176, 118, 84)
_BROWN: Colour = (112, 72, 50)
_DARK: Colour = (34, 28, 26)


def main() -> None:
    """Draw every scene into the folder that is named, or beside this file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    for seed, scene in enumerate((badminton, cricket, karate, soccer, swimming, tennis, wrestling)):
        canvas = Canvas(seed)
        scene(canvas)
        canvas.save(folder / f"{scene.__name__}.jpg")


# Canvas


def fractal(rng: np.random.Generator, size: int, roughness: float, coarsest: float = 1.0) -> Floats:
    """Noise that tiles, of mean 0 and deviation 1: white for roughness 0, cloudy for 1, soft hills for 2.

    `coarsest` is how many of the largest hills fit side by side.
    """
    spectrum = np.fft.fft2(rng.standard_normal((size, size)))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None]) * size
    spectrum /= np.maximum(frequency, coarsest) ** roughness
    spectrum[0, 0] = 0
    waves = np.fft.ifft2(spectrum).real
    return np.asarray(waves / waves.std(), np.float32)


def rgb(colour: Colour) -> Floats:
    """The colour as an array of three."""
    return np.array(colour, np.float32)


def between(a: Point, b: Point, share: float) -> Point:
    """The point at that share of the way from a to b."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)


class Canvas:
    """A picture in the making, finer than the one that is saved."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.pixels: Floats = np.zeros((HEIGHT * FINE, WIDTH * FINE, 3), np.float32)
        self.waves = fractal(self.rng, 1024, 2.0)
        self.cloth = fractal(self.rng, 1024, 3.0, 9)
        self.grain = fractal(self.rng, 1024, 0.6)

    def sky(self, top: Colour, bottom: Colour, until: float = HEIGHT) -> None:
        """Fill from one colour to another, from the top to that row."""
        rows = round(until * FINE)
        share = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
        self.pixels[:rows] = rgb(top) * (1 - share) + rgb(bottom) * share

    def draw(self, sketch: Callable[[ImageDraw.ImageDraw, int], None], colour: Colour, alpha: float = 1.0) -> None:
        """Lay a colour where the sketch is white; the sketch is told how many of its pixels make one of ours."""
        mask = Image.new("L", (WIDTH * FINE * 2, HEIGHT * FINE * 2))
        sketch(ImageDraw.Draw(mask), FINE * 2)
        box = mask.getbbox()
        if box is None:
            return
        left, top, right, bottom = box[0] // 2, box[1] // 2, (box[2] + 1) // 2, (box[3] + 1) // 2
        small = mask.crop((left * 2, top * 2, right * 2, bottom * 2)).reduce(2)
        share = np.asarray(small, np.float32)[..., None] * np.float32(alpha / 255)
        part = self.pixels[top:bottom, left:right]
        part += (rgb(colour) - part) * share

    def polygon(self, points: Iterable[Point], colour: Colour, alpha: float = 1.0) -> None:
        """A filled polygon."""
        corners = list(points)
        self.draw(lambda pen, k: pen.polygon([(x * k, y * k) for x, y in corners], fill=255), colour, alpha)

    def lines(self, paths: Iterable[Sequence[Point]], width: float, colour: Colour, alpha: float = 1.0) -> None:
        """Polylines, all laid at once, so that crossings are no darker."""
        kept = list(paths)

        def sketch(pen: ImageDraw.ImageDraw, k: int) -> None:
            for path in kept:
                pen.line([(x * k, y * k) for x, y in path], fill=255, width=max(1, round(width * k)), joint="curve")

        self.draw(sketch, colour, alpha)

    def ellipse(self, centre: Point, across: float, down: float, colour: Colour, alpha: float = 1.0) -> None:
        """A filled ellipse; `across` and `down` are its half axes."""
        (x, y), a, b = centre, across, down
        self.draw(
            lambda pen, k: pen.ellipse(((x - a) * k, (y - b) * k, (x + a) * k, (y + b) * k), fill=255), colour, alpha
        )

    def shadow(self, centre: Point, across: float, down: float, alpha: float = 0.5) -> None:
        """A soft dark spot on the ground."""
        rows, columns = np.mgrid[: HEIGHT * FINE, : WIDTH * FINE].astype(np.float32) / FINE
        away = ((columns - centre[0]) / across) ** 2 + ((rows - centre[1]) / down) ** 2
        self.pixels *= 1 - np.float32(alpha) * np.exp(-(away**1.5))[..., None]

    def solid(self, parts: Sequence[Capsule], colour: Colour, folds: float = 0.0, gloss: float = 0.0) -> None:
        """Capsules grown together into one shaded body; `folds` ruffles it like cloth, `gloss` makes it shine."""
        corners = np.array(
            [[x + s * r, y + s * r] for a, b, ra, rb in parts for (x, y), r in ((a, ra), (b, rb)) for s in (-1, 1)]
        )
        low = np.maximum(np.floor(corners.min(0) * FINE).astype(int) - 3, 0)
        high = np.minimum(np.ceil(corners.max(0) * FINE).astype(int) + 4, (WIDTH * FINE, HEIGHT * FINE))
        if (high - low).min() < 2:
            return
        rows, columns = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32)
        depth, cover = _depth(parts, rows, columns)
        depth = _soften(depth, round(0.22 * FINE * min(max(ra, rb) for _, _, ra, rb in parts)))
        top, left = self.rng.integers(0, 400, 2)
        if folds:
            ruffles = np.roll(self.cloth, (-top, -left), (0, 1))
            depth = depth + np.float32(folds * FINE) * _fit(ruffles, depth.shape)
        down, right = np.gradient(depth)
        lit = (_LIGHT[2] - right * _LIGHT[0] - down * _LIGHT[1]) / np.sqrt(1 + right**2 + down**2)
        lit = np.maximum(lit, 0)
        speckle = _fit(np.roll(self.grain, (-top, -left), (0, 1)), depth.shape)
        body = rgb(colour) * (0.38 + 0.66 * lit + 0.015 * speckle)[..., None] + 255 * gloss * (lit**16)[..., None]
        part = self.pixels[low[1] : high[1], low[0] : high[0]]
        part += (body - part) * cover[..., None]

    def blur(self, radius: float) -> None:
        """Put all that is there so far out of focus."""
        image = Image.fromarray(self.pixels.clip(0, 255).astype(np.uint8))
        self.pixels = np.array(image.filter(ImageFilter.GaussianBlur(radius * FINE)), np.float32)

    def save(self, path: Path) -> None:
        """Write the JPEG: a little soft, darker in the corners, with a sensor's noise."""
        self.blur(0.45)
        rows, columns = np.mgrid[-1 : 1 : HEIGHT * FINE * 1j, -1 : 1 : WIDTH * FINE * 1j].astype(np.float32)
        self.pixels *= (1 - 0.13 * (rows**2 + columns**2) / 2)[..., None]
        small = Image.fromarray(self.pixels.clip(0, 255).astype(np.uint8)).reduce(FINE)
        noisy = np.asarray(small, np.float32) + self.rng.normal(0, 2.5, (HEIGHT, WIDTH, 3))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=90)


def _depth(parts: Sequence[Capsule], rows: Floats, columns: Floats) -> tuple[Floats, Floats]:
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
    return depth ** np.float32(1 / 8), cover


def _soften(depth: Floats, reach: int) -> Floats:
    """The mean of each pixel's neighbours that far around it."""
    for axis in (0, 1):
        wide = [(reach + 1, reach) if axis == i else (0, 0) for i in (0, 1)]
        sums = np.cumsum(np.pad(depth, wide, "edge"), axis, np.float64)
        first, last = np.split(sums, [depth.shape[axis]], axis)[0], np.split(sums, [2 * reach + 1], axis)[1]
        depth = ((last - first) / (2 * reach + 1)).astype(np.float32)
    return depth


def _fit(texture: Floats, shape: tuple[int, ...]) -> Floats:
    """The texture's corner, repeated as far as the shape needs."""
    times = [math.ceil(wanted / had) for wanted, had in zip(shape, texture.shape, strict=True)]
    return np.tile(texture, times)[: shape[0], : shape[1]]


# Grounds and backdrops


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
        rows, columns = np.mgrid[first : HEIGHT * FINE, : WIDTH * FINE].astype(np.float32) / FINE
        far = self.focal * self.height / (rows - self.horizon)
        return (columns - WIDTH / 2) * far / self.focal, far, slice(first, HEIGHT * FINE)


def lay(canvas: Canvas, camera: Camera, colour: Colour, rough: float, metre: float, lean: float = 1.0) -> None:
    """A textured ground; `rough` is how strong the texture is, `metre` its pixels to a metre, `lean` its stretch."""
    x, far, rows = camera.ground()
    across, along = (x * metre).astype(int) % 1024, (far * metre / lean).astype(int) % 1024
    texture = 0.6 * canvas.grain[along, across] + 0.4 * canvas.waves[along, across]
    fade = np.minimum(1, 14 / far) * rough
    canvas.pixels[rows] = rgb(colour) * (1 + fade * texture)[..., None]


def stripe(canvas: Canvas, camera: Camera, start: Point, end: Point, wide: float, colour: Colour = _WHITE) -> None:
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
    image = Image.fromarray(canvas.pixels.clip(0, 255).astype(np.uint8))
    pen, rng, head = ImageDraw.Draw(image), canvas.rng, size * FINE
    for y in np.arange(top * FINE, bottom * FINE, head * 2.1):
        for x in np.arange(-head, WIDTH * FINE + head, head * 2.3):
            px, py, r = x + rng.normal(0, head / 4), y + rng.normal(0, head / 5), head * rng.uniform(0.42, 0.55)
            light = dim * rng.uniform(0.6, 1.1)
            shirt, skin = clothes[int(rng.integers(len(clothes)))], (_SKIN, _TAN, _BROWN)[int(rng.integers(3))]
            pen.ellipse((px - 1.05 * head, py + 0.5 * r, px + 1.05 * head, py + 2.6 * head), fill=_ink(shirt, light))
            pen.ellipse((px - r, py - r * 1.3, px + r, py + r * 1.3), fill=_ink(skin, light))
            pen.chord((px - r, py - r * 1.4, px + r, py + r), 180, 360, fill=_ink(_DARK, light))
    rows = slice(round(top * FINE), round(bottom * FINE))
    canvas.pixels[rows] = np.asarray(image, np.float32)[rows]


def _ink(colour: Colour, light: float) -> tuple[int, int, int]:
    red, green, blue = (min(255, int(value * light)) for value in colour)
    return red, green, blue


# Figures


@dataclass(frozen=True)
class Pose:
    """Where the joints are, in metres from the spot on the ground, x to the right and y up; pairs are (far, near)."""

    head: Point
    shoulders: tuple[Point, Point]
    elbows: tuple[Point, Point]
    hands: tuple[Point, Point]
    hips: tuple[Point, Point]
    knees: tuple[Point, Point]
    feet: tuple[Point, Point]
    faces: float = 0.0
    """Where the figure looks: -1 to the left, 0 to us, 1 to the right."""


@dataclass(frozen=True)
class Outfit:
    """What a figure wears; lengths are shares of the arm or leg, 0.5 to the elbow or knee."""

    shirt: Colour
    trousers: Colour
    skin: Colour = _SKIN
    hair: Colour = _DARK
    shoes: Colour | None = _WHITE
    socks: Colour | None = None
    sleeves: float = 0.4
    legs: float = 0.4
    loose: float = 1.15
    """How much wider than the limb the cloth is."""
    singlet: bool = False
    """The shirt leaves the shoulders bare."""


class Figure:
    """A person on the canvas, standing at a pixel, with so many pixels to a metre."""

    def __init__(self, canvas: Canvas, pose: Pose, outfit: Outfit, foot: Point, metre: float) -> None:
        self.canvas, self.pose, self.outfit, self.foot, self.metre = canvas, pose, outfit, foot, metre

    def at(self, point: Point) -> Point:
        """The pixel of a point in metres."""
        return (self.foot[0] + point[0] * self.metre, self.foot[1] - point[1] * self.metre)

    def rod(self, a: Point, b: Point, ra: float, rb: float) -> Capsule:
        """A capsule given in metres."""
        return (self.at(a), self.at(b), ra * self.metre, rb * self.metre)

    def wear(self, parts: Sequence[Capsule], colour: Colour) -> None:
        """Cloth."""
        self.canvas.solid(parts, colour, folds=min(7.0, 0.031 * self.metre) * (self.outfit.loose - 0.95))

    def bare(self, parts: Sequence[Capsule]) -> None:
        """Skin."""
        self.canvas.solid(parts, self.outfit.skin, gloss=0.10)

    def limb(
        self, joints: tuple[Point, Point, Point], radii: tuple[float, float, float], cloth: float
    ) -> list[Capsule]:
        """The limb's rods as far as that share of it, as wide as the cloth is loose."""
        (a, b, c), (ra, rb, rc) = joints, radii
        loose = self.outfit.loose
        upper, under = min(1.0, cloth * 2), max(0.0, cloth * 2 - 1)
        end = ra + (rb - ra) * upper
        parts = [self.rod(a, between(a, b, upper), ra * loose, max(end * loose, rb))]
        if under:
            parts.append(self.rod(b, between(b, c, under), rb * loose, (rb + (rc - rb) * under) * loose * 1.1))
        return parts

    def arm(self, side: int) -> None:
        """One arm, 0 the far one."""
        a, b, c = self.pose.shoulders[side], self.pose.elbows[side], self.pose.hands[side]
        self.bare(
            [self.rod(a, b, 0.058, 0.044), self.rod(b, c, 0.046, 0.03), self.rod(c, between(b, c, 1.18), 0.04, 0.034)]
        )
        if self.outfit.sleeves:
            self.wear(self.limb((a, b, c), (0.068, 0.056, 0.046), self.outfit.sleeves), self.outfit.shirt)

    def leg(self, side: int) -> None:
        """One leg, 0 the far one; the near one comes with the hips."""
        a, b, c = self.pose.hips[side], self.pose.knees[side], self.pose.feet[side]
        calf = between(b, c, 0.35)
        self.bare([self.rod(a, b, 0.09, 0.058), self.rod(b, calf, 0.055, 0.06), self.rod(calf, c, 0.06, 0.034)])
        if self.outfit.socks:
            self.canvas.solid([self.rod(between(b, c, 0.4), c, 0.061, 0.042)], self.outfit.socks, folds=0.2)
        toes = self.pose.faces * 0.16 or (0.05 if side else -0.05)
        foot = [self.rod(c, (c[0] + toes, c[1] - 0.035), 0.046, 0.034)]
        if self.outfit.shoes:
            self.canvas.solid(foot, self.outfit.shoes, gloss=0.1)
        else:
            self.bare(foot)
        cloth = self.limb((a, b, c), (0.098, 0.078, 0.062), self.outfit.legs)
        self.wear(cloth + (self.seat() if side else []), self.outfit.trousers)

    def trunk(self) -> tuple[Point, Point, Point]:
        """The middle of chest, waist and hips."""
        chest, belt = (between(*pair, 0.5) for pair in (self.pose.shoulders, self.pose.hips))
        return chest, between(chest, belt, 0.62), belt

    def seat(self) -> list[Capsule]:
        """The hips."""
        (c, d), (_, waist, belt) = self.pose.hips, self.trunk()
        wide = 0.09 * self.outfit.loose
        return [self.rod(c, d, wide, wide), self.rod(waist, belt, 0.12, 0.115)]

    def torso(self) -> None:
        """Chest and belly with what they wear."""
        (a, b), (c, d), (chest, waist, belt) = self.pose.shoulders, self.pose.hips, self.trunk()
        neck, hem = between(chest, self.pose.head, 0.3), between(waist, belt, 0.5)
        body = [self.rod(a, b, 0.06, 0.06), self.rod(between(chest, waist, 0.22), waist, 0.13, 0.12)]
        body += [self.rod(neck, a, 0.045, 0.055), self.rod(neck, b, 0.045, 0.055), self.rod(waist, hem, 0.12, 0.125)]
        body += [self.rod(a, between(c, waist, 0.5), 0.065, 0.085), self.rod(b, between(d, waist, 0.5), 0.065, 0.085)]
        if not self.outfit.singlet:
            wide = 0.092 * self.outfit.loose
            left, right = between(c, hem, 0.15), between(d, hem, 0.15)
            body += [self.rod(left, right, wide, wide), self.rod(a, left, 0.065, wide), self.rod(b, right, 0.065, wide)]
            self.wear(body, self.outfit.shirt)
            return
        self.bare(body)
        low = between(chest, belt, 0.36)
        straps = [self.rod(between(chest, s, 0.6), low, 0.035, 0.09) for s in (a, b)]
        self.wear([*straps, self.rod(low, waist, 0.13, 0.13), self.rod(waist, belt, 0.13, 0.12)], self.outfit.shirt)

    def face(self) -> None:
        """Neck, head, hair and a hint of a face."""
        (x, y), turn, (chest, _, _) = self.pose.head, self.pose.faces, self.trunk()
        self.bare([self.rod(between(chest, (x, y), 0.2), (x - 0.01 * turn, y - 0.05), 0.058, 0.052)])
        crown = (x - 0.014 * turn, y + 0.045)
        self.canvas.solid([self.rod(crown, (x - 0.03 * turn, y + 0.02), 0.098, 0.09)], self.outfit.hair, folds=0.3)
        skull = self.rod((x + 0.034 * turn, y + 0.005), (x + 0.036 * turn, y - 0.03), 0.074, 0.066)
        jaw = self.rod((x + 0.036 * turn, y - 0.04), (x + 0.05 * turn, y - 0.085), 0.06, 0.038)
        self.bare([skull, jaw])
        self.bare([self.rod((x + 0.1 * turn, y), (x + 0.112 * turn, y - 0.022), 0.006, 0.012)])
        for offset in (-0.034, 0.034) if turn == 0 else (0.016 * turn,):
            eye = self.at((x + 0.06 * turn + offset, y + 0.015))
            self.canvas.ellipse(eye, 0.014 * self.metre, 0.008 * self.metre, _DARK, 0.75)
        mouth = self.at((x + 0.068 * turn, y - 0.065))
        self.canvas.ellipse(mouth, 0.018 * self.metre, 0.006 * self.metre, (136, 70, 62), 0.7)
        if turn:
            self.bare([self.rod((x - 0.03 * turn, y + 0.005), (x - 0.03 * turn, y - 0.025), 0.018, 0.013)])

    def draw(self) -> "Figure":
        """All of it, from far to near."""
        self.arm(0)
        self.leg(0)
        self.leg(1)
        self.torso()
        self.face()
        self.arm(1)
        return self


READY = Pose(
    head=(0, 1.62),
    shoulders=((-0.18, 1.4), (0.18, 1.4)),
    elbows=((-0.3, 1.14), (0.3, 1.14)),
    hands=((-0.2, 0.95), (0.2, 0.95)),
    hips=((-0.1, 0.92), (0.1, 0.92)),
    knees=((-0.17, 0.5), (0.17, 0.5)),
    feet=((-0.2, 0.07), (0.2, 0.07)),
)


# Things


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
    canvas.solid([(at(-size * 0.06, 0), at(size * 0.22, 0), thick * 1.35, thick * 1.25)], _DARK, folds=0.3)


def ball(canvas: Canvas, centre: Point, radius: float, paint: Callable[[Floats], Floats], gloss: float) -> None:
    """A ball; `paint` says its colour for unit vectors (H, W, 3) on the sphere."""
    r = radius * FINE
    rows, columns = np.mgrid[-r - 2 : r + 2, -r - 2 : r + 2].astype(np.float32)
    near = np.sqrt(np.maximum(1 - (rows**2 + columns**2) / r**2, 0))
    normal = np.stack([columns / r, rows / r, near], -1)
    lit = np.maximum(normal @ rgb(_LIGHT), 0)
    colour = paint(normal) * (0.34 + 0.72 * lit)[..., None] + 255 * gloss * (lit**24)[..., None]
    cover = (r - np.hypot(rows, columns) + 0.5).clip(0, 1)[..., None]
    top, left = round(centre[1] * FINE - r - 2), round(centre[0] * FINE - r - 2)
    part = canvas.pixels[top : top + len(rows), left : left + len(rows)]
    part += (colour - part) * cover


def football(normal: Floats) -> Floats:
    """A truncated icosahedron's black pentagons and white hexagons."""
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
    reach = normal @ (faces @ turn.T.astype(np.float32)).T
    first = reach.argmax(-1)
    ranked = np.partition(reach, -2, axis=-1)
    seam = ((ranked[..., -1] - ranked[..., -2]) / 0.009).clip(0, 1)[..., None]
    colour = np.where((first < 12)[..., None], rgb((28, 28, 32)), rgb((246, 246, 246)))
    return np.asarray(colour * (0.45 + 0.55 * seam), np.float32)


def tennis_ball(normal: Floats) -> Floats:
    """Yellow felt with a white seam."""
    x, y, z = np.moveaxis(normal, -1, 0)
    seam = np.abs(x * y * 1.6 + z * 0.55 - 0.42)
    colour = np.where((seam < 0.05)[..., None], rgb((240, 244, 225)), rgb((206, 232, 50)))
    return np.asarray(colour, np.float32)


def leather(normal: Floats) -> Floats:
    """Red all over."""
    return np.broadcast_to(rgb((170, 24, 30)), normal.shape)


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


# Scenes


def badminton(canvas: Canvas) -> None:
    """Shuttlecocks and a racket on a green court, a net and a player behind them."""
    camera = Camera(horizon=120, focal=560, height=1.25)
    canvas.sky((26, 28, 40), (60, 62, 80), 130)
    crowd(canvas, 0, 100, 7, 0.45, ((60, 60, 90), (120, 40, 50), (90, 90, 100)))
    lay(canvas, camera, (34, 128, 92), 0.05, 60)
    for x in (-3.05, -2.6, 0, 2.6, 3.05):
        stripe(canvas, camera, (x, 1.2), (x, 15), 0.06)
    for far in (3.2, 5.0, 11, 13.4):
        stripe(canvas, camera, (-3.05, far), (3.05, far), 0.06)
    _opponent(canvas, camera, 9.2)
    a, b = camera.see(-3.3, 7.4, 1.55), camera.see(3.3, 7.4, 1.55)
    net(canvas, (a, b, camera.see(3.3, 7.4, 0.79), camera.see(-3.3, 7.4, 0.79)), (110, 14), (40, 26, 24), 0.75)
    canvas.lines([(a, b)], 6, _WHITE)
    canvas.blur(2.2)
    canvas.shadow((330, 400), 190, 36, 0.5)
    racket(canvas, (20, 432), -0.24, 470, (0.235, 0.14), (36, 40, 52), (236, 240, 90))
    shuttlecock(canvas, (448, 402), -0.6, 165)
    shuttlecock(canvas, (286, 392), -1.13, 285)


def _opponent(canvas: Canvas, camera: Camera, far: float) -> None:
    pose = replace(
        READY,
        elbows=((-0.42, 1.3), (0.36, 1.62)),
        hands=((-0.55, 1.52), (0.3, 1.9)),
        knees=((-0.25, 0.55), (0.25, 0.5)),
        feet=((-0.4, 0.15), (0.35, 0.07)),
    )
    metre = camera.metre(far)
    player = Figure(canvas, pose, Outfit((206, 40, 48), (30, 32, 50)), camera.see(-0.9, far), metre).draw()
    racket(canvas, player.at((0.3, 1.9)), -1.2, 0.68 * metre, (0.2, 0.16), (230, 60, 60), _WHITE)


def cricket(canvas: Canvas) -> None:
    """A batsman in white plays a drive in front of his stumps."""
    camera = Camera(horizon=130, focal=900, height=1.45)
    _park(canvas)
    lay(canvas, camera, (140, 149, 80), 0.13, 40, 1.5)
    canvas.polygon(
        [camera.see(-9, 5.9), camera.see(9, 5.9), camera.see(9, 8.2), camera.see(-9, 8.2)], (196, 174, 126), 0.8
    )
    stripe(canvas, camera, (-0.9, 5.5), (-0.9, 7.6), 0.06)
    canvas.blur(1.2)
    white = Outfit(_WHITE, _WHITE, _TAN, shoes=_WHITE, sleeves=0.42, legs=0.88, loose=1.25)
    stumps(canvas, (492, 448), 246)
    _batsman(canvas, white, (300, 472), 256)
    ball(canvas, (72, 404), 10, leather, 0.4)


def _park(canvas: Canvas) -> None:
    """Trees and a white fence."""
    canvas.sky((176, 204, 232), (226, 234, 240), 140)
    for _ in range(260):
        x, y = canvas.rng.uniform(-20, 660), canvas.rng.uniform(30, 110)
        green = canvas.rng.uniform(0.5, 1.1)
        r = canvas.rng.uniform(8, 24)
        canvas.solid([((x, y), (x + r / 2, y), r, r)], (52 * green, 84 * green, 40 * green), folds=2.5)
    canvas.blur(2.0)
    canvas.polygon([(0, 104), (640, 104), (640, 134), (0, 134)], (232, 232, 232))
    canvas.blur(2.0)


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


def _batsman(canvas: Canvas, white: Outfit, foot: Point, metre: float) -> None:
    pose = Pose(
        head=(-0.26, 1.56),
        shoulders=((-0.3, 1.34), (0.02, 1.36)),
        elbows=((-0.52, 1.2), (-0.2, 1.1)),
        hands=((-0.48, 0.92), (-0.44, 0.98)),
        hips=((-0.06, 0.88), (0.1, 0.86)),
        knees=((-0.42, 0.56), (0.34, 0.46)),
        feet=((-0.52, 0.07), (0.64, 0.08)),
        faces=-1,
    )
    canvas.shadow((foot[0] + 20, foot[1]), 170, 16, 0.5)
    man = Figure(canvas, pose, white, foot, metre)
    man.draw()
    for knee, ankle in zip(pose.knees, pose.feet, strict=True):
        _pad(man, knee, ankle)
    blade = [man.rod((-0.52, 0.8), (-0.76, 0.2), 0.055, 0.072)]
    canvas.solid([man.rod((-0.42, 1.04), (-0.54, 0.76), 0.02, 0.02)], (40, 40, 44))
    canvas.solid(blade, (220, 184, 126), folds=0.15, gloss=0.15)
    for hand in pose.hands:
        canvas.solid([man.rod(hand, (hand[0] - 0.02, hand[1] - 0.05), 0.062, 0.055)], (240, 240, 240), folds=1.2)
    x, y = pose.head
    canvas.solid([man.rod((x + 0.01, y + 0.05), (x + 0.03, y + 0.01), 0.118, 0.115)], (24, 36, 84), gloss=0.35)
    man.bare([man.rod((x - 0.06, y - 0.01), (x - 0.06, y - 0.06), 0.055, 0.05)])
    canvas.solid([man.rod((x - 0.06, y + 0.06), (x - 0.2, y + 0.035), 0.02, 0.012)], (24, 36, 84))
    bars = [[man.at((x - 0.03, y - h)), man.at((x - 0.15, y - h - 0.01))] for h in (0.0, 0.03, 0.06, 0.09)]
    canvas.lines(bars, 1.4, (70, 74, 84))


def _pad(man: Figure, knee: Point, ankle: Point) -> None:
    top, low = between(knee, ankle, -0.4), between(knee, ankle, 0.92)
    man.canvas.solid([man.rod(top, knee, 0.085, 0.105), man.rod(knee, low, 0.105, 0.08)], (250, 250, 246), folds=0.3)
    ridges = []
    for share in np.linspace(0.05, 0.95, 9):
        x, y = between(top, low, share)
        ridges.append([man.at((x - 0.08, y)), man.at((x + 0.08, y - 0.015))])
    man.canvas.lines(ridges, 1.6, (168, 168, 170), 0.8)


GI = Outfit(_WHITE, (240, 240, 238), _SKIN, shoes=None, sleeves=0.86, legs=0.93, loose=1.34)


def karate(canvas: Canvas) -> None:
    """A karateka punches, a class stands behind him."""
    camera = Camera(horizon=170, focal=620, height=1.4)
    _dojo(canvas, camera)
    for i, x in enumerate((-3.3, -2.6, 1.75, 2.5, 3.25)):
        hair = ((40, 30, 26), (86, 58, 36), (24, 22, 22))[i % 3]
        pupil = Figure(
            canvas, READY, replace(GI, hair=hair), camera.see(x, 7.2), camera.metre(7.2) * (0.92 + 0.04 * (i % 3))
        ).draw()
        belt(pupil, ((24, 24, 26), (150, 90, 40), (30, 80, 160))[i % 3])
    canvas.blur(1.3)
    _puncher(canvas, (238, 772), 462)


def _dojo(canvas: Canvas, camera: Camera) -> None:
    """A plain wall with a window band, and a floor of boards."""
    canvas.sky((226, 210, 178), (210, 188, 150), 290)
    for x in range(-30, 660, 170):
        canvas.polygon([(x, 10), (x + 150, 10), (x + 150, 92), (x, 92)], (246, 242, 226))
        canvas.lines(
            [[(x, 10), (x + 150, 10), (x + 150, 92), (x, 92), (x, 10)], [(x + 75, 10), (x + 75, 92)]], 4, (150, 112, 74)
        )
    lay(canvas, camera, (206, 158, 100), 0.06, 30, 8)
    across, _, rows = camera.ground()
    canvas.pixels[rows] *= (1 - 0.22 * (across % 0.16 < 0.012))[..., None]
    a, b = camera.see(-9, 8.0), camera.see(9, 8.0)
    canvas.polygon([(0, camera.horizon), (WIDTH, camera.horizon), b, a], (206, 184, 148))
    canvas.lines([[a, b]], 7, (128, 92, 58))


def belt(figure: Figure, colour: Colour) -> None:
    """A belt with its knot and ends, and the jacket's lapels and skirt above and below it."""
    chest, _, seat = figure.trunk()
    x, y = between(chest, seat, 0.82)
    skirt = [figure.rod((x + s, y), (x + 1.4 * s, y - 0.26), 0.09, 0.09) for s in (-0.1, 0, 0.1)]
    figure.wear(skirt, GI.shirt)
    left, right, low = (chest[0] - 0.07, chest[1] + 0.07), (chest[0] + 0.07, chest[1] + 0.07), (x, y + 0.25)
    figure.canvas.polygon([figure.at(left), figure.at(right), figure.at(low)], figure.outfit.skin)
    lapels = [[figure.at(left), figure.at(low)], [figure.at(right), figure.at(low), figure.at((x - 0.08, y + 0.02))]]
    for wide, shade in ((0.044, 176), (0.032, 232)):
        figure.canvas.lines(lapels, wide * figure.metre, (shade, shade, shade))
    figure.canvas.solid([figure.rod((x - 0.15, y), (x + 0.15, y), 0.03, 0.03)], colour, folds=0.3)
    ends = [figure.rod((x, y), (x + s, y - 0.26), 0.022, 0.024) for s in (-0.07, 0.06)]
    figure.canvas.solid([*ends, figure.rod((x - 0.02, y), (x + 0.02, y), 0.04, 0.04)], colour, folds=0.3)


def _puncher(canvas: Canvas, foot: Point, metre: float) -> None:
    pose = Pose(
        head=(0.08, 1.5),
        shoulders=((-0.12, 1.28), (0.2, 1.28)),
        elbows=((-0.34, 1.08), (0.44, 1.27)),
        hands=((-0.14, 0.98), (0.7, 1.3)),
        hips=((-0.08, 0.84), (0.1, 0.84)),
        knees=((-0.42, 0.5), (0.42, 0.54)),
        feet=((-0.74, 0.07), (0.5, 0.07)),
        faces=1,
    )
    man = Figure(canvas, pose, GI, foot, metre).draw()
    belt(man, (22, 22, 24))
    man.arm(1)
    canvas.solid([man.rod((0.72, 1.3), (0.77, 1.3), 0.062, 0.055)], (200, 30, 36), gloss=0.2)


def soccer(canvas: Canvas) -> None:
    """A football on the grass, a player who runs at it and a goal behind."""
    camera = Camera(horizon=150, focal=520, height=0.95)
    canvas.sky((60, 70, 92), (96, 104, 120), 160)
    crowd(canvas, 0, 136, 6, 0.75, ((200, 50, 50), (60, 90, 180), (230, 230, 230), (220, 190, 60)))
    for i, colour in enumerate(((30, 70, 170), (236, 236, 236), (190, 36, 40), (30, 120, 80))):
        canvas.polygon([(i * 160, 122), (i * 160 + 160, 122), (i * 160 + 160, 154), (i * 160, 154)], colour)
    lay(canvas, camera, (66, 138, 44), 0.22, 120, 1.6)
    stripe(canvas, camera, (-9, 9.5), (9, 9.5), 0.14)
    _goal(canvas, camera, 11.5)
    canvas.blur(2.4)
    run = Pose(
        head=(0.1, 1.62),
        shoulders=((-0.1, 1.4), (0.2, 1.38)),
        elbows=((-0.34, 1.22), (0.42, 1.18)),
        hands=((-0.5, 1.02), (0.58, 1.36)),
        hips=((-0.06, 0.9), (0.1, 0.9)),
        knees=((-0.22, 0.5), (0.36, 0.6)),
        feet=((-0.56, 0.3), (0.3, 0.12)),
        faces=1,
    )
    canvas.shadow((190, 408), 90, 12, 0.5)
    red = Outfit((210, 30, 40), (240, 240, 240), _TAN, shoes=(240, 220, 60), socks=(210, 30, 40))
    Figure(canvas, run, red, (190, 410), 200).draw()
    canvas.blur(0.8)
    canvas.shadow((420, 436), 96, 18, 0.6)
    ball(canvas, (410, 356), 84, football, 0.25)
    _blades(canvas, 416, 452)


def _goal(canvas: Canvas, camera: Camera, far: float) -> None:
    a, b = camera.see(-3.2, far, 2.44), camera.see(3.6, far, 2.44)
    c, d = camera.see(3.6, far), camera.see(-3.2, far)
    net(canvas, (a, b, c, d), (46, 18), (236, 236, 236), 0.7)
    canvas.lines([[d, a, b, c]], 6, (250, 250, 250))


def _blades(canvas: Canvas, top: float, bottom: float) -> None:
    """Blades of grass before what lies on it."""
    for y in np.arange(top, bottom + 40, 3):
        green = canvas.rng.uniform(0.7, 1.25)
        starts = canvas.rng.uniform(0, WIDTH, 150)
        tips = canvas.rng.normal(0, 4, 150), canvas.rng.uniform(5, 14, 150)
        blades = [((x, y + 6), (x + dx, y + 6 - dy)) for x, dx, dy in zip(starts, *tips, strict=True)]
        canvas.lines(blades, 1.2, (70 * green, 142 * green, 46 * green), 0.8)


def swimming(canvas: Canvas) -> None:
    """A swimmer crawls along a lane between ropes."""
    _water(canvas, Camera(horizon=-160, focal=700, height=3.2))
    red, blue = ((220, 40, 50), _WHITE), ((30, 70, 190), (250, 210, 50))
    for y, colours in ((40, red), (116, blue), (418, red)):
        _rope(canvas, y, 5 + y / 40, colours)
    _swimmer(canvas)
    _splash(canvas, (280, 312), 110, 380)
    _splash(canvas, (500, 292), 90, 700)
    _splash(canvas, (160, 304), 60, 200)


def _water(canvas: Canvas, camera: Camera) -> None:
    x, far, rows = camera.ground()
    slow = canvas.waves[(far * 150).astype(int) % 1024, (x * 75).astype(int) % 1024]
    quick = canvas.waves[(far * 420 + 300).astype(int) % 1024, (x * 200 + 500).astype(int) % 1024]
    ridge = np.exp(-np.abs(0.7 * slow + 0.3 * quick) * 5)
    deep, light = rgb((14, 112, 176)), rgb((66, 186, 224))
    mix = (0.45 + 0.28 * slow + 0.12 * quick).clip(0, 1)[..., None]
    canvas.pixels[rows] = deep + (light - deep) * mix + (ridge * 62)[..., None]


def _rope(canvas: Canvas, y: float, radius: float, colours: tuple[Colour, Colour]) -> None:
    canvas.shadow((320, y + radius * 1.6), 900, radius * 1.5, 0.3)
    for i, x in enumerate(np.arange(-10, WIDTH + 10, radius * 1.25)):
        lift = y + 2.5 * math.sin(x / 60)
        colour = colours[(i // 6) % 2]
        canvas.solid(
            [((x, lift - radius * 0.6), (x, lift + radius * 0.6), radius * 0.62, radius * 0.62)], colour, gloss=0.3
        )


def _swimmer(canvas: Canvas) -> None:
    suit, cap, goggles = (24, 30, 70), (226, 36, 44), (20, 24, 34)
    canvas.shadow((360, 318), 210, 34, 0.45)
    canvas.solid([((300, 286), (470, 300), 44, 30), ((330, 280), (420, 292), 46, 40)], _SKIN, gloss=0.3)
    canvas.solid([((352, 292), (470, 302), 42, 29)], suit, folds=0.8, gloss=0.2)
    canvas.solid([((470, 304), (600, 312), 24, 12)], _SKIN, gloss=0.25)
    arm = [((330, 262), (300, 168), 31, 23), ((300, 168), (196, 212), 22, 15), ((196, 212), (160, 240), 16, 10)]
    canvas.solid(arm, _SKIN, gloss=0.35)
    canvas.solid([((250, 262), (238, 292), 44, 32)], _SKIN, gloss=0.2)
    canvas.solid([((262, 250), (278, 256), 47, 44)], cap, gloss=0.5)
    canvas.lines([[(226, 266), (262, 258), (314, 262)]], 6, goggles)
    canvas.solid([((212, 272), (224, 267), 13, 12)], goggles, gloss=0.8)
    canvas.solid([((200, 288), (206, 291), 7, 8)], _SKIN)
    canvas.ellipse((216, 306), 11, 6, (110, 44, 44), 0.9)
    _submerge(canvas, 314, (360, 250))


def _submerge(canvas: Canvas, surface: float, middle: Point) -> None:
    """Let water cover what lies below the surface, about the middle (x, half width)."""
    rows, columns = np.mgrid[: HEIGHT * FINE, : WIDTH * FINE].astype(np.float32) / FINE
    ripple = canvas.waves[: HEIGHT * FINE].repeat(2, 1)[:, : WIDTH * FINE]
    deep = ((rows - surface - 4 * ripple) / 6).clip(0, 1) * np.exp(-(((rows - surface).clip(0) / 45) ** 2))
    cover = 0.75 * deep * np.exp(-(((columns - middle[0]) / middle[1]) ** 6))
    water = rgb((30, 130, 190)) + 80 * np.exp(-2 * np.abs(ripple))[..., None]
    canvas.pixels += (water - canvas.pixels) * cover[..., None]


def _splash(canvas: Canvas, centre: Point, spread: float, drops: int) -> None:
    """Foam and drops thrown up from a place."""
    for _ in range(drops):
        x, y = canvas.rng.normal(centre[0], spread / 2), centre[1] + 26 - abs(canvas.rng.normal(0, spread / 3.4))
        r = canvas.rng.gamma(1.6, 1.1)
        bright = canvas.rng.uniform(205, 255)
        canvas.ellipse((x, y), r * 1.5, r, (bright - 10, bright, 255), canvas.rng.uniform(0.35, 0.9))


def tennis(canvas: Canvas) -> None:
    """A player hits a forehand on a blue hard court."""
    camera = Camera(horizon=120, focal=700, height=2.0)
    canvas.sky((30, 36, 60), (40, 50, 80), 80)
    crowd(canvas, 0, 80, 8, 0.8, ((230, 230, 230), (60, 90, 170), (190, 60, 60), (40, 50, 70)))
    lay(canvas, camera, (44, 120, 190), 0.05, 60)
    canvas.polygon([(0, 78), (WIDTH, 78), (WIDTH, 206), (0, 206)], (24, 80, 156))
    canvas.polygon([(0, 78), (WIDTH, 78), (WIDTH, 84), (0, 84)], (230, 230, 235))
    stripe(canvas, camera, (-9, 9.0), (9, 9.0), 0.1)
    stripe(canvas, camera, (-2.4, 3), (-3.2, 15.5), 0.07)
    canvas.blur(2.2)
    pose = Pose(
        head=(0.06, 1.62),
        shoulders=((-0.16, 1.38), (0.18, 1.4)),
        elbows=((-0.42, 1.26), (0.42, 1.16)),
        hands=((-0.56, 1.5), (0.66, 1.2)),
        hips=((-0.1, 0.92), (0.1, 0.92)),
        knees=((-0.3, 0.54), (0.34, 0.54)),
        feet=((-0.5, 0.07), (0.5, 0.09)),
        faces=1,
    )
    canvas.shadow((215, 464), 170, 14, 0.5)
    white = Outfit(_WHITE, (236, 236, 240), _SKIN, (120, 76, 40), socks=_WHITE, legs=0.34)
    woman = Figure(canvas, pose, white, (205, 468), 225).draw()
    x, y = pose.head
    canvas.solid([woman.rod((x - 0.09, y + 0.06), (x + 0.09, y + 0.06), 0.03, 0.03)], _WHITE)
    canvas.solid([woman.rod((x + 0.08, y + 0.055), (x + 0.19, y + 0.04), 0.02, 0.012)], _WHITE)
    racket(canvas, woman.at((0.66, 1.2)), -0.75, 1.1 * 225, (0.27, 0.21), (200, 40, 44), (236, 238, 220))
    woman.bare([woman.rod((0.64, 1.18), (0.69, 1.22), 0.042, 0.042)])
    ball(canvas, (520, 62), 15, tennis_ball, 0.1)


def wrestling(canvas: Canvas) -> None:
    """Two wrestlers in singlets grapple on a mat."""
    camera = Camera(horizon=120, focal=620, height=1.7)
    canvas.sky((20, 20, 26), (40, 40, 48), 150)
    crowd(canvas, 0, 150, 17, 0.6, ((40, 40, 50), (110, 40, 44), (60, 66, 96), (130, 130, 130), (150, 120, 60)))
    canvas.blur(2.4)
    lay(canvas, camera, (120, 40, 44), 0.04, 60)
    x, far, rows = camera.ground()
    away = np.hypot(x, far - 4.9)
    grain = (1 + 0.03 * canvas.grain[(far * 60).astype(int) % 1024, (x * 60).astype(int) % 1024])[..., None]
    for low, high, colour in ((0.0, 2.0, (46, 60, 110)), (2.0, 2.2, (200, 170, 60))):
        ring = ((away > low) & (away < high))[..., None]
        canvas.pixels[rows] = np.where(ring, rgb(colour) * grain, canvas.pixels[rows])
    canvas.polygon([(0, 118), (WIDTH, 118), (WIDTH, 195), (0, 195)], (26, 28, 40))
    canvas.blur(1.0)
    canvas.shadow((320, 450), 330, 20, 0.55)
    _grapplers(canvas, (290, 456), 385)


def _grapplers(canvas: Canvas, foot: Point, metre: float) -> None:
    """One on hands and knees, the other over his back with an arm round his waist."""
    under = Pose(
        head=(-0.6, 0.56),
        shoulders=((-0.36, 0.66), (-0.36, 0.54)),
        elbows=((-0.3, 0.34), (-0.46, 0.3)),
        hands=((-0.5, 0.06), (-0.4, 0.05)),
        hips=((0.24, 0.52), (0.24, 0.5)),
        knees=((0.2, 0.14), (0.06, 0.09)),
        feet=((0.6, 0.1), (0.5, 0.07)),
        faces=-1,
    )
    over = Pose(
        head=(-0.2, 0.9),
        shoulders=((-0.08, 0.92), (0.06, 0.76)),
        elbows=((-0.4, 0.74), (-0.1, 0.56)),
        hands=((-0.5, 0.5), (-0.12, 0.34)),
        hips=((0.6, 0.62), (0.64, 0.58)),
        knees=((0.5, 0.2), (0.38, 0.16)),
        feet=((0.9, 0.1), (0.84, 0.07)),
        faces=-1,
    )
    wear = Outfit((34, 64, 170), (34, 64, 170), _TAN, shoes=(36, 36, 40), sleeves=0, legs=0.3, loose=1.06, singlet=True)
    Figure(canvas, under, wear, foot, metre).draw()
    red = replace(wear, shirt=(200, 30, 40), trousers=(200, 30, 40), skin=_SKIN, hair=(70, 46, 30))
    Figure(canvas, over, red, foot, metre).draw()


if __name__ == "__main__":
    main()
