"""Debian's Chromium, driven by Playwright; whatever a page complains of fails the test."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.conftest import ROOT
from tests.support.missing import Missing

CHROMIUM = "/usr/bin/chromium"
PATIENCE = 30_000
"""Milliseconds that a page on a busy machine may take for what it does at once."""
AIRFLOWS_OWN = "An iframe which has both allow-scripts and allow-same-origin for its sandbox attribute"
"""What Chromium says of the frame that Airflow puts around a page."""
ABORTED = "net::ERR_ABORTED"
SIZE = {"width": 1360, "height": 760}
POLL = 11_000
"""Milliseconds after which the page has asked again."""
SERVICE = "#/service/aastmphpux"

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not os.access(CHROMIUM, os.X_OK):
        raise Missing(CHROMIUM, "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def page_at(browser: Browser, url: str | None, *, expected: str = "", **options: Any) -> Iterator[Page]:
    """A page of its own; it must log no error, fail no request, and open no dialog of the browser's.

    :param expected: matches the complaints that the test makes happen.
    :param options: of Playwright's `new_context`, such as `color_scheme` and `timezone_id`.
    """
    complaints: list[str] = []
    context = browser.new_context(**{"viewport": SIZE, "timezone_id": "Europe/Paris", **options})
    context.set_default_timeout(PATIENCE)
    context.set_default_navigation_timeout(2 * PATIENCE)
    page = context.new_page()

    def complain(text: str) -> None:
        if AIRFLOWS_OWN not in text and not (expected and re.search(expected, text)):
            complaints.append(text)

    page.on("console", lambda said: said.type in ("error", "warning") and complain(f"console: {said.text}"))
    page.on("pageerror", lambda error: complain(f"error: {error}"))
    # What is still asked for when the page is left is ended by the browser, and no complaint.
    page.on(
        "requestfailed",
        lambda request: request.failure == ABORTED or complain(f"failed: {request.url} {request.failure}"),
    )
    page.on("dialog", lambda dialog: (complain(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on(
        "response", lambda answer: answer.status >= 400 and complain(f"answer {answer.status}: {answer.url}")
    )
    if url is not None:
        page.goto(url)
    yield page
    context.close()
    assert not complaints, complaints


def picture(page: Page, name: str) -> None:
    """For the docs, when asked for: ``SCREENSHOTS=1 scripts/test tests/board``."""
    if os.environ.get("SCREENSHOTS"):
        page.mouse.move(0, 0)
        page.screenshot(path=ROOT / "docs" / "images" / f"board-{name}.png")


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
