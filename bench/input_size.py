"""How large must the network's input be?

    python -m bench.input_size ../shared/data/sports7 ../shared/weights/inception_v3_notop.weights.h5

Five-fold cross-validation on the `train` split, as in bench/pixels.py, over input sizes: what a prediction costs grows
with the square of the size. Writes bench/results/input_size.json and input_size.md.
"""

import argparse
import json
from pathlib import Path

from bench.pixels import RESULTS, cross_validated, embed, embedder, read_train
from gateway.preprocessing import Resize

SIDES = (224, 235, 240, 256, 267, 272, 288, 299)
"""Pixels; 235, 267 and 299 are those whose last row and column the network's unpadded strides reach."""
HOW = Resize(decode_scale="fit", filter="bilinear", aspect="crop")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--most", type=int, help="how many pictures are read at most")
    options = parser.parse_args()
    pictures, labels = read_train(options.data, options.most)
    rows = []
    for side in SIDES:
        embedding = embedder(options.weights, (side, side))
        features, _ = embed(pictures, HOW, embedding, (side, side))
        accuracy, _ = cross_validated(features, labels)
        rows.append({"side": side, "accuracy": accuracy})
        print(rows[-1], flush=True)
    lines = ["| input | accuracy |", "| --- | --- |"]
    lines += [f"| {row['side']}x{row['side']} | {row['accuracy']} % |" for row in rows]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "input_size.json").write_text(json.dumps({"pictures": len(labels), "rows": rows}, indent=1) + "\n")
    (RESULTS / "input_size.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
