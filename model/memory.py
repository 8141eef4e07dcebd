"""How does the memory of a dropped model come back? By asking the C library to return what it keeps."""

import ctypes


def give_back() -> bool:
    """Return free memory to the system (glibc's malloc_trim); False where there is no such function."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return bool(trim and trim(0))
