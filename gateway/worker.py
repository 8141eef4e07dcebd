"""gunicorn's threaded worker, with a deadline for everything that it waits for, and our own kind of error.

gunicorn gives a connection a thread before anything came, waits for the rest of a request's head with one for ever, and
for a caller who doesn't read his answer: a few dozen slow ones would take every thread. The body has a deadline of its
own (`gateway.uploads`).
"""

import socket
import threading
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

DRAINED_BYTES = 17 * 2**20
"""How much of a body that was answered already is read, so that its sender gets to the answer: the largest upload."""
_PIECE_BYTES = 2**16
DRAIN_S = 2.0
"""Longest time for reading what is left of a body that was answered already, in seconds."""
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
        self.draining = threading.BoundedSemaphore(max(1, self.cfg.threads // 8))
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

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Whether the connection can be used again, once what is left of the body is read.

        An answer that came before the whole upload was read is lost to callers who first send and then listen, if the
        connection is closed on what they are still sending. gunicorn reads 64 KiB of it; a picture is longer.
        """
        if keepalive and self.draining.acquire(blocking=False):
            try:
                with self.patience.until(DRAIN_S, socket.SHUT_RD) as watch:
                    watch(conn.sock)
                    left = DRAINED_BYTES
                    while left > 0 and (read := len(conn.parser.mesg.body.read(_PIECE_BYTES))):
                        left -= read
            except Exception as error:  # gunicorn has no common one for a body that is no HTTP
                self.log.debug("The rest of a body can't be read: %s", type(error).__name__)
                return False
            finally:
                self.draining.release()
        return bool(super()._keepalive_after(conn, keepalive))

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
