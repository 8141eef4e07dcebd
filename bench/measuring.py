"""What every measurement needs: pictures, the service in processes of its own, loads, and figures of their rounds."""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.processes import ROOT, Processes, free_port, wait_for

RESULTS = Path(__file__).parent / "results"
MODEL = ROOT / "model" / "sports7"
VERSION = MODEL / "2"
Row = dict[str, Any]


def machine() -> str:
    """The machine in a line, and how many of its cores this process may use."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())
    used, count = len(os.sched_getaffinity(0)), sum(line.startswith("processor") for line in lines)
    cores = f"{count}" if used == count else f"{used} of {count}"
    return f"{cores} cores of {model}, Python {platform.python_version()}, {platform.system()} {platform.release()}"


def make_picture(folder: Path, sample: Path, size: tuple[int, int]) -> Path:
    """A sample as a JPEG of quality 90 and (width, height), with a camera's noise."""
    rng = np.random.default_rng(0)
    with Image.open(sample) as image:
        pixels = np.asarray(image.resize(size, Image.Resampling.BICUBIC))
    noise = rng.normal(0, 6, (256, *pixels.shape[1:])).astype(np.int16)
    noisy = np.empty_like(pixels)
    for top in range(0, len(pixels), len(noise)):  # band by band: 50 megapixels as float64 would take a gigabyte
        band = pixels[top : top + len(noise)]
        noisy[top : top + len(noise)] = np.clip(band + noise[: len(band)], 0, 255)
    path = folder / f"{sample.stem}_{size[0]}x{size[1]}.jpg"
    Image.fromarray(noisy).save(path, quality=90)
    return path


def make_pictures(folder: Path) -> list[Path]:
    """The samples at 1280x960, about 400 kB each."""
    return [make_picture(folder, sample, (1280, 960)) for sample in sorted((ROOT / "samples").glob("*.jpg"))]


@contextmanager
def origin(folder: Path) -> Iterator[int]:
    """Serve a folder on loopback; the port."""
    processes, port = Processes(), free_port()
    processes.start("origin", "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder))
    try:
        wait_for(f"http://127.0.0.1:{port}/")
        yield port
    finally:
        processes.stop()


def start_service(service: Processes, *flags: str, **environment: str) -> str:
    """Start the model server with flags, and the gateway with an environment; its base address."""
    port, model = free_port(), free_port()
    service.start(
        "model", "-m", "model.server", f"--port={model}", "--model_name=sports7", f"--model_base_path={MODEL}", *flags
    )
    service.start(
        "gateway", "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py", "gateway.app:create_app()",
        PORT=str(port), GATEWAY_MODEL_SERVER=f"127.0.0.1:{model}", **environment,
    )  # fmt: skip
    wait_for(f"http://127.0.0.1:{port}/readyz")
    return f"http://127.0.0.1:{port}"


def load(
    url: str, bodies: Sequence[str], clients: int, seconds: float, *, rate: float | None = None, content_type: str = ""
) -> Row:
    """What `bench.load` measured in a process of its own: `took_s`, `latencies_ms` and so on.

    Args:
        url: Where requests are posted.
        bodies: Files, or URLs that are sent as JSON.
        clients: How many connections.
        seconds: How long.
        rate: Requests a second, answered or not; None: each client sends its next request when one is answered.
        content_type: The files'; empty: JPEG.
    """
    flags = [f"--rate={rate}"] * (rate is not None) + [f"--type={content_type}"] * bool(content_type)
    command = [sys.executable, "-m", "bench.load", *flags, url, str(clients), str(seconds), *bodies]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    measured: Row = json.loads(done.stdout)
    return measured


@dataclass
class Rounds:
    """The same load, several times."""

    latencies_ms: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)
    cpu_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    timings: list[str] = field(default_factory=list)

    def add(self, processes: Processes, url: str, bodies: Sequence[str], *how: Any, **options: Any) -> None:
        """Load the processes once more, as `load` does.

        Raises:
            RuntimeError: Not every request was answered.
        """
        before = processes.cpu_s()
        measured = load(url, bodies, *how, **options)
        after = processes.cpu_s()
        lost = len(measured["failures"]) + len(measured["refusals_ms"]) + measured["unsent"]
        if lost or not measured["latencies_ms"]:
            raise RuntimeError(f"{lost} requests weren't answered: {measured['failures'][:1]}")
        self.latencies_ms += measured["latencies_ms"]
        self.timings += measured["timings"]
        self.per_s.append(len(measured["latencies_ms"]) / measured["took_s"])
        for part in before:
            self.cpu_ms[part].append(1000 * (after[part] - before[part]) / len(measured["latencies_ms"]))

    def row(self) -> Row:
        """The median round's rate and processor time a request; latencies over all rounds."""
        p50, p99 = np.percentile(self.latencies_ms, [50, 99])
        return {
            "requests_per_s": round(statistics.median(self.per_s), 1),
            "p50_ms": round(float(p50), 1),
            "p99_ms": round(float(p99), 1),
            **{f"{part}_cpu_ms": round(statistics.median(spent), 1) for part, spent in self.cpu_ms.items()},
        }

    def steps_ms(self) -> dict[str, float]:
        """Median milliseconds by step, from Server-Timing."""
        by_step: dict[str, list[float]] = defaultdict(list)
        for line in filter(None, self.timings):
            for step in line.split(", "):
                name, _, ms = step.partition(";dur=")
                by_step[name].append(float(ms))
        return {name: round(statistics.median(values), 2) for name, values in by_step.items()}


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def write(name: str, report: Row, text: str, folder: Path = RESULTS) -> None:
    """Write a measurement as NAME.json, and as NAME.md for people."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / f"{name}.md").write_text(text)
    print(text)
