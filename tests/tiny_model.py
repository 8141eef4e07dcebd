"""Makes the model that tests serve: python -m tests.tiny_model FOLDER

Three classes by the largest colour channel's mean, with a convolution before it so that there are weights; signatures
and card as the trainer writes them, and what TensorFlow answers for a few pictures.
"""

import json
import shutil
import sys
from pathlib import Path

import nncf
import numpy as np
import openvino
import tensorflow as tf

from model import convert
from model.cache import converted
from model.int8 import FOLDER, GRAPH, write_manifest
from tests.fill_cache import fill_cache

LABELS = ["red", "green", "blue"]
SIZE = (32, 40)  # height and width differ, so that a swap fails
PREPARED = {"decode_scale": "fit", "filter": "bilinear", "aspect": "stretch"}


class Tiny(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        kernel = np.zeros((3, 3, 3, 3), np.float32)
        kernel[1, 1] = np.eye(3)
        self.kernel = tf.Variable(kernel + rng.normal(0, 0.01, kernel.shape).astype(np.float32))
        self.dense = tf.Variable(4 * np.eye(3, dtype=np.float32))

    def features(self, images: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(tf.nn.conv2d(images + 1, self.kernel, 1, "VALID"))

    def outputs(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        features = self.features(images)
        logits = tf.reduce_mean(features, (1, 2)) @ self.dense
        probabilities = tf.nn.softmax(logits)
        known_score = tf.reduce_max(probabilities, axis=1)
        return {"probabilities": probabilities, "logits": tf.identity(logits), "known_score": known_score}

    @tf.function(input_signature=[tf.TensorSpec((None, *SIZE, 3), tf.float32, "images")])
    def serving_default(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.outputs(images)

    @tf.function(input_signature=[tf.TensorSpec((None, *SIZE, 3), tf.uint8, "images")])
    def serve_uint8(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.outputs(tf.cast(images, tf.float32) / 127.5 - 1)

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, *SIZE, 3), tf.uint8, "images"),
            tf.TensorSpec((None,), tf.int32, "class_index"),
        ]
    )
    def explain(self, images: tf.Tensor, class_index: tf.Tensor) -> dict[str, tf.Tensor]:
        scaled = tf.cast(images, tf.float32) / 127.5 - 1
        outputs = self.outputs(scaled)
        chosen = tf.where(class_index < 0, tf.argmax(outputs["logits"], axis=1, output_type=tf.int32), class_index)
        evidence = tf.einsum("bhwc,bc->bhw", self.features(scaled), tf.gather(tf.transpose(self.dense), chosen))
        highest = tf.reduce_max(tf.nn.relu(evidence), axis=(1, 2), keepdims=True)
        return {**outputs, "heatmap": tf.nn.relu(evidence) / tf.where(highest > 0, highest, tf.ones_like(highest))}


def quantize(version: Path, images: np.ndarray) -> None:
    """Give the version an int8 copy."""
    network = openvino.Core().read_model(converted(version) / f"{convert.TRUNK}.xml")
    results = [network.output(name).get_node() for name in ("probabilities", "logits", "known_score")]
    (taken,) = (one for one in network.get_parameters() if convert.TRUNK_INPUT in one.output(0).get_names())
    scaled = (images / np.float32(127.5) - 1).transpose(0, 3, 1, 2)
    network = nncf.quantize(
        openvino.Model(results, [taken]),
        nncf.Dataset(list(scaled[:, None])),
        subset_size=len(images),
        ignored_scope=nncf.IgnoredScope(types=["MatMul"]),
        advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
    )
    out = version / FOLDER
    out.mkdir()
    openvino.save_model(network, out / GRAPH, compress_to_fp16=False)
    write_manifest(out, version, ["serve_uint8", "serving_default"], {"nncf": nncf.__version__})


def main(folder: Path) -> None:
    model = Tiny()
    signatures = {
        "serving_default": model.serving_default,
        "serve_uint8": model.serve_uint8,
        "explain": model.explain,
    }
    version = folder / "models" / "tiny" / "1"
    tf.saved_model.save(model, str(version), signatures)
    only_float = folder / "models" / "floats" / "1"
    tf.saved_model.save(model, str(only_float), {"serving_default": model.serving_default})
    card = {
        "name": "tiny",
        "version": 1,
        "labels": LABELS,
        "input_size": SIZE,
        "preprocessing": "tf",
        "resize": PREPARED,
        "known_threshold": {"float32": 0.5},
        "note": "made by tests",
    }
    for path in (version, only_float):
        (path / "assets.extra").mkdir()
        (path / "assets.extra" / "card.json").write_text(json.dumps({**card, "name": path.parent.name}))
    images = np.random.default_rng(1).integers(0, 256, (5, *SIZE, 3), np.uint8)
    quick = folder / "int8" / "quick" / "1"
    shutil.copytree(version, quick)
    thresholds = {"float32": 0.5, "int8": 0.4}
    quantized = {**card, "name": "quick", "known_threshold": thresholds, "int8": {"passed": True}}
    (quick / "assets.extra" / "card.json").write_text(json.dumps(quantized))
    fill_cache([version, only_float, quick])
    quantize(quick, images)
    images[0, ..., 1:] = 0
    loaded = tf.saved_model.load(str(version)).signatures
    np.savez(
        folder / "oracle.npz",
        images=images,
        serve_uint8=loaded["serve_uint8"](images=tf.constant(images))["probabilities"],
        heatmap=loaded["explain"](images=tf.constant(images), class_index=tf.constant([-1, 0, 1, 2, -1]))["heatmap"],
        serving_default=loaded["serving_default"](images=tf.constant(images / np.float32(127.5) - 1))["probabilities"],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
