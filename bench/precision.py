"""What a prediction costs by what it is computed in: TensorFlow, and OpenVINO in float32, bfloat16 and int8.

    python -m bench.precision [--seconds 1.5] [--rounds 3]

One picture at a time, batches of 8, and four callers that meet: the model alone, the same through `model.server` over
gRPC, and OpenVINO's own benchmark_app. All are loaded at once and asked in turns, in one run on one machine; a figure
is the median of the rounds. The server's memory counts what an explanation needs. Writes bench/results/precision.json
and precision.md.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

import grpc
import numpy as np

from bench.measuring import MODEL, VERSION, machine, table, write
from bench.processes import ROOT, Processes, free_port, resident_mib
from model.int8 import FOLDER, GRAPH
from model.precision import int8_instructions, supports
from protos import predict_pb2, prediction_service_pb2_grpc
from protos.tensors import to_proto

LOADS = ((1, 1), (8, 1), (1, 4))
"""Pictures a call, and callers."""
ALONE, SERVED = "model alone", "model.server"
TENSORFLOW, BENCHMARK_APP = "TensorFlow", "int8, by OpenVINO's benchmark_app"
START_S = 180.0

Call = Callable[[], object]
"""Computes one batch."""
Caller = Callable[[int], Call]
"""Makes calls with batches of a size."""
Measured = tuple[list[float], float]
"""The milliseconds of each call, and the seconds that all took."""
Measure = Callable[[int, int, float], Measured]
"""Measures batches of a size from so many callers for so many seconds."""


def systems() -> list[str]:
    """What is compared: TensorFlow, and the precisions that this processor computes in."""
    return [TENSORFLOW, "float32", *["bfloat16"] * supports("bfloat16"), "int8"]


def images(batch: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (batch, 299, 299, 3), np.uint8)


# === The model alone, each in a process of its own ===


def serve_alone(system: str) -> None:
    """Answer lines `BATCH CALLERS SECONDS` on standard input with what was measured, as JSON."""
    calls = in_tensorflow() if system == TENSORFLOW else in_openvino(system)
    made = {batch: calls(batch) for batch, _ in LOADS}
    print("ready", flush=True)
    for line in sys.stdin:
        batch, callers, seconds = line.split()
        print(json.dumps(timed(made[int(batch)], int(callers), float(seconds))), flush=True)


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
    from model.cores import usable_cores
    from model.engines import open_engine
    from model.precision import choose
    from model.signatures import signature_defs

    choice = choose(precision, VERSION)  # type: ignore[arg-type]
    engine = open_engine(VERSION, converted(VERSION), signature_defs(VERSION), choice, usable_cores())
    if engine.precision_of("serve_uint8") != precision:
        raise RuntimeError(f"{precision} isn't computed here")

    def caller(batch: int) -> Call:
        given = {"images": images(batch)}
        return lambda: engine.run("serve_uint8", given, ["probabilities"], 60)

    return caller


@contextmanager
def alone(system: str) -> Iterator[tuple[Measure, int]]:
    """What measures a system, and its process."""
    command = [sys.executable, "-m", "bench.precision", "--alone", system]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as child:
        stdin, stdout = cast(TextIO, child.stdin), cast(TextIO, child.stdout)
        if stdout.readline().strip() != "ready":
            raise RuntimeError(f"{system} didn't start")

        def measure(batch: int, callers: int, seconds: float) -> Measured:
            print(batch, callers, seconds, file=stdin, flush=True)
            taken, took_s = json.loads(stdout.readline())
            return taken, took_s

        yield measure, child.pid
        stdin.close()


# === Through the model server ===


@contextmanager
def served(system: str) -> Iterator[tuple[Measure, int]]:
    """What measures a system behind gRPC, and its process."""
    processes, port = Processes(), free_port()
    if system == TENSORFLOW:
        processes.start("model", "-m", "bench.reference.model_server", str(port), str(VERSION))
    else:
        processes.start(
            "model", "-m", "model.server", f"--port={port}", "--model_name=sports7",
            f"--model_base_path={MODEL}", f"--engine_precision={system}",
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

            predict(explanation(), timeout=60)  # what it needs more counts in the memory
            pid = processes.running["model"].pid
            yield lambda batch, callers, seconds: timed(caller(batch), callers, seconds), pid
    finally:
        processes.stop()


def explanation() -> Any:
    """A request that explains a picture."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "sports7", "explain"
    request.inputs["images"].CopyFrom(to_proto(images(1)))
    request.inputs["class_index"].CopyFrom(to_proto(np.array([-1], np.int32)))
    return request


# === OpenVINO's own ===


def by_benchmark_app(batch: int, callers: int, seconds: float) -> Measured:
    """The int8 graph in OpenVINO's benchmark_app, as it is tuned by hand for the load: a stream for each core where
    callers meet, else one for all."""
    together = "2" if callers > 1 else "1"
    command = [
        str(Path(sys.executable).parent / "benchmark_app"), "-m", str(VERSION / FOLDER / GRAPH), "-d", "CPU",
        "-hint", "none", "-nstreams", together, "-nireq", together, "-t", str(max(1, round(seconds))),
        "-data_shape", f"[{batch},3,299,299]",
    ]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = [re.search(rf"{name}:\s+([\d.]+)", said) for name in ("Median", "Count", "Throughput")]
    median, count, per_s = (float(match[1]) if match else 0.0 for match in found)
    if not median * count * per_s:
        raise RuntimeError(f"benchmark_app says nothing: {said[-500:]}")
    return [median] * round(count), batch * count / per_s


def timed(call: Call, callers: int, seconds: float) -> Measured:
    """Each caller calls again when it is answered; two calls before don't count."""
    taken: list[float] = []

    def work(end: float) -> None:
        while (start := time.perf_counter()) < end:
            call()
            taken.append(1000 * (time.perf_counter() - start))

    def together(end: float) -> None:
        threads = [threading.Thread(target=work, args=(end,)) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    for _ in range(2):
        call()
    start = time.perf_counter()
    together(start + seconds)
    return taken, time.perf_counter() - start


def measure(seconds: float, rounds: int) -> list[dict[str, Any]]:
    """A row for each system, way and load."""
    rows = []
    for way, opened in ((ALONE, alone), (SERVED, served)):
        runs: dict[tuple[str, int, int], list[dict[str, float]]] = defaultdict(list)
        memory: dict[str, int] = {}
        with ExitStack() as stack:
            measures: dict[str, Measure] = {}
            pids: dict[str, int] = {}
            for system in systems():
                measures[system], pids[system] = stack.enter_context(opened(system))
            if way == SERVED:  # what the server is held against
                measures[BENCHMARK_APP] = by_benchmark_app
            for _ in range(rounds):
                for batch, callers in LOADS:
                    for system, asked in measures.items():
                        runs[system, batch, callers].append(summary(*asked(batch, callers, seconds), batch))
            memory = {system: round(resident_mib([pid])) for system, pid in pids.items()}
        for (system, batch, callers), found in runs.items():
            figures = {name: round(statistics.median(row[name] for row in found), 2) for name in found[0]}
            row = {"way": way, "system": system, "batch": batch, "callers": callers, **figures}
            rows.append(row | {"mib": memory.get(system)})
            print(rows[-1], flush=True)
    return rows


def summary(taken_ms: list[float], took_s: float, batch: int) -> dict[str, float]:
    p50, p99 = np.percentile(taken_ms, [50, 99])
    return {"p50_ms": float(p50), "p99_ms": float(p99), "pictures_per_s": batch * len(taken_ms) / took_s}


def as_markdown(report: dict[str, Any]) -> str:
    """A line for each way and system, the loads side by side."""
    rows = {(row["way"], row["system"], row["batch"], row["callers"]): row for row in report["rows"]}
    columns = [
        "",
        "computed in",
        "pictures/s, one at a time",
        "p50",
        "p99",
        "batches of 8",
        "p50",
        "four callers",
        "p50",
    ]
    columns += ["to TensorFlow", "memory"]
    lines = []
    for way, system in dict.fromkeys((row["way"], row["system"]) for row in report["rows"]):
        one, eight, four = found = [rows[way, system, *load] for load in LOADS]
        base = [rows[way, TENSORFLOW, *load]["pictures_per_s"] for load in LOADS]
        ratios = ", ".join(f"{row['pictures_per_s'] / of:.1f}" for row, of in zip(found, base, strict=True))
        of_one = [f"{one['pictures_per_s']:.1f}", f"{one['p50_ms']:.1f} ms", f"{one['p99_ms']:.1f} ms"]
        others = [text for row in (eight, four) for text in (f"{row['pictures_per_s']:.1f}", f"{row['p50_ms']:.1f} ms")]
        memory = "" if one["mib"] is None else f"{one['mib']} MiB"
        if system == BENCHMARK_APP:
            way, of_one[2] = "", ""
        lines.append([way, system, *of_one, *others, f"{ratios} times", memory])
    app = [rows[SERVED, BENCHMARK_APP, *load]["pictures_per_s"] for load in LOADS]
    ours = [rows[SERVED, "int8", *load]["pictures_per_s"] / of for load, of in zip(LOADS, app, strict=True)]
    shares = "model.server gives {:.0%}, {:.0%} and {:.0%} of what benchmark_app does.".format(*ours)
    return f"{table(columns, lines)}\n{shares} Machine: {report['machine']}; {report['int8']}.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.5)
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
    write("precision", report, as_markdown(report))
    return None


if __name__ == "__main__":
    main()
