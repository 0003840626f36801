"""`before_start` hooks against the lab: no application starts before they have succeeded on its very data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from clones.act.before_start import FROM_THE_DISKS
from clones.asking.steps import Command
from clones.errors import Locked, NotDone, Refused, Unknown
from clones.runs.planned import sent_by
from clones.runs.refresh import plan
from hooks.symcli import SymcliHook
from operators.run_plan import RunPlanOperator
from operators.service import (
    ServiceCommandOperator,
    ServiceRestartUnchangedOperator,
    ServiceStartApplicationsOperator,
    ServiceStartDisksOperator,
    ServiceStartOperator,
    ServiceStopOperator,
)
from operators.symclone import SymcloneRecreateOperator
from tests.conftest import ONE_ARRAY, without_script
from tests.support.masked import MASK, masked_services, newest, sent_in_order, with_mask

pytestmark = ONE_ARRAY
SYMID = "000297600001"
UP = ["mount /pp/data", "mount /pp/arch"]


class Site:
    """The tasks of service lnxpp, and what they send."""

    def __init__(self, lab: Any, context: dict[str, Any], config: Path) -> None:
        self.lab, self.context = lab, context
        self.about: dict[str, Any] = {"service": "lnxpp", "config": str(config)}
        self.since = 0

    def do(self, operator: Any) -> None:
        operator.execute(self.context)

    def stop(self) -> None:
        self.do(ServiceStopOperator(task_id="stop", **self.about))
        self.since = newest(self.lab)

    def disks(self) -> None:
        self.do(ServiceStartDisksOperator(task_id="disks", **self.about))

    def hook(self) -> None:
        self.do(ServiceCommandOperator(task_id="mask", place="before_start", hook="mask", **self.about))

    def applications(self) -> None:
        tasks = {"mask": "start.before_start.mask"}
        self.do(ServiceStartApplicationsOperator(task_id="service", hook_task_ids=tasks, **self.about))

    def whole(self) -> None:
        self.do(ServiceStartOperator(task_id="start", **self.about))

    def sent(self) -> list[str]:
        return sent_in_order(self.lab, self.since)

    def pp(self) -> bool:
        return bool(self.lab.host("lnxpp01").describe()["apps"]["pp"])


@pytest.fixture
def arrays(arrays: dict[str, Any]) -> dict[str, Any]:
    return with_mask(arrays)


@pytest.fixture
def site(lab: Any, context: dict[str, Any], tmp_path: Path) -> Site:
    made = Site(lab, context, masked_services(tmp_path / "services.yaml"))
    made.stop()
    return made


def test_disks_hooks_applications(site: Site) -> None:
    site.disks()
    assert site.sent() == UP and not site.pp()
    site.hook()
    assert site.sent() == [*UP, "mask start"] and not site.pp()
    site.applications()
    assert site.sent() == [*UP, "mask start", "pp start"] and site.pp()


def test_a_start_in_one_task_has_the_same_order(site: Site) -> None:
    site.whole()
    assert site.sent() == [*UP, "mask start", "pp start"]


def test_a_start_of_what_is_up_sends_nothing(site: Site) -> None:
    """There is no application that the hook could come before."""
    site.whole()
    site.since = newest(site.lab)
    site.whole()
    assert site.sent() == []


@pytest.mark.parametrize("in_one_task", [False, True])
def test_one_that_fails_keeps_the_disks_up_and_the_applications_down(site: Site, in_one_task: bool) -> None:
    site.lab.fault("exit", match=f"{MASK} start", exit=1, stderr="2 tables left", count=1)
    if not in_one_task:
        site.disks()
    with pytest.raises(NotDone, match=r"hook mask \(before_start\) on lnxpp01(.|\n)*2 tables left"):
        site.whole() if in_one_task else site.hook()
    assert site.sent() == [*UP, "mask start"] and not site.pp()
    site.whole() if in_one_task else site.hook()
    assert site.sent() == [*UP, "mask start", "mask start", *(["pp start"] if in_one_task else [])]


def test_one_whose_end_is_not_known_may_still_run(site: Site) -> None:
    """No application starts beside it."""
    site.disks()
    site.lab.fault("stall", match=f"{MASK} start", seconds=60, count=1)
    with pytest.raises(Unknown, match="it is not known whether it took effect"):
        site.hook()
    for task in (site.hook, site.applications):
        with pytest.raises(Locked, match=f"This command still runs on lnxpp01.*{MASK} start"):
            task()
    site.lab.advance(61)
    assert not site.pp()
    site.hook()
    site.applications()
    assert site.pp()


def test_it_does_not_run_without_its_disks(site: Site) -> None:
    with pytest.raises(Refused, match=r"hook mask \(before_start\) was not run: ip .* is down") as refused:
        site.hook()
    assert refused.value.remedy == FROM_THE_DISKS
    assert site.sent() == []


def test_it_does_not_run_beside_an_application(site: Site) -> None:
    """Somebody has started it on data that is not masked."""
    site.disks()
    with SymcliHook() as hosts:
        hosts.execute(Command("lnxpp01", ("/opt/pp/bin/ppctl", "start")))
    with pytest.raises(Refused, match=r"was not run: app pp on lnxpp01 is up, and `before_start` must"):
        site.hook()
    assert site.sent() == [*UP, "pp start"]


@pytest.mark.parametrize("what", ["app pp", "fs /pp/data"])
def test_it_does_not_run_when_something_cannot_tell(site: Site, what: str) -> None:
    site.disks()
    match = "ppctl status" if what == "app pp" else "/proc/self/mounts"
    site.lab.fault("exit", host="lnxpp01", match=match, exit=126, count=1)
    with pytest.raises(Unknown, match=f"was not run: {what} on lnxpp01 gave no clear answer"):
        site.hook()
    assert site.sent() == UP


def test_no_application_without_it(site: Site) -> None:
    """It was set to success by hand, or has never run."""
    site.disks()
    with pytest.raises(Refused, match=r"that hook mask \(before_start\) has succeeded in this run is not"):
        site.applications()
    assert site.sent() == UP


@pytest.mark.may_break(6)
def test_no_application_on_a_copy_that_was_made_since(site: Site) -> None:
    """Clear of a failed start, after somebody has activated a copy again."""
    site.disks()
    site.hook()
    site.lab.set_last_action(SYMID, "01A12", "01AB6", age_seconds=1)
    with pytest.raises(Refused, match=r"sync archivelogs is not the copy that hook mask \(before_start\)"):
        site.applications()
    assert site.sent() == [*UP, "mask start"]


def test_the_old_copies_are_masked_again_before_they_are_used(site: Site) -> None:
    """It must be safe to run twice; that it was masked before is nowhere to be seen."""
    site.whole()
    plans = RunPlanOperator(task_id="plan", action="refresh", reason="test", phases={}, **site.about)
    site.do(plans)
    site.stop()
    with pytest.raises(AirflowFailException, match="runs on its old copies again"):
        site.do(ServiceRestartUnchangedOperator(task_id="x", **site.about))
    assert site.sent() == [*UP, "mask start", "pp start"]


def test_a_restart_of_what_was_not_stopped_runs_no_hook(site: Site) -> None:
    """A command before the stop has failed: the application never went down."""
    site.whole()
    site.do(RunPlanOperator(task_id="plan", action="refresh", reason="test", phases={}, **site.about))
    site.since = newest(site.lab)
    with pytest.raises(AirflowFailException, match="runs on its old copies again"):
        site.do(ServiceRestartUnchangedOperator(task_id="x", **site.about))
    assert site.sent() == []


def test_a_plan_says_at_once_that_an_application_is_up(site: Site) -> None:
    site.whole()
    scope = ServiceStartOperator(task_id="start", **site.about).scope()
    with SymcliHook() as hosts:
        with pytest.raises(Refused, match="start is refused: app pp on lnxpp01 is up") as refused:
            hosts.run(plan(scope, "start"))
        assert "the action `stop`, then `start`" in refused.value.remedy
        assert hosts.run(plan(scope, "refresh")).up


def test_a_plan_lists_it_at_its_place(site: Site) -> None:
    scope = ServiceStartOperator(task_id="start", **site.about).scope()
    with SymcliHook() as hosts:
        steps = sent_by(hosts.run(plan(scope, "start")).steps)
    foreseen = [without_script(command.line()) for command in steps]
    assert foreseen[-2:] == [f"{MASK} start", "/opt/pp/bin/ppctl start"]
    assert foreseen[-3].endswith(" /pp/arch")


def test_what_it_left_up_keeps_the_copy_from_being_overwritten(site: Site) -> None:
    site.disks()
    with pytest.raises(Refused, match="is not down"):
        site.do(SymcloneRecreateOperator(task_id="r", sync="data", **site.about))
