"""How much does a JPEG ask of its decoder, beyond its size? Its markers say it, before anything is decoded.

A scan costs a walk over the whole picture, and a file of a few kilobytes can hold thousands; a picture in more than one
scan is held whole until the last (ITU-T T.81, annexes B and G).
"""

import re
from dataclasses import dataclass

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15, less DHT, JPG and DAC
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7\x01])", re.DOTALL)  # neither stuffing nor a marker that stands alone


@dataclass(frozen=True)
class Scans:
    """How a JPEG's picture is laid out in its file."""

    count: int
    """Scans; no more are counted than were asked for."""
    held_whole: bool
    """Whether the decoder must keep all of the picture's coefficients until the last scan."""


def scans(picture: bytes, at_most: int) -> Scans:
    """The scans of a JPEG file, or what there is of them in a damaged one.

    Args:
        picture: Begins with a JPEG; what follows its end doesn't matter.
        at_most: Where to stop counting.
    """
    components, count, held_whole, place = 0, 0, False, 2
    while count < at_most and (found := _MARKER.search(picture, place)):
        marker, place = found[1][0], found.end()
        if marker == _EOI:
            break
        if marker in _FRAMES:
            held_whole = marker in _PROGRESSIVE
            components = picture[place + 7] if place + 7 < len(picture) else 0
        if marker == _SOS:
            count += 1
            held_whole = held_whole or (place + 2 < len(picture) and picture[place + 2] < components)
            if not held_whole:
                break  # all of the picture is in this one
        if marker != _SOI:
            place += max(2, int.from_bytes(picture[place : place + 2], "big"))
    return Scans(count, held_whole)
