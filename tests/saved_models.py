"""Makes the SavedModels that only TensorFlow can run, or that are odd: python -m tests.saved_models FOLDER

half_plus_two and half_plus_three are TensorFlow Serving's own test models, made anew: y = x/2 + 2 (or 3), with
signatures to predict, classify and regress. Prints the path of a models.config that serves all of them.
"""

import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from tests.fill_cache import fill_cache

v1 = tf.compat.v1
CLASSES = [b"low", b"high"]


def half_plus(folder: Path, b: float) -> None:
    """A SavedModel of TensorFlow 1, as `saved_model_half_plus_two` is."""
    with tf.Graph().as_default(), v1.Session() as session:
        a, b_, c = (v1.Variable(value, name=name) for name, value in (("a", 0.5), ("b", b), ("c", 3.0)))
        serialized = v1.placeholder(tf.string, name="tf_example")
        one = tf.io.FixedLenFeature([1], tf.float32)
        parsed = tf.io.parse_example(
            serialized, {"x": one, "x2": tf.io.FixedLenFeature([1], tf.float32, default_value=[0.0])}
        )
        x, x2 = tf.identity(parsed["x"], name="x"), tf.identity(parsed["x2"], name="x2")
        y = tf.add(tf.multiply(a, x), b_, name="y")
        y2, y3 = tf.add(tf.multiply(a, x), c, name="y2"), tf.add(tf.multiply(a, x2), c, name="y3")
        info = v1.saved_model.utils.build_tensor_info

        def signature(method: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Any:
            return v1.saved_model.signature_def_utils.build_signature_def(
                {name: info(tensor) for name, tensor in inputs.items()},
                {name: info(tensor) for name, tensor in outputs.items()},
                f"tensorflow/serving/{method}",
            )

        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.builder.SavedModelBuilder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {
                "serving_default": signature("predict", {"x": x}, {"y": y}),
                "classify_x_to_y": signature("classify", {"inputs": serialized}, {"scores": y}),
                "regress_x_to_y": signature("regress", {"inputs": serialized}, {"outputs": y}),
                "regress_x_to_y2": signature("regress", {"inputs": serialized}, {"outputs": y2}),
                "regress_x2_to_y3": signature("regress", {"inputs": serialized}, {"outputs": y3}),
            },
        )
        builder.save()


class Odd(tf.Module):
    """Signatures that a photograph's classifier hasn't got."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "a"), tf.TensorSpec([None, 2], tf.float32, "b")])
    def two_inputs(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": a + b, "scores": tf.nn.softmax(a - b)}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "logits")])
    def string_output(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"label": tf.gather(tf.constant(CLASSES), tf.argmax(logits, axis=1)), "scores": tf.nn.softmax(logits)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "jpeg_bytes")])
    def string_input(self, jpeg_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"length": tf.strings.length(jpeg_bytes), "echo_bytes": jpeg_bytes}

    @tf.function(input_signature=[tf.TensorSpec([3], tf.float32, "x")])
    def no_batch(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": 2.0 * x, "total": tf.reduce_sum(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        x = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([2], tf.float32)})["x"]
        names = tf.tile(tf.constant([CLASSES]), [tf.shape(x)[0], 1])
        return {"classes": names, "scores": tf.nn.softmax(x)}


def main(folder: Path) -> None:
    half_plus(folder / "half_plus_two" / "00000123", 2.0)
    half_plus(folder / "half_plus_three" / "00000123", 3.0)
    odd = Odd()
    names = ("two_inputs", "string_output", "string_input", "no_batch", "classify")
    tf.saved_model.save(odd, str(folder / "odd" / "1"), {name: getattr(odd, name) for name in names})
    blocks = "".join(
        f'config {{ name: "{model.name}" base_path: "{model}" model_platform: "tensorflow" }} '
        for model in sorted(folder.iterdir())
    )
    fill_cache(sorted(folder.glob("*/*")))
    (folder / "models.config").write_text(f"model_config_list {{ {blocks} }}")
    print(folder / "models.config")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
