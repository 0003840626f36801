"""What is decided, from `cases/snapvx/decisions.yaml`: each case is shown by a Unisphere and looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clones.backends.snapvx import tables
from clones.backends.snapvx.answers import Snapshot
from clones.backends.snapvx.intents import Intent, What
from clones.backends.snapvx.looking import sends
from clones.backends.snapvx.names import key_of, new_name
from clones.backends.snapvx.observe import SnapSeen, look
from clones.backends.snapvx.tidy import to_end
from clones.config.scope import Scope
from clones.decide.freshness import Status, freshness
from clones.decide.identity import planned_stamps
from clones.decide.rules import Decision, Verdict, decide_wait
from clones.decide.start_order import decide_start
from clones.observe.sync import to_plain
from clones.states import State
from tests.clones.backends.snapvx.written_unisphere import NOON, SOURCE, TARGET, Unisphere, drive, scope
from tests.support.tables import load_yaml

CASES = load_yaml((Path(__file__).parents[2] / "cases/snapvx/decisions.yaml").read_text())
KEY = key_of(scope().service.syncs[0])
DAYS = {"A": 3, "B": 2, "C": 1}
COLUMNS = ("resync", "again", "break", "mend", "rewind", "retire", "create")
CELLS = [(case, column) for case in CASES for column in COLUMNS if column in case]


def named(letter: str) -> str:
    return new_name("svc", KEY, NOON - DAYS[letter] * timedelta(days=1), "a try")


def show(case: dict[str, Any]) -> tuple[Scope, Unisphere]:
    """The Unisphere of a case."""
    more = case.get("more", [])
    of, made = scope(**({"copy": False} if "nocopy" in more else {})), Unisphere()
    known = {one: made.add(named(one), NOON - DAYS[one] * timedelta(days=1)) for one in case["there"]}
    for number, written in enumerate(case["links"]):
        if written == "-":
            continue
        letter, _, percent = written.partition(" ")
        if letter == "theirs" and "theirs" not in known:
            known["theirs"] = made.add("weekly", NOON)
        since = NOON if "linked late" in more else known[letter].at
        link = made.groups[SOURCE][number], TARGET, int(percent or 100), since
        known[letter].links[made.groups[TARGET][number]] = link
    for word in more:
        kind, _, letter = word.partition(" ")
        if kind in ("expired", "restored", "secure"):
            setattr(known[letter], kind, True)
        elif word.endswith("group grew"):
            made.groups[SOURCE if kind == "source" else TARGET].append(0x7777)
        elif word == "target group exchanged":
            made.groups[TARGET][-1] = 0x7777
    return of, made


def seen_in(case: dict[str, Any], of: Scope, made: Unisphere) -> SnapSeen:
    seen = drive(look(of, of.service.syncs[0], {}, group=True), made)
    for word in case.get("more", []):
        kind, letter = word.split(" ")[0], word[-1]
        if word == "no time of the link":
            seen = replace(seen, unsure="the server does not show when the target was linked")
        elif word == "no time of B":
            seen = silent(seen)
        elif word == "not defined":
            seen = replace(seen, foreign=tuple(undefined(one) for one in seen.foreign))
        elif kind in ("failed", "odd"):
            seen = in_state(seen, State.FAILED if kind == "failed" else State.UNKNOWN)
            assert letter == "B"
    return seen


def undefined(one: Snapshot) -> Snapshot:
    return replace(one, links=tuple(replace(link, defined=False) for link in one.links))


def silent(seen: SnapSeen) -> SnapSeen:
    pairs = tuple(
        replace(pair, session=replace(pair.session, last_action=None)) if pair.session else pair
        for pair in seen.pairs
    )
    return replace(seen, pairs=pairs)


def in_state(seen: SnapSeen, state: State) -> SnapSeen:
    written = "Failed" if state is State.FAILED else "Strange"
    pairs = tuple(
        replace(pair, session=replace(pair.session, state=state, written=written)) if pair.session else pair
        for pair in seen.pairs
    )
    return replace(seen, pairs=pairs)


def keep(case: dict[str, Any], made: Unisphere) -> None:
    """What a run has kept, where the case says so."""
    said = case.get("own", "")
    if not said:
        return
    *other, what, letter = said.split(" ")
    run = ("svc", "r0" if other else "r1")
    one = next((one for one in made.snapshots if one.name == named(letter)), None)
    snapid = one.snapid if one else None
    intent = Intent(run, What(what), named(letter), snapid, TARGET, NOON, NOON, ended=True)
    made.ledger(run[1]).intend(intent.to_plain())


def plan_of(case: dict[str, Any], seen: SnapSeen) -> dict[str, Any]:
    """What the run's plan saw: what is linked now, or that what the case says."""
    plain: dict[str, Any] = to_plain(seen)
    plain["snapshots"] = {}
    if "planned" in case:
        at = (NOON - DAYS[case["planned"]] * timedelta(days=1)).replace(tzinfo=None)
        for pair in plain["pairs"]:
            pair["last_action"] = at.isoformat()
    return {"syncs": [plain]}


def decide(case: dict[str, Any], column: str, of: Scope, made: Unisphere) -> tuple[Decision, SnapSeen]:
    sync, seen = of.service.syncs[0], seen_in(case, of, made)
    keep(case, made)
    ledger = made.ledger()
    if column == "again":
        planned = planned_stamps(plan_of(case, seen), sync)
        return tables.decide_resync_again(sync, seen, planned, ledger), seen
    if column in ("break", "mend"):
        intended = tables.find_intended(seen, ledger)
        return tables.decide_break(sync, seen, mend=column == "mend", intended=intended), seen
    if column == "rewind":
        for letter in case["there"]:  # as the procedure reads them
            one = next(one for one in made.snapshots if one.name == named(letter))
            if seen.detail(one.name) is None:
                shown = drive(look(of, sync, {one.name: one.snapid}), made).detail(one.name)
                assert shown is not None
                seen = replace(seen, details=(*seen.details, shown))
    decided: Decision = getattr(tables, f"decide_{column}")(sync, seen)
    return decided, seen


@pytest.mark.parametrize(("case", "column"), CELLS, ids=[f"{c['name']}: {column}" for c, column in CELLS])
def test_decision(case: dict[str, Any], column: str) -> None:
    of, made = show(case)
    decision, seen = decide(case, column, of, made)
    verdict, _, rest = case[column].partition(" ")
    found = "unknown" if decision.unknown else decision.verdict.name.lower()
    assert found == verdict, decision.why
    if verdict in ("refuse", "unknown"):
        assert rest.removesuffix(" torn") in f"{decision.why} {decision.remedy}" and decision.remedy
        return
    assert decision.torn is rest.endswith("torn")
    letter = rest.removesuffix("torn").strip()
    if letter:
        assert named(letter) in decision.why
        if column == "rewind":
            (request,) = sends(of, of.service.syncs[0], seen, "rewind", decision.pairs)
            assert named(letter) in request.line()


def test_every_state_has_its_verdict() -> None:
    for table in (tables.CREATE, tables.RESYNC, tables.BREAK, tables.RETIRE):
        assert set(table) == set(State)
    assert set(tables.REMEDIES) == set(State)


@pytest.mark.parametrize(
    ("linked", "names", "keep_count", "former", "over"),
    [
        ("C", "ABC", 1, "", "A"),
        ("C", "ABC", 0, "", "AB"),
        ("C", "ABC", 8, "", ""),
        ("B", "ABC", 1, "", ""),
        ("B", "ABC", 0, "", "A"),
        ("A", "ABC", 0, "", ""),
        ("", "ABC", 0, "", ""),
        ("C", "", 0, "", ""),
        ("C", "ABC", 1, "B", "A"),
        ("C", "ABC", 1, "A", "B"),
        ("C", "ABC", 8, "A", "B"),
        ("C", "ABC", 0, "A", "AB"),
        ("A", "ABC", 0, "C", ""),
        ("C", "ABC", 1, "AB", "B"),
        ("C", "ABC", 8, "BA", "B"),
    ],
)
def test_what_is_over(linked: str, names: str, keep_count: int, former: str, over: str) -> None:
    found = to_end(
        *([named(one) for one in some] for some in (linked, names)), keep_count, list(map(named, former))
    )
    assert found == tuple(named(one) for one in over)


def test_a_torn_sync_is_no_copy_to_start_on_and_its_status_is_down() -> None:
    case = {"links": ["B 100", "C 100"], "there": ["B", "C"]}
    of, made = show(case)
    seen = seen_in(case, of, made)
    assert decide_start([seen]).verdict is Verdict.REFUSE
    assert freshness(seen, None).status is Status.DOWN
    assert decide_wait(seen, "copied").verdict is Verdict.REFUSE


def test_age_is_that_of_the_linked_snapshot_by_the_servers_clock() -> None:
    case = {"links": ["B 100", "B 100"], "there": ["A", "B", "C"]}
    of, made = show(case)
    found = freshness(seen_in(case, of, made), 100)
    assert found.status is Status.WARN and found.age is not None
    assert timedelta(days=2) < found.age < timedelta(days=2, minutes=1)
    assert decide_start([seen_in(case, of, made)]).verdict is Verdict.ACT


@pytest.mark.parametrize(("action", "count"), [("create", 2), ("resync", 1), ("break", 1), ("retire", 1)])
def test_what_a_plan_shows(action: str, count: int) -> None:
    case = {"links": ["B 100", "B 100"], "there": ["A", "B"]}
    of, made = show(case)
    seen = seen_in(case, of, made)
    sent = sends(of, of.service.syncs[0], seen, action, seen.pairs)
    assert len(sent) == count and all(one.changes for one in sent)
