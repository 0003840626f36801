"""What preflight says of what an account may run as root (tests/clones/cases/preflight/privileges.yaml)."""

from __future__ import annotations

from typing import Any

import pytest

from clones.asking.may_run import may_run
from clones.asking.steps import Command, Finished, Result, Steps, Together, answer
from clones.become import Become, Free
from clones.config import Config
from clones.observe.findings import Finding, Level
from clones.preflight.privileges import judge, look_at_privileges
from clones.privileges.needs import Need
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml

TABLE: list[dict[str, Any]] = load_yaml((CASES / "preflight" / "privileges.yaml").read_text())


@pytest.mark.parametrize("case", TABLE, ids=lambda case: str(case["name"]))
def test_findings(case: dict[str, Any]) -> None:
    become = Become.read(case["become"])
    needed, results = [], []
    for number, one in enumerate(case["asked"]):
        words = tuple(Free("WORD", word) if isinstance(word, list) else word for word in one["words"])
        command = may_run("h", become, words)
        assert command is not None and command.line() == one.get("sent", command.line())
        needed.append(Need(words, f"why {number}"))
        lost = "" if one["exit_code"] is not None else "the session was lost"
        results.append(
            Result(command, one["exit_code"], one.get("stdout", ""), one.get("stderr", ""), lost=lost)
        )
    found = list(judge("h", become, needed, results))
    assert [one.level.value for one in found] == [wanted["level"] for wanted in case["findings"]], found
    for one, wanted in zip(found, case["findings"], strict=True):
        assert one.where == "host h" and wanted["says"] in one.what and wanted.get("remedy", "") in one.remedy


def site(become: str) -> Config:
    host = {"connection": "h", "family": "sunos", "become": become}
    fs = {"fs": {"dev": "/dev/dsk/c0t1d0s6", "mnt": "/x", "type": "ufs"}}
    sync = {"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}
    service = {"control_host": "c", "sync_max_delay": 1, "hosts": [host], "resources": [fs], "syncs": [sync]}
    return Config.model_validate({"services": {"one": service}})


def past_the_files(steps: Steps[list[Finding]]) -> Any:
    """What comes when the host has none of the programs and folders that are looked at."""
    asked = answer(steps)
    assert isinstance(asked, Command) and asked.title.endswith("programs and folders")
    said = "".join(f"path {number} looked at\n" for number in range(len(asked.words)))
    return answer(steps, Result(asked, 0, f"uid 1000\n{said}"))


@pytest.mark.parametrize(
    ("become", "says"),
    [
        ("pfexec", "`profiles -l ACCOUNT` lists"),
        ("pbrun", "cannot be checked: the policy lies on another"),
    ],
)
def test_what_cannot_be_asked_is_said(become: str, says: str) -> None:
    ended = past_the_files(look_at_privileges("h", site(become)))
    assert isinstance(ended, Finished)
    (found,) = ended.value
    assert isinstance(found, Finding) and found.level is Level.WARNING
    assert says in found.what and "`scripts/privileges h`" in found.remedy


def test_a_host_without_become_is_not_asked() -> None:
    assert answer(look_at_privileges("h", site("none"))) == Finished([])


def test_all_are_asked_together_and_none_is_run() -> None:
    asked = answer(look_at_privileges("h", site("sudo")))
    assert isinstance(asked, Together) and len(asked.commands) > 3
    for command in asked.commands:
        assert isinstance(command, Command) and not command.changes and not command.as_root
        assert command.words[:3] == ("/usr/bin/sudo", "-n", "-l")
