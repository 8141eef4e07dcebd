"""What makes surfaces uneven?"""

import numpy as np
from geometry import Floats

SIZE = 1024
"""Rows and columns of a texture, which repeats beyond them."""


def fractal(rng: np.random.Generator, roughness: float, coarsest: float = 1.0) -> Floats:
    """A texture of mean 0 and deviation 1: white for roughness 0, cloudy for 1, soft hills for 2.

    `coarsest` is how many of the largest hills fit side by side.
    """
    spectrum = np.fft.fft2(rng.standard_normal((SIZE, SIZE)))
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.fftfreq(SIZE)[None]) * SIZE
    spectrum /= np.maximum(frequency, coarsest) ** roughness
    spectrum[0, 0] = 0
    waves = np.fft.ifft2(spectrum).real
    return np.asarray(waves / waves.std(), np.float32)


def pick(texture: Floats, rows: Floats, columns: Floats) -> Floats:
    """The texture at those rows and columns, any numbers."""
    picked: Floats = texture[rows.astype(int) % SIZE, columns.astype(int) % SIZE]
    return picked


def patch(texture: Floats, top: int, left: int, shape: tuple[int, ...]) -> Floats:
    """A piece of that shape from that row and column on."""
    rows, columns = np.ogrid[top : top + shape[0], left : left + shape[1]]
    return pick(texture, rows, columns)
