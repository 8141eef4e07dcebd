"""How large must the network's input be?

    python -m bench.input_size ../shared/data/sports7 ../shared/weights/inception_v3_notop.weights.h5

Five-fold cross-validation on the `train` split, as in bench/pixels.py, over input sizes: what a prediction costs grows
with the square of the size. Writes bench/results/input_size.json and input_size.md.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from bench.pixels import RESULTS, cross_validated, embed, embedder, read_train
from gateway.preprocessing import Resize

SIDES = (224, 240, 256, 272, 288, 299)
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
        one = np.zeros((1, side, side, 3), np.uint8)
        spent = []
        for _ in range(30):
            start = time.perf_counter()
            embedding(one)
            spent.append(1000 * (time.perf_counter() - start))
        rows.append({"side": side, "accuracy": accuracy, "network_ms": round(float(np.median(spent)), 1)})
        print(rows[-1], flush=True)
    lines = ["| input | accuracy | network, one picture |", "| --- | --- | --- |"]
    lines += [f"| {row['side']}x{row['side']} | {row['accuracy']} % | {row['network_ms']} ms |" for row in rows]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "input_size.json").write_text(json.dumps({"pictures": len(labels), "rows": rows}, indent=1) + "\n")
    (RESULTS / "input_size.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
