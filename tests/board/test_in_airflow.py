"""The board in a real Airflow, in a real browser, beside the lab: what its users see and press."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from lab.config import load as load_lab
from private_airflow.environment import free_port
from tests.board.browser import browser, page_at, picture
from tests.conftest import SERVICES, SYMID
from tests.support.shared import SharedAirflow
from tests.support.site import SERVICE, Site, until
from tests.support.tables import load_yaml

__all__ = ["browser"]
pytestmark = pytest.mark.airflow

BOARD = "/plugin/clones"
LONG = 240_000
"""Milliseconds that a run, or Airflow's own pages, may take on a busy machine."""
COPY_RATE = 100
"""Tracks a second, of which the lab makes 15 times as many: slow enough to be watched on a busy machine."""


def services() -> dict[str, Any]:
    """The example configuration, with limits and one more service so that the lab shows every status."""
    found: dict[str, Any] = load_yaml(SERVICES.read_text())
    found["status"] = {"every_minutes": "none"}  # only those that the test asks for
    found["services"][SERVICE]["sync_max_delay"] = 25 * 60  # its copies are a day and two hours old
    found["services"]["billing_test"] = {
        "description": "Test copy of the billing database",
        "control_host": "elsewhere",
        "schedule": "none",
        "sync_max_delay": 480,
        "resources": [],
        "unattended": True,
        "syncs": [{"name": "data", "symid": "000197800123", "pairs": ["0A001:0B001"]}],
    }
    return found


@pytest.fixture(scope="module")
def site(shared: SharedAirflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests of this file: one service is too old, one down, one unknown and one up."""
    home = tmp_path_factory.mktemp("board")
    config = home / "services-of-the-test.yaml"
    config.write_text(yaml.safe_dump(services(), sort_keys=False))
    arrays = load_lab().model_dump()
    arrays["arrays"][0]["copy_rate"] = COPY_RATE
    nowhere = {"conn_type": "ssh", "host": "127.0.0.1", "port": free_port(), "login": "x"}
    with shared.site(home, services=config, arrays=arrays, connections={"elsewhere": nowhere}) as site:
        site.unpause("clone_status")
        site.lab.set_state(SYMID, "1236", "4323", "Failed")
        sweep(site)
        site.lab.set_state(SYMID, "1236", "4323", "Copied")
        yield site


def sweep(site: Site) -> None:
    """One look at all copies, now."""
    run_id = site.rest.trigger("clone_status")
    until(lambda: site.rest.dag_run("clone_status", run_id)["state"] == "success", 200, "no sweep")


@contextmanager
def logged_in(browser: Browser, site: Site, path: str, user: str = "admin", **options: Any) -> Iterator[Page]:
    """A page of Airflow, as this user."""
    with page_at(browser, None, **options) as page:
        page.set_default_timeout(LONG)
        page.set_default_navigation_timeout(LONG)
        token = site.airflow.client(user).token()
        page.context.add_cookies([{"name": "_token", "value": token, "url": site.airflow.url}])
        page.goto(site.airflow.url + path)
        yield page


def board(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[title=Clones]")


def row(page: Page, service: str) -> Locator:
    return board(page).locator("tbody tr", has=page.locator(f"a.service[href$='/{service}']"))


def test_every_status_in_airflows_navigation(browser: Browser, site: Site) -> None:
    with logged_in(browser, site, "/") as page:
        page.get_by_role("link", name="Clones").click()
        expect(page).to_have_url(re.compile(f"{BOARD}/clones/"), timeout=LONG)
        marks = board(page).locator("td:first-child .status")
        expect(marks).to_have_text(["✕ down", "? unknown", "! warn", "✓ up"], timeout=LONG)
        names = board(page).locator("a.service")
        expect(names).to_have_text(["reporting_copies", "billing_test", SERVICE, "lnxpp"])
        expect(row(page, "reporting_copies")).to_contain_text("Failed")
        expect(row(page, SERVICE)).to_contain_text("old, limit 1 d 1 h")
        expect(row(page, SERVICE)).to_contain_text("no run yet")
        expect(row(page, "lnxpp")).to_contain_text("paused")
        picture(page, "fleet")


@pytest.mark.parametrize(("user", "may"), [("view", False), ("oper", True)])
def test_who_may_trigger(browser: Browser, site: Site, user: str, may: bool) -> None:
    with logged_in(browser, site, BOARD, user) as page:
        expect(row(page, SERVICE)).to_be_visible(timeout=LONG)
        expect(row(page, SERVICE).get_by_role("button")).to_have_count(int(may))
        row(page, SERVICE).get_by_role("link", name=SERVICE).click()
        actions = board(page).get_by_role("region", name="Actions")
        expect(actions.get_by_role("button")).to_have_count(6 * may, timeout=LONG)


def test_a_refresh_from_click_to_green(browser: Browser, site: Site) -> None:
    """Triggered on the board; its progress is seen to move, and after the next look the service is up."""
    with logged_in(browser, site, f"{BOARD}/clones/#/service/{SERVICE}") as page:
        board(page).get_by_role("button", name="refresh…").click()
        form = board(page).get_by_role("dialog")
        expect(form.get_by_label("Action")).to_have_value("refresh", timeout=LONG)
        form.get_by_label("Reason").fill("to be seen on the board")
        form.get_by_role("button", name="Trigger").click()
        link = form.get_by_role("link")
        expect(link).to_contain_text("manual__", timeout=LONG)
        run_id = link.inner_text()
        site.lab.note("run begins", service=SERVICE, run=run_id, action="refresh")
        form.get_by_role("button", name="Close").click()
        board(page).get_by_role("link", name="Clones").click()
        expect(row(page, SERVICE).get_by_role("link", name="refresh", exact=True)).to_be_visible(timeout=LONG)
        bars = row(page, SERVICE).get_by_role("progressbar", name="data copied")
        began = int(bars.get_attribute("aria-valuenow", timeout=LONG) or 0)
        page.wait_for_function(
            """before => { const bar = document.querySelector("iframe").contentDocument
                 .querySelector("[aria-label='data copied']");
               return Number(bar?.getAttribute("aria-valuenow")) > before }""",
            arg=began,
            timeout=LONG,
        )
        site.lab.set_rate(SYMID, 1e6)  # enough was seen
        expect(row(page, SERVICE)).to_contain_text("refresh done", timeout=LONG)
        assert site.wait(run_id) == "success"
        sweep(site)
        expect(row(page, SERVICE)).to_contain_text("✓ up", timeout=LONG)
        expect(row(page, SERVICE)).to_contain_text("nothing runs")


def test_one_service_after_its_refresh(browser: Browser, site: Site) -> None:
    (run,) = site.rest.request("GET", f"/dags/{SERVICE}/dagRuns")["dag_runs"]
    run_id = run["dag_run_id"]
    with logged_in(browser, site, f"{BOARD}/clones/#/service/{SERVICE}") as page:
        pairs = board(page).get_by_role("region", name="Pairs")
        expect(pairs.get_by_role("row").nth(1)).to_contain_text("Copied", timeout=LONG)
        runs = board(page).get_by_role("region", name="Last runs")
        expect(runs.get_by_role("row").nth(1)).to_contain_text("done")
        expect(runs.locator("svg rect.copy")).not_to_have_count(0)
        expect(board(page).get_by_role("img", name=re.compile("^data: "))).to_be_visible()
        expect(board(page).get_by_role("region", name="Run records")).to_contain_text(
            "to be seen on the board"
        )
        runs.get_by_role("row").nth(1).get_by_role("link").click()
        expect(page).to_have_url(re.compile(f"/dags/{SERVICE}/runs/"), timeout=LONG)
        expect(
            page.get_by_text("to be seen on the board").or_(page.get_by_text(run_id)).first
        ).to_be_visible()


def test_airflows_button_leads_to_the_record(browser: Browser, site: Site) -> None:
    (run,) = site.rest.request("GET", f"/dags/{SERVICE}/dagRuns")["dag_runs"]
    links = f"/dags/{SERVICE}/dagRuns/{run['dag_run_id']}/taskInstances/finish/links"
    place = site.rest.request("GET", links)["extra_links"]["Run record"]
    with logged_in(browser, site, place) as page:
        expect(board(page).get_by_text("Done.", exact=True)).to_be_visible(timeout=LONG)
        expect(board(page).get_by_role("heading", level=1)).to_contain_text(run["dag_run_id"])


def test_every_step_has_a_button_that_leads_to_its_service(browser: Browser, site: Site) -> None:
    (run,) = site.rest.request("GET", f"/dags/{SERVICE}/dagRuns")["dag_runs"]
    of_run = f"/dags/{SERVICE}/dagRuns/{run['dag_run_id']}/taskInstances"
    steps = site.rest.request("GET", of_run)["task_instances"]
    ended = [step["task_id"] for step in steps if step["state"] == "success"]
    assert "break.data.wait_copied" in ended and "finish" in ended
    for step in ended:
        links = site.rest.request("GET", f"{of_run}/{step}/links")["extra_links"]
        assert links["Board"] == f"{BOARD}/clones/#/service/{SERVICE}", step
    (look, *_) = site.rest.request("GET", "/dags/clone_status/dagRuns")["dag_runs"]
    swept = f"/dags/clone_status/dagRuns/{look['dag_run_id']}/taskInstances/sweep/links"
    assert site.rest.request("GET", swept)["extra_links"]["Board"] == f"{BOARD}/clones/#/"
    with logged_in(browser, site, f"/dags/{SERVICE}/runs/{run['dag_run_id']}/tasks/finish/details") as page:
        button = page.get_by_role("link", name="Board", exact=True)
        expect(button).to_be_visible(timeout=LONG)
        expect(page.get_by_role("link", name="Run record", exact=True)).to_be_visible()
        page.goto(site.airflow.url + (button.get_attribute("href") or ""))
        expect(board(page).get_by_role("heading", level=1)).to_contain_text(SERVICE, timeout=LONG)
