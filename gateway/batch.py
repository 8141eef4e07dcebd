"""Many pictures in one request: fetched, decoded and answered side by side, and told in order."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from gateway import problems
from gateway.errors import GatewayError, Overloaded

SIDE_BY_SIDE = 4
"""Pictures of a batch that are worked on at a time."""
BATCHES = 2
"""Batches that a process works on at a time: each may hold its pictures in memory."""

Item = TypeVar("Item")
Document = dict[str, Any]

_log = logging.getLogger(__name__)


class Batches:
    """Turns at batches; one for a process."""

    def __init__(self) -> None:
        self._turns = threading.BoundedSemaphore(BATCHES)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One for the block.

        Raises:
            Overloaded: As many batches as may be are at work.
        """
        if not self._turns.acquire(blocking=False):
            raise Overloaded(f"{BATCHES} batches at work")
        try:
            yield
        finally:
            self._turns.release()


def told_in_order(items: Sequence[Item], answer: Callable[[Item], Document], request_id: str) -> Iterator[Document]:
    """What becomes of each item, in order, as soon as it and all before it are done.

    Args:
        items: What is answered.
        answer: Answers one; it's called in other threads.
        request_id: Of the request, for problems.

    Yields:
        `{"index": n, "prediction": what answer gave}` or `{"index": n, "problem": problem details}`. Whoever stops
        reading stops the work: what wasn't begun isn't.
    """
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="batch") as pool:
        waiting: list[Future[Document]] = [pool.submit(answer, item) for item in items]
        try:
            for index, done in enumerate(waiting):
                yield {"index": index, **_told(done, request_id)}
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _told(done: Future[Document], request_id: str) -> Document:
    try:
        return {"prediction": done.result()}
    except GatewayError as error:
        return {"problem": problems.fields(error.status, error.code, error.public_message, request_id)}
    except Exception as error:
        _log.exception("unexpected", exc_info=error, extra={"fields": {"request_id": request_id}})
        return {"problem": problems.fields(500, *problems.SURPRISE, request_id)}
