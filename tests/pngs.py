"""PNG files written by hand, in every form that the standard allows: a library writes only the usual ones."""

import struct
import zlib
from collections.abc import Callable

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples a pixel by colour type (PNG, third edition, table 11.1)."""
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]  # Adam7

Sampler = Callable[[int, int], tuple[int, ...]]
"""The samples of the pixel at (x, y)."""


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, colour_type: int, depth: int, interlaced: bool = False) -> bytes:
    return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced))


def png(
    size: tuple[int, int], colour_type: int, depth: int, sample: Sampler, interlaced: bool = False, extra: bytes = b""
) -> bytes:
    """A PNG of the samples; `extra` are the chunks before the picture's data, such as PLTE and tRNS."""
    width, height = size
    passes = _PASSES if interlaced else [(0, 0, 1, 1)]
    rows = b"".join(
        b"\0" + _packed([sample(x, y) for x in range(left, width, right)], depth)
        for left, top, right, down in passes
        if left < width
        for y in range(top, height, down)
    )
    data = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")
    return header(width, height, colour_type, depth, interlaced) + extra + data


def _packed(row: list[tuple[int, ...]], depth: int) -> bytes:
    samples = [value for pixel in row for value in pixel]
    if depth == 16:
        return struct.pack(f">{len(samples)}H", *samples)
    bits = "".join(f"{value:0{depth}b}" for value in samples)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")
