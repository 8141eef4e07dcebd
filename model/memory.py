"""How does memory come back, and how little is kept? By telling glibc's allocator, where it is the one."""

import ctypes
from typing import Any

_ARENA_MAX = -8  # malloc.h: M_ARENA_MAX


def give_back() -> bool:
    """Return free memory to the system (malloc_trim); False where there is no such function."""
    trim = _glibc("malloc_trim")
    return bool(trim and trim(0))


def keep_one_pool() -> bool:
    """Let all threads allocate from one pool, not from one each: what a model leaves in them is kept for good.

    Call it before there are threads. False where there is no such setting.
    """
    mallopt = _glibc("mallopt")
    return bool(mallopt and mallopt(_ARENA_MAX, 1))


def _glibc(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None)
