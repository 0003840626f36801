"""The fleet in a real browser, with answers that the tests make up."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.board.browser import POLL, browser, names, page_at, rows, top, turn
from tests.board.served import NOW, Served, case, served
from tests.support.site import until

__all__ = ["browser", "served"]


def test_the_fleet_worst_first_each_with_symbol_word_and_reason(browser: Browser, served: Served) -> None:
    with page_at(browser, served.url) as page:
        expect(rows(page)).to_have_count(5)
        assert names(page) == ["billing_test", "lnxpp", "reporting_copies", "crm_pprod", "aastmphpux"]
        marks = page.locator("td:first-child .status").all_inner_texts()
        assert marks == ["✕ down", "? unknown", "! warn", "✓ up", "✓ up"]
        down = rows(page).first
        expect(down).to_contain_text("DEV002 -> CLONE002 (01A11 -> 01AB5): Failed")
        expect(down).to_contain_text("ask the storage team")
        expect(down).to_contain_text("for 2 h 48 min")
        expect(down).to_contain_text("update stopped at resync.data.recreate")
        expect(down).to_contain_text("no point in time")
        warn = rows(page).nth(2)
        expect(warn).to_contain_text("10 h 20 min old, limit 8 h 0 min")
        expect(warn).to_contain_text("queued for 2 min")
        expect(warn.get_by_role("link", name="run manual__7 of billing_test")).to_be_visible()
        assert warn.locator(".bar.over").count() == 1
        unknown = rows(page).nth(1)
        expect(unknown).to_contain_text("paused")
        expect(unknown).to_contain_text("no run yet")


def test_whether_the_service_itself_runs(browser: Browser, served: Served) -> None:
    """Its copies may be up and the service down, and the other way round."""
    with page_at(browser, served.url) as page:
        own = rows(page).filter(has_text="billing_test").locator(".own")
        expect(own).to_contain_text("service partly up")
        expect(own).to_have_attribute("title", "fs /billing on bill02 is down: not mounted, manual__7")
        expect(rows(page).filter(has_text="crm_pprod").locator(".own")).to_contain_text(
            re.compile("service up.*7.h")
        )
    served.service("billing_test")
    with page_at(browser, f"{served.url}#/service/billing_test") as page:
        own = page.get_by_role("region", name="Status").locator(".own")
        expect(own).to_contain_text("service partly up: fs /billing on bill02 is down: not mounted, seen 2")
        expect(own.get_by_role("link", name="manual__7")).to_be_visible()


def test_ages_are_seen_on_a_telephone(browser: Browser, served: Served) -> None:
    with page_at(browser, served.url, viewport={"width": 420, "height": 900}) as page:
        for at in range(3):
            for said in rows(page).nth(at).locator(".copy .said").all():
                box = said.bounding_box()
                assert box and box["x"] >= 0 and box["x"] + box["width"] <= 420
        assert page.evaluate("document.documentElement.scrollWidth") <= 420
        for name in ("aastmphpux", "billing_test"):
            served.service(name)
            page.goto(f"{served.url}#/service/{name}")
            expect(page.get_by_role("heading", name=f"Clones / {name}")).to_be_visible()
            expect(page.get_by_role("region", name="Run records")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_how_far_it_is_copied_and_when_that_ends(browser: Browser, served: Served) -> None:
    with page_at(browser, served.url) as page:
        row = rows(page).filter(has_text="aastmphpux")
        bar = row.get_by_role("progressbar", name="data copied")
        expect(bar).to_have_attribute("aria-valuenow", "63")
        expect(row).to_contain_text(re.compile(r"63% copied, ends in 1[12]\smin"))
        expect(row).to_contain_text("12% copied")
        filled = bar.locator(".fill").bounding_box()
        whole = bar.bounding_box()
        assert filled and whole and filled["width"] / whole["width"] == pytest.approx(0.63, abs=0.02)


def test_a_bar_ends_beyond_the_limit(browser: Browser, served: Served) -> None:
    with page_at(browser, served.url) as page:
        bar = rows(page).filter(has_text="crm_pprod").locator(".bar").first
        expect(bar).to_be_visible()
        filled, limit, whole = (
            bar.locator(".fill").bounding_box(),
            bar.locator(".limit").bounding_box(),
            bar.bounding_box(),
        )
        assert filled and limit and whole
        age = (NOW.hour - 2.52) * 3600 / 97200
        assert filled["width"] / (limit["x"] - whole["x"]) == pytest.approx(age, abs=0.02)


def test_sorting(browser: Browser, served: Served) -> None:
    with page_at(browser, served.url) as page:
        expect(page.locator("th[aria-sort]")).to_have_text("Status")
        page.get_by_role("button", name="Service", exact=True).click()
        assert names(page) == sorted(names(page))
        expect(page.locator("th[aria-sort=ascending]")).to_have_text("Service")
        page.get_by_role("button", name="Service", exact=True).click()
        assert names(page) == sorted(names(page), reverse=True)
        expect(page.locator("th[aria-sort=descending]")).to_have_text("Service")
        firsts = {
            "Copies": "reporting_copies",
            "Now": "aastmphpux",
            "Last run": "billing_test",
            "Next": "aastmphpux",
        }
        for column, first in firsts.items():
            page.get_by_role("button", name=column, exact=True).click()
            assert names(page)[0] == first, column


def test_filters_stand_in_the_address(browser: Browser, served: Served) -> None:
    served.service("billing_test")
    with page_at(browser, served.url) as page:
        page.get_by_role("searchbox").fill("copies report")
        expect(rows(page)).to_have_count(1)
        expect(page.get_by_text("1 of 5 services")).to_be_visible()
        page.get_by_role("searchbox").fill("")
        page.get_by_role("button", name="down 1").click()
        page.get_by_role("button", name="warn 1").click()
        page.get_by_role("button", name="Service", exact=True).click()
        assert names(page) == ["billing_test", "reporting_copies"]
        assert page.url.endswith("#/?status=down%2Cwarn&sort=service")
        page.reload()
        expect(rows(page)).to_have_count(2)
        expect(page.get_by_role("button", name="warn 1")).to_have_attribute("aria-pressed", "true")
        page.get_by_role("link", name="billing_test", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Clones / billing_test")
        page.get_by_role("link", name="Clones").click()
        expect(rows(page)).to_have_count(2)


def test_it_refreshes_itself_and_keeps_scroll_focus_and_filter(browser: Browser, served: Served) -> None:
    many = fleet_of(200)
    served.fleet(services=many)
    with page_at(browser, None) as page:
        turn(page)
        page.goto(f"{served.url}#/?text=service&sort=service")
        expect(rows(page)).to_have_count(200)
        link = page.get_by_role("link", name="service_150", exact=True)
        link.focus()
        assert page.evaluate("scrollY") > 1000
        expect(rows(page).nth(150)).to_contain_text("of")
        at = top(link)
        kept = rows(page).nth(3).element_handle()
        many[150] |= {"status": "down", "why": "sync data: lost"}
        many[151]["syncs"][0] |= {"percent": 5}
        served.fleet(services=many)
        page.clock.fast_forward(POLL)
        expect(rows(page).nth(150)).to_contain_text("sync data: lost")
        expect(rows(page).nth(151).locator("[aria-valuenow='5']")).to_have_count(1)
        expect(link).to_be_focused()
        assert top(link) == pytest.approx(at, abs=60)  # a row may have grown by two lines
        assert rows(page).nth(3).evaluate("(row, kept) => row === kept", kept), "what is the same stays"
        expect(page.locator("#told")).to_have_text("service_150 is down.")


def test_a_row_that_gets_worse_comes_to_the_top_with_its_focus(browser: Browser, served: Served) -> None:
    with page_at(browser, None) as page:
        turn(page)
        page.goto(served.url)
        link = page.get_by_role("link", name="crm_pprod")
        link.focus()
        services = case("fleet")["services"]
        services[0] |= {"status": "down", "since": "2026-11-26T10:00:00+00:00", "why": "torn"}
        services[0]["syncs"][0]["point_in_time"] = "2026-11-20T00:00:00+00:00"
        served.fleet(services=services)
        page.clock.fast_forward(POLL)
        expect(rows(page).first).to_contain_text("crm_pprod")
        expect(link).to_be_focused()


def test_what_has_not_changed_is_not_sent_again(browser: Browser, served: Served) -> None:
    with page_at(browser, None) as page:
        turn(page)
        page.goto(served.url)
        expect(rows(page)).to_have_count(5)
        for number in (1, 2):
            with page.expect_response("**/api/fleet") as answer:
                page.clock.fast_forward(POLL)
            assert answer.value.status == 304 and served.unchanged == number
        expect(rows(page)).to_have_count(5)


def test_nothing_is_asked_while_nobody_looks(browser: Browser, served: Served) -> None:
    with page_at(browser, None) as page:
        turn(page)
        page.goto(served.url)
        expect(rows(page)).to_have_count(5)
        look = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); "
        look += "document.dispatchEvent(new Event('visibilitychange')) }"
        page.evaluate(look, True)
        asked = len(served.asked)
        page.clock.fast_forward(10 * POLL)
        assert len(served.asked) == asked
        with page.expect_response("**/api/fleet"):
            page.evaluate(look, False)


def test_ages_follow_the_servers_clock(browser: Browser, served: Served) -> None:
    """The viewer's is eleven months behind."""
    with page_at(browser, None) as page:
        turn(page)
        page.goto(served.url)
        row = rows(page).filter(has_text="reporting_copies")
        expect(row).to_contain_text("10 h 20 min old")
        page.clock.fast_forward(3 * 60_000 + 30_000)
        expect(row).to_contain_text("10 h 23 min old")
        expect(page.locator("header")).to_contain_text("checked 6 min ago, every 5 min")


def fleet_of(number: int) -> list[dict[str, Any]]:
    """Services of all kinds, in no order."""
    kinds = case("fleet")["services"]
    return [
        {**json.loads(json.dumps(kinds[at * 7 % 5])), "service": f"service_{at:03}"} for at in range(number)
    ]


FIRST_ROWS = """() => new Promise((done) => {
  const look = () => {
    const [mark] = performance.getEntriesByName("first rows");
    if (mark) done(mark.startTime);
    else requestAnimationFrame(look);
  };
  look();
})"""
FRAMES = """() => new Promise((done) => {
  const began = performance.now();
  let frames = 0;
  const step = () => {
    scrollBy(0, 60);
    frames += 1;
    if (frames < 120) requestAnimationFrame(step);
    else done(frames / (performance.now() - began) * 1000);
  };
  requestAnimationFrame(step);
})"""


def test_a_thousand_services(browser: Browser, served: Served) -> None:
    """Every row is there to be found; only those near to what is seen are written out.

    With ``-s`` it says how long the first rows took and how fast it scrolls.
    """
    served.fleet(services=fleet_of(1000))
    with page_at(browser, served.url) as page:
        expect(rows(page)).to_have_count(1000)
        arrived = "performance.getEntriesByName(new URL('api/fleet', location.href).href)[0].responseEnd"
        seen = page.evaluate(FIRST_ROWS)
        print(
            f"\nFirst rows after {seen:.0f} ms, of which {seen - page.evaluate(arrived):.0f} ms our own;",
            end=" ",
        )
        print(f"{page.evaluate(FRAMES):.0f} frames a second while scrolling")
        page.evaluate("scrollTo(0, 0)")
        written = page.locator("tbody .copies")
        expect(written.first).to_be_visible()
        until(lambda: 10 < written.count() < 100, 60, "what is out of sight is kept")
        page.evaluate("scrollTo(0, 30000)")
        expect(page.locator("thead")).to_be_in_viewport()
        middle = "document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest('tr').dataset.service"
        row = rows(page).filter(has=page.get_by_role("link", name=page.evaluate(middle), exact=True))
        expect(row.locator(".copies")).to_be_visible()
        until(lambda: written.count() < 100, 60, "what is out of sight is kept")
        page.get_by_role("searchbox").fill("service_99")
        expect(rows(page)).to_have_count(10)
        expect(written).to_have_count(10)
