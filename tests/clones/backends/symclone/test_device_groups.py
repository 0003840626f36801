"""What a device group lacks, from `cases/provision.yaml`; whether there is one; one thing after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from clones.asking.steps import Command, Finished, Note, Result, Steps, answer
from clones.backends.symclone import device_groups
from clones.backends.symclone.output import Group
from clones.backends.todo import Todo
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.rules import Verdict
from clones.errors import CloneError, Locked, NotDone, Refused, Unknown
from hooks.configuration import load
from tests.clones.one_by_one import one_by_one
from tests.support.tables import load_yaml

HERE = Path(__file__).parents[2]
CASES = load_yaml((HERE / "cases" / "provision.yaml").read_text())
CONFIG = load(HERE.parents[1] / "config" / "services.yaml")
SCOPE = Scope("aastmphpux", CONFIG.services["aastmphpux"], CONFIG.symcli)
SYNC = SCOPE.service.sync("data")
PAIRS = ["DEV001=1001:CLONE001=2001", "DEV002=1002:CLONE002=2002"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    sync = Sync.model_validate(
        {
            "name": "data",
            "symdg": "DG",
            "symid": case.get("symid", "000190101234"),
            "pairs": case.get("pairs", PAIRS),
        }
    )
    group = case["group"]
    if group != "missing":
        held = {name: int(str(device), 16) for name, device in group["devices"].items()}
        group = Group(group["symid"], held)
    found = device_groups.compare(sync, None if group == "missing" else group)
    assert found.group == case["is"]
    assert [name.name for name in found.missing] == case.get("add", [])
    assert len(found.refused) == len(case.get("refused", []))
    for said, words in zip(found.refused, case.get("refused", []), strict=True):
        assert re.search(words, said)


def test_every_table_has_every_state() -> None:
    assert set(device_groups.GROUPS) == set(device_groups.GroupIs)
    assert set(device_groups.NAMES) == set(device_groups.NameIs)
    assert Verdict.WAIT not in [*device_groups.GROUPS.values(), *device_groups.NAMES.values()]


def play(steps: Steps[Any], *results: tuple[int | None, str]) -> tuple[Any, list[str]]:
    """What a procedure returns, and the commands that it sent, when these are the answers."""
    left, sent = list(results), []
    steps = one_by_one(steps)
    asked = answer(steps)
    while not isinstance(asked, Finished):
        if isinstance(asked, Note):
            asked = answer(steps)
            continue
        sent.append(asked.title)
        code, text = left.pop(0)
        asked = answer(steps, Result(asked, code, stdout=text))
    assert not left
    return asked.value, sent


LISTED = "<SymCLI_ML><DG><DG_Info><name>{}</name></DG_Info></DG></SymCLI_ML>"
EMPTY = "<SymCLI_ML><DG><DG_Info><name>DGCVI</name><symid>N/A</symid></DG_Info></DG></SymCLI_ML>"


def test_a_group_that_cannot_be_listed_is_missing_when_no_list_names_it() -> None:
    found, sent = play(device_groups.find(SCOPE, SYNC), (1, ""), (0, LISTED.format("DGCVI2")))
    assert found is None and sent[1] == "/usr/symcli/bin/symdg list -output xml_e"
    assert play(device_groups.find(SCOPE, SYNC), (1, ""), (0, "<SymCLI_ML/>"))[0] is None


@pytest.mark.parametrize("code", [0, 1])
def test_on_a_host_without_any_group_it_is_missing(code: int) -> None:
    text = "\nNo Symmetrix device groups are defined.\n"
    assert play(device_groups.find(SCOPE, SYNC), (1, ""), (code, text))[0] is None


def test_a_group_without_devices_is_of_no_array() -> None:
    assert play(device_groups.find(SCOPE, SYNC), (0, EMPTY))[0] == Group(None, {})


@pytest.mark.parametrize(
    ("results", "kind"),
    [
        ([(3, "")], Locked),
        ([(None, "")], Unknown),
        ([(0, "Usage: ")], Unknown),
        ([(0, EMPTY.replace("N/A", "?"))], Unknown),
        ([(127, "")], Refused),
        ([(1, ""), (2, "")], Locked),
        ([(1, ""), (None, "")], Unknown),
        ([(1, ""), (0, "No groups")], Unknown),
        ([(1, ""), (0, LISTED.format("DGCVI"))], Refused),
        ([(1, ""), (1, "")], Refused),
        ([(1, ""), (2, "No Symmetrix device groups")], Locked),
        ([(1, ""), (None, "No Symmetrix device groups")], Unknown),
        ([(1, ""), (0, LISTED.format("No Symmetrix") + LISTED)], Unknown),
        ([(1, "No Symmetrix device groups"), (1, "")], Refused),
    ],
)
def test_not_knowing_is_never_missing(results: list[tuple[int | None, str]], kind: type[CloneError]) -> None:
    with pytest.raises(kind):
        play(device_groups.find(SCOPE, SYNC), *results)


LIST = "/usr/bin/ps -ef"
PS = (
    0,
    "UID PID PPID C STIME TTY TIME CMD\nroot 1 0 0 0:0 ? 0:0 init\n"
    "x 8 1 0 0:0 ? 0:0 /usr/bin/ps -ef\nsymclone-end\n",
)


def doing(*looks: Sequence[str] | CloneError) -> Steps[None]:
    """One look after the other: what is still to do then, or the error that it ends with."""
    left = list(looks)

    def todo() -> Steps[Sequence[Todo]]:
        yield Note("look")
        now = left.pop(0)
        if isinstance(now, CloneError):
            raise now
        return [Todo(what, Command("h", (what,), changes=True, title=what)) for what in now]

    return device_groups.one_by_one(SCOPE, SYNC, "fill the group", todo, by_hand="do it by hand")


def test_one_thing_at_a_time() -> None:
    assert play(doing(["a", "b"], ["b"], []), PS, (0, ""), PS, (0, ""), PS)[1] == [LIST, "a", LIST, "b", LIST]
    assert play(doing([]), PS)[1] == [LIST]


def test_done_whatever_the_exit_code_says() -> None:
    play(doing(["a"], []), PS, (None, ""), PS)
    play(doing(["a", "b"], ["b"], []), PS, (1, ""), PS, (0, ""), PS)


@pytest.mark.parametrize(
    ("looks", "code", "kind"),
    [
        ([["a"], ["a"]], 0, NotDone),
        ([["a"], ["a"]], 1, Refused),
        ([["a"], ["a"]], 2, Locked),
        ([["a"], ["a"]], None, Unknown),
        ([["a"], Refused("no")], 0, Unknown),
        ([["a"], Locked("locked")], 1, Unknown),
    ],
)
def test_nothing_is_sent_twice(looks: list[Any], code: int | None, kind: type[CloneError]) -> None:
    with pytest.raises(kind):
        play(doing(*looks), PS, (code, ""), PS)


def test_an_error_of_the_first_look_is_its_own() -> None:
    with pytest.raises(Refused, match="no"):
        play(doing(Refused("no")), PS)


def test_a_command_that_still_runs_is_waited_for() -> None:
    """Listed before the look: what ends in between is then seen by the look."""
    running = PS[1].replace("x 8", "x 7 1 0 0:0 ? 0:0 /usr/symcli/bin/symdg -g DGCVI -sid 1 add dev 1 D\nx 8")
    with pytest.raises(Locked, match="symdg -g DGCVI"):
        play(doing(["a"]), (0, running))
