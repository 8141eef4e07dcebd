"""How does the memory of a large picture come back? By telling glibc's allocator to map large blocks one by one.

Left alone it learns from the first large block that is freed to keep such blocks, in a pool a thread: a few dozen
threads then hold the memory of a large picture each, long after it was answered. Blocks of usual pictures are still
kept, which saves their page faults.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
_LARGE_BYTES = 8 * 2**20  # Pillow takes 16 MiB at a time for pictures that are larger than that


def give_back_large_blocks() -> bool:
    """Set the thresholds of this process; False where there is no glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE_BYTES) and mallopt(_TRIM_THRESHOLD, 4 * _LARGE_BYTES))
