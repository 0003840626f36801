"""A worker dies, or stands still, at any request of a refresh or a rewind; then the run goes on.

What is sent twice, or under a mounted file system, is found in the lab's journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clones.asking.steps import Request
from fuzz.runs import Killed, Run, Try, current
from hooks import clock
from hooks.servers import Servers
from lab import Lab
from tests.conftest import connect
from tests.support.powermax import PM, POWERMAX, SERVICES, Runs
from tests.support.without_ssh import connect_directly

pytestmark = pytest.mark.same_for_hosts
MOST = 60
"""Requests of one refresh, at most."""
PARTS = 6
"""Tests among which the points are dealt: a test of several is short enough."""


class Wire:
    """What carries the requests: at one of them something happens, before or after it is sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.at = 0
        self.before: Callable[[], None] | None = None
        self.after: Callable[[], None] | None = None
        self.only: Callable[[Request], bool] = lambda request: True
        answers, send = Servers.answers, Servers.send

        def look(servers: Servers, requests: Any) -> Any:
            return self._met(requests, lambda: answers(servers, requests))

        def change(servers: Servers, opened: Any) -> Any:
            return self._met([opened._way._request], lambda: send(servers, opened))

        monkeypatch.setattr(Servers, "answers", look)
        monkeypatch.setattr(Servers, "send", change)

    def _met(self, requests: Any, do: Callable[[], Any]) -> Any:
        if current().in_triggerer or not any(self.only(one) for one in requests):
            return do()
        self.count += 1
        here = self.count == self.at
        if here and self.before:
            self.before()
        done = do()
        if here and self.after:
            self.after()
        return done


def die() -> None:
    current().dead = True
    raise Killed


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Callable[[], tuple[Runs, Wire]]]:
    """A new lab each time, refreshed twice; the one before is stopped, and its journal judged at the end."""
    started: list[Lab] = []
    monkeypatch = pytest.MonkeyPatch()  # the test's own one, undone, would leave no journal to be judged

    def new() -> tuple[Runs, Wire]:
        while started:
            started.pop().stop()
        monkeypatch.undo()
        directory = tmp_path / f"lab{len(list(tmp_path.iterdir()))}"
        lab = Lab(POWERMAX, directory=directory, clock="manual", services=SERVICES, ports=False).start()
        started.append(lab)
        connect_directly(monkeypatch, lab)
        runs = Runs(lab, monkeypatch)
        for _ in range(2):  # then there is a former snapshot to go back to
            assert runs.run("refresh").result == "done"
            lab.advance(3600)
        return runs, Wire(monkeypatch)

    yield new
    while started:
        started.pop().stop()
    monkeypatch.undo()


def carry_on(runs: Runs, run: Run) -> Run:
    """As its messages say, until it is done."""
    for _ in range(4):
        if run.result == "done":
            return run
        runs.lab.advance(600)
        again = "trigger the action again" in " ".join(run.errors.values())
        run = runs.run(run.action) if again else runs.clear(run)
    raise AssertionError((run.result, run.errors))


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("action", ["refresh", "rewind"])
def test_killed_at_each_request(
    sites: Callable[[], tuple[Runs, Wire]], action: str, when: str, part: int
) -> None:
    """One point after the other on one lab: before each the service has a copy, and one to go back to."""
    found: list[str] = []
    runs, wire = sites()
    for at in range(1 + part, MOST, PARTS):
        sent = len(runs.changes)
        wire.count, wire.at = 0, at
        setattr(wire, when, die)
        run = carry_on(runs, runs.run(action))
        changes = runs.changes[sent:]
        twice = [one for one in changes if one.startswith("PUT") and changes.count(one) > 1]
        found += [f"killed {when} request {at}: sent twice: {one}" for one in twice if action == "refresh"]
        assert run.result == "done" and runs.lab.host("lnxpm01").mounts()
        if wire.count < at:
            break
        runs.lab.advance(3600)
        wire.at = 0
        if action == "rewind":
            assert runs.run("refresh").result == "done"
            runs.lab.advance(3600)
    else:
        raise AssertionError(f"more than {MOST} requests")
    assert not found, "\n".join(found)


BY_HAND = {
    "a second link": f"PUT /104/replication/symmetrix/{PM}/storagegroup/prod_data_sg/snapshot/before_upgrade/"
    "snapid/{snapid} "
    '{{"action": "Relink", "relink": {{"storage_group_name": "test_data_sg", "copy": true}}}}',
    "an unlink": f"PUT /104/replication/symmetrix/{PM}/storagegroup/prod_data_sg/snapshot/{{linked}}/snapid/"
    '{linked_id} {{"action": "Unlink", "unlink": {{"storage_group_name": "test_data_sg"}}}}',
    "a snapshot": f"POST /104/replication/symmetrix/{PM}/storagegroup/prod_data_sg/snapshot "
    '{{"snapshotName": "by_hand"}}',
}


@pytest.mark.may_break(1, 6)  # what he does while the service is up is his
@pytest.mark.parametrize(
    ("action", "what"), [*(("refresh", what) for what in BY_HAND), ("rewind", "a second link")]
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_with_a_second_administrator_in_between(
    sites: Callable[[], tuple[Runs, Wire]], action: str, what: str, when: str
) -> None:
    for at in range(1, 9):
        runs, wire = sites()

        def come(runs: Runs = runs) -> None:
            snapshots = {one["name"]: one for one in runs.lab.snapshots(PM)}
            linked = next(
                one for one in snapshots.values() if one["links"] and one["group"] == "prod_data_sg"
            )
            typed = BY_HAND[what].format(
                snapid=snapshots["before_upgrade"]["snapid"],
                linked=linked["name"],
                linked_id=linked["snapid"],
            )
            runs.lab.administrator("unisphere01", typed)
            runs.lab.advance(30)
            die()

        wire.at, wire.only = at, lambda request: request.changes
        setattr(wire, when, come)
        run = runs.run(action)
        if run.result != "done":
            assert "What to do: " in " ".join(run.errors.values())
        assert not [one for one in runs.changes if "before_upgrade" in one or "by_hand" in one]
        (foreign,) = [one for one in runs.lab.snapshots(PM) if one["name"] == "before_upgrade"]
        if foreign["links"]:
            assert not runs.lab.host("lnxpm01").mounts(), "the service is not started on somebody else's copy"
        if wire.count < at:
            return


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_worker_that_stands_still_before_its_request_sends_nothing_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """It stops between the check of its token and the request; others take the run on to its end."""
    with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual", services=SERVICES) as lab:
        connect(monkeypatch, lab.connections)
        runs = Runs(lab, monkeypatch)
        monkeypatch.setattr(clock, "awake", lab.now)
        stood: list[Try] = []

        def stand() -> None:
            one = current()
            stood.append(one)
            one.taken_on = True
            runs.airflow.lost(one)
            runs.airflow.go_on(one.run)

        wire = Wire(monkeypatch)
        wire.only, wire.at, wire.before = lambda request: request.changes, number, stand
        run = runs.airflow.trigger("pmapp", "refresh")
        runs.airflow.go_on(run)
        assert stood and run.result == "done", run.errors
        assert len(runs.changes) == len(set(runs.changes)) == 4, "the late one was not sent"
