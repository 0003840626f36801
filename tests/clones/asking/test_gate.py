"""What a gate has refused is never read as an answer of the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from clones.act import lock
from clones.act.hooks import run_hook
from clones.asking import fence
from clones.asking.fence import Fence, Token
from clones.asking.one_trip import take_apart
from clones.asking.read_only import Eyes
from clones.asking.side_by_side import attempts
from clones.asking.steps import Command, Finished, Note, Result, Steps, Together, answer, run, run_together
from clones.backends.symclone.observe import ask_precopied, observe
from clones.config import Hook
from clones.config.scope import Scope
from clones.errors import CloneError, Refused, TryAgain
from clones.guards import guards
from clones.observe.host_files import look_at_files
from clones.observe.proof_down import look, look_at, prove_down
from clones.observe.running_commands import nothing_still_runs
from clones.resources import drivers
from hooks.configuration import load
from tests.clones.cases_in_tables import CASES
from tests.clones.seeing import seen
from tests.conftest import SERVICES
from tests.support.tables import load_yaml

SAID = (
    "symclone-gate: refused: nothing that this policy has; policy of 2026-01-31T10:00:00Z (5a5a): copy it\n"
)
Execute = Callable[[Command], Result]


def refused(command: Command) -> Result:
    return Result(command, 119, stderr=SAID)


def drive(steps: Steps[Any], execute: Execute = refused) -> Any:
    """With an answer to each command; what is asked together gets one each."""
    asked = answer(steps)
    while not isinstance(asked, Finished):
        if isinstance(asked, Note):
            asked = answer(steps)
        elif isinstance(asked, Together):
            asked = answer(steps, [execute(one) for one in asked.commands])
        else:
            asked = answer(steps, execute(asked))
    return asked.value


@pytest.mark.parametrize("case", load_yaml((CASES / "gate_refused.yaml").read_text()), ids=str)
def test_which_answers_are_a_refusal(case: dict[str, Any]) -> None:
    command = Command("ctl1", ("/bin/ls", "-l"))
    result = Result(command, case["exit"], case.get("stdout", ""), case["stderr"])
    if "refused" not in case:
        assert drive(run(command), lambda _: result) is result
        return
    with pytest.raises(TryAgain if case.get("again") else Refused) as error:
        drive(run(command), lambda _: result)
    assert case["refused"] in error.value.what and "`/bin/ls -l`" in error.value.what
    assert "It was not run" in error.value.what
    assert "scripts/gate ctl1" in error.value.remedy and "/etc/symclone-gate.policy" in error.value.remedy


def lnxpp() -> Scope:
    config = load(SERVICES)
    service = config.services["lnxpp"]
    plain = service.model_dump(exclude_unset=True)
    for entry in plain["resources"]:
        if "app" in entry:
            entry["app"]["down_exit_codes"] = [1, 3, 119]
    check = {"name": "others", "connection": "rep1", "command": ["/opt/site/bin/unused"]}
    return Scope.of("lnxpp", type(service).model_validate({**plain, "down_checks": [check]}), config.symcli)


OWNER = lock.Owner("dag", "run", "site", "0" * 16, "task", 1)
READERS: dict[str, Callable[[], list[Steps[Any]]]] = {
    "resources, also an application that calls 119 down": lambda: [
        look(driver, host.connection)
        for host in lnxpp().service.hosts
        for driver in drivers(lnxpp().service, host)
    ],
    "guards, fuser and a site's check among them": lambda: [look_at(one) for one in guards(lnxpp().service)],
    "the proof": lambda: [prove_down(lnxpp())],
    "SYMCLI": lambda: [observe(lnxpp(), lnxpp().service.syncs[0])],
    "verify": lambda: [ask_precopied(lnxpp(), lnxpp().service.syncs[0], seen("PreCopy", "PreCopy"))],
    "the list of processes": lambda: [nothing_still_runs(lnxpp(), lnxpp().service.syncs, "recreate")],
    "files": lambda: [look_at_files("lnxpp01", ["/bin/ls"])],
    "the token": lambda: [fence.put(lnxpp(), Fence("lnxpp", Token(1, "0" * 16)), "lnxpp01")],
    "the lock": lambda: [
        lock.take(lnxpp(), OWNER, lambda _: False),
        lock.keep(lnxpp(), OWNER),
        lock.give_back(lnxpp(), OWNER),
        lock.holders(lnxpp()),
    ],
    "a hook": lambda: [run_hook(lnxpp(), Hook(name="h", command=("/bin/h",)), "before_stop")],
}


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_takes_it_for_an_answer(reader: str) -> None:
    procedures = READERS[reader]()
    assert procedures
    for steps in procedures:
        with pytest.raises(Refused, match=r"gate of .* does not let"):
            drive(steps)


def test_one_look_among_several_is_its_own_affair() -> None:
    def execute(command: Command) -> Result:
        return refused(command) if command.words == ("b",) else Result(command, 0, command.words[0])

    names = ("a", "b", "c")
    found = drive(attempts(run(Command("ctl1", (name,))) for name in names), execute)
    assert [one.returned.stdout if one.returned else type(one.error) for one in found] == ["a", Refused, "c"]
    with pytest.raises(Refused):
        drive(run_together([Command("ctl1", (name,)) for name in names]), execute)


def test_a_host_with_a_gate_that_refuses_is_no_lost_host() -> None:
    """Preflight goes on there: the others of its looks may pass."""
    eyes = Eyes()
    with pytest.raises(CloneError):
        drive(eyes.through(run(Command("ctl1", ("b",)))))
    assert not eyes.lost
    other = drive(eyes.through(run(Command("ctl1", ("a",)))), lambda command: Result(command, 0))
    assert other.exit_code == 0


def test_a_trip_that_is_refused_as_a_whole() -> None:
    commands = [Command("ctl1", ("a",)), Command("ctl1", ("b",))]
    whole = Result(Command("ctl1", ("together",)), 119, stderr=SAID)
    apart = take_apart(commands, "0123", whole)
    assert [one.command for one in apart] == commands and all(one.kept_out for one in apart)
    marked = replace(
        whole, exit_code=0, stdout="\n0123 2 0\n\n0123 1 119\n", stderr=f"\n0123 2 0\n{SAID}\n0123 1 119\n"
    )
    assert [one.kept_out for one in take_apart(commands, "0123", marked)] == [False, True]
