"""The board within the frame that Airflow puts around it."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.board.browser import SERVICE, browser, page_at
from tests.board.served import Served, served

__all__ = ["browser", "served"]


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
