"""What was predicted, on the page: listed, corrected, deleted and summed up; and which model does so."""

import re

import requests
from playwright.sync_api import expect

from tests.end_to_end.conftest import System
from tests.end_to_end.pages import Watched, answers, give, predict, sample


def kept(site: System, id: str) -> int:
    return requests.get(f"{site.base}/predictions/{id}", timeout=30).status_code


def test_history_filters_survive_reload_and_back(web: Watched, site: System) -> None:
    predict(site.base, "tennis", "karate", "tennis", "soccer")
    page = web.open("history")
    rows = page.locator("#history li[data-id]")
    expect(rows).to_have_count(4)
    assert rows.first.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    page.locator("#history [name=label]").select_option("tennis")
    expect(rows).to_have_count(2)
    page.reload()
    expect(rows).to_have_count(2)
    expect(page.locator("#history [name=label]")).to_have_value("tennis")
    page.go_back()
    expect(rows).to_have_count(4)


def test_history_pages_lead_to_the_end(web: Watched, site: System) -> None:
    predict(site.base, *["tennis"] * 25)
    page = web.open("history")
    rows = page.locator("#history li[data-id]")
    expect(rows).to_have_count(24)
    page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(1)
    page.reload()
    expect(rows).to_have_count(1)
    page.go_back()
    expect(rows).to_have_count(24)


def test_a_label_is_corrected_and_counted(web: Watched, site: System) -> None:
    (made,) = predict(site.base, "tennis")
    page = web.open("history")
    row = page.locator(f"#history li[data-id='{made['id']}']")
    row.locator("[data-act=correct]").click()
    row.locator("select").select_option("badminton")
    row.get_by_role("button", name="Save").click()
    expect(row.locator("[data-act=restore]")).to_be_visible()
    told = requests.get(f"{site.base}/predictions/{made['id']}", timeout=30).json()
    assert told["true_label"] == "badminton"
    page.goto(f"{web.base}/#/statistics")
    expect(page.locator("#statistics")).to_contain_text("0 of 1")


def test_a_deleted_row_comes_back_or_goes_for_good(web: Watched, site: System) -> None:
    first, second = predict(site.base, "tennis", "karate")
    page = web.open("history")
    rows = page.locator("#history li[data-id]")
    expect(rows).to_have_count(2)
    rows.nth(1).locator("[data-act=delete]").click()
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(2)
    assert kept(site, first["id"]) == 200
    rows.nth(0).locator("[data-act=delete]").click()
    with page.expect_response(lambda told: told.request.method == "DELETE"):
        page.get_by_role("button", name="Dismiss").click()
    assert (kept(site, first["id"]), kept(site, second["id"])) == (200, 404)


def test_the_keyboard_alone_corrects_and_deletes(web: Watched, site: System) -> None:
    (made,) = predict(site.base, "tennis")
    page = web.open("history")
    row = page.locator("#history li[data-id]")
    row.locator("[data-act=correct]").focus()
    page.keyboard.press("Enter")
    expect(row.locator("select")).to_be_focused()
    page.keyboard.type("karate")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(row.locator("[data-act=restore]")).to_be_visible()
    assert requests.get(f"{site.base}/predictions/{made['id']}", timeout=30).json()["true_label"] == "karate"
    row.locator("[data-act=delete]").focus()
    page.keyboard.press("Enter")
    expect(row).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(row).to_have_count(1)
    assert kept(site, made["id"]) == 200


def test_a_deletion_is_not_lost_by_leaving(web: Watched, site: System) -> None:
    (made,) = predict(site.base, "tennis")
    page = web.open("history")
    page.locator("#history li[data-id] [data-act=delete]").click()
    page.goto(f"{web.base}/docs")
    page.goto(f"{web.base}/#/history")
    expect(page.locator("#history .empty")).to_be_visible()
    assert kept(site, made["id"]) == 404
    web.wrong.clear()  # of the other page


def test_new_predictions_appear(web: Watched, site: System) -> None:
    page = web.open("history")
    expect(page.locator("#history .empty")).to_be_visible()
    predict(site.base, "soccer")
    expect(page.locator("#history li[data-id]")).to_contain_text("soccer")
    expect(page.locator("#history [role=status]").first).to_contain_text("1 new prediction")


def test_statistics_are_drawn_and_told(web: Watched, site: System) -> None:
    page = web.open("statistics")
    expect(page.locator("#statistics .empty")).to_be_visible()
    predict(site.base, "tennis", "tennis", "karate")
    chart = page.locator("#statistics svg[role=img]").first
    expect(chart).to_be_visible()
    expect(page.locator("#statistics")).to_contain_text("3 predictions")
    page.locator("#statistics details summary").first.click()
    expect(page.locator("#statistics table").first).to_contain_text("tennis")


def test_the_picked_model_is_followed(web: Watched, site: System) -> None:
    page = web.open("models")
    expect(page.locator("#models")).to_contain_text("badminton")
    expect(page.locator("#models")).to_contain_text("available")
    page.get_by_label("Model").first.select_option("sports7/2")
    with page.expect_request(re.compile("/predictions")) as asked:
        give(page, "drop", sample("tennis"))  # on any view
    expect(answers(page).get_by_role("heading")).to_contain_text("tennis")
    assert "model=sports7&version=2" in asked.value.url
    page.reload()
    expect(page.locator("#model")).to_have_value("sports7/2")
