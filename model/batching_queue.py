"""Which calls of a signature are computed together, and when?

Rules and texts are TensorFlow's (core/kernels/batching_util/shared_batch_scheduler.h).
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import grpc

from model.batching_parameters import Parameters
from model.errors import ServingError, invalid
from model.joining import Arrays

_FULL = "The batch scheduling queue to which this task was submitted is full; "


@dataclass(eq=False)
class Task:
    """A call, or a part of one; `deadline` is on the monotonic clock. Whoever no longer waits cancels its `answer`."""

    inputs: Arrays
    outputs: Sequence[str]
    rows: int
    deadline: float
    answer: Future[Arrays] = field(default_factory=Future)


@dataclass(eq=False)
class Batch:
    """Calls of one signature that are computed together; `begun` is when the first one came, on the monotonic clock."""

    signature: str
    begun: float
    tasks: list[Task] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Of all its tasks."""
        return sum(task.rows for task in self.tasks)


class Queue:
    """The batches of a signature that wait, oldest first; the last one is open. Its user holds the lock."""

    def __init__(self, signature: str, parameters: Parameters) -> None:
        self._signature, self._parameters = signature, parameters
        self._batches: deque[Batch] = deque()

    def due_at(self) -> float | None:
        """When the first batch may be computed, on the monotonic clock; None: there is none."""
        if not self._batches:
            return None
        first = self._batches[0]
        complete = len(self._batches) > 1 or first.rows >= self._parameters.largest_batch
        return first.begun if complete else first.begun + self._parameters.batch_timeout_micros / 1e6

    @property
    def begun(self) -> float:
        """When the first batch's first call came; for queues that have one."""
        return self._batches[0].begun

    def parts(self, rows: int) -> list[int]:
        """The sizes in which a call would be taken.

        Raises:
            ServingError: It's too large, or there is no room.
        """
        limits = self._parameters
        if rows > limits.max_batch_size:
            raise invalid(f"Task size {rows} is larger than maximum input batch size {limits.max_batch_size}")
        room = limits.largest_batch - (self._batches[-1].rows if self._batches else 0)
        if limits.enable_large_batch_splitting:
            return self._split(rows, room)
        if rows > room and len(self._batches) >= limits.most_batches:
            raise _unavailable(
                f"{_FULL}currently {len(self._batches)} batches enqueued and max_enqueued_batches is "
                f"{limits.most_batches}"
            )
        return [rows]

    def _split(self, rows: int, room: int) -> list[int]:
        most, largest = self._parameters.most_batches, self._parameters.largest_batch
        enqueued = max(1, len(self._batches))
        capacity = (most - enqueued) * largest + room
        if rows > capacity:
            raise _unavailable(
                f"{_FULL}task size is {rows} but scheduling capacity is only {capacity} (num_enqueued_batches="
                f"{enqueued}, max_enqueued_batches={most}, open_batch_size={largest - room}, "
                f"max_execution_batch_size={largest})"
            )
        first = [min(rows, room)] if room else []
        left = rows - sum(first)
        return first + [min(largest, left - done) for done in range(0, left, largest)]

    @property
    def waiting(self) -> int:
        """How many tasks there are."""
        return sum(len(batch.tasks) for batch in self._batches)

    def add(self, task: Task, now: float) -> None:
        """Put it into the open batch, or begin one: there is room, says `parts`."""
        if not self._batches or self._batches[-1].rows + task.rows > self._parameters.largest_batch:
            self._batches.append(Batch(self._signature, now))
        self._batches[-1].tasks.append(task)

    def take(self) -> Batch:
        """The first batch, which waits no longer."""
        return self._batches.popleft()

    def drop(self, task: Task) -> None:
        """Forget a task, if it's still there: it makes room."""
        for batch in self._batches:
            if task in batch.tasks:
                batch.tasks.remove(task)
        self._batches = deque(batch for batch in self._batches if batch.tasks)


def _unavailable(text: str) -> ServingError:
    return ServingError(grpc.StatusCode.UNAVAILABLE, text)
