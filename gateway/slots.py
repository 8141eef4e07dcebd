"""How many pictures are decoded at once? Few, so that large ones can't take all the memory together."""

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.deadline import Deadline
from gateway.errors import Overloaded

LARGE_PIXELS = 12_500_000
"""From here on, more than the 12 megapixels of a usual phone, a picture is large."""
AT_ONCE = 2
"""Pictures that one process decodes at a time."""
_LOOK_AGAIN_S = 0.02


class DecodeSlots:
    """Turns at decoding; one for a process.

    A large picture takes a turn that there is once in the whole service, on top of its process' own: all processes lock
    the same file, this module's own, which is there and readable wherever they run.
    """

    def __init__(self, lock_file: Path = Path(__file__)) -> None:
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._lock_file = lock_file

    @contextmanager
    def turn(self, pixels: int, deadline: Deadline) -> Iterator[None]:
        """Wait for a turn, and have it for the block.

        Raises:
            Overloaded: The deadline passed before.
        """
        if pixels > LARGE_PIXELS:
            with self._alone(deadline), self._one_of_few(deadline):
                yield
        else:
            with self._one_of_few(deadline):
                yield

    @contextmanager
    def _one_of_few(self, deadline: Deadline) -> Iterator[None]:
        if not self._turns.acquire(timeout=deadline.remaining_s()):
            raise Overloaded("no turn at decoding before the deadline")
        try:
            yield
        finally:
            self._turns.release()

    @contextmanager
    def _alone(self, deadline: Deadline) -> Iterator[None]:
        with self._lock_file.open("rb") as file:  # opened anew: a lock belongs to the open file, not to the process
            while not _locked(file.fileno()):
                if not deadline.remaining_s():
                    raise Overloaded("no turn at decoding a large picture before the deadline")
                time.sleep(_LOOK_AGAIN_S)
            yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
