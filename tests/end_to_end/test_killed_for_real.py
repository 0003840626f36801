"""SIGKILL to the real process of a task, in a real Airflow, between every two remote commands of a refresh.

tests/end_to_end/test_killed_anywhere.py tries the same within one process, in a second each.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.check import findings
from tests.conftest import SERVICES, control, line_of
from tests.support.shared import SharedAirflow
from tests.support.site import SERVICE, Site

pytestmark = pytest.mark.airflow

TRIPS = re.compile(r"commands in (\d+) round trips")
EACH_ONCE = ["recreate DGCVI", "recreate DGCVIARCH", "activate DGCVI", "activate DGCVIARCH"]
TASKS = {
    "plan",
    "stop.service",
    "resync.data.recreate",
    "resync.archivelogs.recreate",
    "break.data.activate",
    "break.data.wait_copied",
    "break.archivelogs.activate",
    "break.archivelogs.wait_copied",
    "start.service",
    "finish",
}
"""Those of a refresh that send commands. Not `start.on_old_copies`: it is skipped."""
CONTROLS = sorted(task for task in TASKS if task.endswith(("recreate", "activate")))


class Ledger:
    """Where task processes are to die, and where they died (tests/support/mortal_policy.py)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.die()

    def die(self, *kinds: str) -> None:
        (self.folder / "mode").write_text("\n".join(kinds))

    def forget(self) -> None:
        """Let every place be died at again."""
        (self.folder / "deaths").unlink(missing_ok=True)

    def deaths(self, run_id: str) -> list[dict[str, Any]]:
        return [one for one in self._lines("deaths") if one["run"] == run_id]

    def lived(self, run_id: str) -> list[dict[str, Any]]:
        return [one for one in self._lines("lived") if one["run"] == run_id]

    def _lines(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="module")
def mortal(
    shared_by_the_disturbed: SharedAirflow, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, Ledger]]:
    ledger = Ledger(shared_by_the_disturbed.home / "mortal")
    with shared_by_the_disturbed.site(tmp_path_factory.mktemp("site")) as site:
        yield site, ledger
    (ledger.folder / "mode").unlink()


def refresh(site: Site) -> str:
    """One run, however often its tasks die: it does what it must, once, and the service is up."""
    began, since = site.lab.now(), site.seq()
    run_id = site.trigger()
    assert site.wait(run_id, 600) == "success", site.states(run_id)
    assert site.controls(since) == EACH_ONCE
    assert all(
        session["state"] == "Copied" and session["point_in_time"] >= began
        for session in site.lab.sessions()
        if session["source"] in ("1234", "1235")
    )
    host = site.lab.host(SERVICE)
    assert host.mounts() and host.addresses()
    assert findings(site.lab.journal, SERVICES) == []
    return run_id


def record_of(site: Site, run_id: str) -> dict[str, list[dict[str, Any]]]:
    """Each task's tries, as the run's record has them. A wait keeps none."""
    return dict(site.rest.xcom(SERVICE, run_id, "finish", "run_record")["tasks"])


def each_death_was_a_try(site: Site, ledger: Ledger, run_id: str) -> None:
    """Airflow counts them, and the run's record tells them."""
    died: dict[str, list[int]] = {}
    for one in ledger.deaths(run_id):
        died.setdefault(one["task"], []).append(one["try"])
    tries = site.tries(run_id)
    assert {task: [*range(1, tries[task])] for task in died} == died
    for task, kept in record_of(site, run_id).items():
        ends = {one["try"]: one["ended"] for one in kept}
        assert [*ends] == [*range(1, tries[task] + 1)], task
        # The last task writes the record before its own end.
        assert [number for number in ends if not ends[number] and number < tries[task]] == died[task], task


def test_between_any_two_commands(mortal: tuple[Site, Ledger]) -> None:
    """Every task dies at each of its places, one try each; refreshes follow until one lives through.

    A try that goes on from what an earlier one did sends less than an undisturbed one: what comes after a
    command that changed something, and has not come up in the first run, is met in the next ones.
    """
    site, ledger = mortal
    ledger.die("between")
    runs = [refresh(site)]
    first = ledger.deaths(runs[0])
    assert {one["task"] for one in first} == TASKS and len(first) > 60
    each_death_was_a_try(site, ledger, runs[0])
    while ledger.deaths(runs[-1]):
        assert len(runs) < 6, ledger.deaths(runs[-1])
        runs.append(refresh(site))
    # The last one had nowhere left to die: each of its places had its death. And it had them all: as many as
    # its tasks say that they had round trips, and one more for each process.
    lived = Counter(one["task"] for one in ledger.lived(runs[-1]))
    kept = record_of(site, runs[-1])
    assert {task: n for task, n in lived.items() if task in kept} == {
        task: len(tries) + sum(map(int, TRIPS.findall(site.log(runs[-1], task))))
        for task, tries in kept.items()
    }
    assert set(lived) == TASKS and sum(lived.values()) > 50


def test_a_command_is_in_flight(mortal: tuple[Site, Ledger]) -> None:
    """Every command that changes something loses its sender; it goes on by itself.

    Each control command meets a locked array, and is still at it when the next try looks.
    """
    site, ledger = mortal
    ledger.die("in flight")
    for words in EACH_ONCE:
        site.lab.fault("lock", match=line_of(words), exit=3, count=3)
    run_id = refresh(site)
    died = [one["place"][2] for one in ledger.deaths(run_id)]
    assert sorted(short for line in died if (short := control(line))) == sorted(EACH_ONCE), died
    for program in (
        "umount",
        "vgchange -a n",
        "vgexport",
        "ifconfig",
        "vgimport",
        "vgchange -a y",
        "mount -F",
    ):
        assert any(program in line for line in died), program
    tries = site.tries(run_id)
    later = [
        site.log(run_id, task, number)
        for task in CONTROLS
        for number in range(3, tries[task] + 1)  # the first died with the lock, a later one with the command
    ]
    assert any("This command still runs on" in log for log in later)
    ledger.die()


def test_a_copy_that_the_run_has_activated_is_not_recreated(mortal: tuple[Site, Ledger]) -> None:
    """Somebody clears the resync of a run that has activated already, and its tasks are killed once more."""
    site, ledger = mortal
    ledger.die()
    run_id = refresh(site)
    since = site.seq()
    ledger.forget()
    ledger.die("in flight")
    site.lab.note("run begins", service=SERVICE, run=run_id, action="refresh", again=run_id)
    site.rest.clear(SERVICE, run_id=run_id, tasks=CONTROLS)
    assert site.wait(run_id) == "success", site.states(run_id)
    assert site.controls(since) == []
    assert "already refreshed" in site.log(run_id, CONTROLS[-1], site.tries(run_id)[CONTROLS[-1]])
    assert ledger.deaths(run_id)
    assert site.lab.host(SERVICE).mounts() and findings(site.lab.journal, SERVICES) == []
