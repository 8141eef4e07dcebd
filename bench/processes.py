"""Processes under measurement: started together, ended together, with their processor time and memory from /proc."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_S = 180.0
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Processes:
    """Named processes, each in a session of its own."""

    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str, **environment: str) -> None:
        """Start this Python with a command."""
        self.running[name] = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=os.environ | environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def cpu_s(self) -> dict[str, float]:
        """Processor seconds so far by name, children included."""
        return {name: sum(map(_cpu_s, family(process.pid))) for name, process in self.running.items()}

    def memory_mib(self) -> dict[str, float]:
        """Resident memory by name, children included; what these share counts once, whoever else has it as well."""
        return {name: resident_mib(family(process.pid)) for name, process in self.running.items()}

    def total_mib(self) -> float:
        """Resident memory of all together."""
        return resident_mib([pid for process in self.running.values() for pid in family(process.pid)])

    def stop(self) -> None:
        """End all of them."""
        for process in reversed(self.running.values()):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for(url: str) -> None:
    """Until the address answers 200."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise TimeoutError(url)


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family(int(child)))]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def resident_mib(pids: list[int]) -> float:
    """Resident memory of processes together.

    Their own memory, parts of it shared since a fork, counts by share. A file's pages count once, as many as the
    mapping has that has most of them: PSS would leave a part of a library to every other program that uses it.
    """
    own_kb, files_kb = 0, defaultdict[tuple[str, str], int](int)
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().split()
        own_kb += sum(int(rollup[rollup.index(key) + 1]) for key in ("Pss_Anon:", "Pss_Shmem:"))
        mapped, resident_kb = ("", ""), 0
        for key, *values in map(str.split, Path(f"/proc/{pid}/smaps").read_text().splitlines()):
            if not key.endswith(":"):  # a mapping's first line: range, rights, offset, device, inode, file
                mapped = (values[4], values[1]) if len(values) > 4 else ("", "")
            elif key == "Rss:":
                resident_kb = int(values[0])
            elif key == "Anonymous:" and mapped[0].startswith("/"):  # pages that were written to are its own
                files_kb[mapped] = max(files_kb[mapped], resident_kb - int(values[0]))
    return (own_kb + sum(files_kb.values())) / 1024


def pss_mib(pid: int) -> float:
    """A process' resident memory; what it shares counts in part."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
