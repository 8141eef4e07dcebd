"""The measurements still run: a moment of each load, and what they write."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

FATES = {"answers": "database", "away": "spool"}
"""Where predictions go, by what the history's database does."""


def measured(name: str, out: Path, *flags: str) -> Any:
    command = [sys.executable, "-m", f"bench.{name}", *flags, "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=150)
    return json.loads((out / f"{name}.json").read_text())["rows"]


def test_overload_is_measured(tmp_path: Path) -> None:
    rows = measured("overload", tmp_path, "--seconds", "1")
    assert list(rows) == ["before", "overload", "after"]
    assert all(row["answered"] > 0 for row in rows.values())
    assert not any(row["failed"] for row in rows.values())
    assert (tmp_path / "overload.md").read_text().count("\n| ") == 4


def test_service_is_measured_beside_the_usual_way(tmp_path: Path) -> None:
    rows = measured("service", tmp_path, "--seconds", "0.3", "--rounds", "1")
    loads = {(row["system"], row["way"], row["clients"]) for row in rows}
    assert loads == {
        (name, way, load) for name in ("ours", "reference") for way in ("upload", "url") for load in ("1", "8", "80 %")
    }
    assert all(row["requests_per_s"] > 0 < row["gateway_cpu_ms"] for row in rows)
    assert (tmp_path / "service.png").read_bytes().startswith(b"\x89PNG")


def test_growth_is_measured(tmp_path: Path) -> None:
    rows = measured("growth", tmp_path, "--seconds", "0.2", "--only", "clients")
    assert [row["clients"] for row in rows["clients"]] == [1, 2, 4, 8, 16, 32, 64]
    assert all(row["requests_per_s"] > 0 for row in rows["clients"])
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_history_is_measured_in_both_databases(tmp_path: Path) -> None:
    rows = measured("history", tmp_path, "--rows", "2000", "--seconds", "0")
    assert list(rows) == ["SQLite", "PostgreSQL"]
    for row in rows.values():
        assert row["reading"].keys() > {"?limit=20", "?confident=false", "/ID", "/stats"}
        assert all(question["count"] > 0 for question in (row["reading"] | row["http"]).values())
        assert [load["threads"] for load in row["writing"]] == [1, 8, 1, 8]
        assert all(FATES[load["database"]] in load["fates"] for load in row["writing"])
        assert row["replay"]["rows"] == 200 < 100 * row["replay"]["per_s"]
    assert "| `/stats` |" in (tmp_path / "history.md").read_text()
