"""What do predictions add up to? Sums that follow every row that comes, goes or is corrected.

Latencies are counted in buckets that grow by a twentieth: a percentile is off by a fortieth at most, and however many
predictions there are, a model has at most BUCKETS of them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from gateway.history.record import Prediction, rfc3339

GROWTH = 1.05
FIRST_MS = 0.1
"""Upper bound of the first bucket, in milliseconds."""
BUCKETS = 320
"""The last one begins at half a million milliseconds and has no upper bound."""
SUMS = ("total", "unsure", "confidence_millionths", "labelled", "correct")

Key = tuple[str, str, int, str]
"""Day, model, version and answered label."""
LatencyKey = tuple[str, int, int]
"""Model, version and bucket."""


class Changes:
    """What a transaction adds to the sums."""

    def __init__(self) -> None:
        self._sums: defaultdict[Key, Counter[str]] = defaultdict(Counter)
        self._latencies: Counter[LatencyKey] = Counter()

    def add(self, predictions: Iterable[Prediction], times: int = 1) -> "Changes":
        """Count predictions in, or with times=-1 out again."""
        for prediction in predictions:
            sums = self._sums[_key(prediction)]
            for name, value in _of(prediction).items():
                sums[name] += times * value
            self._latencies[prediction.model, prediction.version, bucket(prediction.latency_ms)] += times
        return self

    def correct(self, before: Prediction, after: Prediction) -> "Changes":
        """Count a prediction's new true label instead of its old one."""
        sums, old, new = self._sums[_key(before)], _of(before), _of(after)
        for name in SUMS:
            sums[name] += new[name] - old[name]
        return self

    def sums(self) -> Iterator[dict[str, Any]]:
        """Rows of the table `rollups`, in the order of their keys: whoever locks them does so in the same order."""
        for (day, model, version, label), sums in sorted(self._sums.items()):
            yield {
                "day": day,
                "model": model,
                "version": version,
                "label": label,
                **{name: sums[name] for name in SUMS},
            }

    def latencies(self) -> Iterator[dict[str, Any]]:
        """Rows of the table `latencies`, in the order of their keys."""
        for (model, version, number), total in sorted(self._latencies.items()):
            yield {"model": model, "version": version, "bucket": number, "total": total}


def _key(prediction: Prediction) -> Key:
    return rfc3339(prediction.created_at)[:10], prediction.model, prediction.version, prediction.label


def _of(prediction: Prediction) -> dict[str, int]:
    return {
        "total": 1,
        "unsure": int(not prediction.confident),
        "confidence_millionths": round(prediction.confidence * 1_000_000),
        "labelled": int(prediction.true_label is not None),
        "correct": int(prediction.true_label == prediction.label),
    }


def bucket(ms: float) -> int:
    """The bucket of a latency, 0 to BUCKETS - 1."""
    return min(BUCKETS - 1, max(0, math.ceil(math.log(max(ms, FIRST_MS) / FIRST_MS, GROWTH))))


def percentile(totals: Mapping[int, int], share: float) -> float | None:
    """The latency below which a share of the predictions lies, in milliseconds; None if there are none.

    Args:
        totals: How many predictions there are, by bucket.
        share: 0 to 1.
    """
    wanted, seen = share * sum(totals.values()), 0
    for number, total in sorted(totals.items()):
        seen += total
        if total and seen >= wanted:
            return float(round(FIRST_MS * GROWTH ** (number - 0.5), 3))  # the bucket's middle, as factors go
    return None


@dataclass(frozen=True)
class Sums:
    """Rows of the tables `rollups` and `latencies`, summed up by what the fields' names say.

    Each has its keys (`label`, `day`, `bucket`) and sums as attributes; by day alone and by bucket only `total`.
    """

    by_class: Sequence[Any]
    by_day: Sequence[Any]
    by_day_and_class: Sequence[Any] | None
    """The oldest day first."""
    by_bucket: Sequence[Any]


def summary(sums: Sums) -> dict[str, Any]:
    """What /stats answers."""
    labels = sorted(sums.by_class, key=lambda row: row.label)
    totals = {row.bucket: int(row.total) for row in sums.by_bucket}
    whole = {name: sum(int(getattr(row, name)) for row in labels) for name in SUMS}
    total = whole["total"]
    answer = {
        "total": total,
        "by_class": {row.label: int(row.total) for row in labels if row.total},
        "by_day": {row.day: int(row.total) for row in sorted(sums.by_day, key=lambda row: row.day) if row.total},
        "mean_confidence": _share(whole["confidence_millionths"] / 1_000_000, total),
        "unsure_share": _share(whole["unsure"], total),
        "latency_ms": {f"p{number}": percentile(totals, number / 100) for number in (50, 95, 99)},
        "labelled": {
            **_labelled(whole["labelled"], whole["correct"]),
            "by_class": {row.label: _labelled(int(row.labelled), int(row.correct)) for row in labels if row.labelled},
        },
    }
    return answer if sums.by_day_and_class is None else answer | {"days": list(_days(sums.by_day_and_class))}


def _days(rows: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """What the days add up to; those without predictions are left out.

    Args:
        rows: (day, label, *SUMS), by day and label; taken apart by place, as a year may have tens of thousands.
    """
    for day, same_day in groupby(rows, key=itemgetter(0)):
        found = [row for row in same_day if row[2]]
        if found:
            total, unsure, millionths, labelled, correct = (
                int(sum(values)) for values in list(zip(*found, strict=True))[2:]
            )
            yield {
                "date": day,
                "total": total,
                "unsure": unsure,
                "mean_confidence": _share(millionths / 1_000_000, total),
                "labelled": labelled,
                "correct": correct,
                "by_class": {label: int(count) for _, label, count, *_ in found},
            }


def _labelled(total: int, correct: int) -> dict[str, Any]:
    return {"total": total, "correct": correct, "accuracy": _share(correct, total)}


def _share(part: float, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
