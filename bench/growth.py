"""How the service grows: with the number of clients, the pictures' size, the batch, and the workers.

    python -m bench.growth [--seconds 2] [--only clients ...] [--out bench/results]

Each is measured on the service as it starts by default, in one run on one machine, with uploads from closed-loop
clients. Writes growth.json, growth.md and growth.png.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.measuring import (
    RESULTS,
    VERSION,
    Rounds,
    Row,
    machine,
    make_picture,
    make_pictures,
    start_service,
    table,
    write,
)
from bench.precision import served, summary
from bench.processes import ROOT, Processes
from model.precision import choose

CLIENTS = (1, 2, 4, 8, 16, 32, 64)
MEGAPIXELS = (0.1, 0.3, 1.2, 3, 6, 12, 24, 50)
BATCHES = (1, 2, 4, 8, 16, 32)
WORKERS, STREAMS = (1, 2, 4), (1, 2)
BUSY = 8
"""Clients where their number isn't what is asked."""
SAMPLE = ROOT / "samples" / "tennis.jpg"


@contextmanager
def service(*flags: str, **environment: str) -> Iterator[tuple[Processes, str]]:
    """The service, warm, and where it takes predictions."""
    processes = Processes()
    try:
        yield processes, f"{start_service(processes, *flags, **environment)}/predict"
    finally:
        processes.stop()


def loaded(started: tuple[Processes, str], pictures: Sequence[Path], clients: int, seconds: float) -> Row:
    """What comes of a load."""
    rounds = Rounds()
    rounds.add(*started, [str(picture) for picture in pictures], clients, seconds)
    return rounds.row()


def by_clients(folder: Path, seconds: float) -> list[Row]:
    """A row for each number of clients."""
    pictures = make_pictures(folder)
    # At 64 each waits for 63 others, on a slow processor longer than callers usually do: nobody shall be refused.
    with service(GATEWAY_REQUEST_TIMEOUT_S="60", GATEWAY_MAX_IN_FLIGHT="64") as started:
        loaded(started, pictures, 4, seconds)
        return [{"clients": clients, **loaded(started, pictures, clients, seconds)} for clients in CLIENTS]


def by_size(folder: Path, seconds: float) -> list[Row]:
    """A row for each size of picture, from one client and from several."""
    rows = []
    with service(GATEWAY_MAX_UPLOAD_BYTES=str(64 * 2**20)) as started:
        for megapixels in MEGAPIXELS:
            width, height = (round(side * (megapixels * 1e6 / 12) ** 0.5) for side in (4, 3))
            picture = make_picture(folder, SAMPLE, (width, height))
            loaded(started, [picture], 1, 1)
            alone, busy = (loaded(started, [picture], clients, seconds) for clients in (1, BUSY))
            size = {"megapixels": megapixels, "kb": round(picture.stat().st_size / 1000)}
            rows.append({**size, "p50_ms": alone["p50_ms"], "gateway_cpu_ms": alone["gateway_cpu_ms"], "busy": busy})
            picture.unlink()
    return rows


def by_batch(folder: Path, seconds: float) -> list[Row]:
    """A row for each batch size, asked of the model server."""
    rows = []
    with served(choose(None, VERSION).precision) as (measure, _):
        for batch in BATCHES:
            found = summary(*measure(batch, 1, seconds), batch)
            rows.append({"batch": batch, **{name: round(value, 1) for name, value in found.items()}})
    return rows


def by_workers(folder: Path, seconds: float) -> list[Row]:
    """A row for each number of gateway workers and of the model server's streams."""
    rows, pictures = [], make_pictures(folder)
    for workers in WORKERS:
        for streams in STREAMS:
            with service(f"--engine_streams={streams}", GATEWAY_WORKERS=str(workers)) as started:
                loaded(started, pictures, BUSY, seconds)
                memory = round(started[0].total_mib())
                row = {"workers": workers, "streams": streams, **loaded(started, pictures, BUSY, seconds)}
                rows.append({**row, "mib": memory})
    return rows


QUESTIONS: dict[str, Callable[[Path, float], list[Row]]] = {
    "clients": by_clients,
    "size": by_size,
    "batch": by_batch,
    "workers": by_workers,
}


def measure(questions: Sequence[str], seconds: float) -> dict[str, list[Row]]:
    """The rows of each question."""
    with tempfile.TemporaryDirectory() as folder:
        return {name: QUESTIONS[name](Path(folder), seconds) for name in questions}


def as_markdown(report: Row) -> str:
    rows = report["rows"]
    parts = [text for name, as_text in _TEXTS.items() if name in rows for text in as_text(rows[name])]
    parts.append(f"Processor time is that of one request. Machine: {report['machine']}.")
    return "\n\n".join(part.strip() for part in parts) + "\n"


_TIMES = ("p50_ms", "p99_ms", "gateway_cpu_ms", "model_cpu_ms")


def _clients(rows: list[Row]) -> list[str]:
    lines = [[row["clients"], row["requests_per_s"], *(f"{row[name]} ms" for name in _TIMES)] for row in rows]
    columns = ["clients", "requests/s", "p50", "p99", "gateway CPU", "model server CPU"]
    return ["1280x960 uploads, by clients:", table(columns, lines)]


def _sizes(rows: list[Row]) -> list[str]:
    columns = ["megapixels", "file", "p50, one client", "gateway CPU", f"requests/s, {BUSY} clients", "p50", "p99"]
    lines = [
        [
            row["megapixels"], f"{row['kb']} kB", f"{row['p50_ms']} ms", f"{row['gateway_cpu_ms']} ms",
            row["busy"]["requests_per_s"], f"{row['busy']['p50_ms']} ms", f"{row['busy']['p99_ms']} ms",
        ]
        for row in rows
    ]  # fmt: skip
    return ["By the picture's size:", table(columns, lines)]


def _batches(rows: list[Row]) -> list[str]:
    columns = ["pictures in a call", "pictures/s", "p50", "p99"]
    lines = [[row["batch"], row["pictures_per_s"], f"{row['p50_ms']} ms", f"{row['p99_ms']} ms"] for row in rows]
    return ["By the batch, one caller of the model server:", table(columns, lines)]


def _workers(rows: list[Row]) -> list[str]:
    columns = ["gateway workers", "streams", "requests/s", "p50", "p99", "gateway CPU", "model server CPU", "memory"]
    lines = []
    for row in rows:
        times = (f"{row[name]} ms" for name in _TIMES)
        lines.append([row["workers"], row["streams"], row["requests_per_s"], *times, f"{row['mib']} MiB"])
    return [f"{BUSY} clients, by gateway workers and streams of the model server:", table(columns, lines)]


_TEXTS = {"clients": _clients, "size": _sizes, "batch": _batches, "workers": _workers}


def plot(report: Row, path: Path) -> None:
    """Throughput and latency by clients, by size, by batch and by workers."""
    from matplotlib.figure import Figure

    rows = report["rows"]
    figure = Figure(figsize=(14, 6), layout="constrained")
    (rate, size, batch), (latency, size_rate, workers) = figure.subplots(2, 3)

    def line(axis: Any, found: list[Row], by: str, figures: dict[str, str], title: str) -> None:
        across = [row[by] for row in found]
        for name, label in figures.items():
            axis.plot(across, [row[name] for row in found], "o-", label=label)
        axis.autoscale(axis="y")  # to all lines so far, and from 0
        axis.set(title=title, xscale="log", ylim=(0, None))
        axis.set_xticks(across, [f"{number:g}" for number in across])
        axis.minorticks_off()
        axis.spines[["top", "right"]].set_visible(False)
        if any(figures.values()):
            axis.legend(frameon=False)

    clients, sizes, batches, at_work = (rows.get(name, []) for name in QUESTIONS)
    line(rate, clients, "clients", {"requests_per_s": ""}, "requests/s, by clients")
    line(latency, clients, "clients", {"p50_ms": "p50", "p99_ms": "p99"}, "latency in ms, by clients")
    costs = {"p50_ms": "p50, one client", "gateway_cpu_ms": "gateway CPU"}
    line(size, sizes, "megapixels", costs, "ms, by megapixels")
    busy = [{**row["busy"], "megapixels": row["megapixels"]} for row in sizes]
    line(size_rate, busy, "megapixels", {"requests_per_s": ""}, f"requests/s of {BUSY} clients, by megapixels")
    line(batch, batches, "batch", {"pictures_per_s": ""}, "pictures/s of the model server, by pictures in a call")
    for streams in STREAMS:
        found = [row for row in at_work if row["streams"] == streams]
        named = {"requests_per_s": f"{streams} stream{'s' * (streams > 1)}"}
        line(workers, found, "workers", named, f"requests/s of {BUSY} clients, by gateway workers")
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    options = parser.parse_args()
    rows = measure(options.only, options.seconds)
    report = {"machine": machine(), "seconds": options.seconds, "rows": rows}
    write("growth", report, as_markdown(report), options.out)
    plot(report, options.out / "growth.png")


if __name__ == "__main__":
    main()
