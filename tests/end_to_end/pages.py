"""The page in a browser: what tests do on it again and again, and what must never happen meanwhile."""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import requests
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import ROOT
from tests.pictures import encoded

SAMPLES = ROOT / "samples"
WAIT_MS = 30_000
"""Longest wait for an answer; the machine may be busy."""
VIEWS = ("", "history", "statistics", "models")
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
NOISE = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)), "PNG")
"""A picture of nothing."""

expect.set_options(timeout=WAIT_MS)


@dataclass
class Watched:
    """A page, and what went wrong on it."""

    page: Page
    base: str
    wrong: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    """Statuses that the service refused requests with: the browser reports each in its console."""

    def open(self, view: str = "") -> Page:
        """The page at a view, once its script has run."""
        self.page.goto(f"{self.base}/#/{view}")
        self.page.locator(f"#{view.split('?')[0] or 'classify'} h1").wait_for()
        self.page.locator("#model option").first.wait_for(state="attached")
        return self.page


@contextmanager
def watched(browser: Browser, base: str, origins: tuple[str, ...] = (), **options: Any) -> Iterator[Watched]:
    """A page that may ask nobody but its host and the origins, breaks no policy, and says no error in its console."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(WAIT_MS)
    found = Watched(page, base)
    allowed = (f"{base}/", "data:", "blob:", *origins)
    page.on("console", lambda said: found.wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.wrong.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(allowed) else found.wrong.append(asked.url))
    page.on("response", lambda told: found.refused.append(told.status) if told.status >= 400 else None)
    yield found
    page.context.close()
    ours = [line for line in found.wrong if not re.match(r"Failed to load resource: the server responded", line)]
    assert ours == []


def sample(name: str) -> dict[str, Any]:
    """A drawn picture, as a chosen file."""
    return {"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": (SAMPLES / f"{name}.jpg").read_bytes()}


def predict(base: str, *names: str) -> list[dict[str, Any]]:
    """Predictions of drawn pictures, made by another caller, in their order."""
    made = []
    for name in names:
        with (SAMPLES / f"{name}.jpg").open("rb") as picture:
            made.append(requests.post(f"{base}/predictions", files={"file": picture}, timeout=30).json())
    return made


def give(page: Page, event: str, *files: dict[str, Any], text: str = "") -> None:
    """Drop files or an address on the page, or paste them; a file of many `zeros` is made there."""
    packed = [one | {"buffer": base64.b64encode(one.get("buffer", b"")).decode()} for one in files]
    page.evaluate(
        """([event, files, text]) => {
          const carried = new DataTransfer();
          for (const { name, mimeType, buffer, zeros } of files) {
            const given = Uint8Array.from(atob(buffer), (letter) => letter.charCodeAt(0));
            const bytes = zeros ? new Uint8Array(zeros) : given;
            carried.items.add(new File([bytes], name, { type: mimeType }));
          }
          if (text) carried.setData("text/uri-list", text);
          const place = document.body;
          const options = { bubbles: true, cancelable: true };
          if (event === "paste") place.dispatchEvent(new ClipboardEvent(event, { ...options, clipboardData: carried }));
          else for (const type of ["dragenter", "dragover", event]) {
            place.dispatchEvent(new DragEvent(type, { ...options, dataTransfer: carried }));
          }
        }""",
        [event, packed, text],
    )


def answers(page: Page) -> Locator:
    """The pictures on the page, in its order."""
    return page.locator("#answers > li")


def progress(page: Page) -> Locator:
    """The line that says how far it is."""
    return page.locator("#progress [role=status]")


def assert_accessible(page: Page) -> None:
    """What axe finds, which must be nothing."""
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
