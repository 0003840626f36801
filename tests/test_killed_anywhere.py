"""A refresh that dies between any two of its remote commands, and is tried again from the task that died."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from clones import copies, planning, service
from clones.config_file import load
from clones.scope import Scope
from clones.steps import Steps
from lab import Lab
from lab.check import findings
from tests.conftest import SERVICES, connect, sent
from tests.mortal import Killed, MortalHook


def refresh(name: str) -> list[Callable[[dict[str, Any]], Steps[Any]]]:
    """The tasks of a refresh, in the DAG's order; each gets what the plan left behind."""
    config = load(SERVICES)
    scope = Scope(name, config.services[name], config.symcli)
    syncs = scope.service.syncs
    return [
        lambda kept: planning.plan(scope, "refresh"),
        lambda kept: service.stop(scope),
        *[
            lambda kept, sync=sync: copies.resync(scope, sync, datetime.fromisoformat(kept["clock"]))
            for sync in syncs
        ],
        *[lambda kept, sync=sync: copies.split(scope, sync, mend_torn=True) for sync in syncs],
        lambda kept: service.start(scope),
    ]


def run(name: str, lives: int) -> bool:
    """One refresh whose worker dies once, after so many commands. Whether it came to die."""
    kept: dict[str, Any] = {}
    killed = False
    hosts = MortalHook(lives)
    for task in refresh(name):
        try:
            value = hosts.run(task(kept))
        except Killed:
            killed = True
            hosts.__exit__(None, None, None)
            hosts = MortalHook(-1)  # the next try, on connections of its own
            value = hosts.run(task(kept))
        kept = value if isinstance(value, dict) else kept
    hosts.__exit__(None, None, None)
    return killed


@pytest.mark.parametrize(("name", "step"), [("aastmphpux", 1), ("lnxpp", 3)])
def test_it_reaches_the_same_end_and_does_nothing_twice(
    name: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """:param step: after how many commands more it is killed each time; 1: between any two."""
    lives, killed = 0, True
    while killed:
        with Lab(clock="manual", services=SERVICES) as lab:
            connect(monkeypatch, lab.connections)
            lab.note("run begins", service=name, run="killed", action="refresh")
            killed = run(name, lives)
            lab.note("run ends", service=name, run="killed", result="done")
            controls = [
                entry["command"] for entry in sent(lab, "symclone") if "-noprompt" in entry["command"]
            ]
            words = [
                next(w for w in command.split() if w in ("recreate", "activate")) for command in controls
            ]
            assert words == ["recreate", "recreate", "activate", "activate"], f"killed after {lives} commands"
            host = load(SERVICES).services[name].hosts[0].connection
            assert lab.host(host).mounts(), f"killed after {lives} commands"
            assert findings(lab.journal) == [], f"killed after {lives} commands"
        lives += step
    assert lives > 40, "the refresh has more commands than that: were they all tried?"
