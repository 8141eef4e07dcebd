"""Which scene is in a pool? Swimming."""

import math

import numpy as np
from canvas import Canvas
from colours import SKIN, WHITE, Colour, rgb
from geometry import FINE, HEIGHT, WIDTH, Point, places
from grounds import Camera
from noise import pick


def swimming(canvas: Canvas) -> None:
    """A swimmer crawls along a lane between ropes."""
    _water(canvas, Camera(horizon=-160, focal=700, height=3.2))
    red, blue = ((220, 40, 50), WHITE), ((30, 70, 190), (250, 210, 50))
    for y, colours in ((40, red), (116, blue), (418, red)):
        _rope(canvas, y, 5 + y / 40, colours)
    _swimmer(canvas)
    _splash(canvas, (280, 312), 110, 380)
    _splash(canvas, (500, 292), 90, 700)
    _splash(canvas, (160, 304), 60, 200)


def _water(canvas: Canvas, camera: Camera) -> None:
    x, far, rows = camera.ground()
    slow = pick(canvas.waves, far * 150, x * 75)
    quick = pick(canvas.waves, far * 420 + 300, x * 200 + 500)
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
    canvas.solid([((300, 286), (470, 300), 44, 30), ((330, 280), (420, 292), 46, 40)], SKIN, gloss=0.3)
    canvas.solid([((352, 292), (470, 302), 42, 29)], suit, folds=0.8, gloss=0.2)
    canvas.solid([((470, 304), (600, 312), 24, 12)], SKIN, gloss=0.25)
    arm = [((330, 262), (300, 168), 31, 23), ((300, 168), (196, 212), 22, 15), ((196, 212), (160, 240), 16, 10)]
    canvas.solid(arm, SKIN, gloss=0.35)
    canvas.solid([((250, 262), (238, 292), 44, 32)], SKIN, gloss=0.2)
    canvas.solid([((262, 250), (278, 256), 47, 44)], cap, gloss=0.5)
    canvas.lines([[(226, 266), (262, 258), (314, 262)]], 6, goggles)
    canvas.solid([((212, 272), (224, 267), 13, 12)], goggles, gloss=0.8)
    canvas.solid([((200, 288), (206, 291), 7, 8)], SKIN)
    canvas.ellipse((216, 306), 11, 6, (110, 44, 44), 0.9)
    _submerge(canvas, 314, (360, 250))


def _submerge(canvas: Canvas, surface: float, middle: Point) -> None:
    """Let water cover what lies below the surface, about the middle (x, half width)."""
    rows, columns = places()
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
