"""Which pictures show nearly the same? They must not lie on both sides of a split."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NEAREST_HASH_BITS = 5
"""Two pictures whose 64-bit hashes differ in at most so many bits are near duplicates."""


def perceptual_hash(image: Image.Image) -> int:
    """64 bits that survive scaling and compression: whether each cell of a 9x8 thumbnail is darker than the next."""
    cells = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    return int.from_bytes(np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes())


def near_duplicates(hashes: list[int], features: NDArray[np.float32], nearest_cosine: float) -> list[int]:
    """The group of each picture; pictures alike by hash or by features share one, also through a third.

    Args:
        hashes: `perceptual_hash` of each picture.
        features: float32 (pictures, channels), pooled features of each picture.
        nearest_cosine: Two pictures whose features have at least this cosine are near duplicates.

    Returns:
        Each picture's group, named by the place of its first picture.
    """
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    bits = np.unpackbits(np.array(hashes, dtype=np.uint64).view(np.uint8).reshape(-1, 8), axis=1).astype(np.float32)
    group = list(range(len(hashes)))

    def first(place: int) -> int:
        while group[place] != place:
            group[place] = group[group[place]]
            place = group[place]
        return place

    for place in range(len(hashes)):
        differing = np.abs(bits[place + 1 :] - bits[place]).sum(axis=1)
        alike = (differing <= NEAREST_HASH_BITS) | (unit[place + 1 :] @ unit[place] >= nearest_cosine)
        for other in np.flatnonzero(alike) + place + 1:
            one, two = sorted((first(place), first(int(other))))
            group[two] = one
    return [first(place) for place in range(len(hashes))]
