"""Which pixels' path reads sports best, and what does it cost?

    python -m bench.pixels ../shared/data/sports7 ../shared/weights/inception_v3_notop.weights.h5

Five-fold cross-validation on the `train` split with features of the frozen backbone (`mixed9`, pooled) and a logistic
regression: first the candidates on the pictures as they are, then the decode scale on pictures enlarged to a phone's
12 megapixels and encoded again, answered by the regression that was fitted on the small ones. Writes
bench/results/pixels.json and pixels.md.
"""

import argparse
import csv
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import openvino
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from gateway.images import decode
from gateway.preprocessing import Images, Resize, scale, to_tensor

SIZE = (299, 299)
RESULTS = Path(__file__).parent / "results"
SMALL = [
    Resize(decode_scale="full", filter="bilinear", aspect="stretch"),
    Resize(decode_scale="full", filter="bilinear", aspect="crop"),
    Resize(decode_scale="full", filter="bilinear", aspect="pad"),
    Resize(decode_scale="full", filter="bicubic", aspect="stretch"),
    Resize(decode_scale="full", filter="lanczos", aspect="stretch"),
    Resize(decode_scale="full", filter="box", aspect="stretch"),
    Resize(decode_scale="full", filter="bicubic", aspect="pad"),
]
LARGE = [
    Resize(decode_scale=decode_scale, filter=candidate.filter, aspect=candidate.aspect)
    for candidate in (SMALL[0], SMALL[1], SMALL[3])
    for decode_scale in ("full", "fit")
]


def embedder(weights: Path, size: tuple[int, int]) -> Callable[[Images], NDArray[np.float32]]:
    """A function from uint8 images to `mixed9` pooled over the image, float32 (batch, 2048)."""
    backbone = keras.applications.InceptionV3(weights=None, include_top=False, input_shape=(*size, 3))
    backbone.load_weights(weights)
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.get_layer("mixed9").output)
    model = keras.Model(backbone.input, pooled)
    spec = tf.TensorSpec((None, *size, 3), tf.float32)
    graph = tf.function(lambda images: model(images, training=False), input_signature=[spec])
    compiled = openvino.compile_model(
        openvino.convert_model(graph.get_concrete_function()), "CPU", {"INFERENCE_PRECISION_HINT": "bf16"}
    )
    return lambda images: compiled(scale(images, "tf"))[0]


def embed(
    pictures: list[bytes], how: Resize, embedding: Callable[[Images], NDArray[np.float32]], size: tuple[int, int] = SIZE
) -> tuple[NDArray[np.float32], float]:
    """The features of every picture, and the median milliseconds of processor time that decode and resize took."""
    features, spent = [], []
    for start in tqdm(range(0, len(pictures), 16), str(how), disable=None):
        images = []
        for picture in pictures[start : start + 16]:
            began = time.process_time()
            images.append(to_tensor(decode(picture, size, how.decode_scale), size, how))
            spent.append(time.process_time() - began)
        features.append(embedding(np.concatenate(images)))
    return np.concatenate(features), 1000 * float(np.median(spent))


def enlarge(picture: bytes) -> bytes:
    """The picture as a phone would have taken it: about 12 megapixels, JPEG, quality 90."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    by = (12_000_000 / (image.width * image.height)) ** 0.5
    out = io.BytesIO()
    image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.BICUBIC).save(
        out, "JPEG", quality=90
    )
    return out.getvalue()


def folds(labels: NDArray[Any]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    return list(StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels))


def fit(features: NDArray[np.float32], labels: NDArray[Any]) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=500)).fit(features, labels)


def read_train(data: Path, most: int | None) -> tuple[list[bytes], NDArray[Any]]:
    """The training pictures in a fixed random order, and their labels."""
    with (data / "labels.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))][:most]
    return [(data / row["image_ID"]).read_bytes() for row in rows], np.array([row["label"] for row in rows])


def cross_validated(features: NDArray[np.float32], labels: NDArray[Any]) -> tuple[float, list[Any]]:
    """The percentage that five regressions answer rightly on pictures they weren't fitted on; and the regressions."""
    right, fitted = np.zeros(len(labels), bool), []
    for train, test in folds(labels):
        fitted.append(fit(features[train], labels[train]))
        right[test] = fitted[-1].predict(features[test]) == labels[test]
    return round(100 * float(right.mean()), 2), fitted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--large", type=int, default=700, help="how many pictures are enlarged")
    parser.add_argument("--most", type=int, help="how many pictures are read at most")
    options = parser.parse_args()

    pictures, labels = read_train(options.data, options.most)
    embedding = embedder(options.weights, SIZE)

    small, models = [], {}
    for how in SMALL:
        features, cost_ms = embed(pictures, how, embedding)
        accuracy, models[how.filter, how.aspect] = cross_validated(features, labels)
        small.append({**how.model_dump(), "accuracy": accuracy, "cpu_ms": round(cost_ms, 2)})
        print(small[-1], flush=True)

    chosen = np.arange(min(options.large, len(labels)))
    enlarged = [enlarge(pictures[i]) for i in tqdm(chosen, "enlarging")]
    large = []
    for how in LARGE:
        features, cost_ms = embed(enlarged, how, embedding)
        right = np.zeros(len(chosen), bool)
        for model, (_, test) in zip(models[how.filter, how.aspect], folds(labels), strict=True):
            held_back = np.intersect1d(test, chosen)
            if not len(held_back):
                continue  # with few enlarged pictures a fold may have none
            right[held_back] = model.predict(features[held_back]) == labels[held_back]
        large.append({**how.model_dump(), "accuracy": round(100 * float(right.mean()), 2), "cpu_ms": round(cost_ms, 2)})
        print(large[-1], flush=True)

    RESULTS.mkdir(exist_ok=True)
    report = {"pictures": len(labels), "as_they_are": small, "enlarged_pictures": len(chosen), "enlarged": large}
    (RESULTS / "pixels.json").write_text(json.dumps(report, indent=1) + "\n")
    (RESULTS / "pixels.md").write_text(as_markdown(report))


def as_markdown(report: dict[str, Any]) -> str:
    head = "| decode | filter | aspect | accuracy | decode and resize |\n| --- | --- | --- | --- | --- |\n"
    line = "| {decode_scale} | {filter} | {aspect} | {accuracy} % | {cpu_ms} ms |\n"
    return (
        f"{report['pictures']} pictures as they are, five-fold cross-validation:\n\n"
        + head
        + "".join(line.format(**row) for row in report["as_they_are"])
        + f"\n{report['enlarged_pictures']} of them enlarged to 12 megapixels, answered by the same regressions:\n\n"
        + head
        + "".join(line.format(**row) for row in report["enlarged"])
    )


if __name__ == "__main__":
    main()
