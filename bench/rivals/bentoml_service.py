"""BentoML's two services; bentoml_server.py starts them.

As its page on adaptive batching has it, one owns the model and batches; before it is another for single requests, with
threads, so that batches can form, and as many workers as cores, since its work is Python's.
"""

import os
from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import ContentType
from PIL.Image import Image

from bench.rivals.common import MAX_BATCH_SIZE, answer, classifier, fetched, picture, prepared


@bentoml.service(workers=1)
class Model:
    """The model, which computes with the runtime that the environment names."""

    def __init__(self) -> None:
        self._classify = classifier(os.environ["RIVAL_RUNTIME"])

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH_SIZE, max_latency_ms=10_000)
    def classify(self, images: np.ndarray) -> np.ndarray:
        """A row of probabilities for each picture."""
        return self._classify(images)


@bentoml.service(workers="cpu_count", threads=MAX_BATCH_SIZE)
class Sports:
    """What answers requests."""

    model = bentoml.depends(Model)

    @bentoml.api
    def predict(self, image: Annotated[Image, ContentType("image/jpeg")], /) -> dict[str, float]:
        """The answer to an upload."""
        return self._answer(prepared(image))

    @bentoml.api
    def predict_url(self, url: str) -> dict[str, float]:
        """The answer to a URL. BentoML's own way to fetch refuses loopback addresses."""
        return self._answer(picture(fetched(url)))

    def _answer(self, image: np.ndarray) -> dict[str, float]:
        return answer(self.model.classify(image[np.newaxis])[0])
