"""What every rival does alike: fetch, decode and prepare a picture, and run the model."""

import io
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import requests
from PIL import Image

LABELS = ["badminton", "cricket", "karate", "soccer", "swimming", "tennis", "wrestling"]
SAVED_MODEL = Path(__file__).resolve().parents[2] / "model" / "sports7" / "2"
SIZE = (299, 299)

MAX_BATCH_SIZE = 8
BATCH_WAIT_S = 0.005
"""Longest wait for a batch to fill, in seconds: a fraction of one picture's time in the model."""

Classifier = Callable[[np.ndarray], np.ndarray]


def fetched(url: str) -> bytes:
    """The bytes behind a URL."""
    response = requests.get(url, timeout=10)
    response.raise_for_status()
    return response.content


def picture(data: bytes) -> np.ndarray:
    """A picture's bytes as the model's input."""
    with Image.open(io.BytesIO(data)) as image:
        return prepared(image)


def prepared(image: Image.Image) -> np.ndarray:
    """An image as the model's input, the way keras-image-helper does it.

    Returns:
        float32, shape (299, 299, 3), from -1 to 1.
    """
    small = image.convert("RGB").resize(SIZE, Image.Resampling.NEAREST)
    return np.asarray(small, np.float32) / 127.5 - 1


def answer(probabilities: Iterable[float]) -> dict[str, float]:
    """One picture's probabilities by label."""
    return dict(zip(LABELS, map(float, probabilities), strict=True))


def classifier(runtime: str) -> Classifier:
    """The model, loaded: float32 (N, 299, 299, 3) to float32 (N, 7). Threads may call it at once."""
    return {"tensorflow": _tensorflow, "openvino": _openvino}[runtime]()


def _tensorflow() -> Classifier:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(SAVED_MODEL))
    signature = loaded.signatures["serving_default"]

    def classify(images: np.ndarray, _loaded: object = loaded) -> np.ndarray:  # the signature needs it alive
        return signature(images=tf.constant(images))["probabilities"].numpy()

    return classify


def _openvino() -> Classifier:
    import openvino

    # One request at a time uses all cores: batches come one after the other.
    compiled = openvino.compile_model(openvino.convert_model(SAVED_MODEL), "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    mine = threading.local()  # an inference request belongs to one thread

    def classify(images: np.ndarray) -> np.ndarray:
        if not hasattr(mine, "request"):
            mine.request = compiled.create_infer_request()
        return mine.request.infer({"images": images})["probabilities"]

    return classify
