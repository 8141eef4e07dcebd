"""gunicorn's threaded worker, with a deadline for everything that it waits for, and our own kind of error.

gunicorn gives a connection a thread before anything came, waits for the rest of a request's head with one for ever, and
for a caller who doesn't read his answer: a few dozen slow ones would take every thread. The body has a deadline of its
own (`gateway.uploads`).
"""

import socket
from contextlib import ExitStack
from typing import Any

from gunicorn import util
from gunicorn.http.errors import (
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from gateway import problems
from gateway.memory import give_back_large_blocks
from gateway.patience import Patience

HEAD_S = 5.0
"""Longest time from a request's first byte to the end of its head, in seconds."""

_STATUSES: dict[type[Exception], tuple[int, str]] = {
    LimitRequestLine: (414, "URI Too Long"),
    LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    ExpectationFailed: (417, "Expectation Failed"),
}
_OURS = (InvalidResponseHeader, InvalidResponseHeaderName)


class Worker(ThreadWorker):  # type: ignore[misc]
    """Ends connections that are too slow, whichever way."""

    reading_s = 60.0
    """Longest time for reading an answer, in seconds, on top of the longest for making it (`graceful_timeout`)."""

    def init_process(self) -> None:
        """Run in the worker's process, after the fork."""
        give_back_large_blocks()
        self.patience = Patience()
        super().init_process()

    def handle(self, conn: Any) -> Any:
        """One request on a connection, in a thread of the pool."""
        if not conn.initialized and not conn.wait_for_data(0):
            return _DEFER  # the main loop waits for all of those
        with ExitStack() as head:
            watch = head.enter_context(self.patience.until(HEAD_S, socket.SHUT_RD))
            watch(conn.sock)
            conn.head = head
            return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """The head is there."""
        conn.head.close()
        with self.patience.until(self.cfg.graceful_timeout + self.reading_s) as watch:
            watch(conn.sock)
            return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what is no HTTP, or none that is read here: the caller's error, as problem details.

        gunicorn would answer HTML, 501 for an unknown transfer coding, and log the request line with its query.
        """
        if not isinstance(exc, ParseException) or isinstance(exc, _OURS):
            super().handle_error(req, client, addr, exc)
            return
        status, reason = _STATUSES.get(type(exc), (400, "Bad Request"))
        request_id = problems.new_request_id()
        body = problems.document(status, problems.code_of(reason), f"{reason}: {type(exc).__name__}.", request_id)
        headers = {
            "Connection": "close",
            "Content-Type": problems.CONTENT_TYPE,
            "Content-Length": len(body),
            problems.REQUEST_ID_HEADER: request_id,
            **problems.SECURITY_HEADERS,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        fields = {"request_id": request_id, "status": status, "detail": type(exc).__name__}
        self.log.info("no request", extra={"fields": fields})
        try:
            util.write_nonblock(client, f"HTTP/1.1 {status} {reason}\r\n{head}\r\n".encode() + body)
        except OSError:
            self.log.debug("The caller is gone.")
