"""Preflight's look at what an account may write, of what its rules let it run as root."""

from __future__ import annotations

from typing import Any

import pytest

from clones.asking.steps import Command, Result
from clones.config import Config
from clones.observe.findings import Finding
from clones.policy.catalogue import sent_to
from clones.policy.places import places
from clones.preflight.privileges import look_at_privileges
from tests.clones.asking.test_gate import drive

CHECKED = {"start": ["/opt/pp/ctl", "start"], "stop": ["/opt/pp/ctl", "stop"], "check": ["/opt/pp/ctl"]}
SERVICE: dict[str, Any] = {
    "control_host": "ctl1",
    "sync_max_delay": 60,
    "hosts": [{"connection": "pp1", "family": "linux", "become": "sudo"}],
    "resources": [
        {"fs": {"dev": "/dev/vgpp/lv", "mnt": "/srv/pp/data", "type": "xfs"}},
        {"app": {"name": "pp", "become": True, **CHECKED}},
    ],
    "syncs": [{"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}],
}
CONFIG = Config.model_validate({"services": {"pp": SERVICE}})


def found(writable: str, uid: int) -> list[Finding]:
    """What is said where the account may write to one path, and run everything."""

    def execute(command: Command) -> Result:
        if command.words[3:4] != ("look",):
            return Result(command, 0)
        rows = [f"uid {uid}"]
        for number, path in enumerate(command.words[4:]):
            rows += [f"path {number} writable"] if path == writable else []
            rows.append(f"path {number} looked at")
        return Result(command, 0, "\n".join(rows) + "\n")

    return drive(look_at_privileges("pp1", CONFIG), execute)


@pytest.mark.parametrize("path", ["/opt/pp/ctl", "/opt/pp", "/opt", "/srv/pp", "/usr/bin", "/dev/vgpp", "/"])
def test_what_decides_what_root_does_is_not_the_accounts(path: str) -> None:
    errors = [one for one in found(path, 1000) if one.level == "error"]
    assert [f"can write {path}: " in one.what for one in errors] == [True]
    assert not [one for one in found(path, 0) if one.level == "error"]


def test_what_root_only_stands_on_is_asked_for() -> None:
    """What is mounted there belongs to whom the service likes; the pair files are the account's."""
    asked = places(sent_to("pp1", CONFIG))
    assert "/srv/pp/data" not in asked and "/opt/pp/ctl" in asked
    assert not [path for path in asked if "symclone-airflow" in path]
