"""gunicorn's threaded worker, with a deadline for a request's head.

gunicorn waits for the first byte of a request without a thread, and for the rest of its head with one, for ever: a few
dozen clients who send a byte a second would take every thread. The body has a deadline of its own (`gateway.uploads`).
"""

import socket
from contextlib import ExitStack
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from gateway.memory import give_back_large_blocks
from gateway.patience import Patience

HEAD_S = 5.0
"""Longest time from a request's first byte, or from connecting, to the end of its head, in seconds."""


class Worker(ThreadWorker):  # type: ignore[misc]
    """Ends connections whose head comes too slowly."""

    def init_process(self) -> None:
        """Run in the worker's process, after the fork."""
        give_back_large_blocks()
        self.patience = Patience()
        super().init_process()

    def handle(self, conn: Any) -> Any:
        """One request on a connection, in a thread of the pool."""
        with ExitStack() as head:
            watch = head.enter_context(self.patience.until(HEAD_S, socket.SHUT_RD))
            watch(conn.sock)
            conn.head = head
            return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """The head is there."""
        conn.head.close()
        return super().handle_request(req, conn)
