"""The board's functions, called in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.board.browser import browser, page_at
from tests.board.served import Served, case, served

__all__ = ["browser", "served"]


FUNCTIONS = case("functions")


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
