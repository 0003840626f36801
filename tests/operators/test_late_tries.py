"""A try that stood still: what it sends late changes nothing, whatever went on meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from clones.act.lock import GIVE_BACK
from clones.asking.fence import NOT_NEWEST
from clones.errors import CloneError, Fenced, Stale
from clones.runs.record import TaskRecord
from hooks import clock as clocks
from hooks.symcli import SymcliHook
from operators import newest_try
from operators.run_end import RunEndOperator
from operators.service import ServiceStartOperator, ServiceStopOperator
from operators.symclone import SymcloneActivateOperator, SymcloneRecreateOperator
from tests.conftest import ONE_ARRAY, Log, carried_out, new_context, perform, sent

SERVICE = "aastmphpux"


def of_run(run_id: str, **ended: str) -> dict[str, Any]:
    """The context of a task of that run; `ended` are the states of other runs."""
    context = new_context()
    context["dag_run"].run_id = context["ti"].run_id = run_id
    context["ti"].run_states = ended
    context["ti"].get_task_states = lambda **_: {run_id: {context["ti"].task_id: "running"}}
    return context


def task(kind: str) -> Any:
    made = {
        "stop": lambda: ServiceStopOperator(task_id="stop", service=SERVICE),
        "start": lambda: ServiceStartOperator(task_id="start", service=SERVICE),
        "recreate": lambda: SymcloneRecreateOperator(task_id="recreate", service=SERVICE, sync="data"),
        "activate": lambda: SymcloneActivateOperator(task_id="activate", service=SERVICE, sync="data"),
    }
    return made[kind]()


class Stopped:
    """A try in a thread that stands still right before it sends one command, until it is let go on."""

    def __init__(self, patch: pytest.MonkeyPatch, work: Callable[[], Any], word: str) -> None:
        self.at_it, self.go_on = threading.Event(), threading.Event()
        self.error: CloneError | None = None
        self.ended: AirflowFailException | None = None
        self.late: list[list[str]] = []
        self.word, self.thread = word, threading.Thread(target=self._work, args=(work,))
        execute = SymcliHook._execute

        def stands_still(hook: SymcliHook, client: Any, command: Any, turns: Any) -> Any:
            mine = threading.current_thread() is self.thread
            if mine and not self.go_on.is_set() and self.word in carried_out(command.line()):
                self.at_it.set()
                assert self.go_on.wait(60)
            if mine and self.go_on.is_set() and command.changes:
                self.late.append(carried_out(command.line()))
            return execute(hook, client, command, turns)

        patch.setattr(SymcliHook, "_execute", stands_still)
        self.thread.start()
        assert self.at_it.wait(60), f"it has not come to {word}: {self.error}"

    def _work(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except CloneError as error:
            self.error = error
            self.at_it.set()
        except AirflowFailException as error:
            self.ended = error

    def comes_through(self) -> None:
        self.go_on.set()
        self.thread.join(60)
        assert not self.thread.is_alive()


BEFORE = {
    "recreate": ["stop"],
    "activate": ["stop", "recreate"],
    "umount": [],
    "mount": ["stop"],
}
OF = {"recreate": "recreate", "activate": "activate", "umount": "stop", "mount": "start"}
WORDS = {"umount": "/usr/sbin/umount", "mount": "/usr/sbin/mount"}


@ONE_ARRAY
@pytest.mark.parametrize("others", ["next try", "run ended", "another run done"])
@pytest.mark.parametrize("command", ["recreate", "activate", "umount", "mount"])
def test_what_it_sends_late_is_not_carried_out(
    lab: Any, monkeypatch: pytest.MonkeyPatch, command: str, others: str
) -> None:
    kind = OF[command]
    for before in BEFORE[command]:
        perform(lab, task(before), of_run("run_1"))
    word = WORDS.get(command, command)
    late = Stopped(monkeypatch, lambda: task(kind).execute(of_run("run_1")), word)
    if others == "next try":
        perform(lab, task(kind), of_run("run_1"))
    elif others == "run ended":  # the service is started on its old copies, or what comes next is done
        after = {"recreate": "start", "activate": "activate", "umount": "start", "mount": "start"}[command]
        perform(lab, task(after), of_run("run_2", run_1="failed"))
    else:
        for step in ("stop", "recreate", "activate"):
            perform(lab, task(step), of_run("run_2", run_1="failed"))
    before = lab.sessions(), lab.host(SERVICE).mounts(), lab.host(SERVICE).addresses()
    since = len(lab.journal)
    late.comes_through()
    assert isinstance(late.error, Fenced) and "That command changed nothing" in str(late.error)
    assert (lab.sessions(), lab.host(SERVICE).mounts(), lab.host(SERVICE).addresses()) == before
    sent = [entry for entry in lab.journal[since:] if entry.get("event") == "command" and entry["exit"]]
    assert [entry["exit"] for entry in sent] == [NOT_NEWEST], "it was refused, and nothing came after it"
    assert len(late.late) == 1, "nothing was rolled back either"


@ONE_ARRAY
@pytest.mark.parametrize(("kind", "word"), [("start", "/usr/sbin/mount"), ("stop", "/usr/sbin/vgexport")])
def test_the_end_of_its_run_shuts_it_out_of_the_service_hosts(
    lab: Any, monkeypatch: pytest.MonkeyPatch, kind: str, word: str
) -> None:
    """Nothing of this run comes after the task but `finish`, which gives the lock back."""
    if kind == "start":
        perform(lab, task("stop"), of_run("run_1"))
    late = Stopped(monkeypatch, lambda: task(kind).execute(of_run("run_1")), word)
    with pytest.raises(AirflowFailException, match=rf"Stopped at {kind}\.service"):
        finish(kind)
    before = lab.host(SERVICE).mounts()
    late.comes_through()
    assert isinstance(late.error, Fenced)
    assert lab.host(SERVICE).mounts() == before and len(late.late) == 1


@ONE_ARRAY
def test_a_run_ends_also_when_a_service_host_cannot_be_reached(
    lab: Any, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    perform(lab, task("stop"), of_run("run_1"))
    monkeypatch.delenv(f"AIRFLOW_CONN_{SERVICE.upper()}")
    with pytest.raises(AirflowFailException, match=r"Stopped at start\.service"):
        finish("start")
    assert f"before you act on {SERVICE} by hand: check that no task of this run works" in log.text
    assert "Released the lock" in log.text


@ONE_ARRAY
def test_a_run_ends_also_when_the_control_host_lets_nobody_in(
    lab: Any, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SYMCLI_DEMO")
    context = of_run("run_1")
    with pytest.raises(AirflowFailException, match=r"Stopped at start\.service"):
        finish("start", context)
    assert context["ti"].xcom["result"]["at"] == "start.service" and context["ti"].xcom["run_record"]
    assert "The next run takes the lock over" in log.text


@ONE_ARRAY
def test_a_run_whose_lock_was_taken_over_at_its_end_is_not_done(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands still at its very end, and by hand the lock is given to another."""
    perform(lab, task("stop"), of_run("run_1"))
    late = Stopped(monkeypatch, lambda: finish("", of_run("run_1")), GIVE_BACK)
    perform(lab, task("recreate"), of_run("run_2", run_1="failed"))
    late.comes_through()
    assert "another run took over the lock" in str(late.ended)


def finish(failed: str, context: Any = None) -> None:
    """The last task of `run_1`, of which that task has failed; it has no other tasks when it is none."""
    context = context or of_run("run_1")
    states = {"plan": "success", f"{failed}.service": "failed"} if failed else {}
    context["ti"].task_id = "finish"
    context["ti"].get_task_states = lambda **_: {"run_1": {**states, "finish": "running"}}
    with DAG(SERVICE):
        end = RunEndOperator(task_id="finish", service=SERVICE)
        for name in states:
            BaseOperator(task_id=name) >> end
    end.execute(context)  # type: ignore[arg-type]


@ONE_ARRAY
@pytest.mark.parametrize("stands", ["before it is kept", "after it is kept"])
def test_a_late_activation_is_not_kept_as_one(lab: Any, monkeypatch: pytest.MonkeyPatch, stands: str) -> None:
    """Else its run would take the other's copy for its own, and for newer than it is."""
    first, second = of_run("run_1"), of_run("run_2", run_1="failed")
    second["asset_state_store"] = first["asset_state_store"]
    for before in ("stop", "recreate"):
        perform(lab, task(before), first)
    late, refused = task("activate"), []
    if stands == "before it is kept":
        keep = first["task_state_store"].set

        def slowly(key: str, value: Any, **words: Any) -> None:
            keep(key, value, **words)
            if not refused and "-noprompt activate" in str(value):
                refused.append(True)
                perform(lab, task("activate"), second)

        first["task_state_store"].set = slowly
    else:
        execute = SymcliHook._execute

        def stands_still(hook: SymcliHook, client: Any, command: Any, turns: Any) -> Any:
            if not refused and "activate" in carried_out(command.line()):
                refused.append(True)
                perform(lab, task("recreate"), second)
            return execute(hook, client, command, turns)

        monkeypatch.setattr(SymcliHook, "_execute", stands_still)
    with pytest.raises(Fenced):
        late.execute(first)
    kept = [store.get("activation") for store in first["asset_state_store"].values()]
    whose = [one["run"][1] for one in kept if one]
    assert refused and whose == (["run_2"] if stands == "before it is kept" else [])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The hooks' clock, which goes on while a machine is suspended: turned by hand."""
    turned = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(clocks, "awake", lambda: turned.now)
    yield turned


@ONE_ARRAY
@pytest.mark.parametrize("suspended", ["at a look", "at the record"])
def test_nothing_is_sent_on_a_look_that_is_too_old(
    lab: Any, monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace, suspended: str
) -> None:
    """The machine is suspended while the proof is taken, or while the record is kept; nobody takes over."""
    perform(lab, task("stop"), of_run("run_1"))
    execute, slept = SymcliHook._execute, []

    def suspend(hook: SymcliHook, client: Any, command: Any, turns: Any) -> Any:
        result = execute(hook, client, command, turns)
        if not slept and "/usr/sbin/ping" in command.line():
            slept.append(True)
            clock.now += newest_try.look_limit() + 1
        return result

    context = of_run("run_1")
    if suspended == "at a look":
        monkeypatch.setattr(SymcliHook, "_execute", suspend)
    else:
        keep = context["task_state_store"].set

        def slowly(key: str, value: Any, **words: Any) -> None:
            keep(key, value, **words)
            if not slept and "recreate" in str(value):
                slept.append(True)
                clock.now += newest_try.look_limit() + 1

        context["task_state_store"].set = slowly
    since = len(lab.journal)
    perform(lab, task("recreate"), context)
    assert slept
    sent = [carried_out(e["command"]) for e in lab.journal[since:] if e.get("event") == "command"]
    proofs = [number for number, words in enumerate(sent) if any("ping" in word for word in words)]
    recreates = [number for number, words in enumerate(sent) if "recreate" in words]
    assert len(recreates) == 1 and len(proofs) == 2 and proofs[1] < recreates[0], "it looked again first"


@ONE_ARRAY
def test_a_long_command_does_not_make_what_follows_too_old_and_a_pause_behind_it_does(
    lab: Any, monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    """A check may take an hour. The machine is suspended behind it: the mount waits for another look."""
    perform(lab, task("stop"), of_run("run_1"))
    execute, sent = SymcliHook._execute, list[list[str]]()

    def passes(hook: SymcliHook, client: Any, command: Any, turns: Any) -> Any:
        words = carried_out(command.line())
        sent.append(words)
        if "/usr/sbin/fsck" in words:
            clock.now += 3600
        result = execute(hook, client, command, turns)
        if "/usr/sbin/fsck" in words and len([one for one in sent if "/usr/sbin/fsck" in one]) == 1:
            keep = hook.record.sent  # type: ignore[union-attr]

            def suspended(*commands: Any) -> None:
                keep(*commands)
                clock.now += newest_try.look_limit() + 1
                monkeypatch.setattr(hook.record, "sent", keep)

            monkeypatch.setattr(hook.record, "sent", suspended)
        return result

    monkeypatch.setattr(SymcliHook, "_execute", passes)
    perform(lab, task("start"), of_run("run_1"))
    assert lab.host(SERVICE).mounts()
    checks = [number for number, words in enumerate(sent) if "/usr/sbin/fsck" in words]
    mounts = [number for number, words in enumerate(sent) if words[:2] == ["/usr/sbin/mount", "-F"]]
    assert (len(checks), len(mounts)) == (2, 1) and mounts[0] == checks[1] + 1


@ONE_ARRAY
def test_what_begins_anew_takes_nothing_from_a_newer_try(
    lab: Any, monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    """To Airflow the task runs: its next try does."""
    perform(lab, task("stop"), of_run("run_1"))
    execute, slept = SymcliHook._execute, []

    def suspend(hook: SymcliHook, client: Any, command: Any, turns: Any) -> Any:
        result = execute(hook, client, command, turns)
        if not slept and "/usr/sbin/ping" in command.line():
            slept.append(True)
            perform(lab, task("recreate"), of_run("run_1"))
            clock.now += newest_try.look_limit() + 1
        return result

    monkeypatch.setattr(SymcliHook, "_execute", suspend)
    with pytest.raises(Fenced, match="this try does not hold the lock any more"):
        task("recreate").execute(of_run("run_1"))
    assert slept and len(sent(lab, "recreate")) == 1


@ONE_ARRAY
def test_between_two_commands_for_one_resource_it_may_be_suspended_too(
    lab: Any, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the second rests on is the end of the first: too long ago, and the file system is looked at."""
    perform(lab, task("stop"), of_run("run_1"))
    context, slept = of_run("run_1"), []
    sent = TaskRecord.sent

    def slowly(record: TaskRecord, *commands: Any) -> None:
        sent(record, *commands)
        if not slept and "/usr/sbin/mount -F" in commands[0].line():
            slept.append(True)
            clock.now += newest_try.look_limit() + 1

    monkeypatch.setattr(TaskRecord, "sent", slowly)
    since = len(lab.journal)
    perform(lab, task("start"), context)
    words = [carried_out(e["command"]) for e in lab.journal[since:] if e.get("event") == "command"]
    named = [next((w for w in one if w in ("/usr/sbin/fsck", "/usr/sbin/mount")), "") for one in words]
    came = [name + ("" if "-F" in one else " -p") for name, one in zip(named, words, strict=True) if name]
    check, look = "/usr/sbin/fsck", "/usr/sbin/mount -p"
    assert came[came.index(check) :] == [check, look, check, "/usr/sbin/mount", look]


@ONE_ARRAY
def test_a_task_that_airflow_has_given_up_does_not_begin_anew(
    lab: Any, monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    perform(lab, task("stop"), of_run("run_1"))
    context = of_run("run_1")
    context["ti"].get_task_states = lambda **_: {"run_1": {context["ti"].task_id: "failed"}}
    execute = SymcliHook._execute

    def suspend(hook: SymcliHook, client: Any, command: Any, turns: Any) -> Any:
        clock.now += newest_try.look_limit() + 1
        return execute(hook, client, command, turns)

    monkeypatch.setattr(SymcliHook, "_execute", suspend)
    with pytest.raises(Fenced, match="does not run this try of task any more"):
        task("recreate").execute(context)
    assert not [e for e in lab.journal if "recreate" in e.get("command", "") and e["exit"] == 0]


@ONE_ARRAY
def test_looks_that_are_always_too_slow_end_the_try(
    lab: Any, monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    perform(lab, task("stop"), of_run("run_1"))
    execute = SymcliHook._execute

    def slow(hook: SymcliHook, client: Any, command: Any, turns: Any) -> Any:
        clock.now += newest_try.look_limit() + 1
        return execute(hook, client, command, turns)

    monkeypatch.setattr(SymcliHook, "_execute", slow)
    with pytest.raises(Stale, match="task_instance_heartbeat_timeout"):
        task("recreate").execute(of_run("run_1"))
    assert not [e for e in lab.journal if "-noprompt recreate" in e.get("command", "")]


def test_the_limit_is_well_below_the_heartbeat_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    for timeout, limit in (("300", 120.0), ("60", 30.0), ("20", 10.0)):
        monkeypatch.setenv("AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT", timeout)
        assert newest_try.look_limit() == limit
