"""python -m gateway.client PICTURE...: what pictures show, and --labelled DIR: pictures to train on."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NoReturn

from rich.progress import Progress, TaskID

from gateway.client.asking import outcomes, pictures
from gateway.client.client import Client
from gateway.client.errors import ClientError, ServiceUnreachable
from gateway.client.labelled import LABELS, export
from gateway.client.report import CsvFile, Screen, add_row, empty_table, explained, json_line, printable

FINE, REFUSED, UNUSABLE, UNREACHABLE, INTERRUPTED, NOT_READ = 0, 1, 2, 3, 130, 141
MAX_JOBS = 32
MAX_NAMED = 20
"""So many ids are named in a line."""

_EXIT = """\
exit status:
  0    every picture was answered, or exported
  1    some pictures were refused or couldn't be read
  2    wrong usage, nothing to do, or a file that can't be written
  3    the service couldn't be reached, or gave no answer in time
  130  interrupted by Ctrl-C
  141  whoever read the output went away
"""


class _Parser(argparse.ArgumentParser):
    """Its messages quote arguments, and a shell's * makes arguments of file names."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = _Parser(
        prog="python -m gateway.client",
        description="Ask the service what pictures show.",
        epilog=_EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("pictures", nargs="*", metavar="IMAGE|DIR|URL", help="folders are searched for pictures")
    made.add_argument("--base", default="http://127.0.0.1:9696", metavar="URL", help="the service (%(default)s)")
    made.add_argument("--model", metavar="M", help="another model than the service's default")
    made.add_argument("--version", type=int, metavar="N", help="another version than the model's newest")
    made.add_argument("--csv", type=Path, metavar="FILE", help="write the answers to a CSV file, too")
    made.add_argument("--json", action="store_true", help="print JSON Lines instead of the table")
    made.add_argument(
        "--timeout", type=float, default=30.0, metavar="S", help="longest time for a picture, in seconds (%(default)g)"
    )
    made.add_argument(
        "--jobs",
        type=int,
        choices=range(1, MAX_JOBS + 1),
        default=4,
        metavar="N",
        help=f"pictures at a time, 1 to {MAX_JOBS} (%(default)s)",
    )
    made.add_argument(
        "--labelled",
        type=Path,
        metavar="DIR",
        help=f"write the corrected predictions' pictures and {LABELS} there, for the trainer",
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status."""
    command = parser()
    given = sys.argv[1:] if arguments is None else arguments
    # Options may stand between pictures, which argparse reads only where no -- ends the options.
    options = command.parse_args(given) if "--" in given else command.parse_intermixed_args(given)
    if (options.labelled is None) == (not options.pictures):
        command.error("nothing to do: name pictures, or --labelled DIR and no pictures")
    if options.labelled and (options.csv or options.json):
        command.error("--labelled writes its own files: it goes with neither --csv nor --json")
    try:
        client = Client(options.base, options.timeout)
    except ValueError as error:
        command.error(str(error))
    try:
        with client:
            status = _labelled(client, options) if options.labelled else _ask(client, options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere
        return NOT_READ
    except ServiceUnreachable as error:
        return _failed(error, UNREACHABLE)
    except ClientError as error:
        return _failed(error, REFUSED)
    except OSError as error:
        return _failed(error, UNUSABLE)


def _ask(client: Client, options: argparse.Namespace) -> int:
    given = pictures(options.pictures)
    if not given:
        _say("there are no pictures")
        return UNUSABLE
    answered, status, table = 0, FINE, empty_table()
    with ExitStack() as opened:
        rows = None
        if options.csv:
            rows = CsvFile(opened.enter_context(_csv(options.csv)))
        progress, task = opened.enter_context(_bar(len(given), shown=not (options.json and sys.stdout.isatty())))
        for outcome in outcomes(client, given, options.model, options.version, options.jobs):
            answered += 1
            if outcome.error:
                status = max(status, UNREACHABLE if isinstance(outcome.error, ServiceUnreachable) else REFUSED)
            if rows:
                rows.add(outcome)
            if options.json:
                print(json_line(outcome), flush=True)
            else:
                add_row(table, outcome)
            progress.advance(task)
    if not options.json:
        Screen(sys.stdout).print(table)
    if answered < len(given):
        _say(f"the service is away: {len(given) - answered} more pictures weren't asked about")
    return status


def _labelled(client: Client, options: argparse.Namespace) -> int:
    with _bar(None) as (progress, task):
        done = export(
            client,
            options.labelled,
            model=options.model,
            version=options.version,
            jobs=options.jobs,
            advance=lambda: progress.advance(task),
        )
    if done.missing:
        more = f" and {len(done.missing) - MAX_NAMED} more" if len(done.missing) > MAX_NAMED else ""
        named = ", ".join(done.missing[:MAX_NAMED])
        _say(f"the service doesn't keep the pictures of {len(done.missing)} labelled predictions: {named}{more}")
    if not done.written:
        _say("there are no labelled pictures")
        return UNUSABLE
    print(f"{done.written} labelled pictures in {printable(str(options.labelled))}")
    return FINE


def _csv(path: Path) -> IO[str]:
    return path.open("w", newline="", encoding="utf-8", errors="backslashreplace")


@contextmanager
def _bar(total: int | None, shown: bool = True) -> Iterator[tuple[Progress, TaskID]]:
    """A progress bar on stderr, where somebody sees it."""
    with Progress(
        console=Screen(sys.stderr),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not (shown and sys.stderr.isatty()),
    ) as progress:
        yield progress, progress.add_task("asking", total=total)


def _failed(error: ClientError | OSError, status: int) -> int:
    named = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
    _say(f"{named}{explained(error)}")
    return status


def _say(message: str) -> None:
    print(f"gateway.client: {printable(message)}", file=sys.stderr)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal may know few letters
    sys.exit(main())
