"""How soon is the page there? Loaded anew and again, and its views with a million predictions in the history.

    python -m bench.page [--rows 1000000] [--times 20] [--out bench/results]

A real browser on the service as `make run` starts it, whose history is filled as bench.history does. Writes page.json
and page.md.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from bench.history import fill
from bench.measuring import RESULTS, Row, machine, table, write
from tests.end_to_end.conftest import CHROMIUM, QUIET, running

SHOWN = {
    "history": "#history li[data-id]",
    "history?label=rowing": "#history li[data-id]",
    "statistics": "#statistics svg[role=img]",
    "models": "#models article",
}
"""What is seen of a view when it's there."""
LOADED = """() => {
  const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const [page] = entries;
  return {
    bytes: entries.reduce((sum, { transferSize }) => sum + transferSize, 0),
    files: entries.length,
    load_ms: page.loadEventEnd,
    paint_ms: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
  };
}"""


def opened(page: Page, address: str, sign: str) -> Row:
    """Load an address, and wait for what is to be seen; what it took."""
    start = time.perf_counter()
    page.goto(address)
    page.locator(sign).first.wait_for()
    shown_ms = 1000 * (time.perf_counter() - start)
    page.wait_for_load_state("networkidle")
    return {**page.evaluate(LOADED), "shown_ms": shown_ms}


def median(rows: list[Row]) -> Row:
    return {name: round(float(np.median([row[name] for row in rows if row[name] is not None])), 1) for name in rows[0]}


def measured(browser: Browser, base: str, times: int) -> dict[str, Row]:
    """A row for each way to come to the page: medians."""
    anew, again = [], []
    for _ in range(times):
        page = browser.new_page()
        anew.append(opened(page, f"{base}/", "#samples img"))
        page.goto("about:blank")
        again.append(opened(page, f"{base}/", "#samples img"))
        page.close()
    rows = {"the page, for the first time": median(anew), "the page, again": median(again)}
    for view, sign in SHOWN.items():
        loads = []
        for _ in range(times):
            page = browser.new_page()
            loads.append(opened(page, f"{base}/#/{view}", sign))
            page.close()
        rows[f"#/{view}, for the first time"] = median(loads)
    return rows


def as_markdown(report: dict[str, Any]) -> str:
    lines = [
        [name, row["files"], f"{row['bytes'] / 1000:.0f} kB", row["paint_ms"], row["load_ms"], row["shown_ms"]]
        for name, row in report["rows"].items()
    ]
    return (
        f"Medians of {report['times']} loads on loopback, with {report['predictions']:,} predictions in the history "
        f"(SQLite), in milliseconds. Shown is when the view's own content is there, as the browser's driver sees it "
        f"(which adds its own few milliseconds). Machine: {report['machine']}.\n\n"
        + table(["", "files", "sent", "first paint", "load", "shown"], lines).strip()
        + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder) / "history.db", options.rows)
        with running(folder, GATEWAY_DATA_DIR=folder) as system, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=QUIET)
            rows = measured(browser, system.base, options.times)
            browser.close()
    report = {"machine": machine(), "predictions": options.rows, "times": options.times, "rows": rows}
    write("page", report, as_markdown(report), options.out)


if __name__ == "__main__":
    main()
