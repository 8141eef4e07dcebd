"""Other projects' clients, as they come from the package index."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.model.conformance.conftest import Embedded

CLIENTS = Path(sys.prefix) / "clients"
"""Where `make test` puts them."""
SHARED = ("grpc", "numpy", "numpy.libs", "typing_extensions.py")
"""What they need of this environment; the rest of it would be in their way."""


@pytest.mark.skipif(not (CLIENTS / "min_tfs_client").is_dir(), reason="the clients aren't installed: make test does it")
def test_min_tfs_client(embedded: Embedded, tmp_path: Path) -> None:
    packages = Path(next(path for path in sys.path if path.endswith("site-packages")))
    for name in SHARED:
        if (packages / name).exists():
            (tmp_path / name).symlink_to(packages / name)
    own = {"PYTHONPATH": f"{CLIENTS}{os.pathsep}{tmp_path}", "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    program = [sys.executable, "-S", str(ROOT / "tests" / "model" / "conformance" / "other_client.py")]
    done = subprocess.run(
        [*program, str(embedded.port)], cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "None": [[3.0], [4.0]],
        "123": [[3.0], [4.0]],
        "error": "Servable not found for request: Latest(none)",
    }
