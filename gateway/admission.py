"""Is there time for one more prediction? It is refused at once rather than answered too late.

Everybody at the model server waits for those who came before. How long each takes is learnt from those who are through
(Little's law: the time in a queue is the number there, times the time between two that leave), so the bound follows the
model, the processor, and what the caller has time for.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.deadline import Deadline
from gateway.errors import Overloaded

WAITING_SHARE = 0.5
"""How much of a request's time may be spent waiting for those before it, as far as can be foreseen."""
_WEIGHT = 0.1
"""Of the latest call, in the moving average. It begins at nothing: one slow call, the first after a start, say, turns
nobody away."""


class Admission:
    """Who is let in; one for a process.

    Args:
        max_in_flight: Predictions at a time, whatever they wait for.
        clock: Seconds that never go back.
    """

    def __init__(self, max_in_flight: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_in_flight, self._clock = max_in_flight, clock
        self._lock = threading.Condition()
        self._in_flight = self._at_model = 0
        self._each_s = 0.0

    @contextmanager
    def one(self, deadline: Deadline, *, patient: bool = False) -> Iterator[None]:
        """Be in flight for the block.

        Args:
            deadline: The request's.
            patient: Wait for a place until the deadline, as a batch does, which would else crowd itself out.

        Raises:
            Overloaded: As many as may be are in flight, or they'd take too much of the time until the deadline.
        """
        with self._lock:
            while refusal := self._refusal(deadline):
                if not patient or not self._lock.wait(deadline.remaining_s()):
                    raise Overloaded(refusal)
            self._in_flight += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1
                self._lock.notify()

    def _refusal(self, deadline: Deadline) -> str:
        """Why one more isn't let in now, or nothing."""
        if self._in_flight >= self._max_in_flight:
            return f"{self._max_in_flight} predictions in flight"
        wait_s = self._at_model * self._each_s
        if wait_s > WAITING_SHARE * deadline.remaining_s():
            return f"{self._at_model} predictions before this one would take {wait_s:.1f} s"
        return ""

    @contextmanager
    def at_model(self) -> Iterator[None]:
        """Be at the model server for the block."""
        with self._lock:
            self._at_model += 1
            there = self._at_model
        start = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._at_model -= 1
                each_s = (self._clock() - start) / there
                self._each_s += _WEIGHT * (each_s - self._each_s)
