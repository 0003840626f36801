"""Tests on real blocks need root. Only outside of CI they may be left out without it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from clones.config.services import Symcli
from demo.real.site import device_mapper, lacking
from lab.real.loop import backing_files
from tests.support.turns import machine


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """Skip without root; with it, whatever is missing fails, and so does whatever is left behind."""
    if os.getuid() != 0 and not os.environ.get("CI"):
        pytest.skip("needs root: loop devices, mounts and namespaces are made")
    if lacks := lacking():
        pytest.fail(f"this machine lacks {'; '.join(lacks)}", pytrace=False)
    with machine(alone=True):
        before = _folders()
        yield
        assert {d: f for d, (pid, f) in backing_files().items() if pid == os.getpid()} == {}
        assert _folders() == before


def _folders() -> tuple[list[str], bool]:
    """Also the product's own folder on a control host: of another account, it refuses the next test's."""
    return os.listdir("/srv"), os.path.exists(Symcli().work_dir)


REPORT = "real blocks"


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Lines that the test run ends with; with its result they come out of a worker, too."""
    lines: list[str] = []
    yield lines
    request.node.user_properties.append((REPORT, lines))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    ended = [one for reports in terminalreporter.stats.values() for one in reports]
    kept = [pair for one in ended if getattr(one, "when", "") == "teardown" for pair in one.user_properties]
    if lines := [line for name, those in kept if name == REPORT for line in those]:
        terminalreporter.section(REPORT)
        lvm = "used" if device_mapper() else "not used: the kernel has no device-mapper, or lvm2 is not there"
        for line in (f"LVM {lvm}", *lines):
            terminalreporter.write_line(line)
