"""Tests that share an Airflow (tests/support/shared.py): they follow each other, it ends after the last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

SHARED = ("shared", "shared_by_the_disturbed", "shared_on_postgres")
"""The fixtures."""


def shares(item: pytest.Item | None) -> str:
    """The one that this test has; empty: none."""
    return next((name for name in getattr(item, "fixturenames", ()) if name in SHARED), "")


class Sharing:
    """A plugin of pytest."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Also in one worker of pytest-xdist."""
        items.sort(key=shares)
        for item in items:
            if "database" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.database)
            if name := shares(item):
                item.add_marker(pytest.mark.xdist_group(name))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        made = yield
        if fixturedef.argname in SHARED:
            self.made[fixturedef.argname] = made
        return made

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        """What the next test does not share is ended: standing by, an Airflow takes a fifth of a core."""
        yield
        name = shares(item)
        if name in self.made and shares(nextitem) != name:
            self.made[name].stop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        """Beside a failure stands where that Airflow's logs are."""
        report: Any = yield
        if report.failed and (shared := self.made.get(shares(item))):
            report.sections.append(("Airflow", f"It is shared; its logs are in {shared.home / 'airflow'}"))
        return report
