"""A service with snapshots on the board: what its actions say."""

from __future__ import annotations

from datetime import UTC, datetime

from playwright.sync_api import Browser, expect

from board.fleet import Facts
from board.service import actions
from hooks.configuration import load
from tests.board.browser import SERVICE, browser, page_at
from tests.board.served import PARAMS, Served, served
from tests.conftest import POWERMAX

__all__ = ["browser", "served"]

LOST = "what was written on the copies since they were linked is lost"


def test_what_its_actions_say() -> None:
    service = load(POWERMAX).services["pm"]
    found = Facts(datetime.now(UTC), {"pm": service}, 5, {}, {})
    shown = {one["action"]: one for one in actions(found, "pm", service)}
    assert LOST in shown["rewind"]["title"] and shown["rewind"]["refused"] == ""
    assert "set" not in shown["rewind"]


def test_a_rewind_says_what_is_lost_before_it_is_pressed_and_in_its_form(
    browser: Browser, served: Served
) -> None:
    rewind = {"action": "rewind", "title": LOST, "dag_id": "aastmphpux", "allowed": True, "refused": ""}
    served.service(actions=[{**rewind, "url": None}])
    schema = {"type": "string", "title": "Action", "enum": ["refresh", "rewind"]}
    params = {**PARAMS, "action": {**PARAMS["action"], "schema": schema}}
    served.answers["api/v2/dags/aastmphpux/details"] = {"params": params, "is_paused": False}
    with page_at(browser, served.url + SERVICE) as page:
        region = page.get_by_role("region", name="Actions")
        expect(region).to_contain_text(LOST)
        page.get_by_role("button", name="rewind…").click()
        form = page.get_by_role("dialog", name="Trigger aastmphpux")
        expect(form).to_contain_text(LOST)
        expect(form.get_by_label("Action")).to_have_value("rewind")
