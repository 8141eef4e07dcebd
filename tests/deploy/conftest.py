import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

Plant = Callable[[str, str, str], Path]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Makes a tree like this one, with one text in one file changed."""

    def planted(name: str, old: str, new: str) -> Path:
        root = tmp_path / "tree"
        root.mkdir()
        for folder in ("gateway", "kube-config"):
            shutil.copytree(ROOT / folder, root / folder)
        for entry in (*ROOT.glob("*docker-compose*"), *ROOT.glob("Dockerfile*"), *ROOT.glob("*.sh")):
            shutil.copy(entry, root)
        for unchanged in ("model", "pyproject.toml", "samples"):
            (root / unchanged).symlink_to(ROOT / unchanged)
        text = (root / name).read_text()
        assert old in text, f"{name} hasn't got {old}"
        (root / name).write_text(text.replace(old, new, 1))
        return root

    return planted
