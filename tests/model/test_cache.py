"""Conversion: once, shared safely, made again when damaged."""

import json
import logging
import os
import shutil
import threading
from pathlib import Path

import pytest

from model import cache
from model.cache import MANIFEST, converted, prepared
from model.convert import GRAPHS_FILE, TRUNK
from model.errors import LoadError
from tests.conftest import TinyModel


@pytest.fixture
def version(tiny_model: TinyModel) -> Path:
    return tiny_model.models / "tiny" / "1"


def test_signatures_share_one_trunk(version: Path) -> None:
    entry = converted(version)
    graphs = json.loads((entry / GRAPHS_FILE).read_text())
    assert {steps[-1] for steps in graphs.values()} == {TRUNK}
    weights = {name: (entry / f"{name}.bin").stat().st_size for steps in graphs.values() for name in steps}
    assert all(size < 100 for name, size in weights.items() if name != TRUNK)


def test_entry_can_be_read_by_other_users(version: Path) -> None:
    entry = converted(version)
    assert entry.stat().st_mode & 0o555 == 0o555
    assert all(file.stat().st_mode & 0o444 == 0o444 for file in entry.iterdir())


def test_second_start_finds_the_entry(version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = converted(version)
    monkeypatch.setattr(cache.sys, "executable", "/nowhere/python")
    assert converted(version) == entry


def changed(version: Path, folder: Path) -> Path:
    """The same model under another key: fields that nobody knows are passed over."""
    shutil.copytree(version, folder)
    with (folder / "saved_model.pb").open("ab") as file:
        file.write(b"\xfa\x7f" + bytes([len(folder.name)]) + folder.name.encode())  # field 2047, a string
    return folder


def test_damaged_entry_is_made_again(version: Path, tmp_path: Path) -> None:
    versions = [changed(version, tmp_path / name) for name in ("cut", "missing", "manifest")]
    entries = [cache._entry(one) for one in versions]
    for entry in entries:
        assert isinstance(entry, Path)
        shutil.copytree(converted(version), entry)  # as a child would make it, in seconds
    assert prepared(versions) == entries
    assert len(set(entries)) == 3
    cut, missing, manifest = entries
    whole = (cut / f"{TRUNK}.bin").read_bytes()
    (cut / f"{TRUNK}.bin").write_bytes(whole[:-1])
    (missing / f"{TRUNK}.bin").unlink()
    (manifest / MANIFEST).write_text("{")
    assert prepared(versions) == entries
    assert all((entry / f"{TRUNK}.bin").read_bytes() == whole for entry in entries)
    assert json.loads((manifest / MANIFEST).read_text())
    assert not list(cut.parent.glob(".partial-*"))


def test_servers_that_start_at_once_share_the_cache(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    entries: list[Path] = []
    threads = [threading.Thread(target=lambda: entries.append(converted(version))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(entries)) == 1
    assert len(entries) == 2
    assert os.listdir(entries[0].parent) == [entries[0].name]


def test_other_weights_are_another_entry(version: Path, tmp_path: Path) -> None:
    shutil.copytree(version, tmp_path / "2")
    (data,) = (tmp_path / "2" / "variables").glob("*.data-*")
    content = bytearray(data.read_bytes())
    content[-1] ^= 1
    data.write_bytes(content)
    assert cache._key(tmp_path / "2") != cache._key(version)


def test_what_is_no_saved_model_is_a_load_error(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="Could not find SavedModel"):
        converted(tmp_path)


def test_several_are_converted_in_one_child_and_a_bad_one_does_not_matter(
    tiny_model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"garbage")
    folders = [tiny_model.models / "tiny" / "1", tmp_path / "1", tiny_model.models / "floats" / "1", tmp_path / "none"]
    with caplog.at_level(logging.INFO):
        tiny, bad, floats, none = prepared(folders)
    assert isinstance(tiny, Path)
    assert isinstance(floats, Path)
    assert "can't be converted: " in str(bad)
    assert "Could not find SavedModel" in str(none)
    assert caplog.text.count("converting") == 1
    assert prepared([folders[0], folders[2]]) == [tiny, floats]
    assert caplog.text.count("converting") == 1
