"""What does it cost a prediction that the network can also explain itself?

    python -m bench.explain [MODEL_FOLDER]

Both signatures run on one network, which computes the heatmap whether or not it is asked for. Here it is timed with
that output and without it, in turns. Writes bench/results/explain.json and explain.md.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import openvino

from bench.pixels import RESULTS
from model.cache import converted
from model.convert import TRUNK
from model.precision import supports

ROUNDS = 400
HEATMAP = "heatmap"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("version", type=Path, nargs="?", default=Path("model/sports7/2"))
    options = parser.parse_args()
    precision = "bf16" if supports("bfloat16") else "f32"
    core = openvino.Core()
    requests = {}
    for name in ("with", "without"):
        graph = core.read_model(converted(options.version.resolve()) / f"{TRUNK}.xml")
        if name == "without":
            (extra,) = [one for one in graph.get_results() if HEATMAP in one.input_value(0).get_names()]
            graph.remove_result(extra)
        settings = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
        requests[name] = core.compile_model(graph, "CPU", settings).create_infer_request()
    times: dict[str, list[float]] = {name: [] for name in requests}
    for number in range(ROUNDS + 20):
        for name, request in requests.items():
            inputs = {port.any_name: _zeros(port) for port in request.model_inputs}
            start = time.perf_counter()
            request.infer(inputs)
            if number >= 20:
                times[name].append(1e3 * (time.perf_counter() - start))
    medians = {name: round(statistics.median(some), 3) for name, some in times.items()}
    differences = [one - other for one, other in zip(times["with"], times["without"], strict=True)]
    spread = statistics.stdev(differences) / len(differences) ** 0.5
    row = {"precision": precision, "rounds": ROUNDS, **medians, "standard_error": round(spread, 3)}
    print(row)
    (RESULTS / "explain.json").write_text(json.dumps(row, indent=1) + "\n")
    text = (
        f"One picture, {precision}, {ROUNDS} rounds in turns: {medians['with']:.2f} ms with the heatmap among the "
        f"outputs, {medians['without']:.2f} ms without it (medians; standard error of the difference {spread:.2f} ms)."
    )
    (RESULTS / "explain.md").write_text(text + "\n")


def _zeros(port: openvino.ConstOutput) -> np.ndarray:
    shape = [size.get_length() if size.is_static else 1 for size in port.get_partial_shape()]
    return np.zeros(shape, port.get_element_type().to_dtype())


if __name__ == "__main__":
    main()
