"""Converts models where TensorFlow is loaded anyway, so that the servers of the tests needn't load it again."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from model import cache, convert


def fill_cache(versions: Sequence[Path]) -> None:
    """Put the versions into the cache as `model.cache.prepared` does, without its child."""

    def here(folders: Mapping[Path, Path]) -> str:
        convert.main([str(folder) for pair in folders.items() for folder in pair])
        return ""

    cache._convert = here
    bad = [entry for entry in cache.prepared(versions) if not isinstance(entry, Path)]
    assert not bad, bad
