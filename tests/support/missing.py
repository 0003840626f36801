"""A test that needs a program which is not there fails, and says so in one line: the package that has it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import PurePath
from typing import Any

import pytest

from lab.server.openssh import PACKAGE, SshdError

PACKAGES = {
    "git": "git",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "losetup": "mount",
    "sudo": "sudo",
    "visudo": "sudo",
    "doas": "opendoas",
}
"""Of what the tests start by name. What is looked for before it is started raises `Missing`."""


class Missing(AssertionError):
    """:param what: a program; `package` has it."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(
            f"{what} is missing: run `apt-get install {package}`; as root, scripts/test does it itself"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[Any],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo is not None and (line := _line(call.excinfo.value)) is not None:
        report.longrepr = line
    return report


def _line(error: BaseException) -> str | None:
    for one in _chain(error):
        if isinstance(one, Missing):
            return str(one)
        if isinstance(one, SshdError) and PACKAGE in str(one):
            return str(Missing("sshd", PACKAGE))
        if isinstance(one, FileNotFoundError) and (name := PurePath(str(one.filename)).name) in PACKAGES:
            return str(Missing(name, PACKAGES[name]))
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
