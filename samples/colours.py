"""What colours do people and things have?"""

import numpy as np
from geometry import Floats

Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 255."""

WHITE: Colour = (244, 244, 242)
SKIN: Colour = (214, 160, 126)
TAN: Colour = (176, 118, 84)
BROWN: Colour = (112, 72, 50)
DARK: Colour = (34, 28, 26)


def rgb(colour: Colour) -> Floats:
    """The colour as an array of three."""
    return np.array(colour, np.float32)
