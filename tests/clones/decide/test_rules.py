"""The decision tables, from case files: `cases/rules/*.yaml`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import product
from typing import Any

import pytest

from clones.decide import merge_back, rules, start_order
from clones.decide.ledger import Activation, stamps
from clones.decide.rules import Decision, Verdict
from clones.states import ACTIVE, GROUPS, PREPARED, State, SyncSeen
from tests.clones.cases_in_tables import CASES, cells, spoken
from tests.clones.seeing import NOON, seen, sync
from tests.support.tables import load_yaml

FOLDER = CASES / "rules"
ACTIONS = ("create", "resync", "copying", "break", "mend", "start")
ONE_PAIR = [cell for cell in cells(FOLDER / "one-pair.yaml") if cell[1] != "remedy"]
TABLES = ONE_PAIR + list(cells(FOLDER / "two-pairs.yaml"))
WAITS = list(cells(FOLDER / "waits.yaml"))
IN_TIME = load_yaml((FOLDER / "in-time.yaml").read_text())


def decide(action: str, shown: SyncSeen, while_copying: bool = False) -> Decision:
    match action:
        case "create":
            return rules.decide_create(shown)
        case "resync" | "copying":
            options = {"recreate_while_copying": True} if action == "copying" else {}
            return rules.decide_resync(sync(len(shown.pairs), **options), shown)
        case "break" | "mend":
            return rules.decide_break(shown, mend=action == "mend", while_copying=while_copying)
        case "start":
            return start_order.decide_start([shown])
    raise AssertionError(f"no such action: {action}")


def numbers(decision: Decision) -> list[int]:
    return [int(pair.pair.source, 16) - 0x1000 for pair in decision.pairs]


def check(decision: Decision, expected: str) -> None:
    """``verdict``, and the numbers of the pairs that it concerns if they are given."""
    verdict, *pairs = expected.split()
    assert ("unknown" if decision.unknown else decision.verdict.name.lower()) == verdict, decision
    if pairs:
        assert numbers(decision) == [int(number) for number in pairs]
    if decision.verdict is Verdict.REFUSE:
        assert decision.why and decision.remedy, "a refusal must say why, and what to do"


@pytest.mark.parametrize(
    ("states", "action", "expected", "row"),
    TABLES,
    ids=[f"{action}: {spoken(s)}" for s, action, *_ in TABLES],
)
def test_table(states: list[str], action: str, expected: str, row: dict[str, str]) -> None:
    decision = decide(action, seen(*states))
    check(decision, expected)
    if decision.verdict is Verdict.REFUSE and action not in ("create", "start") and "remedy" in row:
        assert row["remedy"] in decision.remedy
    if decision.verdict is Verdict.REFUSE and action == "start":
        assert "`refresh`" in decision.remedy


@pytest.mark.parametrize(
    ("states", "wanted", "expected", "row"), WAITS, ids=[f"{wanted}: {spoken(s)}" for s, wanted, *_ in WAITS]
)
def test_wait(states: list[str], wanted: str, expected: str, row: dict[str, str]) -> None:
    check(rules.decide_wait(seen(*states), wanted), "nothing" if expected == "over" else expected)


@pytest.mark.parametrize("case", IN_TIME, ids=[case["name"] for case in IN_TIME])
def test_in_time(case: dict[str, Any]) -> None:
    (action,) = {*ACTIONS, "wait"} & set(case)
    syncs = case[action] if isinstance(case[action], dict) else {"data": case[action]}
    at = case["at"] if isinstance(case.get("at"), dict) else {"data": case.get("at")}
    shown = [
        replace(
            seen(*states, times=times(at.get(name)), name=name),
            precopied=case.get("precopied"),
            **({"symid": case["arrays"][name]} if "arrays" in case else {}),
            **({"snapshots": {f"of {name}": 1}} if case.get("snapshots") else {}),
        )
        for name, states in syncs.items()
    ]
    if action == "start":
        sent, own = case.get("sent", {}), case.get("made", {})
        newest = {
            one.name: activation(one, (sent or {}).get(one.name), own.get(one.name, "itself"))
            for one in shown
            if own.get(one.name, "not kept") != "not kept" or one.name in (sent or {})
        }
        on = case.get("set", "")
        kept = start_order.Kept(newest, ordered=sent is not None, made_here=bool(own), target_set=on)
        decision = start_order.decide_start(shown, kept)
    elif action == "wait":
        decision = rules.decide_wait(shown[0], case["wanted"])
    else:
        decision = decide(action, shown[0], case.get("while_copying", False))
    check(decision, case["is"])
    assert case.get("why", "") in decision.why
    assert case.get("remedy", "") in decision.remedy
    assert not ("set" in case and "`start`" in decision.remedy), "it is back on its former set by then"


def activation(shown: SyncSeen, sent: str | None, made: str) -> Activation:
    """One of a run, which has made the copy that is shown, another one, or has not seen what came of it."""
    after = {key: str(stamp) if made == "itself" else "another" for key, stamp in stamps(shown).items()}
    if made == "unseen":
        after = {}
    at = datetime.fromisoformat(f"{sent}:00+00:00") if sent else NOON
    return Activation(("erp", "run"), at, after)


def time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{NOON:%Y-%m-%d}T{text}")


def times(texts: list[str | None] | None) -> list[datetime | None] | None:
    return None if texts is None else [time(text) for text in texts]


def test_the_tables_have_every_action_in_every_state() -> None:
    """A state or an action that is added has no case yet, and this fails."""
    alone = {(action, State.read(s[0])) for s, action, *_ in ONE_PAIR if not s[0].startswith("wrong")}
    assert alone == set(product(ACTIONS, State))
    assert {action for s, action, *_ in ONE_PAIR if s == ["wrong source"]} == set(ACTIONS)
    waits = {(wanted, State.read(s[0])) for s, wanted, *_ in WAITS if len(s) == 1 and s != ["wrong source"]}
    assert waits >= set(product(GROUPS, State))
    mixed = {(action, frozenset(s)) for s, action, *_ in TABLES if len(s) == 2}
    classes = {state for _, pair in mixed for state in pair}
    assert mixed == {(a, frozenset((x, y))) for a in ACTIONS for x in classes for y in classes if x != y}
    assert {State.read(state) for state in classes if not state.startswith("wrong")} | {
        State.CREATED,  # as PreCopy
        State.COPY_ON_ACCESS,  # as CopyOnWrite
        State.INVALID,  # as Failed
    } == set(State)


@pytest.mark.parametrize("states", list(product(State, State)), ids=lambda states: "+".join(states))
def test_what_holds_for_every_mix_of_two_states(states: tuple[State, State]) -> None:
    """The gravest pair decides, and no table acts on a state from which the action is not allowed."""
    shown = seen(*states)
    resync, split = rules.decide_resync(sync(2), shown), rules.decide_break(shown, mend=False)
    if any(state in (State.FAILED, State.INVALID, State.UNKNOWN, State.NONE) for state in states):
        assert resync.verdict is split.verdict is Verdict.REFUSE
    if resync.verdict is Verdict.ACT:
        assert all(pair.state in ACTIVE | {State.SPLIT} for pair in resync.pairs)
    if split.verdict is Verdict.ACT:
        assert all(state in PREPARED for state in states), "a part of a sync is never activated"
    if start_order.decide_start([shown]).verdict is Verdict.ACT:
        assert all(state in ACTIVE for state in states)
    for sent, allowed in ((False, {State.COPIED, State.SPLIT}), (True, {State.REST_IN_PROG, State.RESTORED})):
        restore = merge_back.decide_merge_back(shown, sent=sent)
        assert not (sent and restore.verdict in (Verdict.ACT, Verdict.WAIT)), "one restore an approval"
        if restore.verdict in (Verdict.ACT, Verdict.NOTHING):
            assert set(states) <= allowed and restore.pairs in ((), shown.pairs)
    if merge_back.decide_end_restored(shown).verdict is Verdict.ACT:
        assert set(states) == {State.RESTORED}
    for wanted in ("prepared", "active", "copied", "settled"):
        over = rules.decide_wait(shown, wanted)
        assert (over.verdict is Verdict.NOTHING) == shown.all_in(rules.wanted_states(wanted))


@pytest.mark.parametrize(
    ("table", "remedies"),
    [
        (rules.CREATE, rules.REMEDIES),
        (rules.RESYNC, rules.REMEDIES),
        (rules.BREAK, rules.REMEDIES),
        (rules.RETIRE, rules.REMEDIES),
        (merge_back.MERGE_BACK, merge_back.MERGE_BACK_REMEDIES),
        (merge_back.RESTORE_SENT, merge_back.RESTORE_SENT_REMEDIES),
        (merge_back.END_RESTORED, merge_back.END_RESTORED_REMEDIES),
    ],
)
def test_every_table_has_every_state(table: dict[State, Verdict], remedies: dict[State, str]) -> None:
    assert set(table) == set(State)
    assert all(state in remedies for state, verdict in table.items() if verdict is Verdict.REFUSE)
