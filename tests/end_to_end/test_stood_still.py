"""What a worker sends late, what a second Airflow tries, what a host does late: nothing of it changes a copy.

With real processes and SIGSTOP, in real Airflows, judged by the lab's journal. More combinations of the first
are tried within one process by tests/operators/test_late_tries.py.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from clones.asking.fence import NOT_NEWEST, RUN
from lab.check import findings
from private_airflow.instance import LocalAirflow
from tests.conftest import ROOT, SERVICES, SYMID
from tests.support.shared import SharedAirflow
from tests.support.site import HEARTBEAT_TIMEOUT, SERVICE, Site, active_runs, until
from tests.support.tables import load_yaml

pytestmark = pytest.mark.airflow

TRIED_AGAIN, HOST = "lnxpp", "lnxpp01"
"""The service whose tasks are tried again, and where it runs. Those of the other one are not."""
HOUR = 3600.0
"""Lab seconds: longer than a test takes, unless it turns the lab's clock."""
RECREATE, ACTIVATE = "-noprompt recreate", "-noprompt activate"
EACH_ONCE = ["recreate", "recreate", "activate", "activate"]
"""The control commands of a refresh of either service."""


class Ledger:
    """Where tasks are to stand still, and which processes do (tests/support/still_policy.py)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clear()

    def clear(self) -> None:
        """Nothing is to stand still."""
        self._places: dict[str, dict[str, Any]] = {}
        self._write()
        for path in self.folder.glob("still.*"):
            path.unlink()

    def stand_still(self, task: str, line: str, *, at: str = "command", alone: bool = False) -> None:
        """One place more.

        :param line: a regular expression for the command line; the rest as the policy has it.
        """
        self._places[task] = {"line": line, "at": at, "alone": alone}
        self._write()

    def _write(self) -> None:
        part = self.folder / "part"
        part.write_text(json.dumps(self._places))
        part.replace(self.folder / "places")

    def still(self, task: str = "*") -> list[int]:
        """The processes that were stopped: the supervisor, unless the task is alone, and the task."""
        return [pid for path in self.folder.glob(f"still.{task}") for pid in json.loads(path.read_text())]

    def stands(self, task: str) -> bool:
        pids = self.still(task)
        with suppress(psutil.NoSuchProcess):
            return bool(pids) and all(psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in pids)
        return False


def go_on(*pids: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def running(
    shared_by_the_disturbed: SharedAirflow, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, Ledger]]:
    """One for all tests of this file."""
    home = tmp_path_factory.mktemp("site")
    loaded = load_yaml(SERVICES.read_text())
    loaded["services"][SERVICE] |= {"retries": 0}
    loaded["services"][TRIED_AGAIN] |= {"retries": 6, "retry_delay": 1, "poll_interval": 1}
    services = home / "given.yaml"
    services.write_text(yaml.safe_dump(loaded, sort_keys=False))
    ledger = Ledger(shared_by_the_disturbed.home / "still")
    with shared_by_the_disturbed.site(home, services=services, unpaused=(SERVICE, TRIED_AGAIN)) as site:
        yield site, ledger


@pytest.fixture
def ledger(running: tuple[Site, Ledger]) -> Iterator[Ledger]:
    """Whatever a test does: at its end nothing stands still."""
    yield running[1]
    go_on(*running[1].still())
    running[1].clear()


@pytest.fixture
def site(running: tuple[Site, Ledger], ledger: Ledger) -> Iterator[Site]:
    """Each test begins with no run going on, and with everything up; at its end the journal is judged."""
    site = running[0]
    for name in (SERVICE, TRIED_AGAIN):
        of = replace(site, dag=name)
        until(lambda: not active_runs(of), 60, "a run of an earlier test continues")  # noqa: B023
    assert site.lab.host(SERVICE).mounts() and site.lab.host(HOST).mounts()
    yield site
    site.lab.clear_faults()
    assert findings(site.lab.journal, SERVICES) == []


def stands_still(site: Site, ledger: Ledger, run_id: str, task: str) -> list[int]:
    until(lambda: ledger.stands(task), 90, site.shown(run_id))
    return ledger.still(task)


def long_ago(site: Site, run_id: str, task: str) -> None:
    """What Airflow's database then shows: nobody has heard of this task for longer than is allowed."""
    assert site.airflow.sqlite
    with closing(sqlite3.connect(site.airflow.sqlite, timeout=60)) as database, database:
        aged = database.execute(
            "UPDATE task_instance SET last_heartbeat_at = datetime(last_heartbeat_at, '-1 hour')"
            " WHERE dag_id = ? AND run_id = ? AND task_id = ? AND state = 'running'",
            (site.dag, run_id, task),
        )
        assert aged.rowcount == 1


def shown(site: Site) -> Any:
    """What a late command could change: the service's copies, and what runs on them."""
    host = site.lab.host(SERVICE)
    copies = [
        {name: one[name] for name in ("source", "state", "last_action", "point_in_time")}
        for one in site.lab.sessions()
    ]
    return copies, host.mounts(), host.addresses(), host.volume_groups()


def refused(site: Site, since: int) -> list[dict[str, Any]]:
    """The commands that a host has not carried out because a newer try works there."""
    return [
        entry
        for entry in site.lab.commands(since)
        if entry["exit"] == NOT_NEWEST and shlex.split(entry["command"])[:3] == ["/bin/sh", "-c", RUN]
    ]


def in_order(site: Site, since: int) -> list[str]:
    """The control commands that were carried out since, in short."""
    lines = [entry["command"] for entry in site.lab.commands(since) if entry["exit"] != NOT_NEWEST]
    return [word for line in lines for word in re.findall(r"-noprompt (\w+)", line)]


def comes_too_late(site: Site, stopped: list[int], line: str) -> None:
    """Its command goes out, is refused, and it sends nothing more."""
    since = site.seq()
    supervisor, task = stopped
    go_on(task)
    until(lambda: bool(refused(site, since)), 30, "its command was not sent, or not refused")
    go_on(supervisor)
    until(lambda: not psutil.pid_exists(task), 60, "what stood still has not ended")
    (late,) = refused(site, since)
    assert re.search(line, late["command"]) and not late.get("changed")
    sent = [entry for entry in site.lab.commands(since) if entry["connection"] == late["connection"]]
    assert sent == [late]


@pytest.mark.parametrize("given_up", ["no heartbeat", "marked as failed"])
def test_a_recreate_that_comes_when_the_run_is_over(site: Site, ledger: Ledger, given_up: str) -> None:
    """The run ends, the service runs on its old copies, nobody holds the lock."""
    task, since = "resync.data.recreate", site.seq()
    ledger.stand_still(task, RECREATE)
    run_id = site.trigger()
    stopped = stands_still(site, ledger, run_id, task)
    if given_up == "marked as failed":
        marked = f"/dags/{SERVICE}/dagRuns/{run_id}/taskInstances/{task}"
        site.rest.request("PATCH", marked, json={"new_state": "failed"})
    else:
        long_ago(site, run_id, task)
    assert site.wait(run_id) == "failed"
    assert "The service runs on its old copies again" in site.log(run_id, "start.on_old_copies")
    assert site.tries(run_id)[task] == 1
    assert "the service runs on its old copies" in site.log(run_id, "finish")
    before = shown(site)
    assert before[1] and before[2], "the service is up"
    comes_too_late(site, stopped, RECREATE)
    assert shown(site) == before
    assert site.controls(since) == ["recreate DGCVI"], "the one that was refused"


def test_an_answer_that_comes_when_the_run_is_over(site: Site, ledger: Ledger) -> None:
    """The proof was sent, and says that the service is down. It is read when that is up again."""
    task, since = "resync.data.recreate", site.seq()
    ledger.stand_still(task, "/usr/sbin/ping", at="answer")
    run_id = site.trigger()
    stopped = stands_still(site, ledger, run_id, task)
    assert site.wait(run_id) == "failed"
    before = shown(site)
    assert before[1] and before[2], "the service is up"
    go_on(*reversed(stopped))
    until(lambda: not psutil.pid_exists(stopped[1]), 60, "what stood still has not ended")
    assert not site.controls(since) and shown(site) == before


def test_commands_that_come_when_the_next_try_is_through(site: Site, ledger: Ledger) -> None:
    """At four places of one refresh, which comes to its end."""
    site = replace(site, dag=TRIED_AGAIN, service=TRIED_AGAIN)
    places = {
        "stop.service": "/usr/bin/umount /pp/arch",
        "resync.data.recreate": RECREATE,
        "break.data.activate": ACTIVATE,
        "start.service": "/usr/bin/mount .* /pp/data",
    }
    since = site.seq()
    for task, line in places.items():
        ledger.stand_still(task, line)
    run_id = site.trigger()
    for task, line in places.items():
        stopped = stands_still(site, ledger, run_id, task)
        long_ago(site, run_id, task)
        until(lambda: site.states(run_id)[task] == "success", 120, site.shown(run_id))  # noqa: B023
        comes_too_late(site, stopped, line)
    assert site.wait(run_id) == "success", site.states(run_id)
    assert {task: site.tries(run_id)[task] for task in places} == dict.fromkeys(places, 2)
    assert in_order(site, since) == EACH_ONCE
    assert set(site.lab.host(HOST).mounts()) == {"/pp/data", "/pp/arch"}


@pytest.mark.parametrize(
    ("begins", "shown_as", "stop", "start"),
    [
        (
            "",
            "",
            "/usr/sbin/vgchange -a n vg_pparch",
            "/usr/bin/mount -t ext4 -w /dev/vg_ppdata/lv_data /pp/data",
        ),
        (
            "/bin/sh .* fence .* ",
            " ... (about to begin)",
            "/usr/bin/umount /pp/arch",
            "/usr/sbin/vgchange -a y vg_ppdata",
        ),
    ],
    ids=["behind the fence", "before the fence"],
)
def test_a_host_carries_out_late_what_an_earlier_try_sent(
    site: Site, begins: str, shown_as: str, stop: str, start: str
) -> None:
    """The SSH session is lost, and the program or the shell before it stands still: it is waited for."""
    site = replace(site, dag=TRIED_AGAIN, service=TRIED_AGAIN)
    since = site.seq()
    for program in (stop, start):
        site.lab.fault("stall", host=HOST, match=f"^{begins}{program}$", seconds=HOUR, count=1)
    run_id = site.trigger()
    for task, program in (("stop.service", stop), ("start.service", start)):
        found = f"still runs on {HOST}, from an earlier try or another user: `{program}{shown_as}`"
        until(lambda: found in logs(site, run_id, task), 90, site.shown(run_id), every=0.5)  # noqa: B023
        assert site.states(run_id)[task] != "success"
        site.lab.advance(HOUR)
    assert site.wait(run_id) == "success", site.states(run_id)
    assert in_order(site, since) == EACH_ONCE
    assert set(site.lab.host(HOST).mounts()) == {"/pp/data", "/pp/arch"}
    assert (NOT_NEWEST in [entry["status"] for entry in site.lab.commands(since)]) == bool(begins)


def logs(site: Site, run_id: str, task: str) -> str:
    """Of all tries so far."""
    return "\n".join(site.log(run_id, task, number) for number in range(1, site.tries(run_id)[task] + 1))


def copy_of(site: Site, home: Path) -> LocalAirflow:
    """A second Airflow with the same database content, and an installation id of its own."""
    assert site.airflow.sqlite
    copied = site.airflow.sqlite.with_name("copied.db")
    with closing(sqlite3.connect(site.airflow.sqlite)) as old, closing(sqlite3.connect(copied)) as new:
        old.backup(new)
    soon = {
        # After how long a silence the scheduler that had the tasks counts as gone; how often that is asked.
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "5",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "2",
    }
    return LocalAirflow(
        home / "second",
        dags=ROOT / "dags",
        plugins=ROOT / "plugins",
        connections=site.lab.connections,
        env={HEARTBEAT_TIMEOUT: "20", **soon, "SYMCLONE_CONFIG": site.airflow.env["SYMCLONE_CONFIG"]},
        pools=site.airflow.pools,
        sqlite=copied.with_name("second.db"),
        template=copied,
    )


def test_two_airflows_with_one_database_content(site: Site, ledger: Ledger, tmp_path: Path) -> None:
    """The database was copied in the middle of a refresh, which both take for their own; one has the lock.

    It is the first one's: its worker stands still right before a recreate, and its supervisor does not. What
    the second begins while its API server does not answer yet is tried again by that.
    """
    site = replace(site, dag=TRIED_AGAIN, service=TRIED_AGAIN)
    task, since = "resync.data.recreate", site.seq()
    ledger.stand_still(task, RECREATE, alone=True)
    run_id = site.trigger()
    stopped = stands_still(site, ledger, run_id, task)
    with copy_of(site, tmp_path) as copy, copy.client() as rest:
        second = replace(site, airflow=copy, rest=rest)
        assert second.installation != site.installation
        until(lambda: rest.dag_run(TRIED_AGAIN, run_id)["state"] == "failed", 120, second.shown(run_id))
        for last in (task, "start.on_old_copies"):
            said = second.log(run_id, last, second.tries(run_id)[last])
            assert f"held by run {run_id} of {TRIED_AGAIN} of the Airflow {site.installation}" in said
            assert "which is not a run of this Airflow" in said and "of a copy of this one" in said
        assert not in_order(site, since) and not site.lab.host(HOST).mounts(), "neither has done anything"
        go_on(*stopped)
        assert site.wait(run_id) == "success", site.states(run_id)
    assert in_order(site, since) == EACH_ONCE and site.tries(run_id)[task] == 1
    assert site.lab.host(HOST).mounts() and site.lab.host(HOST).addresses()


@pytest.mark.parametrize(
    ("zone", "array", "begins", "hours"),
    [
        ("America/New_York", "utc", None, 5),
        ("Europe/Paris", "control_host", "2027-10-31T00:20:00+00:00", 0.75),
    ],
    ids=["an array that shows UTC", "back to winter time"],
)
def test_two_refreshes_whatever_the_clocks_show(
    site: Site, zone: str, array: str, begins: str | None, hours: float
) -> None:
    """With the second, 02:20 of summer time and later is split; the next begins at 02:05 of winter time."""
    lab = site.lab
    lab.fault("skew", host="symcli_demo", timezone=zone)
    lab.set_switch(SYMID, "last_action_zone", array)
    if begins:
        lab.advance(datetime.fromisoformat(begins).timestamp() - lab.now())
    try:
        for number in range(2):
            began, since = lab.now(), site.seq()
            run_id = site.trigger()
            assert site.wait(run_id) == "success", site.states(run_id)
            assert in_order(site, since) == EACH_ONCE
            for source, target in (("1234", "4321"), ("1235", "4322")):
                assert lab.session(SYMID, source, target)["point_in_time"] >= began
            if number == 0:
                lab.advance(began + hours * 3600 - lab.now())
    finally:
        lab.set_switch(SYMID, "last_action_zone", "control_host")
