"""How are many asked about at a time, and yet answered in order?"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import TypeVar

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")
_SLICE_S = 0.2


def in_order(make: Callable[[_Given], _Made], given: Iterable[_Given], jobs: int) -> Iterator[_Made]:
    """What `make` makes of each, in their order, by so many threads.

    At most twice as many are taken ahead as there are threads. They are daemons: who stops early, or is interrupted,
    doesn't wait for what they are at.

    Raises:
        Exception: What `make` raised, in its turn.
    """
    tasks: SimpleQueue[tuple[Future[_Made], _Given] | None] = SimpleQueue()
    made: deque[Future[_Made]] = deque()

    def work() -> None:
        while (task := tasks.get()) is not None:
            future, each = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(make(each))
                except Exception as error:  # it is raised where the result is read
                    future.set_exception(error)

    for _ in range(jobs):
        threading.Thread(target=work, name="ask", daemon=True).start()
    try:
        for each in given:
            made.append(Future())
            tasks.put((made[-1], each))
            if len(made) == 2 * jobs:
                yield awaited(made.popleft()).result()
        while made:
            yield awaited(made.popleft()).result()
    finally:
        for future in made:
            future.cancel()
        for _ in range(jobs):
            tasks.put(None)


def awaited(future: Future[_Made], longest_s: float = math.inf) -> Future[_Made]:
    """The same, once it is done or the time is over.

    The wait is many short ones: Python notices a signal, Ctrl-C's too, only at the end of a wait that was just about to
    begin as the signal came.
    """
    end = time.monotonic() + longest_s
    while not future.done() and (left_s := end - time.monotonic()) > 0:
        wait([future], min(left_s, _SLICE_S))
    return future
