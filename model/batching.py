"""How are calls that come at about the same time computed at once?

Each signature has a queue of batches; a call joins the last of them, or begins one. A batch is due when it's full, when
another one has begun behind it, or when its first call has waited long enough; then the next free thread computes it.
So TensorFlow does it (core/kernels/batching_util/shared_batch_scheduler.h), and TensorFlow Serving with it
(batching/batching_session.cc).
"""

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from model.batching_parameters import Parameters
from model.batching_queue import Batch, Queue, Task
from model.errors import ServingError
from model.joining import Arrays, joined, rows_of, share, together
from model.precision import Precision
from model.servable import Computes


class Batcher:
    """An engine whose calls are computed together; `close` it when no new call comes any more.

    Args:
        engine: Computes signatures whose inputs and outputs have a row for each example; closed with this.
        parameters: How large batches are, how long they wait, and how many threads compute them.
    """

    def __init__(self, engine: Computes, parameters: Parameters) -> None:
        self._engine, self._parameters = engine, parameters
        self._queues: dict[str, Queue] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{parameters.thread_pool_name}_{number}", daemon=True)
            for number in range(parameters.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def precision_of(self, signature: str) -> Precision:
        """The engine's."""
        return self._engine.precision_of(signature)

    def opened(self, signature: str) -> bool:
        """Whether nothing is left for the signature's first call."""
        return self._engine.opened(signature)

    @property
    def any_shape(self) -> Computes | None:
        """What computes, unbatched, calls whose shapes aren't the signature's."""
        return self._engine.any_shape

    def run(
        self, signature: str, inputs: Mapping[str, NDArray[Any]], outputs: Iterable[str], timeout_s: float
    ) -> dict[str, NDArray[Any]]:
        """The outputs asked for, as the engine would compute them for this call alone.

        Args:
            signature: One of the engine's.
            inputs: Every input of the signature, of its type, with the call's rows along dimension 0.
            outputs: Names of the outputs wanted.
            timeout_s: Longest wait for the answer, in seconds.

        Returns:
            Arrays with the call's rows along dimension 0, by name; they may share memory with other calls' rows.

        Raises:
            ServingError: The call can't be batched, or too many wait already.
            TimeoutError: There was no answer in time; if the call wasn't begun, it never is.
            Exception: What the engine raised for this call.
        """
        deadline, names = time.monotonic() + timeout_s, list(outputs)
        rows = rows_of(inputs)
        # Without rows there is nothing to join, and nothing that would ever fill a batch up.
        tasks = self._enqueued(signature, Task(inputs, names, rows, deadline)) if rows else []
        if not tasks:
            return self._engine.run(signature, inputs, names, timeout_s)
        try:
            return dict(together([task.answer.result(_left(deadline)) for task in tasks]))
        except Exception:
            self._drop(signature, tasks)
            raise

    @property
    def waiting(self) -> int:
        """How many calls, or parts of split ones, are queued and not begun."""
        with self._changed:
            return sum(queue.waiting for queue in self._queues.values())

    def close(self) -> None:
        """Compute what waits, at once, and end the threads; calls that still come are computed alone."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._engine.close()

    def _enqueued(self, signature: str, task: Task) -> list[Task]:
        """The task in the parts that were queued; none after the end."""
        with self._changed:
            if self._closed:
                return []
            queue = self._queues.setdefault(signature, Queue(signature, self._parameters))
            tasks, due_before = _split(task, queue.parts(task.rows)), queue.due_at()
            now = time.monotonic()
            for part in tasks:
                queue.add(part, now)
            if queue.due_at() != due_before:
                self._changed.notify()
            return tasks

    def _drop(self, signature: str, tasks: list[Task]) -> None:
        """Nobody waits for these any more."""
        with self._changed:
            for task in tasks:
                if task.answer.cancel():
                    self._queues[signature].drop(task)

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            tasks = [task for task in batch.tasks if task.answer.set_running_or_notify_cancel()]
            self._answer(batch.signature, tasks)
            del batch, tasks  # else they'd keep their arrays until the next batch comes

    def _next(self) -> Batch | None:
        """The oldest batch that is due, waited for; None: none will come."""
        with self._changed:
            while True:
                now = time.monotonic()
                waiting = {queue: at for queue in self._queues.values() if (at := queue.due_at()) is not None}
                due = [queue for queue, at in waiting.items() if at <= now or self._closed]
                if due:
                    # Whoever looked after the batches that are left may be this thread, which is busy now.
                    self._changed.notify()
                    return min(due, key=lambda queue: queue.begun).take()
                if self._closed:
                    return None
                self._changed.wait(_left(min(waiting.values())) if waiting else None)

    def _answer(self, signature: str, tasks: list[Task]) -> None:
        tasks = _in_time(tasks)
        if not tasks:
            return
        try:
            outputs, total = self._computed(signature, tasks)
        except (ServingError, TimeoutError) as error:  # the time was that of the task with the latest deadline
            _fail(tasks, error)
        except Exception as error:
            if len(tasks) == 1:
                _fail(tasks, error)
            # It may be one task that the engine doesn't take; which, it doesn't say. The others have done no wrong.
            for task in tasks if len(tasks) > 1 else []:
                self._answer(signature, [task])
        else:
            _hand_out(tasks, outputs, total)

    def _computed(self, signature: str, tasks: list[Task]) -> tuple[Arrays, int]:
        """The outputs that any task asks for, and their rows."""
        total = self._parameters.rounded(sum(task.rows for task in tasks))
        inputs = joined([task.inputs for task in tasks], total, self._parameters.pad_variable_length_inputs)
        names = sorted({name for task in tasks for name in task.outputs})
        return self._engine.run(signature, inputs, names, _left(max(task.deadline for task in tasks))), total


def _left(moment: float) -> float:
    """Seconds until then, as much of them as a lock can wait."""
    return min(max(0.0, moment - time.monotonic()), threading.TIMEOUT_MAX)


def _split(task: Task, parts: list[int]) -> list[Task]:
    if len(parts) == 1:
        return [task]
    tasks, first = [], 0
    for rows in parts:
        inputs = {name: tensor[first : first + rows] for name, tensor in task.inputs.items()}
        tasks.append(Task(inputs, task.outputs, rows, task.deadline))
        first += rows
    return tasks


def _in_time(tasks: list[Task]) -> list[Task]:
    """Those that somebody still waits for."""
    now = time.monotonic()
    _fail([task for task in tasks if task.deadline <= now], TimeoutError())
    return [task for task in tasks if task.deadline > now]


def _fail(tasks: list[Task], error: Exception) -> None:
    for task in tasks:
        task.answer.set_exception(error)


def _hand_out(tasks: list[Task], outputs: Arrays, total: int) -> None:
    first = 0
    for task in tasks:
        try:
            task.answer.set_result(share(outputs, task.outputs, first, task.rows, total))
        except Exception as error:
            task.answer.set_exception(error)
        first += task.rows
