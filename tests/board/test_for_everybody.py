"""The board for whoever sees badly, cannot see, or has no mouse."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.board.browser import SERVICE, browser, page_at, rows
from tests.board.served import PARAMS, Served, served

__all__ = ["browser", "served"]


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
