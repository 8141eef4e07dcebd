"""The heatmap on the page, which is drawn there."""

import base64
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import requests
from PIL import Image
from playwright.sync_api import Page, expect

from tests.end_to_end.conftest import System
from tests.end_to_end.pages import SAMPLES, Watched, give, sample


def pixels(page: Page) -> Any:
    """The canvas, as RGB."""
    url = page.locator("canvas").evaluate("canvas => canvas.toDataURL()")
    with Image.open(BytesIO(base64.b64decode(url.split(",")[1]))) as image:
        return np.asarray(image.convert("RGB"), int)


def test_a_heatmap_is_redrawn_without_asking_again(web: Watched, tmp_path: Path) -> None:
    page = web.open()
    give(page, "drop", sample("tennis"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/explain?" in request.url else None)
    page.get_by_role("button", name="Why?").click()
    expect(page.get_by_text("What speaks most for tennis")).to_be_visible()
    expect(page.get_by_role("img", name="tennis.jpg, with what speaks for tennis in colours")).to_be_visible()
    turbo = pixels(page)
    page.get_by_label("Colours", exact=True).select_option("magma")
    magma = pixels(page)
    page.get_by_label("Strength").fill("0.2")
    faint = pixels(page)
    page.get_by_label("Hide below").fill("1")
    none = pixels(page)
    with Image.open(SAMPLES / "tennis.jpg") as image:
        picture = np.asarray(image.convert("RGB"), int)
    difference = [np.abs(seen - picture).mean() for seen in (turbo, magma, faint, none)]
    assert difference[0] > 3
    assert difference[1] > 3
    assert np.abs(turbo - magma).mean() > 1
    assert difference[2] < difference[1] / 2
    assert difference[3] < 1
    assert len(asked) == 1
    page.get_by_label("What speaks for", exact=True).select_option("wrestling")
    expect(page.get_by_text(re.compile("for wrestling"))).to_be_visible()
    assert len(asked) == 2
    page.get_by_label("Hide below").fill("0")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the picture").click()
    assert saved.value.suggested_filename == "tennis-wrestling.png"
    saved.value.save_as(tmp_path / "saved.png")
    with Image.open(tmp_path / "saved.png") as image:
        assert (image.format, image.size) == ("PNG", (640, 480))


def test_the_heatmap_is_the_services_own(web: Watched, site: System) -> None:
    page = web.open()
    give(page, "drop", sample("karate"))
    page.get_by_role("button", name="Why?").click()
    expect(page.get_by_text("What speaks most for karate")).to_be_visible()
    with (SAMPLES / "karate.jpg").open("rb") as picture:
        drawn = requests.post(f"{site.base}/explain", files={"file": picture}, timeout=30).content
    with Image.open(BytesIO(drawn)) as image:
        assert np.abs(np.asarray(image.convert("RGB"), int) - pixels(page)).mean() < 4
