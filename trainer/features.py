"""What does the frozen part of the network say of a picture, as it is and in augmented views?"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import openvino
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from gateway.errors import ImageError
from gateway.images import decode
from gateway.preprocessing import Images, Resize, Scaling, scale, to_tensor
from trainer.augment import augment
from trainer.config import Config
from trainer.data import Example
from trainer.errors import TrainerError

Features = NDArray[np.float16]
"""float16, shape (pictures, height, width, channels)."""

Places = NDArray[np.intp]
"""Places of pictures in the sequence of examples."""

_PICTURES_AT_ONCE = 32
_THREADS = 2
_BATCHES_AHEAD = 3


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


def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16 by itself: then training does, in half the time."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class Extractor:
    """The frozen part of the network, computed by OpenVINO: two to three times as fast as TensorFlow."""

    def __init__(self, lower: Any, preprocessing: Scaling) -> None:
        self._preprocessing = preprocessing
        self.shape: tuple[int, ...] = lower.output_shape[1:]
        specs = [tf.TensorSpec((None, *lower.input_shape[1:]), tf.float32)]
        graph = openvino.convert_model(tf.function(lambda images: lower(images, training=False), specs))
        options = {"INFERENCE_PRECISION_HINT": "bf16" if has_bfloat16() else "f32", "NUM_STREAMS": "1"}
        self._request = openvino.Core().compile_model(graph, "CPU", options).create_infer_request()

    def __call__(self, images: Images) -> Features:
        """Features, float16 (batch, height, width, channels), of uint8 images (batch, H, W, 3)."""
        outputs = self._request.infer([scale(images, self._preprocessing)])
        return np.asarray(next(iter(outputs.values()))).astype(np.float16)


def augmented(example: Example, place: int, time: tuple[int, int], config: Config) -> Images:
    """A random view, uint8 (1, H, W, 3); another for each picture and each time it is shown."""
    image = read(example.path, config.input_size, config.resize)
    if example.label < 0:
        config = replace(config, smallest_crop=config.smallest_outlier_crop)
    view = augment(image, config, np.random.default_rng((config.seed, place, *time)))
    return to_tensor(view, config.input_size, config.resize)


class Views(Protocol):
    """Where the batches of an epoch come from."""

    def plain(self, places: Places) -> Features:
        """Features of the pictures as they are."""

    def batches(self, epoch: int, batches: Sequence[Places]) -> Iterator[Features]:
        """Features of one augmented view of each picture, batch by batch."""


class FreshViews:
    """Views that nobody has seen before: made and sent through the frozen part as they are needed."""

    def __init__(self, examples: Sequence[Example], config: Config, extract: Extractor) -> None:
        self._examples, self._config, self._extract = examples, config, extract

    def plain(self, places: Places) -> Features:
        """Features of the pictures as they are."""
        examples = [self._examples[place] for place in places]
        images = tensors(examples, self._config.input_size, self._config.resize)
        return np.concatenate([self._extract(batch) for batch in images])

    def batches(self, epoch: int, batches: Sequence[Places]) -> Iterator[Features]:
        """Features of one augmented view of each picture; the next batches' views are made meanwhile."""
        config = self._config
        if epoch > config.epochs:
            config = replace(config, operations=0, degraded=0.0, blanked=0.0)
        with ThreadPoolExecutor(_THREADS) as pool:
            ahead: deque[Future[Images]] = deque()
            for number in range(len(batches) + _BATCHES_AHEAD):
                if number < len(batches):
                    # A class that is drawn more often than its pictures shows each several times in an epoch.
                    ahead.append(pool.submit(self._images, (epoch, number), batches[number], config))
                if number >= _BATCHES_AHEAD:
                    yield self._extract(ahead.popleft().result())

    def _images(self, time: tuple[int, int], places: Places, config: Config) -> Images:
        views = [augmented(self._examples[place], int(place), time, config) for place in places]
        return np.concatenate(views)


class KeptViews:
    """A few views of each picture, kept on disk: for the many short runs of a search."""

    def __init__(self, kept: NDArray[np.float16]) -> None:
        self._kept = kept

    def plain(self, places: Places) -> Features:
        """Features of the pictures as they are."""
        features: Features = self._kept[0, places]
        return features

    def batches(self, epoch: int, batches: Sequence[Places]) -> Iterator[Features]:
        """Features of one of each picture's views, the plain one among them."""
        rng = np.random.default_rng(epoch)
        for places in batches:
            yield self._kept[rng.integers(0, len(self._kept), len(places)), places]


def kept_views(
    examples: Sequence[Example], config: Config, views: int, extract: Extractor, weights: Path | None, folder: Path
) -> KeptViews:
    """Views of every picture, the first as it is: from the folder as far as they are there.

    An interrupted run goes on where it stopped; other pictures, weights or settings start anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, progress = folder / "features.npy", folder / "features.json"
    key = _key(examples, config, views, weights)
    shape = (views, len(examples), *extract.shape)
    state = json.loads(progress.read_text()) if progress.is_file() and file.is_file() else {}
    resumed = state.get("key") == key
    features = np.lib.format.open_memmap(file, "r+" if resumed else "w+", dtype=np.float16, shape=shape)
    fresh = FreshViews(examples, config, extract)
    done = state["done"] if resumed else 0
    with tqdm(total=len(examples), initial=done, desc="features", unit="picture", disable=None) as bar:
        for start in range(done, len(examples), _PICTURES_AT_ONCE):
            places = np.arange(start, min(start + _PICTURES_AT_ONCE, len(examples)))
            features[0, places] = fresh.plain(places)
            for view in range(1, views):
                features[view, places] = next(fresh.batches(view, [places]))
            bar.update(len(places))
            if start % (16 * _PICTURES_AT_ONCE) == 0 or places[-1] == len(examples) - 1:
                features.flush()
                progress.write_text(json.dumps({"key": key, "done": int(places[-1]) + 1}))
    return KeptViews(features)


def _key(examples: Sequence[Example], config: Config, views: int, weights: Path | None) -> str:
    """Changes with everything that the features depend on."""
    digest = hashlib.sha256()
    said = (config.input_size, config.resize.model_dump(), config.preprocessing, config.smallest_crop, config.stretch)
    changes = (config.operations, config.shrunk, config.degraded, config.blanked)
    digest.update(json.dumps([said, changes, views, config.seed, config.frozen_until]).encode())
    digest.update(weights.read_bytes() if weights and weights.is_file() else str(weights).encode())
    for example in examples:
        digest.update(hashlib.sha256(example.path.read_bytes()).digest())
    return digest.hexdigest()
