"""Throughput, latency, processor time and memory of the service, beside a gateway built the usual way.

    python -m bench.service [--seconds 3] [--rounds 3] [--out bench/results]

Both systems run at once and are loaded in turns, in one run on one machine: 1 and 8 closed-loop clients, and requests
that come evenly at 80 % of what the 8 got; 1280x960 JPEGs by upload and by URL from loopback. Between the rounds the
model is measured with nothing else beside it. Writes service.json, service.md and service.png.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from bench.measuring import RESULTS, VERSION, Rounds, Row, machine, make_pictures, origin, start_service, table, write
from bench.precision import alone
from bench.processes import Processes, free_port, wait_for
from gateway.images import decode
from gateway.preprocessing import Resize, to_tensor
from model.cores import usable_cores
from model.precision import choose
from protos import predict_pb2
from protos.tensors import to_proto

SIZE = (299, 299)
CLIENTS = (1, 8)
OPEN, OPEN_SHARE, OPEN_CLIENTS = "80 %", 0.8, 32
WAYS = ("upload", "url")
OURS, REFERENCE = SYSTEMS = ("ours", "reference")


def start(processes: dict[str, Processes], origin_port: int) -> dict[str, str]:
    """Start both systems; where each takes predictions."""
    port, model = free_port(), free_port()
    reference = processes[REFERENCE]
    reference.start("model", "-m", "bench.reference.model_server", str(model), str(VERSION))
    reference.start(
        "gateway", "-m", "gunicorn", "--workers=2", "--threads=8", f"--bind=127.0.0.1:{port}",
        "--no-control-socket", "bench.reference.gateway:app", REFERENCE_MODEL_SERVER=f"127.0.0.1:{model}",
    )  # fmt: skip
    ours = start_service(
        processes[OURS], GATEWAY_ALLOWED_NETWORKS="127.0.0.0/8", GATEWAY_ALLOWED_PORTS=str(origin_port)
    )
    wait_for(f"http://127.0.0.1:{port}/ping")
    return {
        name: f"{base}/predict?show_probability=true"
        for name, base in ((OURS, ours), (REFERENCE, f"http://127.0.0.1:{port}"))
    }


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


def measure(seconds: float, rounds: int) -> Row:
    """A row for each system, way and load; the model alone; and the time of our own steps."""
    runs: dict[tuple[str, str, str], Rounds] = defaultdict(Rounds)
    precision = choose(None, VERSION).precision
    model_per_s: list[float] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pictures = make_pictures(folder)
        port = stack.enter_context(origin(folder))
        model_alone, _ = stack.enter_context(alone(precision))
        processes = {name: Processes() for name in SYSTEMS}
        for one in processes.values():
            stack.callback(one.stop)
        urls = start(processes, port)
        given = {
            "upload": [str(picture) for picture in pictures],
            "url": [f"http://127.0.0.1:{port}/{picture.name}" for picture in pictures],
        }
        for name in SYSTEMS:  # warm up
            Rounds().add(processes[name], urls[name], given["upload"], 2, 3)
        for _ in range(rounds):
            taken, took_s = model_alone(1, 4, seconds)
            model_per_s.append(len(taken) / took_s)
            for way in WAYS:
                for name in SYSTEMS:
                    for clients in CLIENTS:
                        runs[name, way, f"{clients}"].add(processes[name], urls[name], given[way], clients, seconds)
                    rate = OPEN_SHARE * runs[name, way, f"{CLIENTS[-1]}"].per_s[-1]
                    runs[name, way, OPEN].add(processes[name], urls[name], given[way], OPEN_CLIENTS, seconds, rate=rate)
        memory = {name: {**one.memory_mib(), "together": one.total_mib()} for name, one in processes.items()}
        own = own_cpu_ms(pictures)
    rows = [
        {"system": name, "way": way, "clients": clients, **load.row(), "steps_ms": load.steps_ms()}
        for (name, way, clients), load in runs.items()
    ]
    return {
        "precision": precision,
        "cores": usable_cores(),
        "model_per_s": round(statistics.median(model_per_s), 1),
        "rows": rows,
        "memory_mib": memory,
        "own_cpu_ms": own,
    }


def as_markdown(report: Row) -> str:
    columns = ["picture by", "clients", "system", "requests/s", "p50", "p99", "gateway CPU", "model server CPU"]
    rows = {(row["way"], row["clients"], row["system"]): row for row in report["rows"]}
    lines = []
    for way, clients, _ in dict.fromkeys((way, clients, "") for way, clients, _ in rows):
        for name in SYSTEMS:
            row = rows[way, clients, name]
            times = f"{row['p50_ms']:.0f} ms | {row['p99_ms']:.0f} ms | {row['gateway_cpu_ms']} ms"
            lines.append([way, clients, name, row["requests_per_s"], f"{times} | {row['model_cpu_ms']} ms"])
    one, eight = rows["url", "1", OURS], rows["upload", "8", OURS]
    waited = ", ".join(f"{name} {ms} ms" for name, ms in one["steps_ms"].items())
    spent = ", ".join(f"{name} {ms} ms" for name, ms in report["own_cpu_ms"].items())
    ratios = [
        f"{rows[way, '8', OURS]['requests_per_s'] / rows[way, '8', REFERENCE]['requests_per_s']:.1f} times by {way}"
        for way in WAYS
    ]
    whole, own = 1000 * report["cores"] / eight["requests_per_s"], sum(report["own_cpu_ms"].values())
    left = whole - eight["model_cpu_ms"] - eight["gateway_cpu_ms"]
    memory = {name: parts["together"] for name, parts in report["memory_mib"].items()}
    parts = {
        name: ", ".join(f"{part} {mib:.0f} MiB" for part, mib in report["memory_mib"][name].items()) for name in SYSTEMS
    }
    said = [
        f"`80 %` is requests that come evenly at that share of what 8 clients got. With 8 clients ours answers "
        f"{' and '.join(ratios)} as many, in {memory[OURS] / memory[REFERENCE]:.0%} of the memory "
        f"({parts[OURS]}; reference: {parts[REFERENCE]}).",
        f"The model alone ({report['precision']}, all cores, nothing beside it) computes {report['model_per_s']} "
        f"pictures/s; by upload {eight['requests_per_s'] / report['model_per_s']:.0%} of that are left.",
        f"One client by URL, ours: a request waits for {waited} (medians). The gateway's own steps, run alone, take "
        f"processor time: {spent}.",
        f"Where the time of {report['cores']} cores goes with 8 clients by upload, ours: {whole:.0f} ms a request, "
        f"{eight['model_cpu_ms']} of them in the model server (the model alone takes "
        f"{1000 * report['cores'] / report['model_per_s']:.0f}), {eight['gateway_cpu_ms']} in the gateway "
        f"({own:.1f} of them its own steps; the rest is HTTP, gRPC and Python, no part of it large), {left:.1f} in the "
        "clients and the kernel, or idle.",
        f"Machine: {report['machine']}.",
    ]
    return "\n".join([table(columns, lines), " ".join(said[:2]), "", " ".join(said[2:4]), "", said[4], ""])


def plot(report: Row, path: Path) -> None:
    """Throughput and p99, side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    cases = list(dict.fromkeys((row["way"], row["clients"]) for row in report["rows"]))
    for axis, (key, title) in zip(
        figure.subplots(1, 2), (("requests_per_s", "requests a second"), ("p99_ms", "p99, ms")), strict=True
    ):
        for place, name in enumerate(SYSTEMS):
            rows = {(row["way"], row["clients"]): row[key] for row in report["rows"] if row["system"] == name}
            bars = axis.bar(np.arange(len(cases)) + 0.4 * place, [rows[case] for case in cases], 0.38, label=name)
            axis.bar_label(bars, fmt="%.0f", fontsize=8)
        named = {"1": "1 client", OPEN: "80 %"}
        axis.set_xticks(
            np.arange(len(cases)) + 0.2,
            [f"{way}\n{named.get(load, f'{load} clients')}" for way, load in cases],
            fontsize=8,
        )
        axis.set_title(title)
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    report = {"machine": machine(), "seconds": options.seconds, "rounds": options.rounds}
    report |= measure(options.seconds, options.rounds)
    write("service", report, as_markdown(report), options.out)
    plot(report, options.out / "service.png")


if __name__ == "__main__":
    main()
