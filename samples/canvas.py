"""How is a picture put together, one layer over the other?"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from colours import Colour, rgb
from geometry import FINE, HEIGHT, WIDTH, Capsule, Floats, Point, places
from noise import fractal, patch
from PIL import Image, ImageDraw, ImageFilter
from solids import frame, light, relief


class Canvas:
    """A picture in the making, finer than the one that is saved."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.pixels: Floats = np.zeros((HEIGHT * FINE, WIDTH * FINE, 3), np.float32)
        self.waves = fractal(self.rng, 2.0)
        self.cloth = fractal(self.rng, 3.0, 9)
        self.grain = fractal(self.rng, 0.6)

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

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A filled rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

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
        rows, columns = places()
        away = ((columns - centre[0]) / across) ** 2 + ((rows - centre[1]) / down) ** 2
        self.pixels *= 1 - np.float32(alpha) * np.exp(-(away**1.5))[..., None]

    def solid(self, parts: Sequence[Capsule], colour: Colour, folds: float = 0.0, gloss: float = 0.0) -> None:
        """Capsules grown together into one shaded body; `folds` ruffles it like cloth, `gloss` makes it shine."""
        left, top, right, bottom = frame(parts)
        if min(right - left, bottom - top) < 2:
            return
        rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
        depth, cover = relief(parts, rows, columns)
        row, column = self.rng.integers(0, 400, 2)
        if folds:
            depth = depth + np.float32(folds * FINE) * patch(self.cloth, row, column, depth.shape)
        lit, speckle = light(depth), patch(self.grain, row, column, depth.shape)
        body = rgb(colour) * (0.38 + 0.66 * lit + 0.015 * speckle)[..., None] + 255 * gloss * (lit**16)[..., None]
        part = self.pixels[top:bottom, left:right]
        part += (body - part) * cover[..., None]

    def blur(self, radius: float) -> None:
        """Put all that is there so far out of focus."""
        self.pixels = np.array(self.image().filter(ImageFilter.GaussianBlur(radius * FINE)), np.float32)

    def image(self) -> Image.Image:
        """What is there so far, as fine as the canvas."""
        return _image(self.pixels)

    def save(self, path: Path) -> None:
        """Write the JPEG: a little soft, darker in the corners, with a sensor's noise."""
        self.blur(0.45)
        rows, columns = np.mgrid[-1 : 1 : HEIGHT * FINE * 1j, -1 : 1 : WIDTH * FINE * 1j].astype(np.float32)
        self.pixels *= (1 - 0.13 * (rows**2 + columns**2) / 2)[..., None]
        small = self.image().reduce(FINE)
        noisy = np.asarray(small, np.float32) + self.rng.normal(0, 2.5, (HEIGHT, WIDTH, 3))
        _image(noisy).save(path, quality=90)


def _image(pixels: Floats) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
