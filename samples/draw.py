"""Draws the sample pictures, one a sport: `python samples/draw.py [FOLDER]`.

Everything is drawn by code, so the samples are free of other people's rights. Two runs write the same bytes.
"""

import sys
from pathlib import Path

from canvas import Canvas
from indoors import badminton, karate, wrestling
from outdoors import cricket, soccer, tennis
from pool import swimming

SCENES = (badminton, cricket, karate, soccer, swimming, tennis, wrestling)
"""A scene's place is the seed of its picture."""


def main() -> None:
    """Draw every scene into the folder that is named, or beside this file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    for seed, scene in enumerate(SCENES):
        canvas = Canvas(seed)
        scene(canvas)
        canvas.save(folder / f"{scene.__name__}.jpg")


if __name__ == "__main__":
    main()
