"""Airflow's metadata database is lost in the middle of a refresh: a new Airflow goes on from the array."""

from __future__ import annotations

import re
from pathlib import Path
from secrets import token_hex

import pytest

from clones.asking.steps import Command
from hooks.symcli import SymcliHook
from lab.check import findings
from private_airflow.instance import INSTALLATION
from tests.conftest import SERVICES, connect, line_of
from tests.support.shared import SharedAirflow
from tests.support.site import SERVICE, Site, until

pytestmark = pytest.mark.airflow


def lose_the_database(site: Site, *, installation: bool) -> None:
    """All of Airflow ends at once, tasks too; what starts instead knows nothing but its configuration.

    :param installation: the file that names this Airflow is lost too, and made anew.
    """
    site.rest.close()
    site.airflow.stop(grace=0)
    site.airflow.fresh = True
    if installation:
        (site.airflow.home / INSTALLATION).write_text(token_hex(16))
    site.airflow.start()
    site.rest = site.airflow.client()
    site.unpause(SERVICE)


def lost_while(site: Site, run_id: str, short: str, *, installation: bool) -> None:
    """The database is lost right after this command was sent."""
    since = site.seq()
    fault = site.lab.fault("delay", match=line_of(short), seconds=300, count=1)
    until(lambda: short in site.controls(since), 90, site.shown(run_id))
    lose_the_database(site, installation=installation)
    site.lab.clear_faults(fault)


def do_what_it_says(text: str) -> None:
    """The message tells a person which command frees the lock, and where."""
    told = re.search(r"`(rmdir [^`]+)` on (\w+)", text)
    assert told, text
    with SymcliHook() as hosts:
        result = hosts.execute(Command(told[2], ("/bin/sh", "-c", told[1])))
    assert result.exit_code == 0, result


def goes_on(site: Site, lost: str, action: str, *, installation: bool) -> None:
    """The first run of the new Airflow is refused, says whose lock it is, and goes on once that is freed.

    One that still has its name takes the lock over: there it has no such run, so that has ended.
    """
    since = site.seq()
    run_id = site.trigger(action)
    if installation:
        assert site.wait(run_id) == "failed"
        assert not site.controls(since)
        log = site.log(run_id, "plan")
        assert f"run {lost} of {SERVICE}" in log and "before it got a new installation id" in log
        assert site.tries(run_id)["plan"] == 1 and "Refused at plan" in site.log(run_id, "finish")
        do_what_it_says(log)
        site.clear_failed(run_id)
    assert site.wait(run_id) == "success", site.states(run_id)
    if not installation:
        assert f"its owner, run {lost} of {SERVICE}, has ended" in site.log(run_id, "plan")
    host = site.lab.host(SERVICE)
    assert host.mounts() and host.addresses()


def test_lost_between_two_commands_to_the_array(
    shared_by_the_disturbed: SharedAirflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once while copies are re-established, with the name of this Airflow; and once while they are split."""
    with shared_by_the_disturbed.site(tmp_path) as site:
        connect(monkeypatch, site.lab.connections)
        # Not announced to the journal as runs: a lost run says no result.
        begun = site.seq()
        lost = site.rest.trigger(SERVICE, {"action": "refresh", "reason": "will be lost"})
        lost_while(site, lost, "recreate DGCVI", installation=True)
        goes_on(site, lost, "refresh", installation=True)
        assert site.controls(begun) == [
            "recreate DGCVI",
            "recreate DGCVIARCH",
            "activate DGCVI",
            "activate DGCVIARCH",
        ], "what the lost run had prepared is not recreated"

        begun = site.seq()
        lost = site.rest.trigger(SERVICE, {"action": "refresh", "reason": "will be lost"})
        lost_while(site, lost, "activate DGCVI", installation=False)
        goes_on(site, lost, "start", installation=False)
        assert site.controls(begun) == [
            "recreate DGCVI",
            "recreate DGCVIARCH",
            "activate DGCVI",
            "activate DGCVIARCH",
        ], "what the lost run had activated is not activated again"
        assert findings(site.lab.journal, SERVICES) == []
