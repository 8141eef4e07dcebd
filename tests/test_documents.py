"""The documents say what the code does."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docs.build import documents
from gateway.app import create_app
from gateway.settings import Settings
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_what_is_taken_from_the_code_is_up_to_date() -> None:
    stale = [path.name for path, text in documents().items() if path.read_text() != text]
    assert not stale, "run `make docs`"


def test_every_route_is_in_the_readme() -> None:
    for rule in create_app(Settings()).url_map.iter_rules():
        assert (
            rule.rule == "/"
            or rule.rule.replace("<name>", "NAME").replace("<id>", "{id}").replace("<version>", "VERSION") in README
        )


def test_paths_named_in_the_readme_exist() -> None:
    for name in re.findall(r"`((?:[a-z0-9_-]+/)+[a-z0-9_.]+)`", README):
        assert (ROOT / name).exists(), name


def test_targets_named_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"\bmake ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_make_alone_prints_the_targets() -> None:
    said = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True).stdout
    assert {"run", "test", "lint", "train"} <= {line.split()[0] for line in said.splitlines() if line}


def test_samples_are_what_their_script_draws(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "samples/draw.py", tmp_path], cwd=ROOT, check=True, timeout=100)
    samples = sorted((ROOT / "samples").glob("*.jpg"))
    assert [path.name for path in samples] == sorted(path.name for path in tmp_path.glob("*.jpg"))
    assert len(samples) == 7
    for sample in samples:  # another processor may round a sine differently
        with Image.open(sample) as shipped, Image.open(tmp_path / sample.name) as drawn:
            assert np.abs(np.asarray(shipped, int) - np.asarray(drawn, int)).mean() < 2


@pytest.mark.parametrize("name", ["dev", "trainer", "run", "embedded", "gateway"])
def test_lists_pin_everything_and_name_no_index(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    assert all(re.match(r"[a-z0-9-]+==[^ ]+( ; .*)?$", line) for line in lines)
    longer = set((ROOT / "requirements" / "dev.txt").read_text().splitlines())
    assert set(lines) <= longer


def test_promises_name_tests_that_exist() -> None:
    promises = (ROOT / "docs" / "security.md").read_text()
    named = re.findall(r"`(tests/[a-z_/]+\.py)`((?:[:,] `test_\w+`)*)", promises)
    assert len(named) > 40
    for path, names in named:
        written = (ROOT / path).read_text()
        for name in re.findall(r"`(test_\w+)`", names):
            assert f"def {name}(" in written, f"{path} has no {name}"
    rows = [row for row in promises.splitlines() if row.startswith("| ") and not row.startswith(("| ---", "| promise"))]
    assert all("`tests/" in row for row in rows)
