"""What is known of every request afterwards? One line in the log, and the metrics."""

import logging
import time

from flask import Flask, Response, g, request

from gateway.errors import GatewayError, ImageUnreachable
from gateway.metrics import Metrics

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_PATH_CHARACTERS = 200

_log = logging.getLogger("gateway.request")


def install(app: Flask, metrics: Metrics) -> None:
    """Time, count and log every request. Query strings, URLs and headers aren't logged: they may hold secrets."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        metrics.in_flight.inc()
        g.counted = True

    @app.after_request
    def note(response: Response) -> Response:
        seconds = time.perf_counter() - g.get("began", time.perf_counter())
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in _METHODS else "other"
        metrics.requests.labels(route, method, response.status_code).inc()
        metrics.request_seconds.labels(route).observe(seconds)
        fields: dict[str, object] = {
            "request_id": g.get("request_id", ""),
            "method": request.method,
            "path": request.path[:_PATH_CHARACTERS],
            "status": response.status_code,
            "ms": round(1000 * seconds, 1),
            "bytes": response.content_length,
        }
        level = logging.INFO
        if (refusal := g.get("refusal")) is not None:
            fields |= _refused(refusal, metrics)
            level = logging.ERROR if refusal.report else logging.INFO
        if (timings := g.get("timings")) is not None:
            fields["steps_ms"] = {name: round(ms, 1) for name, ms in timings.ms.items()}
            for name, ms in timings.ms.items():
                metrics.step_seconds.labels(name).observe(ms / 1000)
        if model := response.headers.get("X-Model"):
            fields["model"] = model
        _log.log(level, "request", extra={"fields": fields})
        return response

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        if g.pop("counted", False):
            metrics.in_flight.dec()


def _refused(refusal: GatewayError, metrics: Metrics) -> dict[str, object]:
    metrics.refusals.labels(refusal.code).inc()
    fields: dict[str, object] = {"code": refusal.code, "detail": str(refusal)}
    if isinstance(refusal, ImageUnreachable):
        metrics.fetch_failures.labels(refusal.reason).inc()
        fields["reason"] = refusal.reason
    return fields
