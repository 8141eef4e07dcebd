"""What does the page look like? Pictures of it for the README: python -m docs.screenshots

Starts the service on ports of its own with an empty history, and shows the drawn samples to it.
"""

import argparse
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.end_to_end.conftest import CHROMIUM, QUIET, running
from tests.end_to_end.pages import PHONE, SAMPLES, answers, predict, progress

FOLDER = Path(__file__).parent / "img"
DESK = {"viewport": {"width": 1180, "height": 1000}, "device_scale_factor": 1.5}


def classify(page: Page) -> None:
    """Two pictures, one of them explained."""
    page.goto("./")
    page.locator("#samples img").last.wait_for()
    page.locator("#files").set_input_files([SAMPLES / "tennis.jpg", SAMPLES / "swimming.jpg"])
    expect(progress(page)).to_have_text("2 of 2 pictures done")
    answers(page).first.get_by_role("button", name="Why?").click()
    expect(page.get_by_text("What speaks most for tennis")).to_be_visible()
    answers(page).first.get_by_label("Strength").fill("0.8")
    page.evaluate("scrollTo(0, 0)")


def phone(page: Page) -> None:
    """The same on a phone, further down."""
    classify(page)
    answers(page).first.evaluate("answer => answer.scrollIntoView()")


def history(page: Page) -> None:
    """Some predictions, one of them corrected."""
    page.goto("./#/history")
    row = page.locator("#history li[data-id]").nth(2)
    row.locator("[data-act=correct]").click()
    row.locator("select").select_option("badminton")
    row.get_by_role("button", name="Save").click()
    expect(row.locator("[data-act=restore]")).to_be_visible()
    page.mouse.move(0, 0)
    for image in page.locator("#history li img").all():
        image.evaluate("image => image.decode()")


def statistics(page: Page) -> None:
    """What they add up to."""
    page.goto("./#/statistics")
    expect(page.locator("#statistics svg[role=img]").first).to_be_visible()


SHOTS: dict[str, tuple[Callable[[Page], None], dict[str, object]]] = {
    "classify": (classify, {**DESK, "color_scheme": "light"}),
    "history": (history, {**DESK, "color_scheme": "dark"}),
    "statistics": (statistics, {**DESK, "color_scheme": "light"}),
    "phone": (phone, {**PHONE, "color_scheme": "dark"}),
}


def take(browser: Browser, base: str, folder: Path) -> None:
    """Every picture, as WebP in the folder; the service at the base has no predictions yet."""
    folder.mkdir(exist_ok=True)
    predict(base, *(path.stem for path in sorted(SAMPLES.glob("*.jpg"))))
    for name, (show, options) in SHOTS.items():
        page = browser.new_context(base_url=f"{base}/", locale="en", timezone_id="UTC", **options).new_page()  # type: ignore[arg-type]
        show(page)
        with Image.open(BytesIO(page.screenshot())) as image:
            image.convert("RGB").save(folder / f"{name}.webp", quality=85, method=6)
        page.context.close()


def main() -> None:
    """Every picture, from a service of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as state,
        running(state, GATEWAY_KEEP_IMAGES="true") as system,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=QUIET)
        take(browser, system.base, options.out)
        browser.close()


if __name__ == "__main__":
    main()
