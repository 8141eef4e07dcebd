"""Throughput, latency, processor time and memory of the service, beside a gateway built the usual way.

    python -m bench.service [--seconds 8] [--rounds 3]

Both systems run at once and are loaded in turns, in one run on one machine: 1 and 8 closed-loop clients, 1280x960 JPEGs
by upload and by URL from loopback. Writes bench/results/service.json, service.md and service.png.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.processes import ROOT, Processes, free_port, wait_for
from gateway.images import decode
from gateway.preprocessing import Resize, to_tensor
from protos import predict_pb2
from protos.tensors import to_proto

SIZE = (299, 299)
RESULTS = Path(__file__).parent / "results"
CLIENTS = (1, 8)
WAYS = ("upload", "url")
SYSTEMS = ("ours", "reference")


def make_pictures(folder: Path) -> list[Path]:
    """The samples at 1280x960 with a camera's noise, JPEG quality 90: about 400 kB each."""
    rng = np.random.default_rng(0)
    pictures = []
    for sample in sorted((ROOT / "samples").glob("*.jpg")):
        with Image.open(sample) as image:
            pixels = np.asarray(image.resize((1280, 960), Image.Resampling.BICUBIC), np.int16)
        noisy = np.clip(pixels + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)
        pictures.append(folder / sample.name)
        Image.fromarray(noisy).save(pictures[-1], quality=90)
    return pictures


def start_service(service: Processes, **environment: str) -> str:
    """Start the model server, and the gateway with the environment; its base address."""
    port, model = free_port(), free_port()
    service.start(
        "model", "-m", "model.server", f"--port={model}", "--model_name=sports7",
        f"--model_base_path={ROOT / 'model' / 'sports7'}",
    )  # fmt: skip
    service.start(
        "gateway", "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py", "gateway.app:create_app()",
        PORT=str(port), GATEWAY_MODEL_SERVER=f"127.0.0.1:{model}", **environment,
    )  # fmt: skip
    wait_for(f"http://127.0.0.1:{port}/readyz")
    return f"http://127.0.0.1:{port}"


def start(processes: dict[str, Processes], origin: int) -> dict[str, str]:
    """Start both systems; the base address of each."""
    port, model = free_port(), free_port()
    reference = processes["reference"]
    saved_model = str(ROOT / "model" / "sports7" / "2")
    reference.start("model", "-m", "bench.reference.model_server", str(model), saved_model)
    reference.start(
        "gateway", "-m", "gunicorn", "--workers=2", "--threads=8", f"--bind=127.0.0.1:{port}",
        "--no-control-socket", "bench.reference.gateway:app", REFERENCE_MODEL_SERVER=f"127.0.0.1:{model}",
    )  # fmt: skip
    ours = start_service(processes["ours"], GATEWAY_ALLOWED_NETWORKS="127.0.0.0/8", GATEWAY_ALLOWED_PORTS=str(origin))
    wait_for(f"http://127.0.0.1:{port}/ping")
    return {"ours": ours, "reference": f"http://127.0.0.1:{port}"}


def load(base: str, clients: int, seconds: float, pictures: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.load", f"{base}/predict?show_probability=true", str(clients), str(seconds)]
    done = subprocess.run([*command, *pictures], cwd=ROOT, capture_output=True, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    if measured["failures"]:
        raise RuntimeError(f"{len(measured['failures'])} requests failed: {measured['failures'][0]}")
    return measured


def steps(timings: list[str]) -> dict[str, float]:
    """Median milliseconds by step, from Server-Timing."""
    by_step: dict[str, list[float]] = defaultdict(list)
    for line in filter(None, timings):
        for step in line.split(", "):
            name, _, ms = step.partition(";dur=")
            by_step[name].append(float(ms))
    return {name: round(statistics.median(values), 2) for name, values in by_step.items()}


def own_cpu_ms(pictures: list[Path]) -> dict[str, float]:
    """Median processor milliseconds of the gateway's own steps for a picture, run here one after the other."""
    how = Resize(decode_scale="fit", filter="bilinear", aspect="crop")
    spent: dict[str, list[float]] = defaultdict(list)

    def timed(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        start = time.process_time_ns()
        result = function(*arguments)
        spent[name].append((time.process_time_ns() - start) / 1e6)
        return result

    for picture in [picture.read_bytes() for picture in pictures] * 10:
        image = timed("decode", decode, picture, SIZE, how.decode_scale)
        images = timed("preprocess", to_tensor, image, SIZE, how)
        request = predict_pb2.PredictRequest()
        timed("pack", lambda: request.inputs["images"].CopyFrom(to_proto(images)))  # noqa: B023
        timed("serialise", request.SerializeToString)
    return {name: round(statistics.median(values), 2) for name, values in spent.items()}


def measure(seconds: float, rounds: int) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """A row for each system, way and number of clients, the median of the rounds; and our own steps' time."""
    runs: dict[tuple[str, str, int], list[dict[str, Any]]] = defaultdict(list)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pictures = make_pictures(folder)
        origin = free_port()
        others = Processes()
        stack.callback(others.stop)
        others.start("origin", "-m", "http.server", str(origin), "--bind", "127.0.0.1", "--directory", str(folder))
        wait_for(f"http://127.0.0.1:{origin}/")
        processes = {name: Processes() for name in SYSTEMS}
        for one in processes.values():
            stack.callback(one.stop)
        bases = start(processes, origin)
        given = {
            "upload": [str(picture) for picture in pictures],
            "url": [f"http://127.0.0.1:{origin}/{picture.name}" for picture in pictures],
        }
        for name in SYSTEMS:  # warm up
            load(bases[name], 2, 3, given["upload"])
        for _ in range(rounds):
            for way in WAYS:
                for clients in CLIENTS:
                    for name in SYSTEMS:
                        before = processes[name].cpu_s()
                        measured = load(bases[name], clients, seconds, given[way])
                        after = processes[name].cpu_s()
                        count = len(measured["latencies_ms"])
                        cpu_ms = {part: 1000 * (after[part] - before[part]) / count for part in before}
                        row = summary(measured, cpu_ms, processes[name].memory_mib())
                        print(name, way, clients, row, flush=True)
                        runs[name, way, clients].append(row)
        own = own_cpu_ms(pictures)
    return [
        {"system": name, "way": way, "clients": clients, **median(rows)} for (name, way, clients), rows in runs.items()
    ], own


def summary(measured: dict[str, Any], cpu_ms: dict[str, float], memory: dict[str, float]) -> dict[str, Any]:
    latencies = measured["latencies_ms"]
    p50, p99 = np.percentile(latencies, [50, 99])
    return {
        "requests_per_s": len(latencies) / measured["took_s"],
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "gateway_cpu_ms": cpu_ms["gateway"],
        "model_cpu_ms": cpu_ms["model"],
        "gateway_mib": memory["gateway"],
        "model_mib": memory["model"],
        "steps_ms": steps(measured["timings"]),
    }


def median(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of every figure over the rounds."""
    merged: dict[str, Any] = {
        name: round(statistics.median(row[name] for row in rows), 1) for name in rows[0] if name != "steps_ms"
    }
    names = rows[0]["steps_ms"]
    return {**merged, "steps_ms": {name: statistics.median(row["steps_ms"][name] for row in rows) for name in names}}


def machine() -> str:
    """The machine in a line, and how many of its cores this process may use."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())
    used, count = len(os.sched_getaffinity(0)), sum(line.startswith("processor") for line in lines)
    cores = f"{count}" if used == count else f"{used} of {count}"
    return f"{cores} cores of {model}, Python {platform.python_version()}, {platform.system()} {platform.release()}"


def as_markdown(report: dict[str, Any]) -> str:
    columns = ["picture by", "clients", "system", "requests/s", "p50", "p99"]
    columns += ["gateway CPU", "model CPU", "gateway memory", "model server memory"]
    lines = [f"| {' | '.join(columns)} |\n", "| --- " * len(columns) + "|\n"]
    for row in sorted(report["rows"], key=lambda row: (row["way"], row["clients"], row["system"])):
        lines.append(
            f"| {row['way']} | {row['clients']} | {row['system']} | {row['requests_per_s']} | {row['p50_ms']} ms "
            f"| {row['p99_ms']} ms | {row['gateway_cpu_ms']} ms | {row['model_cpu_ms']} ms "
            f"| {row['gateway_mib']:.0f} MiB | {row['model_mib']:.0f} MiB |\n"
        )
    one = next(row for row in report["rows"] if (row["system"], row["way"], row["clients"]) == ("ours", "url", 1))
    waited = ", ".join(f"{name} {ms} ms" for name, ms in one["steps_ms"].items())
    own = report["own_cpu_ms"]
    rest = one["gateway_cpu_ms"] - sum(own.values())
    spent = ", ".join(f"{name} {ms} ms" for name, ms in own.items())
    return (
        f"{''.join(lines)}\nOne client by URL, ours: a request waits for {waited} (medians). Processor time "
        f"outside the model: {spent}, and {rest:.1f} ms for the fetch, HTTP and gRPC; in the model server "
        f"{one['model_cpu_ms']} ms.\n\nMachine: {report['machine']}.\n"
    )


def plot(report: dict[str, Any], path: Path) -> None:
    """Throughput and p99, side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    cases = [(way, clients) for way in WAYS for clients in CLIENTS]
    for axis, (key, title) in zip(
        figure.subplots(1, 2), (("requests_per_s", "requests a second"), ("p99_ms", "p99, ms")), strict=True
    ):
        for place, name in enumerate(SYSTEMS):
            rows = {(row["way"], row["clients"]): row[key] for row in report["rows"] if row["system"] == name}
            bars = axis.bar(np.arange(len(cases)) + 0.4 * place, [rows[case] for case in cases], 0.38, label=name)
            axis.bar_label(bars, fmt="%.0f", fontsize=8)
        names = [f"{way}\n{clients} client{'s' * (clients > 1)}" for way, clients in cases]
        axis.set_xticks(np.arange(len(cases)) + 0.2, names, fontsize=8)
        axis.set_title(title)
        axis.spines[["top", "right"]].set_visible(False)
    figure.axes[1].legend(frameon=False, loc="upper left")
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    report = {"machine": machine(), "seconds": options.seconds, "rounds": options.rounds}
    report["rows"], report["own_cpu_ms"] = measure(options.seconds, options.rounds)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "service.json").write_text(json.dumps(report, indent=1) + "\n")
    (RESULTS / "service.md").write_text(as_markdown(report))
    plot(report, RESULTS / "service.png")


if __name__ == "__main__":
    main()
