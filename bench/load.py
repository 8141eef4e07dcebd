"""Closed-loop clients: each sends its next request when the last is answered.

python -m bench.load URL CLIENTS SECONDS FILE... prints JSON. A FILE is uploaded as a raw body; a FILE that is an http
URL is sent as JSON. A process of its own, so that its work isn't taken for the service's.
"""

import http.client
import json
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_S = 60


def main(url: str, clients: str, seconds: str, *pictures: str) -> None:
    bodies = [_body(picture) for picture in pictures]
    end = time.monotonic() + float(seconds)
    latencies_ms: list[float] = []
    timings: list[str] = []
    failures: list[str] = []

    def send(first: int) -> None:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        number = first
        while time.monotonic() < end:
            body, content_type = bodies[number % len(bodies)]
            number += 1
            start = time.perf_counter()
            connection.request("POST", parts.path + "?" + parts.query, body, {"Content-Type": content_type})
            response = connection.getresponse()
            answer = response.read()
            latencies_ms.append(1000 * (time.perf_counter() - start))
            timings.append(response.headers.get("Server-Timing", ""))
            if response.status != 200:
                failures.append(f"{response.status} {answer[:200]!r}")
        connection.close()

    began = time.monotonic()
    threads = [threading.Thread(target=send, args=(number,)) for number in range(int(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s = time.monotonic() - began
    print(json.dumps({"took_s": took_s, "latencies_ms": latencies_ms, "timings": timings, "failures": failures}))


def _body(picture: str) -> tuple[bytes, str]:
    if picture.startswith("http"):
        return json.dumps({"url": picture}).encode(), "application/json"
    return Path(picture).read_bytes(), "image/jpeg"


if __name__ == "__main__":
    main(*sys.argv[1:])
