"""The whole page: who can use it, on what, and what it weighs."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.end_to_end.conftest import System
from tests.end_to_end.pages import (
    NOISE,
    PHONE,
    SAMPLES,
    VIEWS,
    Watched,
    answers,
    assert_accessible,
    give,
    predict,
    progress,
    sample,
    watched,
)
from tests.image_server import ImageServer
from tests.waiting import until

MAX_BYTES = 100_000
MAX_SHIFT = 0.002
"""Of layout: a fiftieth of what web.dev/articles/cls calls good; the picker's first option costs 0.0003."""
WATCH_SHIFTS = """window.shifts = []; new PerformanceObserver((list) => window.shifts.push(...list.getEntries()))
  .observe({ type: "layout-shift", buffered: true });"""


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(web: Watched, site: System, view: str, scheme: Any) -> None:
    predict(site.base, "tennis", "karate")
    page = web.open(view)
    page.emulate_media(color_scheme=scheme)
    if not view:
        noise = {"name": "noise.png", "mimeType": "image/png", "buffer": NOISE}
        give(page, "drop", sample("tennis"), noise, {"name": "a.txt", "mimeType": "text/plain", "buffer": b"no"})
        expect(progress(page)).to_have_text("3 of 3 pictures done, 1 failed")
        page.get_by_role("button", name="Why?").first.click()
        expect(page.get_by_text("What speaks most for tennis")).to_be_visible()
    page.wait_for_load_state("networkidle") if view == "" else page.locator(
        f"#{view} :is(li, svg, dl)"
    ).first.wait_for()
    assert_accessible(page)


def test_the_readers_colours_last(web: Watched) -> None:
    page = web.open()
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Colours").click()
    page.get_by_role("button", name="Colours: light").click()
    expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_whole(browser: Browser, site: System, scheme: Any) -> None:
    predict(site.base, "tennis", "karate")
    with watched(browser, site.base, color_scheme=scheme, **PHONE) as web:
        for view in VIEWS:
            page = web.open(view)
            if not view:
                give(page, "drop", sample("tennis"))
                page.get_by_role("button", name="Why?").click()
                expect(page.get_by_text("What speaks most for tennis")).to_be_visible()
            else:
                page.locator(f"#{view} :is(li, svg, dl)").first.wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") == 360, view


def test_the_keyboard_alone_is_enough(web: Watched) -> None:
    page = web.open()
    expect(page.get_by_role("button", name="karate")).to_be_visible()
    press_until(page, "karate")
    page.keyboard.press("Enter")
    expect(answers(page).get_by_role("heading")).to_contain_text("karate")
    press_until(page, "Why?")
    page.keyboard.press("Space")
    expect(page.get_by_text("What speaks most for karate")).to_be_visible()
    press_until(page, "Strength")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("Strength 59 %")).to_be_visible()
    press_until(page, "Remove")
    page.keyboard.press("Enter")
    expect(answers(page)).to_have_count(0)
    assert page.evaluate("document.activeElement !== document.body")


def press_until(page: Page, name: str) -> None:
    """Press Tab until something of that name is focused, and seen to be."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => {
              const at = document.activeElement;
              const outline = getComputedStyle(at.closest(".button") ?? at).outlineStyle;
              return [at.ariaLabel ?? at.textContent.trim(), outline];
            }"""
        )
        if focused[0].startswith(name):
            assert focused[1] != "none", f"{name} doesn't show that it is focused"
            return
    raise AssertionError(f"{name} isn't reached")


def test_it_is_small(web: Watched) -> None:
    page = web.open()
    page.locator("#samples img").last.evaluate("image => image.decode()")
    page.wait_for_load_state("networkidle")
    loaded = """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
      .reduce((sum, { transferSize }) => sum + transferSize, 0)"""
    assert page.evaluate(loaded) < MAX_BYTES


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_moves_while_it_loads(browser: Browser, site: System, view: str, options: dict[str, Any]) -> None:
    predict(site.base, "tennis", "karate", "soccer")
    with watched(browser, site.base, **options) as web:
        web.page.add_init_script(WATCH_SHIFTS)
        page = web.open(view)
        if view:
            page.locator(f"#{view} :is(li, svg, dl)").first.wait_for()
        else:
            page.locator("#samples img").last.evaluate("image => image.decode()")
        page.wait_for_load_state("networkidle")
        assert shifted(page) < MAX_SHIFT


def test_answers_and_a_reload_move_nothing(web: Watched) -> None:
    held: list[Route] = []
    web.page.add_init_script(WATCH_SHIFTS)
    page = web.open()
    page.route("**/predictions*", lambda route: held.append(route))
    give(page, "drop", sample("tennis"), sample("karate"))
    expect(answers(page).get_by_role("img")).to_have_count(2)
    until(lambda: page.evaluate("shifts.length = 0") == 0 and len(held) == 2)
    for one in held:
        one.continue_()
    expect(progress(page)).to_have_text("2 of 2 pictures done")
    assert shifted(page) < MAX_SHIFT
    page.reload()
    expect(answers(page)).to_have_count(2)
    page.wait_for_load_state("networkidle")
    assert shifted(page) < MAX_SHIFT


def shifted(page: Page) -> float:
    """How much moved up to now, and not because of a key or a click."""
    moved: float = page.evaluate(
        "shifts.reduce((sum, { value, hadRecentInput }) => sum + (hadRecentInput ? 0 : value), 0)"
    )
    return moved


def test_without_scripts_a_form_is_answered(browser: Browser, site: System, image_server: ImageServer) -> None:
    image_server.files["/karate.jpg"] = (SAMPLES / "karate.jpg").read_bytes()
    with watched(browser, site.base, java_script_enabled=False) as web:
        page = web.page
        page.goto(web.base)
        page.locator("#files").set_input_files([sample("tennis")])  # type: ignore[list-item]
        page.get_by_role("button", name="Classify", exact=True).click()
        expect(page.get_by_role("heading", name="This is tennis")).to_be_visible()
        assert_accessible_without_script(page)
        page.get_by_role("link", name="Another picture").click()
        page.locator("#url").fill(image_server.url("/karate.jpg"))
        page.get_by_role("button", name="Fetch and classify").click()
        expect(page.get_by_role("heading", name="This is karate")).to_be_visible()


def assert_accessible_without_script(page: Page) -> None:
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("img[alt='The picture']").count() == 1
    assert page.locator("meter[aria-label]").count() == 7
