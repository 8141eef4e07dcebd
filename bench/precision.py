"""What a prediction costs by what it is computed in: TensorFlow, and OpenVINO in float32, bfloat16 and int8.

    python -m bench.precision [--seconds 2] [--rounds 3]

One caller, batches of 1 and 8, the model alone and the same through `model.server` over gRPC. All are loaded at once
and asked in turns, in one run on one machine; a figure is the median of the rounds. The server's memory counts what an
explanation needs. Writes bench/results/precision.json and precision.md.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

import grpc
import numpy as np

from bench.processes import ROOT, Processes, free_port, pss_mib
from bench.service import machine
from model.precision import int8_instructions, supports
from protos import predict_pb2, prediction_service_pb2_grpc
from protos.tensors import to_proto

VERSION = ROOT / "model" / "sports7" / "2"
RESULTS = Path(__file__).parent / "results"
BATCHES = (1, 8)
TENSORFLOW = "TensorFlow"
START_S = 180.0

Call = Callable[[], object]
"""Computes one batch."""
Caller = Callable[[int], Call]
"""Makes calls with batches of a size."""


def systems() -> list[str]:
    """What is compared: TensorFlow, and the precisions that this processor computes in."""
    return [TENSORFLOW, "float32", *["bfloat16"] * supports("bfloat16"), "int8"]


def images(batch: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (batch, 299, 299, 3), np.uint8)


# === The model alone, each in a process of its own ===


def serve_alone(system: str) -> None:
    """Answer lines `BATCH SECONDS` on standard input with the milliseconds of each call, as JSON."""
    calls = in_tensorflow() if system == TENSORFLOW else in_openvino(system)
    made = {batch: calls(batch) for batch in BATCHES}
    print("ready", flush=True)
    for line in sys.stdin:
        batch, seconds = line.split()
        print(json.dumps(timed(made[int(batch)], float(seconds))), flush=True)


def in_tensorflow() -> Caller:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(VERSION))
    function = loaded.signatures["serve_uint8"]

    def caller(batch: int) -> Call:
        given = tf.constant(images(batch))
        return lambda: (function(images=given)["probabilities"].numpy(), loaded)

    return caller


def in_openvino(precision: str) -> Caller:
    from model.cache import converted
    from model.engines import open_engine
    from model.precision import choose
    from model.signatures import signature_defs

    choice = choose(precision, VERSION)  # type: ignore[arg-type]
    engine = open_engine(VERSION, converted(VERSION), signature_defs(VERSION), choice, 1)
    if engine.precision_of("serve_uint8") != precision:
        raise RuntimeError(f"{precision} isn't computed here")

    def caller(batch: int) -> Call:
        given = {"images": images(batch)}
        return lambda: engine.run("serve_uint8", given, ["probabilities"], 60)

    return caller


@contextmanager
def alone(system: str) -> Iterator[tuple[Callable[[int, float], list[float]], int]]:
    """What measures a system, and its process."""
    command = [sys.executable, "-m", "bench.precision", "--alone", system]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as child:
        stdin, stdout = cast(TextIO, child.stdin), cast(TextIO, child.stdout)
        if stdout.readline().strip() != "ready":
            raise RuntimeError(f"{system} didn't start")

        def measure(batch: int, seconds: float) -> list[float]:
            print(batch, seconds, file=stdin, flush=True)
            return list(json.loads(stdout.readline()))

        yield measure, child.pid
        stdin.close()


# === Through the model server ===


@contextmanager
def served(system: str) -> Iterator[tuple[Callable[[int, float], list[float]], int]]:
    """What measures a system behind gRPC, and its process."""
    processes, port = Processes(), free_port()
    if system == TENSORFLOW:
        processes.start("model", "-m", "bench.reference.model_server", str(port), str(VERSION))
    else:
        processes.start(
            "model", "-m", "model.server", f"--port={port}", "--model_name=sports7",
            f"--model_base_path={VERSION.parent}", f"--engine_precision={system}",
        )  # fmt: skip
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            grpc.channel_ready_future(channel).result(START_S)
            predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict

            def caller(batch: int) -> Call:
                request = predict_pb2.PredictRequest()
                request.model_spec.name, request.model_spec.signature_name = "sports7", "serve_uint8"
                request.inputs["images"].CopyFrom(to_proto(images(batch)))
                return lambda: predict(request, timeout=60)

            made = {batch: caller(batch) for batch in BATCHES}
            predict(explanation(), timeout=60)  # what it needs more counts in the memory
            yield lambda batch, seconds: timed(made[batch], seconds), processes.running["model"].pid
    finally:
        processes.stop()


def explanation() -> Any:
    """A request that explains a picture."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "sports7", "explain"
    request.inputs["images"].CopyFrom(to_proto(images(1)))
    request.inputs["class_index"].CopyFrom(to_proto(np.array([-1], np.int32)))
    return request


def timed(call: Call, seconds: float) -> list[float]:
    """The milliseconds of each call, one after the other, after two that don't count."""
    for _ in range(2):
        call()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        call()
        taken.append(1000 * (time.perf_counter() - start))
    return taken


def measure(seconds: float, rounds: int) -> list[dict[str, Any]]:
    """A row for each system, way and batch size."""
    rows = []
    for way, opened in (("model alone", alone), ("model.server", served)):
        runs: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
        with ExitStack() as stack:
            measured = {system: stack.enter_context(opened(system)) for system in systems()}
            for _ in range(rounds):
                for batch in BATCHES:
                    for system, (asked, _) in measured.items():
                        runs[system, batch].append(summary(asked(batch, seconds), batch))
            memory = {system: pss_mib(pid) for system, (_, pid) in measured.items()}
        for (system, batch), found in runs.items():
            figures = {name: round(statistics.median(row[name] for row in found), 2) for name in found[0]}
            rows.append({"way": way, "system": system, "batch": batch, **figures, "mib": round(memory[system])})
            print(rows[-1], flush=True)
    return rows


def summary(taken_ms: list[float], batch: int) -> dict[str, float]:
    p50, p99 = np.percentile(taken_ms, [50, 99])
    return {"p50_ms": float(p50), "p99_ms": float(p99), "pictures_per_s": 1000 * batch * len(taken_ms) / sum(taken_ms)}


def as_markdown(report: dict[str, Any]) -> str:
    """A line for each way and system, both batch sizes side by side."""
    rows = {(row["way"], row["system"], row["batch"]): row for row in report["rows"]}
    columns = ["", "computed in", "pictures/s, one at a time", "p50", "p99", "pictures/s, batches of 8", "p50"]
    columns += ["to TensorFlow", "memory"]
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for way, system in dict.fromkeys((row["way"], row["system"]) for row in report["rows"]):
        one, eight = (rows[way, system, batch] for batch in BATCHES)
        base = [rows[way, TENSORFLOW, batch]["pictures_per_s"] for batch in BATCHES]
        ratios = [row["pictures_per_s"] / of for row, of in zip((one, eight), base, strict=True)]
        lines.append(
            f"| {way} | {system} | {one['pictures_per_s']:.1f} | {one['p50_ms']:.1f} ms | {one['p99_ms']:.1f} ms "
            f"| {eight['pictures_per_s']:.1f} | {eight['p50_ms']:.1f} ms "
            f"| {ratios[0]:.1f}, {ratios[1]:.1f} times | {one['mib']} MiB |"
        )
    return "\n".join([*lines, "", f"Machine: {report['machine']}; {report['int8']}."]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        return serve_alone(options.alone)
    flag = int8_instructions()
    report = {
        "machine": machine(),
        "int8": f"int8 by {flag}" if flag else "the processor has no instructions for int8",
        "rows": measure(options.seconds, options.rounds),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "precision.json").write_text(json.dumps(report, indent=1) + "\n")
    (RESULTS / "precision.md").write_text(as_markdown(report))
    return None


if __name__ == "__main__":
    main()
