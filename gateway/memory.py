"""How does the memory of a large picture come back? By telling glibc's allocator to map large blocks one by one.

Left alone it learns from the first large block that is freed to keep such blocks, in a pool a thread: a few dozen
threads then hold the memory of a large picture each, long after it was answered. Blocks of usual pictures are still
kept, which saves their page faults, in two pools: as many pictures are decoded at a time (`gateway.slots`).
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # malloc.h: M_TRIM_THRESHOLD and so on
_LARGE_BYTES = 8 * 2**20  # Pillow takes 16 MiB at a time for pictures that are larger than that


def give_back_large_blocks() -> bool:
    """Set the thresholds of this process; False where there is no glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    options = {_MMAP_THRESHOLD: _LARGE_BYTES, _TRIM_THRESHOLD: 4 * _LARGE_BYTES, _ARENA_MAX: 2}
    return all(mallopt(option, value) for option, value in options.items())
