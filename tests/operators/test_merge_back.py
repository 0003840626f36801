"""A merge-back against the lab: what is approved, what is refused, and a kill after the restore was sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput, TaskDeferred

from clones.asking.steps import Command
from clones.errors import CloneError, ConfigError, Fenced, Locked, NotDone, Refused, Unknown
from clones.runs.result import judge
from hooks.symcli import SymcliHook
from operators.approval import SecondPersonApprovalOperator
from operators.merge_back import (
    MergeBackConfirmOperator,
    MergeBackEndOperator,
    MergeBackPlanOperator,
    MergeBackRestoreOperator,
)
from sensors.symclone import SymcloneStateSensor
from tests.conftest import (
    ONE_ARRAY,
    SYMID,
    Store,
    TaskInstance,
    new_context,
    process_list,
    sent,
    take_down,
    typed,
)
from tests.support.locked import under_lock
from tests.support.production import HOST, PRODUCTION, services, with_production
from tests.support.tables import load_yaml
from tests.support.without_ssh import connect_directly

SERVICE = "aastmphpux"
PAIRS = {"data": ("1234", "4321"), "archivelogs": ("1235", "4322")}
BEFORE: dict[str, dict[str, str]] = {"data": {}, "archivelogs": {"data": "restore.data.terminate"}}
"""By sync, the tasks that end the restores of those before it."""


class Task(TaskInstance):
    """With what the tasks of the run have left; :attr:`left` is by task."""

    def __init__(self, run_states: dict[str, str]) -> None:
        super().__init__(run_states)
        self.left: dict[str, Any] = {}

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.left.get(task_ids) if key == "return_value" else super().xcom_pull(task_ids, key)


class MergeBack:
    """One run of the merge-back DAG, task by task, by the user `asker`."""

    def __init__(
        self, lab: Any, config: Path, monkeypatch: pytest.MonkeyPatch, service: str = SERVICE
    ) -> None:
        self.lab, self.config, self.service = lab, str(config), service
        self.ti = Task({"manual__1": "success"})  # whoever has stopped or started the service
        self.ti.id = "42"  # type: ignore[attr-defined]
        self.run = SimpleNamespace(
            dag_id=f"{SERVICE}_merge_back",
            run_id="manual__1",
            run_type="manual",
            triggering_user_name="asker",
            run_after=datetime.now(UTC),
            clear_number=0,
        )
        self.stores: dict[str, Store] = {}
        self.asked: dict[str, Any] = {}
        monkeypatch.setattr(
            "airflow.providers.standard.operators.hitl.upsert_hitl_detail",
            lambda **words: self.asked.update(words),
        )

    def context(self, task: str = "") -> Any:
        store = self.stores.setdefault(task, Store())
        return {"ti": self.ti, "task_instance": self.ti, "dag_run": self.run, "task_state_store": store}

    def step(self, kind: Any, sync: str = "", **words: Any) -> Any:
        words = {"service": self.service, "config": self.config, **({"sync": sync} if sync else {}), **words}
        return kind(task_id="task", **words).execute(self.context(f"{kind.__name__}.{sync}"))

    def plan(self, reason: str = "the month's end must be run again") -> Any:
        self.step(MergeBackPlanOperator, reason=reason)
        return self.ti.xcom["plan"]

    def ask(self) -> dict[str, Any]:
        """Ask, and give what the answer is called with."""
        with pytest.raises(TaskAwaitingInput) as waits:
            SecondPersonApprovalOperator(task_id="approve", subject="?").execute(self.context())
        return dict(waits.value.kwargs or {})

    def answer(
        self, kept: dict[str, Any], user: Any = "boss", choice: str = "Approve", age: timedelta = timedelta()
    ) -> None:
        who = {"id": user, "name": user} if isinstance(user, str) else user
        now = datetime.now(UTC) - age
        choice = f"Approve {kept['digest'][:16]}" if choice == "Approve" else choice
        event = {
            "chosen_options": [choice],
            "params_input": {},
            "responded_at": now,
            "responded_by_user": who,
        }
        operator = SecondPersonApprovalOperator(task_id="approve", subject="?")
        operator.execute_complete(self.context(), event, **kept)
        self.lab.note("approval", service=self.service)

    def approve(self) -> None:
        self.plan()
        self.answer(self.ask())

    def restore(self, sync: str = "data") -> Any:
        return self.step(MergeBackRestoreOperator, sync, ended_task_ids=BEFORE[sync])

    def wait(self, sync: str = "data") -> None:
        self.lab.advance(600)
        self.step(SymcloneStateSensor, sync, wanted="restored")

    def end(self, sync: str = "data") -> Any:
        self.ti.left[f"restore.{sync}.terminate"] = left = self.step(MergeBackEndOperator, sync)
        return left

    def confirm(self) -> Any:
        return self.step(
            MergeBackConfirmOperator, ended_task_ids={s: f"restore.{s}.terminate" for s in BEFORE}
        )

    def state(self, sync: str = "data") -> str:
        return str(self.lab.session(SYMID, *PAIRS[sync])["state"])

    def restores(self) -> list[str]:
        return [typed(entry["command"]) for entry in sent(self.lab, "restore")]

    def refused(self, step: Any, *says: str, kind: type[CloneError] = Refused) -> str:
        before = len(self.restores())
        with pytest.raises(kind) as raised:
            step()
        message = str(raised.value)
        for text in (*says, "What to do:"):
            assert text in message, message
        assert len(self.restores()) == before
        return message


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return services(tmp_path / "services.yaml")


@pytest.fixture
def production_is_up() -> bool:
    return False


@pytest.fixture
def lab(
    arrays: dict[str, Any],
    production_is_up: bool,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    from lab import Lab

    site = with_production(arrays, up=production_is_up)
    with Lab(site, directory=tmp_path / "lab", clock="manual", services=config, ports=False) as running:
        connect_directly(monkeypatch, running)
        yield running


@pytest.fixture
def merge_back(lab: Any, config: Path, monkeypatch: pytest.MonkeyPatch) -> MergeBack:
    return MergeBack(lab, config, monkeypatch)


@pytest.mark.on_each_array
def test_a_whole_merge_back(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.approve()
    for sync in PAIRS:
        merge_back.restore(sync)
        assert merge_back.state(sync) in ("RestInProg", "Restored")
        merge_back.wait(sync)
        merge_back.end(sync)
        assert merge_back.state(sync) in ("Split", "Copied")
    assert len(merge_back.confirm()) == 2
    assert merge_back.restores() == [
        f"symclone -sid {SYMID} -f 1234:4321 -noprompt restore -i 10 -c 3",
        f"symclone -sid {SYMID} -f 1235:4322 -noprompt restore -i 10 -c 3",
    ]
    assert [typed(entry["command"]) for entry in sent(merge_back.lab, "terminate")] == [
        f"symclone -sid {SYMID} -f 1234:4321 -noprompt terminate -restored -i 20 -c 30",
        f"symclone -sid {SYMID} -f 1235:4322 -noprompt terminate -restored -i 20 -c 30",
    ]


@ONE_ARRAY
def test_pairs_by_device_number(lab: Any, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from operators.service import ServiceStopOperator

    run = MergeBack(lab, config, monkeypatch, "lnxpp")
    ServiceStopOperator(task_id="stop", service="lnxpp").execute(new_context())  # type: ignore[arg-type]
    run.approve()
    for sync in PAIRS:
        run.restore(sync)
        run.wait(sync)
        run.end(sync)
    assert len(run.confirm()) == 2
    words = [command.split()[5:] for command in run.restores()]
    assert words == [["-noprompt", "restore", "-i", "10", "-c", "3"]] * 2


@ONE_ARRAY
def test_the_approver_reads_what_is_overwritten_and_the_proof(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    plan = merge_back.plan()
    merge_back.ask()
    body = merge_back.asked["body"]
    for text in (
        "Asked by **asker**",
        "    the month's end must be run again",
        "DEV001 <- CLONE001 (1234 <- 4321), 20480 MB, Copied since",
        f"down     {HOST}  fs /prodcvi",
        f"down     {SERVICE}  fs /aaststcvi",
        plan["digest"],
    ):
        assert text in body, body


@ONE_ARRAY
def test_tracks_are_shown_only_where_they_are_counted(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.lab.set_switch(SYMID, "modified_tracks_counted", False)
    assert "differing tracks: not shown" in "\n".join(merge_back.plan()["text"])
    merge_back.lab.set_switch(SYMID, "modified_tracks_counted", True)
    assert "differing tracks: 131072" in "\n".join(merge_back.plan()["text"])


@ONE_ARRAY
def test_the_lock_is_free_while_a_person_is_asked(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.plan()
    locks = [entry["command"] for entry in merge_back.lab.commands() if "/locks" in entry["command"]]
    assert "mkdir" in locks[0] and "rmdir" in locks[-1]


def test_the_same_look_has_the_same_digest(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    first = merge_back.plan()["digest"]
    merge_back.lab.advance(3600)
    assert merge_back.plan()["digest"] == first


@ONE_ARRAY
@pytest.mark.parametrize("production_is_up", [True])
def test_production_that_is_up_is_not_overwritten(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.refused(merge_back.plan, f"Production of service {SERVICE} is not down", "fs /prodcvi")


@ONE_ARRAY
def test_a_service_that_is_up_is_not_merged_back(merge_back: MergeBack) -> None:
    merge_back.refused(merge_back.plan, f"Service {SERVICE} is not down", "fs /aaststcvi")


def test_production_that_came_up_after_the_approval(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.approve()
    activate = Command(HOST, ("vgchange", "-a", "y", "vgCVI"))
    mount = Command(HOST, ("mount", "-F", "vxfs", "/dev/vgCVI/lv_CVI", "/prodcvi"))
    with SymcliHook() as hosts:
        assert [hosts.execute(command).exit_code for command in (activate, mount)] == [0, 0]
    merge_back.refused(merge_back.restore, f"Production of service {SERVICE} is not down")
    assert set(merge_back.stores["MergeBackRestoreOperator.data"]) == {"record"}, "no restore has begun"


def test_a_service_that_came_up_after_the_approval(merge_back: MergeBack) -> None:
    from operators.service import ServiceStartOperator

    take_down(merge_back.lab)
    merge_back.approve()
    ServiceStartOperator(task_id="start", service=SERVICE).execute(new_context())  # type: ignore[arg-type]
    merge_back.refused(merge_back.restore, f"Service {SERVICE} is not down")


@ONE_ARRAY
def test_production_that_is_started_while_the_array_is_locked(merge_back: MergeBack) -> None:
    """Nothing came of the restore, and nothing will: the next try proves all, under the same approval."""
    take_down(merge_back.lab)
    merge_back.approve()
    merge_back.lab.fault("lock", exit=3, seconds=300, match="noprompt restore")
    error, waited = under_lock(merge_back.lab, merge_back.restore, 300)
    assert isinstance(error, Locked) and "needs no new approval" in str(error) and waited == 30
    assert set(merge_back.stores["MergeBackRestoreOperator.data"]) == {"record"}
    merge_back.lab.advance(210)
    for line in ("vgchange -a y vgCVI", "mount -F vxfs /dev/vgCVI/lv_CVI /prodcvi"):
        merge_back.lab.administrator(HOST, f"/usr/sbin/{line}")
    merge_back.refused(merge_back.restore, f"Production of service {SERVICE} is not down")
    merge_back.lab.advance(300)
    assert merge_back.state() == "Copied"


@ONE_ARRAY
def test_an_approval_that_a_lock_gave_back_is_good_for_one_restore(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.approve()
    merge_back.lab.fault("exit", match="noprompt restore", exit=3, stderr="locked", count=1)
    with pytest.raises(Locked, match="exit code 3"):
        merge_back.restore()
    merge_back.restore()
    merge_back.wait()
    merge_back.end()
    merge_back.refused(merge_back.restore, "a restore was sent under this approval already", "ask again")


@ONE_ARRAY
def test_a_pair_that_has_changed_meanwhile_spends_the_approval(merge_back: MergeBack) -> None:
    """That it gave up is not believed of a pair that is not as it was."""
    lab = merge_back.lab
    take_down(lab)
    merge_back.approve()
    lab.fault("lock", exit=3, seconds=300, match="noprompt restore")
    error, _ = under_lock(
        lab, merge_back.restore, 300, lambda: lab.set_last_action(SYMID, *PAIRS["data"], age_seconds=5)
    )
    assert isinstance(error, NotDone) and "leave production down" in str(error)
    merge_back.refused(merge_back.restore, "a restore was sent under this approval already", "ask again")


@ONE_ARRAY
def test_production_that_does_not_answer_is_not_down(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.approve()
    merge_back.lab.fault(host=HOST, match="mount -p", kind="exit", exit=1, stderr="mount: no table")
    merge_back.refused(merge_back.restore, "is not known", kind=Unknown)


@ONE_ARRAY
@pytest.mark.parametrize("sync", PAIRS)
def test_a_changed_state_asks_again(merge_back: MergeBack, sync: str) -> None:
    take_down(merge_back.lab)
    merge_back.approve()
    merge_back.lab.set_last_action(SYMID, *PAIRS[sync], age_seconds=5)
    merge_back.refused(
        merge_back.restore, "it is not what boss approved any more", "last_action: approved", "ask again"
    )


@ONE_ARRAY
def test_a_changed_configuration_asks_again(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.approve()
    fewer = {**PRODUCTION, "resources": PRODUCTION["resources"][1:]}
    services(Path(merge_back.config), production=fewer)
    merge_back.refused(merge_back.restore, "not what boss approved any more", "production.resources")


@pytest.mark.root_login("become is said everywhere there")
@ONE_ARRAY
def test_a_plan_says_become_only_where_it_is_said(merge_back: MergeBack) -> None:
    """A yes from before there was that key is still a yes; one to other commands is none."""
    take_down(merge_back.lab)
    assert "become" not in str(merge_back.plan()["bound"])
    merge_back.approve()
    (host,) = PRODUCTION["hosts"]
    services(Path(merge_back.config), production={**PRODUCTION, "hosts": [{**host, "become": "sudo"}]})
    merge_back.refused(
        merge_back.restore, "not what boss approved any more", "production.hosts.0.become: approved None"
    )


@ONE_ARRAY
def test_without_an_approval_nothing_is_restored(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.refused(merge_back.restore, "This run has no plan")
    merge_back.plan()
    merge_back.refused(merge_back.restore, "there is no approval of this run's plan")


@ONE_ARRAY
def test_an_approval_of_an_older_plan_is_none(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.plan()
    kept = merge_back.ask()
    merge_back.lab.set_last_action(SYMID, *PAIRS["data"], age_seconds=5)
    merge_back.plan()
    merge_back.answer(kept)
    merge_back.refused(merge_back.restore, "there is no approval of this run's plan")


@ONE_ARRAY
@pytest.mark.parametrize(
    ("user", "choice", "says"),
    [
        ("asker", "Approve", "two persons are needed"),
        ("ASKER", "Approve", "two persons are needed"),
        ({"id": "7", "name": "Asker"}, "Approve", "two persons are needed"),
        (None, "Approve", "Who approved is not known"),
        ({"id": "", "name": " "}, "Approve", "Who approved is not known"),
        ("boss", "Reject", "Rejected by boss"),
        (None, "Reject", "Rejected by nobody"),
    ],
)
def test_an_answer_that_is_no_approval(merge_back: MergeBack, user: Any, choice: str, says: str) -> None:
    take_down(merge_back.lab)
    merge_back.plan()
    kept = merge_back.ask()
    with pytest.raises(AirflowFailException, match=says):
        merge_back.answer(kept, user, choice)
    merge_back.refused(merge_back.restore, "there is no approval")


@ONE_ARRAY
def test_a_yes_to_another_plan_is_no_answer(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.plan()
    merge_back.ask()
    assert merge_back.asked["options"] == [f"Approve {merge_back.ti.xcom['plan']['digest'][:16]}", "Reject"]
    for choice in ("Approve 0123456789abcdef", "Approve "):
        with pytest.raises(ValueError, match="not in"):
            merge_back.answer(merge_back.ask(), choice=choice)


@ONE_ARRAY
def test_an_approval_does_not_last_for_ever(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.plan()
    merge_back.answer(merge_back.ask(), age=timedelta(hours=25))
    merge_back.refused(merge_back.restore, "is not good any more after `approval_timeout`")


@ONE_ARRAY
def test_a_restore_that_still_retries_is_named(
    merge_back: MergeBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off while the array was locked, it can come through later, under production."""
    take_down(merge_back.lab)
    merge_back.approve()
    kill_before(monkeypatch, "restore")
    with pytest.raises(KeyboardInterrupt):
        merge_back.restore()
    listed = process_list("/usr/symcli/bin/symclone -g DGCVI -noprompt restore -i 20")
    merge_back.lab.fault(host="symcli_demo", match="ps -ef", kind="exit", exit=0, stdout=listed)
    merge_back.refused(merge_back.restore, "This command still runs", "restore -i 20", kind=Locked)
    merge_back.refused(merge_back.plan, "This command still runs", "restore -i 20", kind=Locked)


@ONE_ARRAY
def test_no_answer_in_time(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.plan()
    operator = SecondPersonApprovalOperator(task_id="approve", subject="?")
    event = {"error": "The response timeout has passed.", "error_type": "timeout"}
    with pytest.raises(AirflowFailException, match="Nobody approved in time"):
        operator.execute_complete(merge_back.context(), event, **merge_back.ask())


@ONE_ARRAY
@pytest.mark.parametrize(
    "changes", [{"triggering_user_name": None}, {"run_type": "scheduled"}, {"run_type": "backfill"}]
)
def test_who_asks_must_be_known(merge_back: MergeBack, changes: dict[str, Any]) -> None:
    take_down(merge_back.lab)
    vars(merge_back.run).update(changes)
    merge_back.refused(merge_back.plan, "Who triggered this run is not known")


@ONE_ARRAY
@pytest.mark.parametrize("reason", ["", " ", "None"])
def test_a_reason_is_required(merge_back: MergeBack, reason: str) -> None:
    merge_back.refused(lambda: merge_back.plan(reason), "without a reason", kind=ConfigError)


@pytest.mark.parametrize(
    ("state", "says"),
    [("Recreated", "activate it first"), ("Restored", "a merge-back was done"), ("Failed", "storage team")],
)
def test_other_states_are_refused_in_the_plan(merge_back: MergeBack, state: str, says: str) -> None:
    take_down(merge_back.lab)
    merge_back.lab.set_state(SYMID, *PAIRS["archivelogs"], state)
    merge_back.refused(merge_back.plan, says)


def test_a_copy_in_progress_is_waited_for_before_anybody_is_asked(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.lab.set_state(SYMID, *PAIRS["data"], "CopyInProg", protected=1000)
    with pytest.raises(TaskDeferred) as deferred:
        merge_back.plan()
    assert deferred.value.trigger.wanted == "copied"  # type: ignore[attr-defined]


def test_killed_after_the_restore_was_sent(merge_back: MergeBack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next try finds the mark and the restore under way, and goes on; there is no second restore."""
    take_down(merge_back.lab)
    merge_back.approve()
    kill_after(monkeypatch, "restore")
    with pytest.raises(KeyboardInterrupt):
        merge_back.restore()
    assert merge_back.state() in ("RestInProg", "Restored")
    merge_back.restore()
    merge_back.wait()
    merge_back.restore()
    assert len(merge_back.restores()) == 1
    merge_back.end()
    merge_back.refused(merge_back.restore, "a restore was sent under this approval already", "ask again")


def test_killed_before_the_restore_was_sent(merge_back: MergeBack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it was sent, the next try cannot know: one approval is not spent twice."""
    take_down(merge_back.lab)
    merge_back.approve()
    kill_before(monkeypatch, "restore")
    with pytest.raises(KeyboardInterrupt):
        merge_back.restore()
    assert not merge_back.restores() and merge_back.state() == "Copied"
    merge_back.refused(merge_back.restore, "a restore was sent under this approval already", "ask again")
    merge_back.approve()
    merge_back.restore()
    assert len(merge_back.restores()) == 1


@ONE_ARRAY
def test_a_late_try_neither_spends_the_approval_again_nor_frees_it(
    merge_back: MergeBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands still right before it marks the approval as spent; a newer try restores meanwhile."""
    take_down(merge_back.lab)
    merge_back.approve()
    newer: list[Any] = []
    keep = Store.set

    def slowly(store: Store, key: str, value: Any, **words: Any) -> None:
        keep(store, key, value, **words)
        if not newer and "-noprompt restore" in str(value):
            newer.append(True)
            merge_back.restore()

    monkeypatch.setattr(Store, "set", slowly)
    with pytest.raises(Fenced, match="a newer try of this task has sent the restore"):
        merge_back.restore()
    assert newer and len(merge_back.restores()) == 1
    merge_back.wait()
    merge_back.end()
    merge_back.refused(merge_back.restore, "a restore was sent under this approval already", "ask again")


def test_a_restore_of_somebody_else_is_not_gone_on_with(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.approve()
    merge_back.lab.set_state(SYMID, *PAIRS["data"], "RestInProg", protected=1000)
    merge_back.refused(merge_back.restore, "a merge-back is under way that this approval was not spent for")


def test_the_array_refuses(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.approve()
    merge_back.lab.fault(
        host="symcli_demo", match="-noprompt restore", kind="exit", exit=1, stderr="The action failed."
    )
    with pytest.raises(CloneError, match=r"restore ended with exit code 1: The action failed") as raised:
        merge_back.restore()
    assert "leave production down" in str(raised.value)
    merge_back.refused(merge_back.restore, "ask again")


def test_the_flag_stays_until_every_pair_is_restored(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.approve()
    merge_back.restore()
    if merge_back.state() == "RestInProg":
        with pytest.raises(TaskDeferred):
            merge_back.end()
    assert not sent(merge_back.lab, "terminate")
    merge_back.wait()
    merge_back.end()
    merge_back.end()
    assert len(sent(merge_back.lab, "terminate")) == 1


@ONE_ARRAY
def test_the_next_sync_waits_for_the_one_before(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.approve()
    merge_back.refused(lambda: merge_back.restore("archivelogs"), "sync data comes before it")
    merge_back.refused(merge_back.confirm, "it is not merged back")


@ONE_ARRAY
def test_a_sync_that_was_acted_on_since_is_not_merged_back_by_this_run(merge_back: MergeBack) -> None:
    """Its copy was made anew, say: the next sync would go with another point in time."""
    take_down(merge_back.lab)
    merge_back.approve()
    for step in (merge_back.restore, merge_back.wait, merge_back.end):
        step()
    merge_back.lab.advance(60)
    merge_back.lab.set_last_action(SYMID, *PAIRS["data"], age_seconds=0)
    says = "sync data comes before it, and is not as this run has merged it back"
    merge_back.refused(lambda: merge_back.restore("archivelogs"), says)


@ONE_ARRAY
def test_a_sync_whose_tasks_were_marked_is_not_merged_back(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.approve()
    merge_back.lab.advance(60)
    merge_back.lab.set_last_action(SYMID, *PAIRS["data"], age_seconds=0)
    says = "sync data comes before it, and is not as this run has merged it back"
    merge_back.refused(lambda: merge_back.restore("archivelogs"), says)
    for sync in PAIRS:
        merge_back.lab.set_last_action(SYMID, *PAIRS[sync], age_seconds=0)
    merge_back.refused(merge_back.confirm, "and is not as this run has left it")


@ONE_ARRAY
def test_the_next_sync_does_not_go_on_after_a_month(merge_back: MergeBack) -> None:
    """Production may have run since."""
    take_down(merge_back.lab)
    merge_back.approve()
    for step in (merge_back.restore, merge_back.wait, merge_back.end):
        step()
    merge_back.lab.advance(30 * 86400)
    says = "sync data before it was merged back longer ago than `approval_timeout`"
    merge_back.refused(lambda: merge_back.restore("archivelogs"), says)


@ONE_ARRAY
def test_another_copy_that_was_acted_on_since_the_approval_makes_it_void(merge_back: MergeBack) -> None:
    """It may have been merged back: then production is not what was to be overwritten."""
    take_down(merge_back.lab)
    merge_back.lab.remove_session(SYMID, "1236", "4323")
    merge_back.lab.set_state(SYMID, "1236", "4323", "Copied")
    merge_back.lab.set_source(SYMID, "1236", "4323", "1234")
    merge_back.approve()
    merge_back.lab.advance(60)
    merge_back.lab.set_last_action(SYMID, "1234", "4323", age_seconds=0)
    says = ("it is not what boss approved any more", "other_copies.1234 -> 4323: approved")
    merge_back.refused(merge_back.restore, *says)


def test_what_must_say_that_the_service_is_down_is_approved_too(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.approve()
    path = Path(merge_back.config)
    read = load_yaml(path.read_text())
    checks = [{"name": "backup", "connection": "aastmphpux", "command": ["/opt/site/bin/unused"]}]
    read["services"][SERVICE]["down_checks"] = checks
    path.write_text(yaml.safe_dump(read))
    merge_back.refused(merge_back.restore, "it is not what boss approved any more", "down_checks")


def test_another_clone_of_the_source_that_is_merged_back(merge_back: MergeBack) -> None:
    take_down(merge_back.lab)
    merge_back.lab.remove_session(SYMID, "1236", "4323")
    merge_back.lab.set_state(SYMID, "1236", "4323", "Copied")
    merge_back.approve()
    merge_back.lab.set_source(SYMID, "1236", "4323", "1234")
    merge_back.lab.set_state(SYMID, "1234", "4323", "RestInProg", protected=1000)
    merge_back.refused(merge_back.restore, "DEV001 has another copy: 1234 -> 4323, RestInProg")


def test_how_a_stopped_run_is_judged() -> None:
    later = {"restore.data.wait_restored": "upstream_failed", "confirm": "upstream_failed"}
    rejected = judge({"plan": "success", "approve": "failed", **later})
    assert (rejected.result, rejected.at) == ("unchanged", "approve")
    assert "nothing was changed" in rejected.text() and "trigger the DAG as yourself" in rejected.text()
    assert "Only failed" not in judge({"plan": "failed", "approve": "upstream_failed", **later}).text()
    stopped = judge({"plan": "success", "approve": "success", "restore.data.restore": "failed", **later})
    assert (stopped.result, stopped.at) == ("stopped", "restore.data.restore")
    assert "Production may be overwritten" in stopped.text()


def kill_before(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    """The worker's end when nothing of `symclone ... WORD` is left to do but to send it; once."""
    send = SymcliHook._execute

    def killed(self: SymcliHook, client: Any, command: Any, turns: Any) -> Any:
        if word in command.words:
            monkeypatch.setattr(SymcliHook, "_execute", send)
            raise KeyboardInterrupt
        return send(self, client, command, turns)

    monkeypatch.setattr(SymcliHook, "_execute", killed)


def kill_after(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    """The same right after the command."""
    execute = SymcliHook.execute

    def killed(self: SymcliHook, command: Any, *more: Any) -> Any:
        result = execute(self, command, *more)
        if word in command.words:
            monkeypatch.setattr(SymcliHook, "execute", execute)
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(SymcliHook, "execute", killed)


def test_killed_between_any_two_commands_of_a_restore(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on, or is refused; asked again it reaches the end. One approval never restores twice."""
    from lab import Lab
    from lab.config import load

    site = with_production(load().model_dump())
    ends = []
    for lives in range(100):
        with Lab(site, directory=tmp_path / f"{lives}", clock="manual", services=config, ports=False) as lab:
            connect_directly(monkeypatch, lab)
            take_down(lab)
            run = MergeBack(lab, config, monkeypatch)
            run.approve()
            with monkeypatch.context() as patched:
                killed = dies_after(patched, lives, run.restore)
            try:
                run.restore()
                ends.append("went on")
            except Refused as refused:
                assert "a restore was sent under this approval already" in str(refused)
                ends.append("asked again")
                run.approve()
                run.restore()
            run.wait()
            run.end()
            assert len(run.restores()) == 1
        if not killed:
            break
    assert not killed and len(ends) > 8
    assert ends.count("asked again") == 1, "only right before the command is it not known"


def dies_after(monkeypatch: pytest.MonkeyPatch, lives: int, step: Any) -> bool:
    """Whether the step wanted to go on more round trips than that, and so was killed."""
    send, left = SymcliHook._execute, [lives]

    def mortal(self: SymcliHook, *arguments: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return send(self, *arguments)

    monkeypatch.setattr(SymcliHook, "_execute", mortal)
    try:
        step()
    except KeyboardInterrupt:
        return True
    return False
