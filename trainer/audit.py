"""Which pictures show nearly the same? They must not lie on both sides of a split."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.errors import TrainerError

NEAREST_HASH_BITS = 5
"""Two pictures whose 64-bit hashes differ in at most so many bits are near duplicates."""


def perceptual_hash(image: Image.Image) -> int:
    """64 bits that survive scaling and compression: whether each cell of a 9x8 thumbnail is darker than the next."""
    cells = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    return int.from_bytes(np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes())


def alike(paths: Sequence[Path], others: Sequence[Path]) -> list[bool]:
    """Whether each picture shows nearly the same as one of the others, by `perceptual_hash`.

    Raises:
        TrainerError: A picture can't be read; the text names the file.
    """
    if not others:
        return [False] * len(paths)
    known = _bits([_hash_of(path) for path in others])
    return [bool((np.abs(known - one).sum(axis=1) <= NEAREST_HASH_BITS).any()) for one in _bits(map(_hash_of, paths))]


def _hash_of(path: Path) -> int:
    try:
        with Image.open(path) as image:
            image.draft("L", (64, 64))
            return perceptual_hash(image)
    except OSError as error:
        raise TrainerError(f"The picture {path} can't be used: {error}") from error


def _bits(hashes: Iterable[int]) -> NDArray[np.float32]:
    """float32 (pictures, 64), a column a bit."""
    return np.unpackbits(np.array(list(hashes), dtype=np.uint64).view(np.uint8).reshape(-1, 8), axis=1).astype(
        np.float32
    )


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
    bits = _bits(hashes)
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
