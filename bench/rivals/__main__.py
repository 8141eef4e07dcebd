"""The service beside what somebody would pick instead: the same model behind five frameworks, on two runtimes.

    python -m bench.rivals [--seconds 2] [--rounds 1] [--only litserve ...]

The service runs all the time, the others one after the other; each is loaded in turns with the service, in one run on
one machine, by 1 and 8 closed-loop clients with 1280x960 uploads. Writes bench/results/rivals.json and rivals.md.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.measuring import Rounds, Row, machine, make_pictures, start_service, table, write
from bench.processes import ROOT, Processes, free_port, wait_for
from bench.rivals import RIVALS, RUNTIMES, Rival
from model.precision import choose

CLIENTS = (1, 8)
OURS = "this service"


class System:
    """What is loaded, and what came of it by clients."""

    def __init__(self, processes: Processes, url: str, bodies: list[str], content_type: str) -> None:
        self.processes, self._url, self._bodies, self._content_type = processes, url, bodies, content_type
        self.rounds = {clients: Rounds() for clients in CLIENTS}

    def warm_up(self) -> None:
        """The first predictions take seconds where the runtime compiles for them."""
        Rounds().add(self.processes, self._url, self._bodies, 2, 3.0, content_type=self._content_type)

    def add(self, clients: int, seconds: float) -> None:
        """One more round."""
        self.rounds[clients].add(
            self.processes, self._url, self._bodies, clients, seconds, content_type=self._content_type
        )

    def row(self) -> Row:
        """What is written of it."""
        memory = round(self.processes.total_mib())
        return {"clients": {clients: rounds.row() for clients, rounds in self.rounds.items()}, "mib": memory}


def started(name: str, rival: Rival, runtime: str, pictures: list[Path], folder: Path, stack: ExitStack) -> System:
    """A rival, ready."""
    processes, port = Processes(), free_port()
    stack.callback(processes.stop)
    packages = ROOT / ".venv" / "rivals" / name
    processes.start("server", "-m", rival.module, str(port), runtime, PYTHONPATH=str(packages))
    wait_for(f"http://127.0.0.1:{port}{rival.ready}")
    bodies = [folder / f"{name}_{picture.stem}" for picture in pictures]
    for body, picture in zip(bodies, pictures, strict=True):
        body.write_bytes(rival.picture(picture.read_bytes()))
    return System(processes, f"http://127.0.0.1:{port}{rival.path}", list(map(str, bodies)), rival.content_type)


def measure(names: list[str], seconds: float, rounds: int) -> list[Row]:
    """For each framework and runtime a row of its own and one of the service in the same minutes."""
    rows = []
    with ExitStack() as whole:
        folder = Path(whole.enter_context(tempfile.TemporaryDirectory()))
        pictures = make_pictures(folder)
        service = Processes()
        whole.callback(service.stop)
        url = f"{start_service(service)}/predict?show_probability=true"
        System(service, url, list(map(str, pictures)), "image/jpeg").warm_up()
        for runtime in RUNTIMES:
            for name in names:
                with ExitStack() as stack:
                    rival = started(name, RIVALS[name], runtime, pictures, folder, stack)
                    ours = System(service, url, list(map(str, pictures)), "image/jpeg")
                    rival.warm_up()
                    for _ in range(rounds):
                        for clients in CLIENTS:
                            for system in (ours, rival):
                                system.add(clients, seconds)
                    rows.append({"name": name, "runtime": runtime, "rival": rival.row(), "ours": ours.row()})
                    print(rows[-1], flush=True)
    return rows


def as_markdown(report: Row) -> str:
    columns = ["behind", "computed by", "requests/s, 1 client", "p50", "requests/s, 8 clients", "p50", "p99"]
    columns += ["processor time a request", "memory", "ours answers", "in its memory's"]
    lines = []
    for row in report["rows"]:
        one, eight = (row["rival"]["clients"][clients] for clients in CLIENTS)
        ratios = [
            row["ours"]["clients"][clients]["requests_per_s"] / row["rival"]["clients"][clients]["requests_per_s"]
            for clients in CLIENTS
        ]
        lines.append(
            [
                row["name"], row["runtime"], one["requests_per_s"], f"{one['p50_ms']:.0f} ms", eight["requests_per_s"],
                f"{eight['p50_ms']:.0f} ms", f"{eight['p99_ms']:.0f} ms", f"{eight['server_cpu_ms']:.0f} ms",
                f"{row['rival']['mib']} MiB", f"{ratios[0]:.1f} and {ratios[1]:.1f} times as many",
                f"{row['ours']['mib'] / row['rival']['mib']:.0%}",
            ]
        )  # fmt: skip
    last = report["rows"][-1]["ours"]
    said = ", ".join(
        f"{row['requests_per_s']} requests/s from {clients} client{'s' * (clients > 1)} (p50 {row['p50_ms']:.0f} ms, "
        f"p99 {row['p99_ms']:.0f} ms)"
        for clients, row in last["clients"].items()
    )
    return (
        f"{table(columns, lines)}\nOurs beside the last of them: {said}, in {last['mib']} MiB. It computes in "
        f"{report['precision']}, the others the SavedModel as their runtime does by itself.\n\n"
        f"Machine: {report['machine']}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(RIVALS), default=list(RIVALS))
    options = parser.parse_args()
    report = {
        "machine": machine(),
        "precision": choose(None, ROOT / "model" / "sports7" / "2").precision,
        "rows": measure(options.only, options.seconds, options.rounds),
    }
    write("rivals", report, as_markdown(report))


if __name__ == "__main__":
    main()
