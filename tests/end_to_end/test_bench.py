"""The measurements still run: a second of each load, and what they write."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def test_overload_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.overload", "--seconds", "1", "--out", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=110)
    rows = json.loads((tmp_path / "overload.json").read_text())["rows"]
    assert list(rows) == ["before", "overload", "after"]
    assert all(row["answered"] > 0 for row in rows.values())
    assert not any(row["failed"] for row in rows.values())
    assert (tmp_path / "overload.md").read_text().count("\n| ") == 4
