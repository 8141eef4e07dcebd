"""How long may this request still take? One deadline for everything that a request waits for."""

import time


class Deadline:
    """A moment on the monotonic clock.

    Args:
        seconds: How far it lies ahead.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining_s(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._end - time.monotonic())

    def within(self, seconds: float) -> "Deadline":
        """This deadline, or an earlier one that lies `seconds` ahead."""
        return Deadline(min(seconds, self.remaining_s()))
