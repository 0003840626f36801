"""A refresh that dies between any two of its remote commands, and is tried again from the task that died."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from clones.act import stop_and_start
from clones.asking.one_trip import Turns
from clones.asking.steps import Command, Result, Steps
from clones.backends.symclone import act as resync_and_break
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.ledger import Ledger
from clones.errors import Locked
from clones.runs import refresh as planning
from clones.states import SyncSeen
from hooks import symcli
from hooks.configuration import load
from hooks.symcli import SymcliHook
from lab import Lab
from lab.check import findings
from tests.conftest import SERVICES, sent
from tests.support.mortal import Killed, MortalHook
from tests.support.site import SERVICE, until
from tests.support.without_ssh import connect_directly


def ledger(kept: dict[str, Any], sync: Sync) -> Ledger:
    """As a new try of a task reads it, from what outlives the task's process."""
    outlives: dict[str, Any] = kept.setdefault("activations", {})

    def keep(activation: dict[str, Any]) -> None:
        outlives[sync.name] = activation

    return Ledger(("dag", "run"), lambda: datetime.now(UTC), keep, lambda: outlives.get(sync.name))


def refresh(name: str) -> list[Callable[[dict[str, Any]], Steps[Any]]]:
    """The tasks of a refresh, in the DAG's order; each gets what the plan left behind, and may add to it."""
    config = load(SERVICES)
    scope = Scope(name, config.services[name], config.symcli)
    syncs = scope.service.syncs
    return [
        lambda kept: planning.plan(scope, "refresh"),
        lambda kept: stop_and_start.stop(scope),
        *[
            lambda kept, sync=sync: resync_and_break.resync(scope, sync, kept, ledger(kept, sync))
            for sync in syncs
        ],
        *[
            lambda kept, sync=sync: resync_and_break.split(
                scope, sync, mend_torn=True, ledger=ledger(kept, sync)
            )
            for sync in syncs
        ],
        lambda kept: stop_and_start.start(scope),
    ]


def run(name: str, lives: int) -> bool:
    """One refresh whose worker dies once, after so many commands. Whether it came to die.

    Then everything that changes copies is cleared, and nothing of it is sent again.
    """
    kept: dict[str, Any] = {}
    killed = False
    hosts = MortalHook(lives)
    tasks = refresh(name)
    for task in (*tasks, *tasks[2:-1]):
        try:
            value = hosts.run(task(kept))
        except Killed:
            killed = True
            hosts.__exit__(None, None, None)
            hosts = MortalHook(-1)  # the next try, on connections of its own
            value = hosts.run(task(kept))
        kept = value.to_plain() if isinstance(value, planning.Plan) else kept
    hosts.__exit__(None, None, None)
    return killed


@pytest.mark.parametrize(("name", "step"), [("aastmphpux", 1), ("lnxpp", 3)])
def test_it_reaches_the_same_end_and_does_nothing_twice(
    name: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """:param step: after how many commands more it is killed each time; 1: between any two."""
    lives, killed = 0, True
    while killed:
        with Lab(clock="manual", services=SERVICES, ports=False) as lab:
            connect_directly(monkeypatch, lab)
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


class KilledInFlight(SymcliHook):
    """Dies when a command with this word has been sent."""

    def __init__(self, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.word, self.monkeypatch = word, monkeypatch

    def execute(self, command: Command, turns: Turns | None = None) -> Result:
        with self.monkeypatch.context() as patch:
            if self.word in command.words:
                patch.setattr(symcli, "_drain", self.die)
            return super().execute(command, turns)

    def die(self, *_: object) -> bool:
        raise Killed


class LateHook(SymcliHook):
    """Before one of its commands, something else happens; it asks nothing together, so between any two."""

    def __init__(self, number: int, happens: Callable[[], None]) -> None:
        super().__init__()
        self.number, self.happens = number, happens

    def execute(self, command: Command, turns: Turns | None = None) -> Result:
        if self.commands == self.number:
            self.happens()
        return super().execute(command, turns)

    def execute_together(self, commands: tuple[Command, ...]) -> list[Result]:
        return [self.execute(command) for command in commands]


@pytest.mark.parametrize("action", ["recreate", "activate"])
def test_what_an_earlier_try_sent_may_come_through_at_any_moment(
    action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender is killed while it waits for the array: it may end at any command of the next try."""
    number, came = 0, True
    while came:
        with Lab(clock="manual", services=SERVICES, ports=False) as lab:
            connect_directly(monkeypatch, lab)
            config = load(SERVICES)
            scope = Scope(SERVICE, config.services[SERVICE], config.symcli)
            sync = scope.service.syncs[0]

            def step(scope: Scope = scope, sync: Sync = sync) -> Steps[SyncSeen]:
                return (
                    resync_and_break.resync(scope, sync)
                    if action == "recreate"
                    else resync_and_break.split(scope, sync)
                )

            def comes_through(lab: Lab = lab) -> None:
                lab.advance(20)
                until(lambda: bool(sent(lab, action)), 10, "it does not come through")

            with SymcliHook() as hosts:
                hosts.run(stop_and_start.stop(scope))
                if action == "activate":
                    hosts.run(resync_and_break.resync(scope, sync))
            lab.fault("lock", match=f"noprompt {action}", exit=3, count=1)
            with pytest.raises(Killed), KilledInFlight(action, monkeypatch) as hosts:
                hosts.run(step())
            with LateHook(number, comes_through) as hosts:
                with suppress(Locked):
                    hosts.run(step())
                came = hosts.commands > number
            comes_through()
            with SymcliHook() as hosts:
                hosts.run(step())
            assert len(sent(lab, action)) == 1, f"it came through before command {number} of the next try"
        number += 1
    assert number > 3, "the looks of a try are more than that: were they all tried?"
