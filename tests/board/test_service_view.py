"""One service in a real browser, and the triggering of its actions."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from tests.board.browser import POLL, SERVICE, browser, page_at, picture, rows, turn
from tests.board.served import PARAMS, Served, case, served

__all__ = ["browser", "served"]


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
        expect(records).to_contain_text("Read-only commands: 1.")
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
        expect(page.get_by_text("You may view this service, but not trigger it.")).to_be_visible()
        expect(page.get_by_role("button")).to_have_count(0)


def test_one_is_no_plural(browser: Browser, served: Served) -> None:
    copies = [{"at": "2026-11-26T09:00:00+00:00", "point_in_time": "2026-11-26T08:58:00+00:00"}]
    served.service(ages={"data": {"sync_max_delay": 97200, "copies": copies}})
    served.fleet(services=case("fleet")["services"][:1])
    with page_at(browser, served.url + SERVICE) as page:
        expect(page.get_by_text("1 copy", exact=True)).to_be_visible()
        page.goto(served.url)
        expect(page.get_by_text("1 service", exact=True)).to_be_visible()


def test_runs_of_one_minute_can_be_told_apart(browser: Browser, served: Served) -> None:
    found = served.service()
    first, second = found["runs"][:2]
    second |= {"began": first["began"].replace(":00+", ":41+"), "run_id": "manual__2", "action": "resync"}
    second |= {"ended": second["began"], "phases": []}
    record = found["records"][0]["record"]
    record |= {"action": "resync", "result": {"result": "refused", "at": "plan", "text": "Refused at plan."}}
    with page_at(browser, served.url + SERVICE) as page:
        shown = page.get_by_role("region", name="Last runs").get_by_role("row")
        expect(shown.nth(1)).to_contain_text("10:30:00")
        expect(shown.nth(2)).to_contain_text("10:30:41")
        expect(shown.nth(2)).to_contain_text("resync")
        expect(shown.nth(2).get_by_role("link")).to_have_attribute("title", "manual__2")
        records = page.get_by_role("region", name="Run records")
        expect(records.locator("summary")).to_contain_text("resync: refused, Tue 12:00:00 manual__stopped")
