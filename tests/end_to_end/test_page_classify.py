"""Pictures in and answers out, on the page."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.conftest import System
from tests.end_to_end.pages import NOISE, PHONE, SAMPLES, Watched, answers, give, progress, sample, watched
from tests.image_server import ImageServer


@pytest.mark.parametrize("way", ["choose", "drop", "paste", "sample", "url", "drop address"])
def test_every_way_of_giving_a_picture_is_answered(web: Watched, image_server: ImageServer, way: str) -> None:
    image_server.files["/karate.jpg"] = (SAMPLES / "karate.jpg").read_bytes()
    page = web.open()
    if way == "choose":
        page.locator("#files").set_input_files([sample("karate")])  # type: ignore[list-item]
    elif way in ("drop", "paste"):
        give(page, way, sample("karate"))
    elif way == "sample":
        page.get_by_role("button", name="karate").click()
    elif way == "url":
        page.get_by_label("Or give the address of one").fill(image_server.url("/karate.jpg"))
        page.get_by_role("button", name="Fetch and classify").click()
    else:
        give(page, "drop", text=image_server.url("/karate.jpg"))
    answer = answers(page)
    expect(answer.get_by_role("heading")).to_contain_text("karate")
    expect(answer.get_by_role("list", name="Probabilities").locator("li").first).to_contain_text("karate")
    expect(progress(page)).to_have_text("1 of 1 picture done")
    assert answer.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_a_phone_takes_a_photo(browser: Browser, site: System) -> None:
    with watched(browser, site.base, **PHONE) as web:
        page = web.open()
        expect(page.get_by_text("Take a photo")).to_be_visible()
        page.locator("#camera").set_input_files([sample("tennis")])  # type: ignore[list-item]
        expect(answers(page).get_by_role("heading")).to_contain_text("tennis")


def test_many_at_once_with_a_broken_one(web: Watched) -> None:
    page = web.open()
    names = [path.stem for path in sorted(SAMPLES.glob("*.jpg"))] + ["tennis", "soccer"]
    broken = sample("cricket") | {"name": "broken.jpg", "buffer": sample("cricket")["buffer"][:9000]}
    give(page, "drop", *map(sample, names), broken)
    expect(progress(page)).to_have_text("10 of 10 pictures done, 1 failed")
    for number, name in enumerate(names):
        expect(answers(page).nth(number).get_by_role("heading")).to_contain_text(name)
    expect(answers(page).nth(9)).to_contain_text("no complete JPEG")
    expect(answers(page).nth(9)).to_contain_text("cut short")
    answers(page).nth(9).get_by_role("button", name="Remove").click()
    expect(progress(page)).to_have_text("9 of 9 pictures done")
    page.get_by_role("button", name="Clear the list").click()
    expect(answers(page)).to_have_count(0)
    assert web.refused == [415]


def test_folders_that_are_dropped_are_looked_through(web: Watched, tmp_path: Path) -> None:
    for path in ("games/tennis.jpg", "games/indoors/karate.JPG", "games/notes.txt", "none/notes.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        picture = SAMPLES / f"{Path(path).stem}.jpg"
        (tmp_path / path).write_bytes(picture.read_bytes() if picture.exists() else b"no picture")
    page = web.open("history")
    drop_files(page, tmp_path / "games", tmp_path / "none", SAMPLES / "soccer.jpg")
    expect(progress(page)).to_have_text("4 of 4 pictures done, 1 failed")
    expect(page.locator("#classify")).to_be_visible()
    names = [said.split(" · ")[0] for said in answers(page).locator(".name").all_text_contents()]
    assert sorted(names) == ["karate.JPG", "none", "soccer.jpg", "tennis.jpg"]
    assert names.index("karate.JPG") + 1 == names.index("tennis.jpg")
    expect(answers(page).filter(has_text="none")).to_contain_text("no picture in that folder")


def drop_files(page: Page, *paths: Path) -> None:
    """Drop files and folders as the system's own file manager does."""
    browser = page.context.new_cdp_session(page)
    carried = {"items": [], "files": list(map(str, paths)), "dragOperationsMask": 1}
    for event in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": event, "x": 200, "y": 200, "data": carried})


def test_the_rest_can_be_cancelled_and_tried_again(web: Watched) -> None:
    page = web.open()
    give(page, "drop", *[sample("tennis")] * 12)
    page.get_by_role("button", name="Cancel the rest").click()
    expect(progress(page)).to_have_text(re.compile("12 of 12 pictures done, [0-9]+ cancelled"))
    cancelled = answers(page).filter(has_text="Cancelled.")
    count = cancelled.count()
    assert count >= 9
    cancelled.last.get_by_role("button", name="Try again").click()
    expect(answers(page).filter(has_text="Cancelled.")).to_have_count(count - 1)
    expect(answers(page).last.get_by_role("heading")).to_contain_text("tennis")


def test_an_unsure_answer_says_so_and_why(web: Watched) -> None:
    page = web.open()
    give(page, "drop", {"name": "noise.png", "mimeType": "image/png", "buffer": NOISE})
    expect(answers(page).get_by_role("heading")).to_contain_text("not sure")
    expect(answers(page)).to_contain_text("unlike what the model has learnt")


def test_errors_are_said_next_to_what_caused_them(web: Watched, image_server: ImageServer) -> None:
    page = web.open()
    url, fetch = page.get_by_label("Or give the address of one"), page.get_by_role("button", name="Fetch and classify")
    for typed in ("", "no address", "ftp://example.com/a.jpg"):
        url.fill(typed)
        fetch.click()
        expect(page.locator("#url-wrong")).to_contain_text("That is no web address.")
        expect(url).to_be_focused()
    assert web.refused == []
    for typed, words in (
        ("http://169.254.169.254/meta-data", "Only public web addresses can be fetched."),
        (image_server.url("/text"), "Choose a JPEG, PNG, GIF, WebP or AVIF picture."),
    ):
        url.fill(typed)
        expect(page.locator("#url-wrong")).to_be_hidden()
        fetch.click()
        expect(answers(page).first).to_contain_text(words)
    assert web.refused == [422, 415]


def test_a_picture_over_the_limit_is_refused_before_it_is_sent(web: Watched) -> None:
    page = web.open()
    give(page, "drop", {"name": "large.jpg", "mimeType": "image/jpeg", "zeros": 17 * 2**20})
    expect(answers(page)).to_contain_text("The picture has 17.0 MB; up to 16.0 MB are taken.")
    assert web.refused == []


def test_names_never_become_markup(web: Watched) -> None:
    page = web.open()
    name = "<img src=x onerror=alert(1)>.jpg"
    give(page, "drop", sample("tennis") | {"name": name})
    expect(answers(page)).to_contain_text(name)
    page.goto(f"{web.base}/#/history")
    expect(page.locator("#history")).to_contain_text(name)


def test_everything_is_where_it_was_after_a_reload(web: Watched) -> None:
    page = web.open()
    give(page, "drop", sample("tennis"), sample("karate"), sample("soccer"))
    expect(progress(page)).to_have_text("3 of 3 pictures done")
    answers(page).nth(1).get_by_role("button", name="Why?").click()
    page.get_by_label("Colours", exact=True).select_option("viridis")
    expect(page.get_by_text("What speaks most for karate")).to_be_visible()
    page.reload()
    for number, name in enumerate(("tennis", "karate", "soccer")):
        expect(answers(page).nth(number).get_by_role("heading")).to_contain_text(name)
    expect(page.get_by_text("What speaks most for karate")).to_be_visible()
    expect(page.get_by_label("Colours", exact=True)).to_have_value("viridis")
