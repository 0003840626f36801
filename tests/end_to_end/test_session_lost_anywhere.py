"""A refresh that loses its SSH session at any one of its remote commands, and is tried again."""

from __future__ import annotations

from typing import Any

import pytest

from clones.errors import TryAgain
from hooks.symcli import SymcliHook
from lab import Lab
from lab.check import findings
from tests.conftest import SERVICES, connect
from tests.end_to_end.test_killed_anywhere import refresh
from tests.support.site import SERVICE
from tests.support.without_ssh import connect_directly


def run(lab: Lab) -> int:
    """Every task in turn, each until it ends well. How often one failed to be tried again."""
    kept: dict[str, Any] = {}
    failed = 0
    for task in refresh(SERVICE):
        for _ in range(3):
            try:
                with SymcliHook() as hosts:
                    value = hosts.run(task(kept))
            except TryAgain:
                failed += 1
                lab.advance(20)
            else:
                break
        else:
            pytest.fail("it is not done after three tries")
        kept = value if isinstance(value, dict) else kept
    return failed


CHANGES = r"-noprompt|umount|vgchange|vgexport|ifconfig lan900:1|vgimport|fsck|mount -F"


@pytest.mark.parametrize(
    ("kind", "which", "step"),
    [("cut_before", CHANGES, 1), ("cut_after", CHANGES, 1), ("cut_after", ".", 4)],
    ids=["before a change", "after a change, over SSH", "anywhere"],
)
def test_it_reaches_the_same_end_and_does_nothing_twice(
    kind: str, which: str, step: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the command is carried out, or after it; of what only looks, every fourth.

    :param step: how many of such commands more go well each time; 1: each one is lost in its turn.
    """
    number, failures, met = 0, 0, True
    ssh = "over SSH" in request.node.name
    while met:
        with Lab(clock="manual", services=SERVICES, ports=ssh) as lab:
            if ssh:
                connect(monkeypatch, lab.connections)
            else:
                connect_directly(monkeypatch, lab)
            lab.fault(kind, match=which, count=1, after=number)
            lab.note("run begins", service=SERVICE, run="cut", action="refresh")
            failures += run(lab)
            lab.note("run ends", service=SERVICE, run="cut", result="done")
            met = any(entry.get("event") == "fault" for entry in lab.journal)
            carried_out = [
                words[words.index("-noprompt") + 1]
                for entry in lab.commands()
                if "-noprompt" in (words := entry["command"].split()) and entry["status"] is not None
            ]
            assert carried_out == ["recreate", "recreate", "activate", "activate"], f"lost at {number}"
            assert lab.host(SERVICE).mounts()
            assert findings(lab.journal) == []
        number += step
    assert number > 12 and failures >= number // step // 2, "were they all lost?"
