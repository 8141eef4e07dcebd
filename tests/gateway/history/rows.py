"""Predictions that tests put into a history."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.history.record import Prediction, Source, new_id

START = datetime(2026, 11, 1, tzinfo=UTC)
LABELS = ("badminton", "soccer", "tennis")


def prediction(number: int, **changes: Any) -> Prediction:
    """The prediction of that number: the greater, the later."""
    created_at = START + timedelta(minutes=number)
    label = LABELS[number % 3]
    own: dict[str, Any] = {
        "id": new_id(created_at),
        "created_at": created_at,
        "model": "sports7",
        "version": 1 + number % 2,
        "label": label,
        "confidence": 0.5 + number % 50 / 100,
        "confident": number % 4 != 0,
        "probabilities": {name: 0.8 if name == label else 0.1 for name in LABELS},
        "source": Source("upload", None, f"{number}.jpg", "0" * 64, "JPEG", 640, 480, 1000 + number),
        "timings_ms": {"decode": 1.5, "model": 20.25},
        "latency_ms": 10.0 + number,
    }
    return Prediction(**own | changes)
