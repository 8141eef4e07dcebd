"""What has the server done so far? As Prometheus text, under TensorFlow Serving's own names.

Those names have colons and no `_total`, which the usual client library would add: so the text (format 0.0.4) is written
here.
"""

import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

REQUESTS = ":tensorflow:serving:request_count"
LATENCY = ":tensorflow:serving:request_latency"
LOADS = ":tensorflow:cc:saved_model:load_attempt_count"
UNKNOWN = "(unknown)"
"""The model's name where a call names one that isn't served: strangers' names would be labels without end."""
_BOUNDS_US = [10 * 1.8**exponent for exponent in range(33)]

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts, from all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[Labels]] = {REQUESTS: Counter(), LOADS: Counter()}
        self._buckets: dict[Labels, list[int]] = defaultdict(lambda: [0] * (len(_BOUNDS_US) + 1))
        self._sums: Counter[Labels] = Counter()

    def request(self, model: str, api: str, entrypoint: str, status: str, microseconds: float) -> None:
        """Count an answered call.

        Args:
            model: Its model's name, or UNKNOWN.
            api: `predict`, `classify`, `regress` or `multi_inference`.
            entrypoint: `GRPC` or `REST`.
            status: The gRPC code's name.
            microseconds: How long it took.
        """
        latency = (("API", api), ("entrypoint", entrypoint), ("model_name", model))
        with self._lock:
            self._counts[REQUESTS][("model_name", model), ("status", status)] += 1
            self._buckets[latency][bisect_left(_BOUNDS_US, microseconds)] += 1
            self._sums[latency] += round(microseconds)

    def load(self, model_path: str, succeeded: bool) -> None:
        """Count a try to load a version."""
        with self._lock:
            self._counts[LOADS][("model_path", model_path), ("status", "success" if succeeded else "fail")] += 1

    def page(self) -> bytes:
        """The text."""
        with self._lock:
            lines = list(self._lines())
        return ("\n".join(lines) + "\n").encode()

    def _lines(self) -> Iterator[str]:
        for name, counts in self._counts.items():
            yield f"# TYPE {name} counter"
            yield from (f"{name}{_braced(labels)} {count}" for labels, count in counts.items())
        yield f"# TYPE {LATENCY} histogram"
        for labels, buckets in self._buckets.items():
            below = 0
            for bound, count in zip([*map(str, _BOUNDS_US), "+Inf"], buckets, strict=True):
                below += count
                yield f"{LATENCY}_bucket{_braced((*labels, ('le', bound)))} {below}"
            yield f"{LATENCY}_sum{_braced(labels)} {self._sums[labels]}"
            yield f"{LATENCY}_count{_braced(labels)} {below}"


def _braced(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


@contextmanager
def stopwatch() -> Iterator[list[float]]:
    """A list that gets the block's time in microseconds."""
    start, taken = perf_counter(), list[float]()
    try:
        yield taken
    finally:
        taken.append(1e6 * (perf_counter() - start))
