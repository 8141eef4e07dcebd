"""What does the history cost with a million predictions in it? Lists, filters, sums, and how long an answer waits.

    python -m bench.history [--rows 1000000] [--seconds 1] [--out bench/results]

Each question is asked of SQLite and of a PostgreSQL of this run's own, through `gateway.history.history.History` (what
a request costs without HTTP), and a few through the gateway. Nobody analyses or vacuums a table but the databases
themselves. Writes history.json and history.md.
"""

import argparse
import gc
import http.client
import itertools
import logging
import shutil
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import psycopg

from bench.measuring import RESULTS, Row, machine, table, write
from bench.processes import Processes, free_port, wait_for
from gateway.history import store
from gateway.history.database import Database
from gateway.history.history import History
from gateway.history.lists import Filters
from gateway.history.record import Prediction, Source, new_id
from gateway.history.spool import Spool
from gateway.history.writer import WAIT_S
from gateway.settings import Settings
from tests.databases import PostgreSQL, postgresql

MOMENTS, FLAGS = {"since", "until"}, {"confident", "corrected"}
SPOOL = "spool.db"
LIMIT_MS = 50
"""What a list and the sums may take."""
REPETITIONS = 200
AT_ONCE = 5000
ANSWERS = 1009
WAITING = 20_000
THREADS = (1, 8)
EVERY_S = 0.05
"""How often an answer comes while rows are brought from the spool."""
MEMORY = Path("/dev/shm")  # noqa: S108
DAYS = timedelta(days=365)
START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - DAYS
MIDDLE = START + DAYS / 2
DAY, NEXT_DAY = str(MIDDLE.date()), str((MIDDLE + timedelta(days=1)).date())
LABELS = {"football": 0.34, "basketball": 0.22, "tennis": 0.16, "swimming": 0.12, "golf": 0.08, "boxing": 0.06}
LABELS |= {"rowing": 0.02}
MODELS = {"sports7": 0.9, "candidate": 0.1}
"""Each with two versions, the second one from the middle of the time."""
UNSURE, CORRECTED, WRONG, BY_URL = 0.08, 0.01, 0.3, 0.3
STEPS = ("read", "decode", "prepare", "model")
LISTS = (
    "limit=20",
    "limit=100",
    "cursor=MIDDLE",
    "skip=10000",
    f"since={DAY}",
    f"until={DAY}",
    f"since={DAY}&until={NEXT_DAY}",
    "label=football",
    "label=rowing",
    "label=UNKNOWN",
    "model=sports7",
    "model=candidate",
    "model=UNKNOWN",
    "version=2",
    "version=1",
    "version=9",
    "confident=true",
    "confident=false",
    "corrected=true",
    "corrected=false",
    "model=sports7&version=2",
    "model=sports7&version=1",
    "model=sports7&version=9",
    "label=football&cursor=MIDDLE",
    "label=football&skip=10000",
    f"label=football&since={DAY}",
    f"label=rowing&since={DAY}&until={NEXT_DAY}",
    "label=football&confident=false",
    "label=rowing&confident=false",
    "label=football&corrected=true",
    "label=rowing&corrected=true",
    "label=rowing&corrected=false",
    "label=football&model=sports7",
    "label=rowing&model=candidate",
    "label=rowing&model=candidate&version=1",
    "label=football&version=1",
    "label=UNKNOWN&model=sports7",
    "label=UNKNOWN&model=sports7&version=1",
    "label=UNKNOWN&confident=false",
    "label=UNKNOWN&corrected=true",
    "model=UNKNOWN&label=football",
    "model=UNKNOWN&confident=false",
    "model=candidate&version=1&confident=false",
    "corrected=true&confident=false",
    f"corrected=true&since={DAY}&until={NEXT_DAY}",
)
"""Queries of /predictions; UNKNOWN has no row, and the cursor is made of a time and an id."""
SUMS: dict[str, tuple[str | None, int | None, int | None]] = {
    "/stats": (None, None, None),
    "/stats?days=30": (None, None, 30),
    "/stats?days=365": (None, None, 365),
    "/stats?model=sports7": ("sports7", None, None),
    "/stats?model=sports7&version=2": ("sports7", 2, None),
}

Place = tuple[datetime, str]
Note = Callable[[str, int], None]


@dataclass(frozen=True)
class Subject:
    """A database under measurement."""

    name: str
    url: str
    away: Callable[[], AbstractContextManager[None]]
    """In the block it can't be written to."""
    size_bytes: Callable[[], int]
    analysed: Callable[[], bool]
    """Whether its planner knows how often values occur."""

    def history(self, folder: Path, note: Note = lambda fate, count: None) -> History:
        """A history on it, that deletes nothing; its rows wait in the folder."""
        settings = Settings(data_dir=folder, database_url=self.url, history_max_rows=None)  # type: ignore[arg-type]
        return History(settings, note)


@cache
def some_predictions() -> list[Prediction]:
    """What is answered, again and again: every field but id, time, version and true label as in a real row."""
    rng, labels = np.random.default_rng(0), list(LABELS)
    answered = rng.choice(labels, ANSWERS, p=list(LABELS.values())).tolist()
    models = rng.choice(list(MODELS), ANSWERS, p=list(MODELS.values())).tolist()
    unsure, by_url = rng.random(ANSWERS) < UNSURE, rng.random(ANSWERS) < BY_URL
    confidences = np.where(unsure, rng.uniform(0.5, 0.65, ANSWERS), rng.uniform(0.6, 1, ANSWERS)).tolist()
    shares = rng.dirichlet(np.ones(len(labels) - 1), ANSWERS).tolist()
    steps_ms = rng.gamma(4, 4, (ANSWERS, len(STEPS))).round(3).tolist()
    sizes = rng.integers(50_000, 900_000, ANSWERS).tolist()
    found = []
    for number, (label, confidence) in enumerate(zip(answered, confidences, strict=True)):
        others, digits = iter(shares[number]), rng.bytes(32).hex()
        source = Source(
            kind="url" if by_url[number] else "upload",
            url=f"https://images.example.com/{digits[:12]}/{label}.jpg" if by_url[number] else None,
            filename=None if by_url[number] else f"IMG_{number:04}.jpg",
            sha256=digits,
            format="JPEG",
            width=1280,
            height=960,
            bytes=sizes[number],
        )
        timings = dict(zip(STEPS, steps_ms[number], strict=True))
        found.append(
            Prediction(
                id="",
                created_at=START,
                model=models[number],
                version=1,
                label=label,
                confidence=confidence,
                confident=not unsure[number].item(),
                probabilities={
                    name: confidence if name == label else (1 - confidence) * next(others) for name in labels
                },
                source=source,
                timings_ms=timings,
                latency_ms=round(sum(timings.values()), 3),
            )
        )
    return found


def year(rows: int) -> Iterator[list[Prediction]]:
    """So many predictions, oldest first, evenly over the days; a part at a time."""
    rng, answers, labels = np.random.default_rng(1), some_predictions(), list(LABELS)
    for first in range(0, rows, AT_ONCE):
        part = []
        for number in range(first, min(first + AT_ONCE, rows)):
            at, answer = START + DAYS * (number / rows), answers[number * 7 % ANSWERS]
            true_label = None
            if rng.random() < CORRECTED:
                true_label = str(rng.choice(labels)) if rng.random() < WRONG else answer.label
            changes = {"id": new_id(at), "created_at": at, "version": 1 + (at >= MIDDLE), "true_label": true_label}
            part.append(Prediction(**answer.__dict__ | changes))
        yield part


def now(answer: Prediction) -> Prediction:
    """The same answer, given now."""
    moment = datetime.now(UTC)
    return replace(answer, id=new_id(moment), created_at=moment)


def fill(file: Path, rows: int) -> float:
    """Make an SQLite history as the gateway does; the seconds it took, without making the predictions."""
    took_s = 0.0
    with closing(Database(f"sqlite:///{file}", file.parent)) as database:
        database.migrate()
        for part in year(rows):
            start = time.perf_counter()
            with database.writing() as connection:
                store.insert(connection, part)
            took_s += time.perf_counter() - start
    return took_s


def copy(file: Path, url: str, folder: Path) -> float:
    """Bring an SQLite history, sums included, into PostgreSQL in as many transactions; the seconds it took.

    `store.insert` would make the same rows there in four times the time.
    """
    with closing(Database(url, folder)) as database:
        database.migrate()
    start = time.perf_counter()
    with closing(sqlite3.connect(file)) as source, psycopg.connect(url) as target:
        for name in ("predictions", "rollups", "latencies"):
            cursor = source.execute(f"SELECT * FROM {name} ORDER BY rowid")  # noqa: S608
            columns = [column[0] for column in cursor.description]
            confident = columns.index("confident") if "confident" in columns else None
            while part := cursor.fetchmany(AT_ONCE):
                with target.cursor().copy(f"COPY {name} ({', '.join(columns)}) FROM STDIN") as copying:
                    for row in part:
                        values = list(row)
                        if confident is not None:
                            values[confident] = "t" if row[confident] else "f"
                        copying.write_row(values)
                target.commit()
    return time.perf_counter() - start


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """An SQLite file that another connection writes to all the time."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def stopped(server: PostgreSQL) -> Iterator[None]:
    """A PostgreSQL that doesn't run."""
    server.stop()
    try:
        yield
    finally:
        server.start()


def size_of(url: str) -> int:
    """Bytes of a PostgreSQL database, without what it has before its first row."""
    with psycopg.connect(url) as connection:
        query = "SELECT pg_database_size(current_database()) - pg_database_size('template1')"
        return int(connection.execute(query).fetchone()[0])  # type: ignore[index]


def analysed(url: str) -> bool:
    """Whether PostgreSQL's autovacuum came by."""
    with psycopg.connect(url) as connection:
        query = "SELECT last_autoanalyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'predictions'"
        return bool(connection.execute(query).fetchone()[0])  # type: ignore[index]


def summary(times_s: list[float]) -> Row:
    p50, p99, longest = 1000 * np.percentile(times_s, [50, 99, 100])
    return {"count": len(times_s), "p50_ms": round(p50, 2), "p99_ms": round(p99, 2), "max_ms": round(longest, 1)}


def timed(ask: Callable[[], object], seconds: float) -> Row:
    """How long a question takes, asked REPETITIONS times or, if it's slow, for so many seconds."""
    ask()  # connects, and compiles the statement
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < REPETITIONS and (not times or time.perf_counter() < end):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return summary(times)


def list_of(query: str) -> tuple[Filters, int, Place | None, int]:
    """What `History.page` is asked for a query of /predictions: one more than the list has, as the gateway does."""
    given = dict(parse_qsl(query))
    moments = {name: datetime.fromisoformat(given[name]).replace(tzinfo=UTC) for name in MOMENTS & set(given)}
    flags = {name: given[name] == "true" for name in FLAGS & set(given)}
    version = int(given["version"]) if "version" in given else None
    filters = Filters(label=given.get("label"), model=given.get("model"), version=version, **moments, **flags)
    after = (MIDDLE, new_id(MIDDLE)) if "cursor" in given else None
    return filters, int(given.get("limit", 20)) + 1, after, int(given.get("skip", 0))


def some_ids(history: History, count: int) -> list[str]:
    """Ids of predictions all over the time."""
    moments = (START + DAYS * share for share in np.random.default_rng(2).uniform(0.01, 1, count))
    return [history.page(Filters(), 1, (moment, ""), 0)[0].id for moment in moments]


def reading(subject: Subject, folder: Path, seconds: float) -> dict[str, Row]:
    """A row for each question that is asked of the history."""
    gc.collect()
    gc.freeze()  # as the gateway's master does: collections look at what came later only
    with closing(subject.history(folder)) as history:
        rows = {f"?{query}": timed(partial(history.page, *list_of(query)), seconds) for query in LISTS}
        ids = itertools.cycle(some_ids(history, 50))
        rows["/ID"] = timed(lambda: history.get(next(ids)), seconds)
        return rows | {path: timed(partial(history.statistics, *of), seconds) for path, of in SUMS.items()}


def over_http(subject: Subject, folder: Path, seconds: float) -> dict[str, Row]:
    """A row for each question that is asked of the gateway, by one client on one connection."""
    with closing(subject.history(folder)) as history:
        id = some_ids(history, 1)[0]
    gateway, port = Processes(), free_port()
    environment = {"DATABASE_URL": subject.url, "GATEWAY_DATA_DIR": str(folder), "GATEWAY_HISTORY_MAX_ROWS": ""}
    environment |= {"PORT": str(port), "GATEWAY_WORKERS": "1"}
    try:  # what is asked here needs no model server
        gateway.start(
            "gateway", "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py", "gateway.app:create_app()",
            **environment,
        )  # fmt: skip
        wait_for(f"http://127.0.0.1:{port}/ping")
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            paths = ["/predictions", "/predictions?label=football", f"/predictions/{id}", *SUMS]
            rows = {path: timed(partial(fetch, connection, path), seconds) for path in paths}
            return {path.replace(id, "ID"): row for path, row in rows.items()}
    finally:
        gateway.stop()


def fetch(connection: http.client.HTTPConnection, path: str) -> bytes:
    """What an address answers.

    Raises:
        RuntimeError: Not 200.
    """
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise RuntimeError(f"{path}: {response.status} {body[:300]!r}")
    return body


def keeping(history: History, answers: list[Prediction], threads: int, seconds: float) -> Row:
    """How long threads wait that hand over one prediction after the other, and how many they get rid of."""
    times: list[float] = []
    given, began = itertools.cycle(answers), time.perf_counter()

    def work() -> None:
        last = False
        while not last:  # one at least
            prediction, start = now(next(given)), time.perf_counter()
            history.keep(prediction, None)
            times.append(time.perf_counter() - start)
            last = time.perf_counter() - began >= seconds

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    return {"per_s": round(len(times) / (time.perf_counter() - began)), **summary(times)}


def writing(subject: Subject, folder: Path, answers: list[Prediction], seconds: float) -> list[Row]:
    """A row for each number of threads, while the database answers and after it has gone."""
    rows = []
    for state, whether in (("answers", nullcontext), ("away", subject.away)):
        for threads in THREADS:
            fates: Counter[str] = Counter()

            def note(fate: str, count: int, fates: Counter[str] = fates) -> None:
                fates[fate] += count

            with closing(subject.history(folder / f"{state}-{threads}", note)) as history:
                keeping(history, answers, threads, seconds / 10)
                fates.clear()
                with whether():
                    row = keeping(history, answers, threads, seconds)
                    rows.append({"database": state, "threads": threads, **row, "fates": dict(fates)})
    return rows


def replaying(subject: Subject, folder: Path, answers: list[Prediction], count: int) -> Row:
    """How fast rows come from the spool, and how long an answer waits that comes meanwhile."""
    folder.mkdir()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as memory:  # no disk waits for each row
        with closing(Spool(Path(memory) / SPOOL, count)) as spool:
            for answer in itertools.islice(itertools.cycle(answers), count):
                spool.add(now(answer))
        shutil.copy(Path(memory) / SPOOL, folder)
    brought, done, times = 0, threading.Event(), list[float]()

    def note(fate: str, number: int) -> None:
        nonlocal brought
        brought += number * (fate == "replayed")
        if brought >= count:
            done.set()

    start = time.perf_counter()
    with closing(subject.history(folder, note)) as history:
        while not times or not done.wait(EVERY_S):
            prediction, began = now(answers[0]), time.perf_counter()
            history.keep(prediction, None)
            times.append(time.perf_counter() - began)
        took_s = time.perf_counter() - start
    return {"rows": count, "per_s": round(count / took_s), **summary(times)}


def measured(subject: Subject, folder: Path, seconds: float, waiting: int) -> Row:
    """All that is measured of a database."""
    answers = some_predictions()
    found: Row = {"mib": round(subject.size_bytes() / 2**20, 1)}
    found["reading"] = reading(subject, folder / "reading", seconds)
    found["analysed"] = subject.analysed()
    found["http"] = over_http(subject, folder / "http", seconds)
    found["writing"] = writing(subject, folder, answers, 3 * seconds)
    found["replay"] = replaying(subject, folder / "replay", answers, waiting)
    return found


def measure(rows: int, seconds: float) -> dict[str, Row]:
    """What is measured, by database."""
    waiting, found = min(WAITING, max(1, rows // 10)), {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgresql())
        file, url = folder / "history.db", server.fresh()
        fills = {"SQLite": fill(file, rows), "PostgreSQL": copy(file, url, folder)}
        for subject in (
            Subject("SQLite", f"sqlite:///{file}", partial(locked, file), lambda: file.stat().st_size, lambda: False),
            Subject("PostgreSQL", url, partial(stopped, server), partial(size_of, url), partial(analysed, url)),
        ):
            print(f"{subject.name}: filled in {fills[subject.name]:.0f} s", flush=True)
            found[subject.name] = {
                "fill_s": round(fills[subject.name], 1),
                **measured(subject, folder / subject.name, seconds, waiting),
            }
    return found


def as_markdown(report: Row) -> str:
    rows, count = report["rows"], report["predictions"]
    names = list(rows)
    parts = [
        f"{count:,} predictions of a year. Times are p50 and p99 in milliseconds; where the p99 is longer than "
        f"{LIMIT_MS}, the last column says so. UNKNOWN and version 9 have no row. Machine: {report['machine']}.",
        "Asked of the history, without HTTP:",
        _times(rows, "reading"),
        "Asked of the gateway, by one client:",
        _times(rows, "http"),
        "Keeping predictions, one after the other in each thread. A database that goes away is locked by another "
        "connection (SQLite) or stopped (PostgreSQL), just before the first of them; who waits for it then learns it "
        f"after {1000 * WAIT_S:.0f} ms, and later ones don't wait:",
        _writing(rows),
    ]
    columns = ["", *names]
    lines = [
        ["filled in (PostgreSQL by copying)", *(f"{row['fill_s']:.0f} s" for row in rows.values())],
        ["statistics for the planner", *("yes" if row["analysed"] else "none" for row in rows.values())],
        ["on disk, a row", *(f"{row['mib'] * 2**20 / count:.0f} bytes" for row in rows.values())],
        ["rows/s from the spool", *(row["replay"]["per_s"] for row in rows.values())],
        ["an answer waits meanwhile", *(f"{_pair(row['replay'])} ms" for row in rows.values())],
    ]
    parts.append(table(columns, lines))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _pair(row: Row) -> str:
    return f"{row['p50_ms']}, {row['p99_ms']}"


def _times(rows: Row, which: str) -> str:
    lines = []
    for asked in next(iter(rows.values()))[which]:
        times = [row[which][asked] for row in rows.values()]
        slow = [name for name, row in zip(rows, times, strict=True) if row["p99_ms"] > LIMIT_MS]
        lines.append([f"`{asked}`", *map(_pair, times), f"**{', '.join(slow)}**" if slow else ""])
    return table(["", *rows, f"over {LIMIT_MS} ms"], lines)


def _writing(rows: Row) -> str:
    lines = [
        [
            name, row["database"], row["threads"], row["per_s"], row["p50_ms"], row["p99_ms"], row["max_ms"],
            ", ".join(f"{fate} {count}" for fate, count in sorted(row["fates"].items())),
        ]
        for name, found in rows.items() for row in found["writing"]
    ]  # fmt: skip
    return table(["", "database", "threads", "rows/s", "p50", "p99", "longest", "rows by where they went"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # the history tells that a database is away
    rows = measure(options.rows, options.seconds)
    report = {"machine": machine(), "predictions": options.rows, "seconds": options.seconds, "rows": rows}
    write("history", report, as_markdown(report), options.out)


if __name__ == "__main__":
    main()
