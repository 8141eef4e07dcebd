"""How do outcomes look: as a table, as CSV, as JSON Lines? Nothing in them can command a terminal or a spreadsheet."""

import csv
import json
from dataclasses import asdict
from datetime import datetime
from typing import IO, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.client.asking import Outcome
from gateway.client.errors import ClientError, Refused, ServiceUnreachable

CSV_COLUMNS = ("picture", "label", "confidence", "confident", "model", "version", "id", "error")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_UNBOUNDED_COLUMNS = 100_000


class Screen(Console):
    """A console whose reader may go away: that is BrokenPipeError, as from any other file."""

    def __init__(self, file: IO[str]) -> None:
        width = None if file.isatty() else _UNBOUNDED_COLUMNS
        super().__init__(file=file, width=width, highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> None:
        """Raise it again; rich would end the program."""
        raise BrokenPipeError


def printable(text: str) -> str:
    r"""The text with every character that isn't seen as itself, a blank apart, written as an escape: `\x1b`."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def explained(error: ClientError | OSError) -> str:
    """An error in one line, for people."""
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)


def empty_table() -> Table:
    """The table before the first picture."""
    table = Table()
    for name in ("picture", "label"):
        table.add_column(name, overflow="fold")
    table.add_column("confidence", justify="right", no_wrap=True)
    table.add_column("sure", no_wrap=True)
    table.add_column("id", overflow="fold")
    return table


def add_row(table: Table, outcome: Outcome) -> None:
    """Append a picture's row."""
    picture, said = Text(printable(outcome.picture)), outcome.prediction
    if said is None:
        table.add_row(picture, Text(printable(_error(outcome)), style="red"))
        return
    sure = Text("sure", style="green") if said.confident else Text("not sure", style="yellow")
    table.add_row(
        picture, Text(printable(said.label)), Text(f"{said.confidence:.3f}"), sure, Text(printable(said.id or ""))
    )


class CsvFile:
    """Outcomes as rows of a CSV file, written as they come.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it.
    """

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.writer(file)
        self._rows.writerow(CSV_COLUMNS)

    def add(self, outcome: Outcome) -> None:
        """Write a picture's row."""
        said = outcome.prediction
        if said is None:
            cells = [outcome.picture, *[""] * 6, _error(outcome)]
        else:
            confident = str(said.confident).lower()
            cells = [outcome.picture, said.label, f"{said.confidence:.6f}", confident, said.model, str(said.version)]
            cells += [said.id or "", ""]
        self._rows.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])


def json_line(outcome: Outcome) -> str:
    """An outcome as one line of ASCII: `picture`, and `prediction` or `problem`."""
    said: dict[str, Any] = {"picture": outcome.picture}
    if outcome.prediction is not None:
        said["prediction"] = asdict(outcome.prediction)
    else:
        said["problem"] = _problem(outcome)
    return json.dumps(said, default=_moment).replace("\x7f", "\\u007f")


def _error(outcome: Outcome) -> str:
    return explained(outcome.error) if outcome.error else ""


def _problem(outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    if isinstance(error, Refused):
        return {"status": error.status, "code": error.code, "detail": error.detail, "request_id": error.request_id}
    if isinstance(error, OSError):
        return {"code": "file_unreadable", "detail": _error(outcome)}
    return {
        "code": "service_unreachable" if isinstance(error, ServiceUnreachable) else "no_usable_answer",
        "detail": _error(outcome),
    }


def _moment(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")
