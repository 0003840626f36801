"""How many services, and the table of what came back when."""

from __future__ import annotations

import pytest

MEASURED = pytest.StashKey[list[tuple[str, float, str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--services", type=int, default=3, help="that refresh at once (tests/distributed)")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MEASURED] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was killed, how long the refreshes took then, and which setting decides it."""
    lines = config.stash.get(MEASURED, [])
    if lines:
        terminalreporter.section("seconds until all refreshes had ended")
    for what, seconds, setting in lines:
        terminalreporter.write_line(f"{what:<46} {seconds:6.0f} s  {setting}")
