"""What does the frozen part of the network say of every view of every picture? Computed once, kept on disk."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from gateway.errors import ImageError
from gateway.images import decode
from gateway.preprocessing import Images, Resize, scale, to_tensor
from trainer.augment import augment
from trainer.config import Config
from trainer.data import Example
from trainer.errors import TrainerError

Features = NDArray[np.float16]
"""float16, shape (views, pictures, height, width, channels)."""

_PICTURES_AT_ONCE = 8


def read(path: Path, size: tuple[int, int], how: Resize) -> Image.Image:
    """The picture in a file, decoded as the gateway decodes it.

    Raises:
        TrainerError: It can't be read; the text names the file.
    """
    try:
        return decode(path.read_bytes(), size, how.decode_scale)
    except (OSError, ImageError) as error:
        raise TrainerError(f"The picture {path} can't be used: {error}") from error


def tensors(
    examples: Sequence[Example],
    size: tuple[int, int],
    how: Resize,
    *,
    change: Callable[[Image.Image], Image.Image] | None = None,
    batch_size: int = 32,
) -> Iterator[Images]:
    """The pictures, batch by batch: uint8 (batch, H, W, 3).

    As they are, each equals the gateway's tensor; with a `change`, that is made to the decoded image first.
    """
    for start in range(0, len(examples), batch_size):
        images = [read(example.path, size, how) for example in examples[start : start + batch_size]]
        yield np.concatenate([to_tensor(change(image) if change else image, size, how) for image in images])


def views(example: Example, place: int, config: Config) -> Images:
    """All views of a picture, uint8 (views, H, W, 3): the first as it is, the others augmented."""
    image = read(example.path, config.input_size, config.resize)
    shown = [image]
    for view in range(1, config.views):
        shown.append(augment(image, config.smallest_crop, np.random.default_rng((config.seed, place, view))))
    return np.concatenate([to_tensor(one, config.input_size, config.resize) for one in shown])


def cached(examples: Sequence[Example], config: Config, weights: Path | None, lower: Any, folder: Path) -> Features:
    """The frozen part's output for every view of every picture, from the folder as far as it is there.

    An interrupted run goes on where it stopped; other pictures, weights or settings start anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, progress = folder / "features.npy", folder / "features.json"
    key = _key(examples, config, weights)
    shape = (config.views, len(examples), *lower.output_shape[1:])
    state = json.loads(progress.read_text()) if progress.is_file() and file.is_file() else {}
    resumed = state.get("key") == key
    features = np.lib.format.open_memmap(file, "r+" if resumed else "w+", dtype=np.float16, shape=shape)
    done = state["done"] if resumed else 0
    with tqdm(total=len(examples), initial=done, desc="features", unit="picture", disable=None) as bar:
        for start in range(done, len(examples), _PICTURES_AT_ONCE):
            places = range(start, min(start + _PICTURES_AT_ONCE, len(examples)))
            images = np.concatenate([views(examples[place], place, config) for place in places])
            output = np.asarray(lower(scale(images, config.preprocessing), training=False), np.float16)
            output = output.reshape(len(places), config.views, *shape[2:])
            features[:, places.start : places.stop] = output.swapaxes(0, 1)
            bar.update(len(places))
            if places.stop % 512 < _PICTURES_AT_ONCE or places.stop == len(examples):
                features.flush()
                progress.write_text(json.dumps({"key": key, "done": places.stop}))
    return features


def _key(examples: Sequence[Example], config: Config, weights: Path | None) -> str:
    """Changes with everything that the features depend on."""
    digest = hashlib.sha256()
    said = (config.input_size, config.resize.model_dump(), config.preprocessing, config.views, config.smallest_crop)
    digest.update(json.dumps([said, config.seed, config.frozen_until]).encode())
    digest.update(weights.read_bytes() if weights and weights.is_file() else str(weights).encode())
    for example in examples:
        digest.update(hashlib.sha256(example.path.read_bytes()).digest())
    return digest.hexdigest()
