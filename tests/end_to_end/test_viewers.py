"""The pages that show the API, in a real browser that reaches nothing but the gateway."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.end_to_end.conftest import System

REDOCS_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"
"""The one thing that Redoc asks others for; the page's policy forbids it."""


@pytest.fixture
def page(browser: Browser, system: System) -> Iterator[Page]:
    """A page whose console must stay clean and whose requests must go to the gateway."""
    opened = browser.new_page()
    wrong: list[str] = []
    opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith(allowed) else None)
    allowed = (system.base, "data:", "blob:")
    yield opened
    opened.close()
    assert [line for line in wrong if REDOCS_LOGO not in line] == []


def test_swagger_ui_shows_the_api_and_tries_it(page: Page, system: System) -> None:
    page.goto(f"{system.base}/docs")
    page.get_by_text("Which class a picture shows").wait_for()
    page.locator("#operations-service-ping").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    live = page.locator(".live-responses-table .response-col_description")
    live.get_by_text("pong", exact=True).first.wait_for()


def test_redoc_shows_the_api(page: Page, system: System) -> None:
    page.goto(f"{system.base}/redoc")
    page.get_by_role("heading", name="Which class a picture shows").wait_for()
    page.get_by_role("heading", name="What in a picture speaks for a class").wait_for()
