"""Runs of a service with two target sets through the real scheduler, workers and triggerer, over real SSH."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lab.check import findings
from lab.config import load
from tests.conftest import TWO_SETS, TWO_SETS_LAB, carried_out
from tests.support.shared import SharedAirflow
from tests.support.site import Site, active_runs, until

pytestmark = pytest.mark.airflow

SERVICE, HOST = "lnxts", "lnxts01"
DEVICES = {"0D": "a", "0E": "b"}
"""How the targets of each set begin."""


@pytest.fixture(scope="module")
def running(shared: SharedAirflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests of this file: each goes on from where the one before has left the service."""
    arrays = load(TWO_SETS_LAB).model_dump()
    home = tmp_path_factory.mktemp("site")
    with shared.site(home, arrays=arrays, services=TWO_SETS, unpaused=(SERVICE,)) as site:
        site.dag = site.service = SERVICE
        yield site


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    until(lambda: not active_runs(running), 150, "a run of an earlier test continues")
    yield running
    running.lab.clear_faults()
    assert findings(running.lab.journal, TWO_SETS) == []


def ended(site: Site, action: str, state: str) -> str:
    """A run that ends so."""
    run_id = site.trigger(action)
    assert site.wait(run_id, 240) == state, (site.states(run_id), said(site, run_id))
    return run_id


def said(site: Site, run_id: str) -> str:
    """How the run says that it ended, and what to press."""
    result: dict[str, str] = site.rest.xcom(SERVICE, run_id, "finish", "result")
    return "\n".join(result.get(key, "") for key in ("result", "at", "why", "press"))


def on_set(site: Site) -> str:
    """The set that the whole service is on; several letters are a breach."""
    mounts = site.lab.host(HOST).mounts()
    assert {*mounts} == {"/lts/data", "/lts/arch"}, mounts
    return "".join(sorted({device.split("/")[2][-1] for device in mounts.values()}))


def other(target_set: str) -> str:
    return "ab".replace(target_set, "")


def controls(site: Site, since: int) -> list[str]:
    """The control commands sent since, as `recreate b`."""
    found = []
    for entry in site.lab.commands(since):
        words = carried_out(entry["command"])
        if "-noprompt" in words:
            pairs = words[words.index("-f") + 1].split(",")
            (target_set,) = {DEVICES[pair.split(":")[1][-4:-2]] for pair in pairs}
            found.append(f"{words[words.index('-noprompt') + 1]} {target_set}")
    return found


def stopped_for(site: Site, since: int) -> list[int]:
    """The numbers of the entries in the journal: the first unmount, and the last activation before it."""
    lines = [(entry["seq"], " ".join(carried_out(entry["command"]))) for entry in site.lab.commands(since)]
    unmounted = next(seq for seq, line in lines if "umount /lts" in line)
    split = [seq for seq, line in lines if "-noprompt activate" in line]
    return [max(split), unmounted]


def points(site: Site, target_set: str) -> set[float]:
    """Of which times the copies of a set are."""
    prefix = next(start for start, name in DEVICES.items() if name == target_set)
    sessions = [one for one in site.lab.sessions() if one["target"].startswith(f"{prefix}0")]
    assert len(sessions) == 3, sessions
    return {one["point_in_time"] for one in sessions}


def test_a_refresh_changes_over(site: Site) -> None:
    since, before = site.seq(), on_set(site)
    kept = points(site, before)
    run_id = ended(site, "refresh", "success")
    after = other(before)
    assert on_set(site) == after and points(site, before) == kept
    assert controls(site, since) == [f"{word} {after}" for word in 2 * ["recreate"] + 2 * ["activate"]]
    split, unmounted = stopped_for(site, since)
    assert split < unmounted, "the service runs while the other set is copied"
    assert site.states(run_id)["start.on_former_set"] == "skipped"


def test_a_start_that_fails_changes_back_and_the_next_refresh_goes_on(site: Site) -> None:
    before = on_set(site)
    kept = points(site, before)
    fault = site.lab.fault(host=HOST, match=f"mount .*vg_lts_{other(before)}", kind="exit", exit=1)
    run_id = ended(site, "refresh", "failed")
    states = site.states(run_id)
    assert {task for task, state in states.items() if state == "failed"} == {
        "start.service",
        "start.on_former_set",
        "finish",
    }
    assert on_set(site) == before and points(site, before) == kept
    end = site.log(run_id, "finish")
    assert "the service runs on its former copy of 20" in end and f"(set {before})" in end
    site.lab.clear_faults(fault)
    ended(site, "refresh", "success")
    assert on_set(site) == other(before) and points(site, before) == kept


def test_a_probe_that_fails_changes_back(site: Site) -> None:
    before = on_set(site)
    fault = site.lab.fault(host=HOST, match="answers status", kind="exit", exit=1)
    run_id = ended(site, "refresh", "failed")
    states = site.states(run_id)
    assert states["start.service"] == "success" and states["start.probes.answers"] == "failed"
    assert on_set(site) == before
    site.lab.clear_faults(fault)


def test_a_rewind_goes_back_without_any_copy(site: Site) -> None:
    """The set of the refresh whose probe has failed is wholly active at one point in time: it will do."""
    since, before = site.seq(), on_set(site)
    run_id = ended(site, "rewind", "success")
    assert on_set(site) == other(before) and controls(site, since) == []
    plan = site.log(run_id, "plan")
    assert "what was written" in plan and "not seen" in plan


def test_the_spare_set_is_updated_while_the_service_runs(site: Site) -> None:
    since, before = site.seq(), on_set(site)
    ended(site, "update", "success")
    spare = other(before)
    assert controls(site, since) == [f"{word} {spare}" for word in 2 * ["recreate"] + 2 * ["activate"]]
    lines = [" ".join(carried_out(entry["command"])) for entry in site.lab.commands(since)]
    assert (
        not [line for line in lines if "umount" in line or "ltsctl stop" in line] and on_set(site) == before
    )


def test_stopped_and_started_it_is_on_the_same_set(site: Site) -> None:
    before = on_set(site)
    ended(site, "stop", "success")
    assert site.lab.host(HOST).mounts() == {}
    run_id = ended(site, "start", "success")
    assert on_set(site) == before
    assert site.states(run_id)["prepare.service"] == "success"


def test_killed_after_the_stop_it_goes_on_from_what_is_recorded(site: Site) -> None:
    """SIGKILL while the new set is mounted: no set is wholly in use, and the next try goes on."""
    before = on_set(site)
    moment = f"/mount -t xfs .*vg_lts_{other(before)}"
    fault = site.lab.fault("delay", host=HOST, match=moment, seconds=300, count=1)
    since = site.seq()
    run_id = site.trigger("refresh")

    def mounting() -> bool:
        return any(re.search(moment, entry["command"]) for entry in site.lab.commands(since))

    until(mounting, 240, site.shown(run_id))
    site.kill_task()
    site.lab.clear_faults(fault)
    assert site.wait(run_id, 240) == "success", (site.states(run_id), said(site, run_id))
    assert on_set(site) == other(before) and site.tries(run_id)["start.service"] == 2
