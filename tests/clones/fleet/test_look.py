"""What one look at the fleet asks for: once an array; and one bad answer hides nobody else's copies."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from clones.asking.steps import Command, Finished, Note, Result, answer
from clones.backends.place import Placed, pinned_place
from clones.backends.symclone import shared as symclone
from clones.backends.symclone.commands import CLOCK_MARK
from clones.backends.symclone.shared import batches
from clones.config import Service, Symcli
from clones.config.scope import Scope
from clones.errors import Missing, Refused, Unknown, Unreadable
from clones.fleet import look as fleet
from clones.fleet.look import Looked, look
from clones.fleet.status import judge
from tests.clones.one_by_one import one_by_one
from tests.clones.seeing import sync

ONE, TWO = "000190101234", "000297600001"


def service(host: str, *syncs: dict[str, Any]) -> Service:
    named = [{"name": f"sync{number}", **one} for number, one in enumerate(syncs)]
    return Service.model_validate(
        {"control_host": host, "sync_max_delay": 60, "resources": [], "unattended": True, "syncs": named}
    )


def devices(symid: str, *pairs: tuple[str, str]) -> str:
    shown = "".join(
        f"<Device><Dev_Info><dev_name>{device}</dev_name></Dev_Info><CLONE_Device><SRC><dev_name>{source}"
        f"</dev_name></SRC><TGT><dev_name>{target}</dev_name></TGT><state>Copied</state><percent_copied>100"
        "</percent_copied><last_action>Mon Nov 23 11:30:00 2026</last_action></CLONE_Device></Device>"
        for source, target in pairs
        for device in (source, target)
    )
    return (
        f"{CLOCK_MARK} 2026-11-23T12:00:00\n<SymCLI_ML><Symmetrix>"
        f"<Symm_Info><symid>{symid}</symid></Symm_Info>{shown}</Symmetrix></SymCLI_ML>"
    )


def group(symid: str, **members: str) -> str:
    listed = "".join(
        f"<Device><Dev_Info><dev_name>{number}</dev_name><ld_name>{name}</ld_name></Dev_Info></Device>"
        for name, number in members.items()
    )
    return f"<SymCLI_ML><DG><DG_Info><symid>{symid}</symid></DG_Info>{listed}</DG></SymCLI_ML>"


Answer = Callable[[Command], str | int]


def sweep(services: dict[str, Service], respond: Answer) -> tuple[dict[str, Looked], list[Command]]:
    """What was seen by ``service/sync``, and what was sent. A number is an exit code, an error is raised."""
    sent: list[Command] = []
    steps = one_by_one(look(services, Symcli()))
    asked = answer(steps)
    while not isinstance(asked, Finished):
        assert not isinstance(asked, Note) or asked.lines
        if isinstance(asked, Note):
            asked = answer(steps)
            continue
        assert not asked.changes
        sent.append(asked)
        try:
            said = respond(asked)
        except (Refused, Unknown) as error:
            asked = answer(steps, error=error)
            continue
        result = Result(asked, said) if isinstance(said, int) else Result(asked, 0, said)
        asked = answer(steps, result)
    return {f"{one.service}/{one.sync.name}": one for one in asked.value}, sent


def words(command: Command) -> list[str]:
    return list(command.words)


PINNED = {"symid": ONE, "symdg": "DG1", "pairs": ["DEV001=1000:CLONE001=2000"]}
NAMED = {"symid": ONE, "symdg": "DG2", "pairs": ["DEV001:CLONE001"]}
NUMBERED = {"symid": ONE, "pairs": ["01002:02002"]}
ELSEWHERE = {"symid": TWO, "pairs": ["01000:02000"]}


def respond(command: Command) -> str | int:
    said = words(command)
    if "DG2" in said:
        return group(ONE, DEV001="1001", CLONE001="2001")
    if "DG1" in said:
        raise AssertionError("the pinned group was asked for")
    if TWO in said:
        return devices(TWO, ("1000", "2000"))
    return devices(ONE, ("1000", "2000"), ("1001", "2001"), ("1002", "2002"))


def test_one_command_an_array_and_control_host() -> None:
    services = {
        "a": service("ctl", PINNED, NAMED),
        "b": service("ctl", NUMBERED, ELSEWHERE),
        "c": service("other", NUMBERED),
    }
    found, sent = sweep(services, respond)
    assert list(found) == ["a/sync0", "a/sync1", "b/sync0", "b/sync1", "c/sync0"]
    assert all(
        one.seen and not one.seen.pairs[0].wrong and one.seen.pairs[0].session for one in found.values()
    )
    asked = [(one.host, words(one)[words(one).index("-devs") + 1]) for one in sent if "-devs" in one.words]
    assert asked == [
        ("ctl", "1000,1001,01002,2000,2001,02002"),
        ("ctl", "01000,02000"),
        ("other", "01002,02002"),
    ]
    assert len(sent) == 4, "and the one group whose devices nobody knows"


def test_a_group_of_two_syncs_is_asked_for_once() -> None:
    named = {"symdg": "DG2", "pairs": ["DEV001:CLONE001"]}
    _, sent = sweep({"a": service("ctl", named), "b": service("ctl", named)}, respond)
    assert len([one for one in sent if "symdg" in one.line()]) == 1


def test_an_array_that_does_not_answer_is_that_array_s_alone() -> None:
    services = {"a": service("ctl", PINNED), "b": service("ctl", NUMBERED), "c": service("ctl", ELSEWHERE)}
    found, sent = sweep(services, lambda one: 3 if ONE in one.words else respond(one))
    assert [type(one.error).__name__ for one in found.values()] == ["Locked", "Locked", "NoneType"]
    assert len(sent) == 2


def test_what_is_said_of_a_long_command_that_failed_is_short() -> None:
    pairs = [f"{n:04X}:{n + 4096:04X}" for n in range(4096, 4296)]
    services = {"a": service("ctl", {"symid": ONE, "pairs": pairs})}
    found, _ = sweep(services, lambda one: 3)
    (shown,) = judge(services, list(found.values()))
    assert len(shown.why) < 520 and f"Array {ONE} from ctl" in shown.why
    assert "exit code 3 (the array is locked by another process): (it printed nothing)" in shown.why
    assert "nothing was changed" not in shown.why


def test_a_host_that_cannot_be_reached_is_not_tried_again() -> None:
    def unreachable(command: Command) -> str | int:
        if command.host == "ctl":
            raise Unknown("no route")
        return respond(command)

    services = {"a": service("ctl", NAMED, PINNED, ELSEWHERE), "b": service("other", NUMBERED)}
    found, sent = sweep(services, unreachable)
    assert [bool(one.seen) for one in found.values()] == [False, False, False, True]
    assert len(sent) == 2


def test_one_device_that_the_array_refuses_to_list_hides_no_other() -> None:
    def refuse(command: Command) -> str | int:
        return 1 if "1002" in command.line() else respond(command)

    services = {"a": service("ctl", PINNED), "b": service("ctl", NUMBERED)}
    found, sent = sweep(services, refuse)
    assert found["a/sync0"].seen and isinstance(found["b/sync0"].error, Refused)
    assert len(sent) == 3


@pytest.mark.parametrize(
    ("listed", "error"),
    [
        (group(TWO, DEV001="1001", CLONE001="2001"), Missing),
        (group(ONE, OTHER="1001"), Missing),
        (1, Refused),
        ("nonsense", Unreadable),
    ],
    ids=["on another array", "none of the names", "not listed", "not readable"],
)
def test_a_group_that_says_something_else(listed: str | int, error: type[Exception]) -> None:
    services = {"a": service("ctl", NAMED, PINNED)}
    found, _ = sweep(services, lambda one: listed if "DG2" in one.words else respond(one))
    assert type(found["a/sync0"].error) is error and found["a/sync1"].seen


def test_a_name_that_left_its_group_and_a_device_that_is_gone() -> None:
    def gone(command: Command) -> str | int:
        return (
            group(ONE, DEV001="1001")
            if "DG2" in command.words
            else devices(ONE, ("1000", "2000"), ("1001", "2001"))
        )

    found, _ = sweep({"a": service("ctl", NAMED, NUMBERED)}, gone)
    wrong = [one.seen.pairs[0].wrong for one in found.values() if one.seen]
    assert wrong == ["CLONE001 is not in the device group", "the array shows no device 01002"]


def test_many_devices_are_asked_for_in_several_commands() -> None:
    many = sync(600)
    scope = Scope("s", service("ctl", NUMBERED), Symcli())
    place = pinned_place(many)
    assert place is not None
    found = batches([Placed(scope, many, place)])
    assert [len(batch) for batch in found] == [500, 500, 200]
    assert len({device for batch in found for device in batch}) == 1200

    parts = [devices(ONE, ("1000", "2000")), devices(ONE, ("1001", "2001"))]
    services = {
        "a": service("ctl", {"symid": ONE, "pairs": [f"{n:04X}:{n + 4096:04X}" for n in range(4096, 4396)]})
    }
    seen, sent = sweep(services, lambda one: parts.pop(0))
    shown = seen["a/sync0"].seen
    assert (
        len(sent) == 2 and shown and [bool(pair.session) for pair in shown.pairs[:3]] == [True, True, False]
    )


def test_what_is_pinned() -> None:
    for one, wanted in ((PINNED, True), (NUMBERED, True), (NAMED, False), ({**PINNED, "symid": None}, False)):
        assert (pinned_place(service("ctl", one).syncs[0]) is not None) is wanted


@pytest.mark.parametrize(("module", "name"), [(fleet, "pinned_place"), (symclone, "held_against")])
def test_what_befalls_the_program_at_one_sync_is_that_sync_s(
    module: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(module, name)

    def broken(sync: Any, *arguments: Any) -> Any:
        if sync.name == "sync1":
            raise OverflowError("too large")
        return real(sync, *arguments)

    monkeypatch.setattr(module, name, broken)
    found, _ = sweep({"a": service("ctl", PINNED, NUMBERED), "b": service("ctl", NUMBERED)}, respond)
    assert {at: one.error and one.error.what for at, one in found.items()} == {
        "a/sync0": None,
        "a/sync1": "OverflowError: too large",
        "b/sync0": None,
    }


def test_an_answer_that_nobody_has_foreseen_hides_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(scope: Any, symid: str, *words: Any) -> Any:
        if symid == TWO:
            raise RecursionError("too deep")
        return real(scope, symid, *words)

    real: Any = vars(symclone)["list_shown"]
    monkeypatch.setattr(symclone, "list_shown", broken)
    found, _ = sweep({"a": service("ctl", PINNED), "b": service("ctl", ELSEWHERE)}, respond)
    assert found["a/sync0"].seen
    assert found["b/sync0"].error and found["b/sync0"].error.what == "RecursionError: too deep"
