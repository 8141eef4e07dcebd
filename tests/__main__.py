"""Runs every test, by two pytests side by side: python -m tests

The one with COMPUTING has the lower priority: it gets what the other, which mostly waits for servers, leaves of the
processors, and its output comes last. `pytest tests` runs all of them one after the other.
"""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

COMPUTING = (
    "tests/deploy",
    "tests/trainer",
    "tests/test_documents.py",
    "tests/gateway/test_imports.py",
    "tests/end_to_end/test_training.py",
)
"""Tests that bound neither time nor memory, so that it doesn't matter how much of the processors they get."""
HANGS_S = 300
"""When one of them counts as hanging, in seconds: it may have got little of the processors."""


def main() -> int:
    """Whether a test failed."""
    pytest = [sys.executable, "-m", "pytest"]
    with tempfile.TemporaryFile("w+") as said:
        computing = subprocess.Popen(
            ["nice", *pytest, f"--timeout={HANGS_S}", *COMPUTING], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT
        )
        others = subprocess.Popen([*pytest, "tests", *(f"--ignore={path}" for path in COMPUTING)], cwd=ROOT)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # both hear of a Ctrl-C by themselves, and end their servers
        statuses = [others.wait(), computing.wait()]
        said.seek(0)
        print(said.read())
    return int(any(statuses))


if __name__ == "__main__":
    sys.exit(main())
