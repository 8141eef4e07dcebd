"""What happens beyond the capacity: five times as many uploads as the service can answer, for a quarter of a minute.

    python -m bench.overload [--seconds 15] [--out bench/results]

The capacity is what 8 closed-loop clients get; then uploads come at five times that rate, whether answered or not; then
the 8 clients again. Writes overload.json and overload.md.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from bench.measuring import RESULTS, Row, load, machine, make_pictures, start_service, table, write
from bench.processes import Processes

TIMES = 5
CLIENTS = 8
SENDERS = 200


def outcome(*how: Any, **options: Any) -> Row:
    """What came of a load: counts, rates, and the times of answers and refusals in milliseconds."""
    measured = load(*how, **options)
    row = {
        "answered": len(measured["latencies_ms"]),
        "answered_per_s": round(len(measured["latencies_ms"]) / measured["took_s"], 1),
        "refused": len(measured["refusals_ms"]),
        "failed": len(measured["failures"]),
        "unsent": measured["unsent"],
    }
    for name in ("latencies_ms", "refusals_ms"):
        if measured[name]:
            row[name] = [round(float(share)) for share in np.percentile(measured[name], [50, 99])]
    return row


def measure(seconds: float) -> Row:
    """A row for each of the three loads."""
    with ExitStack() as stack:
        pictures = [str(path) for path in make_pictures(Path(stack.enter_context(tempfile.TemporaryDirectory())))]
        service = Processes()
        stack.callback(service.stop)
        url = f"{start_service(service)}/predict"
        load(url, pictures, 2, min(2.0, seconds))  # warm up
        rows = {"before": outcome(url, pictures, CLIENTS, seconds / 2)}
        rate = TIMES * rows["before"]["answered_per_s"]
        rows["overload"] = {"rate": round(rate, 1), **outcome(url, pictures, SENDERS, seconds, rate=rate)}
        rows["after"] = outcome(url, pictures, CLIENTS, seconds / 2)
        return rows


def as_markdown(report: Row) -> str:
    columns = ["", "uploads/s", "answered/s", "p50, p99", "refused", "p50, p99", "failed"]
    lines = []
    for name, row in report["rows"].items():
        answered, refused = (
            ", ".join(f"{ms} ms" for ms in row.get(key, [])) for key in ("latencies_ms", "refusals_ms")
        )
        rate = row.get("rate", "as answered")
        lines.append([name, rate, row["answered_per_s"], answered, row["refused"], refused, row["failed"]])
    unsent = report["rows"]["overload"]["unsent"]
    note = f"{unsent} uploads found none of the {SENDERS} senders free for a second, and weren't sent."
    return f"{table(columns, lines)}\n{note} Machine: {report['machine']}.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    report = {"machine": machine(), "seconds": options.seconds, "rows": measure(options.seconds)}
    write("overload", report, as_markdown(report), options.out)


if __name__ == "__main__":
    main()
