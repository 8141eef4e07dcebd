"""What is counted and timed, and how Prometheus reads it.

Several workers count into files of one folder (PROMETHEUS_MULTIPROC_DIR, which gunicorn.conf.py makes), so that a
worker's death loses nothing. The port is served by whichever worker has it; when that one ends another takes it.
"""

import os
import socketserver
import threading
import time
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_TAKE_OVER_S = 1.0
_SCRAPE_S = 5.0
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Every metric of the gateway; one for an application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gateway_requests_total",
            "Requests that were answered.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "gateway_request_duration_seconds",
            "Time of a request.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.step_seconds = Histogram(
            "gateway_step_duration_seconds",
            "Time of a prediction's step.",
            ["step"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.refusals = Counter(
            "gateway_refusals_total", "Refused requests, by the error's code.", ["code"], registry=self.registry
        )
        self.fetch_failures = Counter(
            "gateway_fetch_failures_total", "URLs that gave no bytes, by reason.", ["reason"], registry=self.registry
        )
        self.in_flight = Gauge(
            "gateway_requests_in_flight",
            "Requests being answered.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )

        self._history_rows = Counter(
            "gateway_history_rows_total",
            "Predictions by what became of their row.",
            ["fate"],
            registry=self.registry,
        )

    def history_rows(self, fate: str, count: int) -> None:
        """Count predictions that are written to the database, laid into the spool, lost, replayed or refused."""
        self._history_rows.labels(fate).inc(count)

    def serve(self, host: str, port: int) -> None:
        """Answer scrapes at /metrics, in a thread of this process, as soon as no other one has the port."""
        threading.Thread(target=self._serve, args=(host, port), name="metrics", daemon=True).start()

    def _serve(self, host: str, port: int) -> None:
        registry = self.registry
        if os.environ.get(FOLDER):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        while True:
            try:
                server = _Server((host, port), _Handler)
            except OSError:
                time.sleep(_TAKE_OVER_S)
            else:
                server.set_app(make_wsgi_app(registry))
                server.serve_forever()


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """A thread a scrape: one that hangs keeps nobody else waiting."""

    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = _SCRAPE_S

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are no news."""
