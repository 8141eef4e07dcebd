"""How do corrected predictions become training pictures? As a folder that `trainer.data.load` reads.

In it lie the pictures that the service kept, as ID.jpg, and labels.csv, which says what each really shows.
"""

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from gateway.client.answers import Prediction, is_id
from gateway.client.client import Client
from gateway.client.errors import ClientError, Refused
from gateway.client.parallel import in_order

LABELS = "labels.csv"
COLUMNS = ("image_ID", "label")


@dataclass(frozen=True)
class Export:
    """What became of the labelled predictions."""

    written: int
    """Pictures that labels.csv names."""
    missing: tuple[str, ...]
    """Ids of those whose picture the service doesn't keep."""


def export(
    client: Client, folder: Path, *, model: str | None, version: int | None, jobs: int, advance: Callable[[], object]
) -> Export:
    """Write the folder; what an earlier run wrote there isn't downloaded again.

    labels.csv is written last and at once: until then an older one stays. It says what the service says now, and it
    stays as it is where the service has no labelled pictures.

    Args:
        client: Asks the service.
        folder: Made where it is missing.
        model: Only what this model answered.
        version: Only what this version of it answered.
        jobs: Downloads at a time.
        advance: Called after each prediction.

    Raises:
        ClientError: The service doesn't answer as it should.
        OSError: A file can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    labels: dict[str, str] = {}
    missing: list[str] = []

    def keep(prediction: Prediction) -> tuple[Prediction, bool]:
        return prediction, _kept(client, folder, prediction)

    history = client.history(corrected=True, model=model, version=version)
    for prediction, kept in in_order(keep, history, jobs):
        advance()
        if kept:
            labels[f"{prediction.id}.jpg"] = prediction.true_label or ""
        else:
            missing.append(str(prediction.id))
    if labels:
        _write(folder / LABELS, _csv(labels))
    return Export(len(labels), tuple(missing))


def _kept(client: Client, folder: Path, prediction: Prediction) -> bool:
    """Whether the prediction's picture is in the folder, now or already."""
    if prediction.id is None or not is_id(prediction.id) or not prediction.true_label:
        raise ClientError("The service's answer doesn't fit: a labelled prediction has no such id or no label.")
    path = folder / f"{prediction.id}.jpg"
    if path.is_file():
        return True
    if prediction.image is None:
        return False
    try:
        _write(path, client.image(prediction.id))
    except Refused as refused:
        if refused.status != 404:  # it had a picture when the page was written
            raise
        return False
    return True


def _csv(labels: dict[str, str]) -> bytes:
    text = StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows(sorted(labels.items()))
    return text.getvalue().encode("utf-8")


def _write(path: Path, content: bytes) -> None:
    """The whole file or none: who is interrupted leaves no half of one under its name."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)
