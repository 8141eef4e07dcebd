"""How long does anybody wait for the other side of a connection? Until a deadline; then the socket is shut.

A timeout on a socket is started anew by every byte, so that a byte a second never ends. Here one thread watches over
all sockets of a process and shuts those whose time is up, whatever they are doing: the thread that reads sees an end.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

LOOK_S = 0.05
"""How often the watching thread looks, in seconds: no socket is shut later than this."""

Watch = Callable[[socket.socket], None]


class Patience:
    """Watches over sockets; one for a process, made after the fork."""

    def __init__(self) -> None:
        self._watched: dict[object, tuple[float, socket.socket, int]] = {}
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def until(self, seconds: float, how: int = socket.SHUT_RDWR) -> Iterator[Watch]:
        """A function that takes connected sockets; those still taken when the time is up are shut.

        A copy of the descriptor is watched, because TLS takes a socket object over while it shakes hands.

        Args:
            seconds: From now.
            how: Which direction is shut, socket.SHUT_RD or SHUT_RDWR.
        """
        end = time.monotonic() + seconds
        copies: list[socket.socket] = []

        def watch(connected: socket.socket) -> None:
            copy = connected.dup()
            copies.append(copy)
            with self._lock:
                self._watched[copy] = (end, copy, how)
                self._start()
            self._some.set()

        try:
            yield watch
        finally:
            with self._lock:
                for copy in copies:
                    self._watched.pop(copy, None)
                    copy.close()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="patience", daemon=True)
            self._thread.start()

    def _look(self) -> None:
        while True:
            self._some.wait()
            time.sleep(LOOK_S)
            now = time.monotonic()
            with self._lock:
                for key, (end, copy, how) in list(self._watched.items()):
                    if end <= now:
                        with suppress(OSError):  # the other side was quicker
                            copy.shutdown(how)
                        del self._watched[key]
                if not self._watched:
                    self._some.clear()
