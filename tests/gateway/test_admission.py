"""Who is let in: few at a time, and only those who have the time to wait for the others."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateway.admission import Admission
from gateway.deadline import Deadline
from gateway.errors import Overloaded


class Clock:
    """Goes on when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue() -> Iterator[ExitStack]:
    """Those who are at the model server."""
    with ExitStack() as stack:
        yield stack


def learnt(clock: Clock, admission: Admission, each_s: float) -> None:
    """Calls that came alone, and took so long."""
    for _ in range(50):
        with admission.at_model():
            clock.now += each_s


def test_no_more_than_the_bound_are_in_flight() -> None:
    admission = Admission(2)
    with admission.one(Deadline(10)):
        with admission.one(Deadline(10)), pytest.raises(Overloaded, match="2 predictions"), admission.one(Deadline(10)):
            pass
        with admission.one(Deadline(10)):
            pass


def test_who_would_wait_too_long_is_refused_and_who_has_time_is_not(clock: Clock, queue: ExitStack) -> None:
    admission = Admission(100, clock)
    learnt(clock, admission, 0.5)
    for _ in range(8):
        queue.enter_context(admission.at_model())
    with pytest.raises(Overloaded, match="8 predictions before this one would take 4"), admission.one(Deadline(6)):
        pass
    with admission.one(Deadline(10)):
        pass


def test_time_in_a_queue_is_shared_among_those_in_it(clock: Clock) -> None:
    """Ten at once, of which one is through every 0.2 s: the last took 2 s, and nobody is slow."""
    admission = Admission(100, clock)
    for _ in range(6):
        calls = [ExitStack() for _ in range(10)]
        for call in calls:
            call.enter_context(admission.at_model())
        for call in calls:
            clock.now += 0.2
            call.close()
    with ExitStack() as queue:
        for _ in range(20):
            queue.enter_context(admission.at_model())
        with admission.one(Deadline(10)):
            pass
        with pytest.raises(Overloaded, match=r"would take 4\.0 s"), admission.one(Deadline(7)):
            pass


def test_when_nobody_waits_everybody_is_let_in(clock: Clock) -> None:
    """Also after calls that hung: else nobody would find out that the server is well again."""
    admission = Admission(100, clock)
    learnt(clock, admission, 60.0)
    with admission.one(Deadline(0.1)):
        pass


def test_one_slow_call_turns_nobody_away(clock: Clock, queue: ExitStack) -> None:
    """The first one, for which a graph is compiled."""
    admission = Admission(100, clock)
    with admission.at_model():
        clock.now += 8
    for _ in range(5):
        queue.enter_context(admission.at_model())
    with admission.one(Deadline(10)):
        pass


def test_failed_calls_and_refused_ones_leave_no_trace(clock: Clock) -> None:
    admission = Admission(1, clock)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), admission.one(Deadline(1)), admission.at_model():
            raise ZeroDivisionError
    with admission.one(Deadline(1)), pytest.raises(Overloaded), admission.one(Deadline(1)):
        pass
    with admission.one(Deadline(1)):
        pass
