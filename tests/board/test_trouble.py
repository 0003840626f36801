"""What the board shows in a real browser when something is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.board.browser import POLL, SERVICE, browser, page_at, rows, turn
from tests.board.served import Served, case, served

__all__ = ["browser", "served"]


def test_nothing_is_green_when_nobody_has_looked(browser: Browser, served: Served) -> None:
    served.fleet(looked=None)
    with page_at(browser, served.url) as page:
        expect(page.get_by_role("status")).to_contain_text("The copies have not been checked yet")
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
            "The server does not answer. The page shows the state of 11:00"
        )
        expect(page.locator("td .status.up")).to_have_count(2)
        page.clock.fast_forward(15 * 60_000)
        expect(page.get_by_role("status")).to_contain_text("The copies were last checked 17 min ago")
        expect(page.locator("td .status.up")).to_have_count(0)
        page.unroute("**/api/fleet")
        served.fleet(looked="2026-11-26T10:15:00+00:00", now="2026-11-26T10:15:30+00:00")
        page.clock.fast_forward(POLL)
        expect(page.locator("td .status.up")).to_have_count(2)
        expect(page.get_by_role("status")).to_be_empty()


def test_a_scheduler_that_is_dead_is_said(browser: Browser, served: Served) -> None:
    served.fleet(silent=[{"part": "scheduler", "since": "2026-11-26T09:56:00+00:00"}])
    with page_at(browser, served.url) as page:
        expect(page.get_by_role("status")).to_contain_text("Airflow's scheduler last reported 4")
        expect(page.get_by_role("status")).to_contain_text("no run starts or continues. Check that it runs.")
        served.fleet()
        page.reload()
        expect(page.get_by_role("status")).to_be_empty()


def test_what_a_run_has_just_seen_stays_green(browser: Browser, served: Served) -> None:
    """The demo, and a site that has not unpaused the sweep yet."""
    services = case("fleet")["services"]
    services[0]["seen"] = "2026-11-26T09:59:00+00:00"
    served.fleet(looked=None, services=services)
    with page_at(browser, served.url) as page:
        expect(page.locator("td .status.up")).to_have_count(1)
        expect(rows(page).filter(has_text="crm_pprod")).to_contain_text("✓ up")
        expect(page.get_by_role("status")).to_contain_text("The copies have not been checked yet")


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
