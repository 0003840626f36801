"""A service with target sets in a real browser: its sets, and the way back to another one."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.board.browser import SERVICE, browser, page_at, picture, rows
from tests.board.served import PARAMS, Served, case, served

__all__ = ["browser", "served"]

SET = {
    "value": "",
    "description": "Mostly empty",
    "schema": {"type": "string", "title": "Target set", "enum": ["", "a", "b"]},
}


def served_on_sets(served: Served, **rewind: Any) -> None:
    """:param rewind: what is different of that action."""
    found = case("two_sets")
    for action in found["actions"]:
        if action["action"] == "rewind":
            action.update(rewind)
    phases = [
        {"phase": "prepare", "sync": None, "began": run["began"], "ended": run["began"], "state": "success"}
        for run in served.service()["runs"][:1]
    ]
    service = served.service(**found)
    service["runs"][0]["phases"] += phases


def test_the_sets_and_the_way_back(browser: Browser, served: Served) -> None:
    served_on_sets(served)
    with page_at(browser, served.url + SERVICE) as page:
        expect(page.get_by_role("region", name="Status")).to_contain_text("uses set b")
        sets = page.get_by_role("region", name="Target sets")
        first, second, third, fourth = (sets.get_by_role("row").nth(at) for at in range(1, 5))
        expect(first).to_contain_text(re.compile("^aspare"))
        expect(first).to_contain_text("Wed 03:31 1 d 7 h ago")
        expect(second).to_contain_text("CopyInProg; 63% copied, ends in 11 min")
        expect(third).to_contain_text(re.compile("^bin use"))
        expect(fourth).to_contain_text("03:34 7 h 26 min ago")
        copies = page.get_by_role("region", name="Copies", exact=True)
        expect(copies.get_by_role("listitem")).to_have_count(2)
        pairs = page.get_by_role("region", name="Pairs")
        expect(pairs.get_by_role("columnheader").first).to_have_text("Set")
        expect(pairs.get_by_role("row").nth(3)).to_contain_text(re.compile("^bdata0C01 -> 0E01"))
        expect(page.locator(".legend li").nth(4)).to_have_text("prepare")
        button = page.get_by_role("button", name="rewind to set a of 25 Nov 2026, 03:31:00 CET…")
        expect(button).to_be_enabled()
        actions = page.get_by_role("region", name="Actions")
        expect(actions).to_contain_text(
            "What was written on set b, a copy of 26 Nov 2026, 03:32:00 CET, is no longer seen, and is "
            "lost with the next refresh."
        )
        page.set_viewport_size({"width": 1360, "height": 1120})
        picture(page, "two-sets")


def test_a_rewind_is_triggered_with_its_set_and_says_what_is_lost(browser: Browser, served: Served) -> None:
    served_on_sets(served)
    action = {
        **PARAMS["action"],
        "schema": {"type": "string", "title": "Action", "enum": ["refresh", "rewind"]},
    }
    params = {**PARAMS, "action": action, "set": SET}
    served.answers["api/v2/dags/aastmphpux/details"] = {"params": params, "is_paused": False}
    served.answers["api/v2/dags/aastmphpux/dagRuns"] = {"dag_run_id": "manual__1"}
    with page_at(browser, served.url + SERVICE) as page:
        page.get_by_role("button", name="rewind to set a").click()
        form = page.get_by_role("dialog", name="Trigger aastmphpux")
        expect(form).to_contain_text("What was written on set b")
        expect(form.get_by_label("Action")).to_have_value("rewind")
        expect(form.get_by_label("Target set")).to_have_value("a")
        form.get_by_label("Reason").fill("bad data")
        form.get_by_role("button", name="Trigger").click()
        expect(form.get_by_role("link", name="manual__1")).to_be_visible()
        conf = {"action": "rewind", "set": "a", "reason": "bad data", "plan_only": False}
        assert [body["conf"] for how, _, body in served.asked if how == "POST"] == [conf]
        page.keyboard.press("Escape")
        page.get_by_role("button", name="refresh…").click()
        expect(form.get_by_label("Target set")).to_have_value("")
        expect(form).not_to_contain_text("What was written")


def test_a_set_that_cannot_be_gone_back_to(browser: Browser, served: Served) -> None:
    served_on_sets(served, to=None, refused="sync data is not fully active: 0C01 -> 0D01 is PreCopy")
    with page_at(browser, served.url + SERVICE) as page:
        expect(page.get_by_role("button", name="rewind to set a…")).to_be_disabled()
        actions = page.get_by_role("region", name="Actions")
        expect(actions).to_contain_text("Not now: sync data is not fully active: 0C01 -> 0D01 is PreCopy")
        expect(actions).not_to_contain_text("What was written")


def test_no_way_back_while_it_is_not_known_which_set_is_in_use(browser: Browser, served: Served) -> None:
    unknown = {"name": "", "role": "not known", "why": "no run has kept which target set is in use"}
    rewind: Any = {"set": None, "to": None, "from_set": None, "leaves": None, "refused": unknown["why"]}
    served_on_sets(served, **rewind)
    found = served.answers["clones/api/services/aastmphpux"]
    found |= {"set": unknown, "status": "unknown", "why": unknown["why"]}
    with page_at(browser, served.url + SERVICE) as page:
        expect(page.get_by_role("region", name="Status")).to_contain_text("set in use not known")
        expect(page.get_by_role("button", name="rewind…")).to_be_disabled()


def test_the_list_says_which_set_is_in_use(browser: Browser, served: Served) -> None:
    fleet = case("fleet")
    first, second, third = fleet["services"][:3]
    first["set"] = {"name": "b", "role": "in use", "why": ""}
    second["set"] = {"name": "a", "role": "to start on", "why": ""}
    third["set"] = {"name": "", "role": "not known", "why": "nobody has seen it"}
    served.fleet(services=fleet["services"])

    def shown(page: Page, row: dict[str, Any]) -> Any:
        return expect(rows(page).and_(page.locator(f"[data-service={row['service']}]")))

    with page_at(browser, served.url) as page:
        shown(page, first).to_contain_text("uses set b")
        shown(page, second).to_contain_text("starts on set a")
        shown(page, third).to_contain_text("set in use not known")
        expect(rows(page).filter(has_text="lnxpp")).not_to_contain_text("set")


def test_the_record_names_the_sets(browser: Browser, served: Served) -> None:
    (record,) = case("service")["records"]
    record["record"] |= {"sets": {"from": "a", "to": "b", "in_use": "a"}}
    record["record"]["copies"][0] |= {"set": "b"}
    served.answers["clones/api/services/aastmphpux/records/aastmphpux/manual__stopped"] = record
    with page_at(browser, f"{served.url}{SERVICE}/run/aastmphpux/manual__stopped") as page:
        expect(page.get_by_text("from a to b; in use at the end: a")).to_be_visible()
        row = page.get_by_role("row").filter(has_text="prepared, not split")
        expect(row).to_contain_text(re.compile("^bdata"))
