"""What the plan of a run says, from case files: `cases/plan/*.yaml`.

The plan looks at an array and at hosts that print what a case has written down. The service has one
application on two hosts, and two syncs: data, two pairs of a device group that are pinned to their numbers,
and archivelogs, two pairs by their numbers.
"""

from __future__ import annotations

from datetime import datetime
from itertools import product
from typing import Any

import pytest

from clones.actions import ACTIONS
from clones.asking.steps import Command, Result
from clones.config import Service, Symcli
from clones.config.scope import Scope
from clones.errors import CloneError, Locked, MustWait, Refused, Unknown, Unreadable
from clones.runs.refresh import plan
from clones.states import State
from tests.clones.cases_in_tables import CASES, cells, spoken
from tests.clones.written_array import SYMID, Array, Copy, drive, exits
from tests.support.tables import load_yaml

FOLDER = CASES / "plan"
DAY = "2026-11-23"
PHASES = {
    "refresh": ["stop", "resync", "break", "start"],
    "update": ["resync", "break"],
    "resync": ["resync"],
    "break": ["break"],
    "start": ["break", "start"],
    "stop": ["stop"],
}
"""What each action runs, by the table of decision D7."""
VERDICTS: dict[str, type[CloneError]] = {
    "refuse": Refused,
    "wait": MustWait,
    "unknown": Unknown,
    "locked": Locked,
}
ENDS = {
    "data": [("D1", 0x1001, "C1", 0x2001), ("D2", 0x1002, "C2", 0x2002)],
    "archivelogs": [("", 0x1003, "", 0x2003), ("", 0x1004, "", 0x2004)],
}
OTHER = 0x1009
CHECK = {"up": 0, "down": 3, "unknown": None}


def scope(resources: bool = True, **sync: Any) -> Scope:
    app = {
        "name": "db",
        "start": ["/opt/db", "start"],
        "stop": ["/opt/db", "stop"],
        "check": ["/opt/db", "check"],
    }
    hosts = [{"connection": host, "family": "linux"} for host in ("first", "second")]
    runs = (
        {"resources": [{"app": app}], "hosts": hosts} if resources else {"resources": [], "unattended": True}
    )
    data = {"name": "data", "symdg": "DG", "pairs": ["D1=1001:C1=2001", "D2=1002:C2=2002"]}
    archivelogs = {"name": "archivelogs", "pairs": ["1003:2003", "1004:2004"]}
    syncs = [{**one, "symid": SYMID, **sync} for one in (data, archivelogs)]
    service = {"control_host": "control", "sync_max_delay": 1440, **runs, "syncs": syncs}
    return Scope("svc", Service.model_validate(service), Symcli())


def written(copies: list[str], at: dict[str, list[str | None]] | None = None, clock: str = "12:00") -> Array:
    """The array of a case: each sync's pairs, joined by `+`, or one state for all of them."""
    names = {name: number for s, n, t, m in ENDS["data"] for name, number in ((s, n), (t, m))}
    numbers = [OTHER, *(number for ends in ENDS.values() for _, n, _, m in ends for number in (n, m))]
    array = Array(time(clock), {"DG": names}, dict.fromkeys(numbers, 100))
    for (sync, ends), text in zip(ENDS.items(), copies, strict=True):
        states = text.split(" + ")
        for number, (end, state) in enumerate(zip(ends, states * (len(ends) // len(states)), strict=True)):
            shown = (at or {}).get(sync, ["10:00", "10:00"])[number]
            see(array, end, state, time(shown) if shown else None)
    return array


def time(text: str) -> datetime:
    return datetime.fromisoformat(f"{DAY}T{text}")


def see(array: Array, end: tuple[str, int, str, int], seen: str, at: datetime | None) -> None:
    """Put one pair on the array: in a state, or with something about it that is wrong."""
    source_name, source, target_name, target = end
    right = Copy(source, target, "Copied", at)
    names = array.groups["DG"]
    match seen:
        case "none":
            return
        case "source 1009":
            right.source = OTHER
        case "wrong way":
            right.source, right.target = target, source
        case "target also a source":
            array.copies.append(Copy(target, OTHER, "Copied", at))
        case "source copied elsewhere too":
            array.copies.append(Copy(source, OTHER, "Failed", at))
        case "source name missing":
            del names[source_name]
        case "target name missing":
            del names[target_name]
        case "source number other":
            names[source_name] = OTHER
        case "target number other":
            names[target_name] = OTHER
        case "source not shown":
            del array.sizes[source]
        case "target not shown":
            del array.sizes[target]
        case "too small":
            array.sizes[target] = 99
        case "no sizes shown":
            array.sizes |= {source: None, target: None}
        case _:
            assert not seen[:1].islower(), f"no such thing to see: {seen}"
            right.state = seen
    array.copies.append(right)


def check(
    it: Scope,
    action: str,
    array: Array,
    uses: list[str],
    expected: str,
    answers: dict[str, int | None] | None = None,
) -> str:
    """Plan, and hold the outcome against the case.

    :returns: what an error says, with its remedy.
    """
    others = exits(answers or {})

    def hosts(command: Command) -> Result | None:
        if command.words[0] == "/opt/db":
            code = CHECK[uses[0] if command.host == "first" else uses[1]]
            return Result(command, code, stdout="it says so", lost="" if code is not None else "cut")
        return others(command)

    sent: list[Command] = []
    error: CloneError | None = None
    try:
        found = drive(plan(it, action), array, hosts, sent).to_plain()
    except CloneError as raised:
        error = raised
    assert not any(command.changes for command in sent), "a plan only looks"
    if expected == "go":
        assert error is None, error
        assert (found["action"], found["up"]) == (action, it.service.resources != () and "up" in uses)
        phases = [phase for phase in PHASES[action] if it.service.resources or phase in ("resync", "break")]
        assert found["phases"] == phases
        assert [len(seen["pairs"]) for seen in found["syncs"]] == [2, 2]
        return ""
    assert error is not None, f"it should {expected}"
    kind = Unknown if type(error) is Unreadable else type(error)
    assert kind is VERDICTS[expected], error
    assert "ervice svc" in error.what and error.remedy
    if isinstance(error, MustWait):
        assert (error.wanted, error.sync in ENDS) == ("settled", True)
    return f"{error.what}\n{error.remedy}"


def table(name: str) -> list[Any]:
    """Each decision of a table as a test; the column `each` stands for every action without one."""
    tests = []
    for seen, column, cell, row in cells(FOLDER / f"{name}.yaml"):
        if column not in ("why", "remedy"):
            says = row.get("why") or row.get("remedy") or ""
            for action in [a for a in ACTIONS if a not in row] if column == "each" else (column,):
                tests.append(pytest.param(seen, action, cell, says, id=f"{action}: {spoken(seen)}"))
    return tests


@pytest.mark.parametrize(("state", "action", "expected", "says"), table("all-alike"))
def test_all_alike(state: str, action: str, expected: str, says: str) -> None:
    said = check(scope(), action, written([state, state]), ["down", "down"], expected)
    assert expected != "refuse" or says in said


@pytest.mark.parametrize(
    ("copies", "action", "expected", "says"),
    [*table("two-syncs"), *table("one-differs"), *table("wrong-pairs")],
)
def test_copies(copies: list[str], action: str, expected: str, says: str) -> None:
    said = check(scope(), action, written(copies), ["down", "down"], expected)
    assert expected != "refuse" or says in said


@pytest.mark.parametrize(("seen", "action", "expected", "says"), table("service"))
def test_service(seen: list[str], action: str, expected: str, says: str) -> None:
    *uses, copies = seen
    said = check(scope(), action, written([copies, copies]), uses, expected)
    assert expected != "refuse" or says in said


@pytest.mark.parametrize(("copies", "action", "expected", "says"), table("only-syncs"))
def test_only_syncs(copies: list[str], action: str, expected: str, says: str) -> None:
    check(scope(resources=False), action, written(copies), [], expected)


IN_TIME = load_yaml((FOLDER / "in-time.yaml").read_text())


@pytest.mark.parametrize("case", IN_TIME, ids=[case["name"] for case in IN_TIME])
def test_in_time(case: dict[str, Any]) -> None:
    ((action, copies),) = ((action, case[action]) for action in ACTIONS if action in case)
    array = written(copies, case.get("at"), case.get("clock", "12:00"))
    verify = {"verify": case["verify"]} if "verify" in case else {}
    said = check(scope(**case.get("with", {})), action, array, ["down", "down"], case["is"], verify)
    assert case.get("why", "") in said and case.get("remedy", "") in said


@pytest.mark.parametrize(("code", "program", "expected", "says"), table("no-answer"))
def test_no_answer(code: int | None, program: str, expected: str, says: str) -> None:
    for action in ACTIONS:
        array, codes = written(["Copied", "Copied"]), {f"/{program}": code}
        if action == "stop" and expected == "refuse":  # a warning there, and that sync is not seen
            found = drive(plan(scope(), "stop"), array, exits({**codes, "check": CHECK["down"]})).to_plain()
            assert len(found["syncs"]) == (1 if program == "symdg" else 0)
            continue
        said = check(scope(), action, array, ["down", "down"], expected, codes)
        assert expected == "go" or f"/{program}" in said or "cannot be read" in said or "clock" in said


def test_the_tables_have_every_action_in_every_state() -> None:
    """A state or an action that is added has no case yet, and this fails."""
    alike = {
        (action, State.read(state))
        for state, action, *_ in cells(FOLDER / "all-alike.yaml")
        if action != "remedy"
    }
    assert alike == set(product(ACTIONS, State))
    assert set(PHASES) == set(ACTIONS)
    only = {(action, State.read(seen[0])) for seen, action, *_ in cells(FOLDER / "only-syncs.yaml")}
    assert only >= set(product(("refresh", "resync", "break"), State))
    uses = {(action, *seen[:2]) for seen, action, *_ in cells(FOLDER / "service.yaml") if action != "why"}
    assert uses == set(product(ACTIONS, CHECK, CHECK))
    two = {tuple(seen) for seen, *_ in cells(FOLDER / "two-syncs.yaml")}
    assert two == set(product({a for a, _ in two}, repeat=2)) and len(two) == 49
