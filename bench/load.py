"""Clients of the service, in a process of their own, so that their work isn't taken for the service's.

    python -m bench.load URL CLIENTS SECONDS FILE...           each client sends its next request when one is answered
    python -m bench.load --rate=PER_SECOND URL CLIENTS ...     requests come when they're due, answered or not

Prints JSON. A FILE is uploaded as a raw body of `--type`; a FILE that is an http URL is sent as JSON. With a rate, a
request's time counts from when it was due: a client that is late is the service's fault. What finds no free client
isn't sent, and counted as `unsent`.
"""

import argparse
import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_S = 60


@dataclass
class Measured:
    """What came back."""

    latencies_ms: list[float] = field(default_factory=list)
    """Of requests that were answered 200."""
    refusals_ms: list[float] = field(default_factory=list)
    """Of requests that were answered 503."""
    timings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    unsent: int = 0


class Client:
    """One connection, kept alive.

    Args:
        url: The service's, with path and query.
        bodies: Sent in turn.
        measured: Gets what comes back.
    """

    def __init__(self, url: str, bodies: list[tuple[bytes, str]], measured: Measured) -> None:
        self._parts, self._bodies, self._measured = urlsplit(url), bodies, measured
        self._connection: http.client.HTTPConnection | None = None

    def send(self, number: int, due: float) -> None:
        """Send the request of that number; its time counts from `due`, by time.perf_counter."""
        body, content_type = self._bodies[number % len(self._bodies)]
        try:
            self._connection = self._connection or http.client.HTTPConnection(
                self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_S
            )
            path = f"{self._parts.path}?{self._parts.query}" if self._parts.query else self._parts.path
            self._connection.request("POST", path, body, {"Content-Type": content_type})
            response = self._connection.getresponse()
            answer = response.read()
        except OSError as error:
            self.close()
            self._measured.failures.append(repr(error))
            return
        took_ms = 1000 * (time.perf_counter() - due)
        if response.headers.get("Connection") == "close":
            self.close()
        if response.status == 200:
            self._measured.latencies_ms.append(took_ms)
            self._measured.timings.append(response.headers.get("Server-Timing", ""))
        elif response.status == 503:
            self._measured.refusals_ms.append(took_ms)
        else:
            self._measured.failures.append(f"{response.status} {answer[:200]!r}")

    def close(self) -> None:
        """The next request opens another connection."""
        if self._connection:
            self._connection.close()
        self._connection = None


def closed_loop(clients: list[Client], seconds: float) -> None:
    """Each sends its next request when the last is answered."""
    end = time.perf_counter() + seconds

    def work(client: Client, first: int) -> None:
        number = first
        while (now := time.perf_counter()) < end:
            client.send(number, now)
            number += 1
        client.close()

    _together([threading.Thread(target=work, args=(client, first)) for first, client in enumerate(clients)])


def open_loop(clients: list[Client], seconds: float, rate: float, measured: Measured) -> None:
    """Requests come evenly at a rate; each takes the first free client."""
    start = time.perf_counter()
    next_number, lock = 0, threading.Lock()

    def taken() -> tuple[int, float] | None:
        nonlocal next_number
        with lock:
            now = time.perf_counter()
            while (due := start + next_number / rate) < now - 1:  # nobody was free for a second
                next_number += 1
                measured.unsent += 1
            if due >= start + seconds:
                return None
            next_number += 1
            return next_number - 1, due

    def work(client: Client) -> None:
        while (turn := taken()) is not None:
            number, due = turn
            time.sleep(max(0.0, due - time.perf_counter()))
            client.send(number, due)
        client.close()

    _together([threading.Thread(target=work, args=(client,)) for client in clients])


def _together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _body(picture: str, content_type: str) -> tuple[bytes, str]:
    if picture.startswith("http"):
        return json.dumps({"url": picture}).encode(), "application/json"
    return Path(picture).read_bytes(), content_type


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float)
    parser.add_argument("--type", default="image/jpeg")
    parser.add_argument("url")
    parser.add_argument("clients", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("pictures", nargs="+")
    options = parser.parse_args()
    measured = Measured()
    bodies = [_body(picture, options.type) for picture in options.pictures]
    clients = [Client(options.url, bodies, measured) for _ in range(options.clients)]
    began = time.perf_counter()
    if options.rate:
        open_loop(clients, options.seconds, options.rate, measured)
    else:
        closed_loop(clients, options.seconds)
    print(json.dumps({"took_s": time.perf_counter() - began, **vars(measured)}))


if __name__ == "__main__":
    main()
