"""The board's pages in a real browser, with answers that the tests make up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.board.browser import browser, page_at, picture
from tests.board.served import NOW, Served, case
from tests.site import until

__all__ = ["browser"]
FUNCTIONS = case("functions")
POLL = 11_000
"""Milliseconds after which the page has asked again."""
SERVICE = "#/service/aastmphpux"


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    served.fleet()
    served.service()
    yield served
    served.stop()


def rows(page: Page) -> Locator:
    return page.locator("tbody tr")


def names(page: Page) -> list[str]:
    return page.locator("a.service").all_text_contents()


def top(element: Locator) -> float:
    """Where it is in what is seen."""
    box = element.bounding_box()
    assert box
    return box["y"]


def turn(page: Page) -> None:
    """Take the page's clock into the test's hands, before it is opened; it is far from the server's."""
    page.clock.install(time="2026-01-01T00:00:00Z")


# -- Functions


@pytest.fixture(scope="module")
def modules(browser: Browser) -> Iterator[Page]:
    served = Served()
    served.fleet()
    with page_at(browser, served.url) as page:
        yield page
    served.stop()


@pytest.mark.parametrize("one", FUNCTIONS, ids=[f"{one['module']}.{one['call']}" for one in FUNCTIONS])
def test_functions(modules: Page, one: dict[str, Any]) -> None:
    given = modules.evaluate(
        "async ([module, call, words]) => (await import(`./static/${module}.js`))[call](...words)",
        [one["module"], one["call"], one["with"]],
    )
    spaces = json.loads(json.dumps(given, ensure_ascii=False).replace("\u00a0", " "))
    assert spaces == one["gives"]


# -- The fleet


def test_the_fleet_worst_first_each_with_symbol_word_and_reason(browser: Browser, served: Served) -> None:
    with page_at(browser, served.url) as page:
        expect(rows(page)).to_have_count(5)
        assert names(page) == ["billing_test", "lnxpp", "reporting_copies", "crm_pprod", "aastmphpux"]
        marks = page.locator("td:first-child .status").all_inner_texts()
        assert marks == ["✕ down", "? unknown", "! warn", "✓ up", "✓ up"]
        down = rows(page).first
        expect(down).to_contain_text("DEV002 -> CLONE002 (1A11 -> 1AB5): Failed")
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
        expect(page.locator("header")).to_contain_text("looked 6 min ago, every 5 min")


# -- When something is wrong


def test_nothing_is_green_when_nobody_has_looked(browser: Browser, served: Served) -> None:
    served.fleet(looked=None)
    with page_at(browser, served.url) as page:
        expect(page.get_by_role("status")).to_contain_text("No look at the copies yet")
        expect(page.locator("td .status.up")).to_have_count(0)
        expect(page.get_by_role("button", name="unknown 3")).to_be_visible()
        expect(rows(page).filter(has_text="crm_pprod")).to_contain_text("? was up")


def test_nothing_stays_green_when_the_looks_or_the_server_end(browser: Browser, served: Served) -> None:
    with page_at(browser, None, expected="api/fleet|ERR_FAILED") as page:
        turn(page)
        page.goto(served.url)
        expect(page.locator("td .status.up")).to_have_count(2)
        page.route("**/api/fleet", lambda route: route.abort())
        page.clock.fast_forward(POLL)
        expect(page.get_by_role("status")).to_contain_text(
            "The server does not answer. This is what was known at 11:00"
        )
        expect(page.locator("td .status.up")).to_have_count(2)
        page.clock.fast_forward(15 * 60_000)
        expect(page.get_by_role("status")).to_contain_text("The last look at the copies was 17 min ago")
        expect(page.locator("td .status.up")).to_have_count(0)
        page.unroute("**/api/fleet")
        served.fleet(looked="2026-11-26T10:15:00+00:00", now="2026-11-26T10:15:30+00:00")
        page.clock.fast_forward(POLL)
        expect(page.locator("td .status.up")).to_have_count(2)
        expect(page.get_by_role("status")).to_be_empty()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "Your login has expired. Log in again"),
        (500, "The server answered 500: refused with 500."),
    ],
)
def test_the_server_refuses(browser: Browser, served: Served, status: int, said: str) -> None:
    served.answers["clones/api/fleet"] = status
    with page_at(browser, served.url, expected=str(status)) as page:
        expect(page.get_by_role("status")).to_have_text(said)


def test_a_service_that_is_not_there_or_not_to_be_seen(browser: Browser, served: Served) -> None:
    with page_at(browser, f"{served.url}#/service/other", expected="404") as page:
        expect(page.get_by_role("status")).to_have_text("There is no service other, or you may not see it.")


def test_a_configuration_that_cannot_be_read_is_said(browser: Browser, served: Served) -> None:
    served.fleet(error="services.yaml cannot be read: line 3: no such key")
    with page_at(browser, served.url) as page:
        expect(page.get_by_role("status")).to_have_text("services.yaml cannot be read: line 3: no such key")
        expect(rows(page)).to_have_count(5)


HOSTILE = "<img src=x onerror=alert(1)>\"'`${1}"


def test_what_comes_as_data_is_shown_as_text(browser: Browser, served: Served) -> None:
    """Every text of both views is replaced by markup that would act."""

    def poisoned(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: poisoned(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [poisoned(one, key) for one in value]
        times = re.fullmatch(r"\d{4}-\d\d-\d\d.*", value) if isinstance(value, str) else True
        return value if times or key in ("status", "state") else HOSTILE

    fleet, service = poisoned(case("fleet")), poisoned(served.service())
    fleet["services"] = fleet["services"][:1]
    fleet["services"][0]["last_run"]["url"] = "javascript:alert(1)"
    service |= {"service": HOSTILE, "ages": {HOSTILE: {"sync_max_delay": 60, "copies": []}}}
    service["actions"] = [{**one, "dag_id": None, "allowed": True} for one in service["actions"]]
    served.answers["clones/api/fleet"] = fleet
    served.answers["clones/api/services/aastmphpux"] = service
    with page_at(browser, served.url) as page:
        expect(page.locator("a.service")).to_have_text(HOSTILE)
        assert page.locator("img").count() == 0
        assert page.locator("a[href^='javascript:']").count() == 0
        page.goto(served.url + SERVICE)
        expect(page.get_by_role("heading", name="Run records")).to_be_visible()
        expect(page.get_by_text(HOSTILE).first).to_be_visible()
        assert page.locator("img").count() == 0


# -- One service


def test_one_service(browser: Browser, served: Served) -> None:
    with page_at(browser, served.url + SERVICE) as page:
        pairs = page.get_by_role("region", name="Pairs")
        expect(pairs.get_by_role("row").nth(1)).to_contain_text("DEV001=1234:CLONE001=4321")
        expect(pairs.get_by_role("row").nth(1)).to_contain_text("CopyInProg")
        expect(pairs.get_by_role("row").nth(1)).to_contain_text("48,511")
        expect(pairs).to_contain_text("Seen 2 min ago")
        runs = page.get_by_role("region", name="Last runs")
        expect(runs.get_by_role("row")).to_have_count(31)
        expect(runs.get_by_role("row").nth(2)).to_contain_text("stop 41 s, resync 3 min, copy")
        expect(runs.locator("svg").nth(1).locator("rect.copy")).to_have_count(2)
        expect(runs.locator("svg").nth(4).locator("rect.failed")).to_have_count(2)
        plot = page.get_by_role("img", name=re.compile("^data: "))
        expect(plot).to_have_attribute("aria-label", re.compile("oldest 3.d 0.h, beyond the limit 2 times"))
        records = page.get_by_role("region", name="Run records")
        expect(records).to_contain_text("Stopped at resync.archivelogs.recreate.")
        expect(records).to_contain_text("down  vg vgCVI on aastmphpux")
        expect(records).to_contain_text("Commands that only looked: 1.")
        expect(records).to_contain_text("Tue 12:00")
        page.set_viewport_size({"width": 1360, "height": 1120})
        picture(page, "service")


def test_the_record_that_airflows_button_asks_for(browser: Browser, served: Served) -> None:
    (record,) = case("service")["records"]
    served.answers["clones/api/services/aastmphpux/records/aastmphpux/manual__stopped"] = record
    with page_at(browser, f"{served.url}{SERVICE}/run/aastmphpux/manual__stopped") as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("Clones / aastmphpux / manual__stopped")
        expect(page.get_by_text("Stopped at resync.archivelogs.recreate.")).to_be_visible()


def test_what_is_unfolded_and_focused_stays_so(browser: Browser, served: Served) -> None:
    with page_at(browser, None) as page:
        turn(page)
        page.goto(served.url + SERVICE)
        page.get_by_role("region", name="Run records").locator("summary").click()
        page.get_by_text("27 copies").first.click()
        link = page.get_by_role("region", name="Last runs").get_by_role("link").nth(1)
        link.focus()
        found = served.service()
        found["records"][0]["record"]["reason"] = "changed"
        found["runs"][0]["state"] = "failed"
        page.clock.fast_forward(POLL)
        expect(page.get_by_role("region", name="Last runs")).to_contain_text("failed")
        expect(link).to_be_focused()
        assert page.locator("details[data-key='record manual__stopped']").get_attribute("open") is None
        assert page.locator("details[data-key='copies data']").get_attribute("open") is not None


# -- Triggering

PARAMS = {
    "action": {
        "value": "refresh",
        "schema": {
            "type": "string",
            "title": "Action",
            "enum": ["refresh", "update", "stop"],
            "values_display": {"stop": "stop: stop the service"},
        },
    },
    "reason": {"value": "", "schema": {"type": ["string", "null"], "title": "Reason", "maxLength": 500}},
    "plan_only": {"value": False, "schema": {"type": "boolean", "title": "Plan only"}},
}


def test_an_action_is_triggered_by_airflow_with_what_its_form_asks_for(
    browser: Browser, served: Served
) -> None:
    served.answers["api/v2/dags/aastmphpux/details"] = {"params": PARAMS, "is_paused": False}
    served.answers["api/v2/dags/aastmphpux/dagRuns"] = {"dag_run_id": "manual__1"}
    with page_at(browser, served.url + SERVICE) as page:
        page.get_by_role("button", name="stop…").click()
        form = page.get_by_role("dialog", name="Trigger aastmphpux")
        expect(form.get_by_label("Action")).to_have_value("stop")
        expect(form.get_by_label("Reason")).to_be_focused()
        form.get_by_role("button", name="Trigger").click()
        assert not [one for one in served.asked if one[0] == "POST"], "a reason is asked for"
        page.keyboard.type("new release")
        form.get_by_label("Plan only").check()
        page.keyboard.press("Enter")
        expect(form.get_by_role("link", name="manual__1")).to_have_attribute(
            "href", "/dags/aastmphpux/runs/manual__1"
        )
        conf = {"action": "stop", "reason": "new release", "plan_only": True}
        body = {"logical_date": None, "conf": conf}
        assert [one for one in served.asked if one[0] == "POST"] == [
            ("POST", "api/v2/dags/aastmphpux/dagRuns", body)
        ]
        form.get_by_role("button", name="Close").click()
        expect(page.get_by_role("button", name="stop…")).to_be_focused()


def test_a_refusal_is_said_and_can_be_mended(browser: Browser, served: Served) -> None:
    served.answers["api/v2/dags/aastmphpux/details"] = {"params": PARAMS, "is_paused": True}
    served.answers["api/v2/dags/aastmphpux/dagRuns"] = 403
    with page_at(browser, served.url + SERVICE, expected="403") as page:
        page.get_by_role("button", name="refresh…").click()
        form = page.get_by_role("dialog")
        expect(form).to_contain_text("paused")
        form.get_by_label("Reason").fill("why")
        form.get_by_role("button", name="Trigger").click()
        expect(form.get_by_role("alert")).to_have_text(
            "Airflow refused it (403): refused with 403. Nothing was triggered."
        )
        expect(form.get_by_role("button", name="Trigger")).to_be_enabled()
        page.keyboard.press("Escape")
        expect(form).to_have_count(0)


def test_who_may_not_trigger_has_no_button(browser: Browser, served: Served) -> None:
    actions = [{**one, "allowed": False} for one in case("service")["actions"]]
    served.service(may_trigger=False, actions=actions)
    with page_at(browser, served.url) as page:
        expect(page.get_by_role("button", name=re.compile("^Trigger"))).to_have_count(3)
        expect(rows(page).filter(has_text="lnxpp").get_by_role("button")).to_have_count(0)
        page.goto(served.url + SERVICE)
        expect(page.get_by_text("You may look at this service, not trigger it.")).to_be_visible()
        expect(page.get_by_role("button")).to_have_count(0)


# -- In Airflow's frame


def test_in_airflows_frame(browser: Browser, served: Served) -> None:
    """It may neither navigate the window nor open one; what is shown stands in the window's address."""
    with page_at(browser, f"{served.root}/plugin/clones") as page:
        frame = page.frame_locator("iframe")
        frame.get_by_role("link", name="aastmphpux").click()
        expect(frame.get_by_role("heading", level=1)).to_contain_text("aastmphpux")
        expect(page).to_have_url(f"{served.root}/plugin/clones/clones/{SERVICE}")
        page.go_back()
        expect(frame.get_by_role("heading", level=1)).to_have_text("Clones")
        expect(page).to_have_url(f"{served.root}/plugin/clones/clones/")
        frame.get_by_role("link", name="update stopped at").click()
        expect(page).to_have_url(f"{served.root}/dags/billing_test/runs/manual__7")


def test_a_click_with_control_opens_another_window(browser: Browser, served: Served) -> None:
    with page_at(browser, f"{served.root}/plugin/clones") as page:
        link = page.frame_locator("iframe").get_by_role("link", name="update stopped at")
        with page.context.expect_page() as opened:
            link.click(modifiers=["Control"])
        expect(opened.value).to_have_url(f"{served.root}/dags/billing_test/runs/manual__7")
        expect(page).to_have_url(f"{served.root}/plugin/clones/clones/")


def test_it_follows_airflows_theme_and_zone(browser: Browser, served: Served) -> None:
    with page_at(browser, f"{served.root}/plugin/clones", color_scheme="dark") as page:
        frame = page.frame_locator("iframe")
        html = frame.locator("html")
        expect(html).to_have_attribute("data-theme", "dark")
        expect(frame.locator("header")).to_contain_text("times in Europe/Paris")
        page.evaluate("localStorage.setItem('theme', 'light')")
        expect(html).to_have_attribute("data-theme", "light")
        page.evaluate("localStorage.setItem('theme', 'system')")
        expect(html).to_have_attribute("data-theme", "dark")
        page.emulate_media(color_scheme="light")
        expect(html).to_have_attribute("data-theme", "light")
        next_run = frame.locator("tr", has_text="crm_pprod").locator("td:nth-last-child(2)")
        expect(next_run).to_contain_text("Fri 03:30")
        page.evaluate("localStorage.setItem('timezone', '\"Asia/Tokyo\"')")
        expect(next_run).to_contain_text("Fri 11:30")
        expect(frame.locator("header")).to_contain_text("times in Asia/Tokyo")


# -- For everybody

CONTRASTS = """() => {
  const rgba = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgba(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return rgba(getComputedStyle(document.documentElement).backgroundColor);
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest(".unseen, script, noscript, title")) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(rgba(element.closest("svg") ? style.fill : style.color)), light(paper(element))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), texts.currentNode.data.trim()]);
  }
  return found;
}"""
NAMELESS = """() => [...document.querySelectorAll(
    "button, a[href], input, select, summary, [role=img], [role=progressbar]")]
  .filter((one) => !(one.getAttribute("aria-label") || one.labels?.length || one.textContent.trim()))
  .map((one) => one.outerHTML)"""
TWICE = """() => { const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  return ids.filter((id, at) => ids.indexOf(id) !== at) }"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", ["", SERVICE, "dialog"])
def test_it_can_be_read_by_everybody(browser: Browser, served: Served, theme: Any, view: str) -> None:
    served.answers["api/v2/dags/aastmphpux/details"] = {"params": PARAMS, "is_paused": True}
    with page_at(browser, served.url + view.replace("dialog", SERVICE), color_scheme=theme) as page:
        page.locator("main[data-ready]").wait_for()
        if view == "dialog":
            page.get_by_role("button", name="refresh…").click()
            expect(page.get_by_label("Reason")).to_be_visible()
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 50
        assert [one for one in contrasts if one[0] < 4.5] == []
        assert page.evaluate(NAMELESS) == [] and page.evaluate(TWICE) == []
        assert page.evaluate("document.documentElement.lang") == "en"
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        headings = page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map((one) => +one.tagName[1])")
        assert all(after - before <= 1 for before, after in pairwise(headings))


def test_the_list_is_a_table_to_a_screen_reader(browser: Browser, served: Served) -> None:
    """Though its rows are laid out as grids, which would take the roles away."""
    with page_at(browser, served.url) as page:
        expect(page.get_by_role("table", name="Services")).to_be_visible()
        expect(page.get_by_role("columnheader")).to_have_count(7)
        expect(page.get_by_role("row")).to_have_count(6)
        expect(page.get_by_role("rowheader")).to_have_count(5)
        expect(page.get_by_role("cell")).to_have_count(30)


def test_by_keyboard_alone(browser: Browser, served: Served) -> None:
    served.service("billing_test")
    served.answers["api/v2/dags/billing_test/details"] = {"params": PARAMS, "is_paused": False}
    served.answers["api/v2/dags/billing_test/dagRuns"] = {"dag_run_id": "manual__1"}
    with page_at(browser, served.url) as page:
        expect(rows(page)).to_have_count(5)

        def walk_to(target: Locator) -> None:
            for _ in range(60):
                page.keyboard.press("Tab")
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", page.evaluate("document.activeElement.outerHTML")
                if target.evaluate("one => one === document.activeElement"):
                    return
            raise AssertionError("not reached by Tab")

        walk_to(page.get_by_role("searchbox"))
        page.keyboard.type("billing")
        expect(rows(page)).to_have_count(1 + 1)  # the other is held up by it
        walk_to(page.get_by_role("button", name="down 1"))
        page.keyboard.press("Space")
        expect(rows(page)).to_have_count(1)
        walk_to(page.get_by_role("link", name="billing_test", exact=True))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("billing_test")
        expect(page.locator("main")).to_be_focused()
        walk_to(page.get_by_role("button", name="update…"))
        page.keyboard.press("Enter")
        expect(page.get_by_label("Reason")).to_be_focused()
        page.keyboard.type("by keyboard")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_contain_text("Triggered: manual__1")
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="update…")).to_be_focused()


# -- 1,000 services


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
