"""What do predictions add up to? Sums that follow every row that comes, goes or is corrected.

Latencies are counted in buckets that grow by a twentieth: a percentile is off by a fortieth at most, and however many
predictions there are, a model has at most BUCKETS of them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
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
    """Rows of the tables `rollups` and `latencies`, summed up; the values after the keys are SUMS, or the total."""

    by_class: Sequence[Any]
    """(label, *SUMS), of the days that aren't told one by one."""
    by_day: Sequence[Any]
    """(day, total), of the same days, the oldest first."""
    by_day_and_class: Sequence[Any] | None
    """(day, label, *SUMS), of those that are, the oldest first; None: no day is told."""
    by_bucket: Sequence[Any]
    """(bucket, total), of all days."""


def summary(sums: Sums) -> dict[str, Any]:
    """What /stats answers."""
    told = [] if sums.by_day_and_class is None else list(_days(sums.by_day_and_class))
    rows = chain(sums.by_class, map(itemgetter(slice(1, None)), sums.by_day_and_class or ()))
    classes = _classes(rows)
    totals = dict(sums.by_bucket)
    total, unsure, millionths, labelled, correct = map(sum, zip(*classes.values(), strict=True)) if classes else [0] * 5
    answer = {
        "total": total,
        "by_class": {label: count for label, (count, *_) in classes.items()},
        "by_day": {day: count for day, count in sums.by_day if count} | {day["date"]: day["total"] for day in told},
        "mean_confidence": _share(millionths / 1_000_000, total),
        "unsure_share": _share(unsure, total),
        "latency_ms": {f"p{number}": percentile(totals, number / 100) for number in (50, 95, 99)},
        "labelled": {
            **_labelled(labelled, correct),
            "by_class": {label: _labelled(*of) for label, (_, _, _, *of) in classes.items() if of[0]},
        },
    }
    return answer if sums.by_day_and_class is None else answer | {"days": told}


def _classes(rows: Iterable[Sequence[Any]]) -> dict[str, list[int]]:
    """SUMS by label, in their order, of those that have predictions.

    Args:
        rows: (label, *SUMS).
    """
    found: defaultdict[str, list[Sequence[int]]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(row[1:])
    added = {label: [sum(values) for values in zip(*found[label], strict=True)] for label in sorted(found)}
    return {label: values for label, values in added.items() if values[0]}


def _days(rows: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """What the days add up to; those without predictions are left out.

    Args:
        rows: (day, label, *SUMS), by day and label; taken apart by place, as a year may have tens of thousands.
    """
    for day, same_day in groupby(rows, key=itemgetter(0)):
        found = [row for row in same_day if row[2]]
        if found:
            total, unsure, millionths, labelled, correct = map(sum, list(zip(*found, strict=True))[2:])
            yield {
                "date": day,
                "total": total,
                "unsure": unsure,
                "mean_confidence": _share(millionths / 1_000_000, total),
                "labelled": labelled,
                "correct": correct,
                "by_class": {label: count for _, label, count, *_ in found},
            }


def _labelled(total: int, correct: int) -> dict[str, Any]:
    return {"total": total, "correct": correct, "accuracy": _share(correct, total)}


def _share(part: float, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
