"""Whether a run has refreshed a copy already, from `cases/rules/identity.yaml`; what it keeps to know it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from clones.act import stop_and_start
from clones.asking.steps import Command, Result, Steps
from clones.decide.identity import clocks_apart, decide_again, planned_stamps
from clones.decide.ledger import Activation, Ledger, stamps
from clones.decide.rules import Decision, Verdict
from clones.errors import CloneError, Fenced, Refused, Unknown
from clones.observe.sync import is_same, to_plain
from clones.runs import merge_back, refresh, retire
from clones.states import State, SyncSeen
from tests.clones.cases_in_tables import CASES, cells, spoken
from tests.clones.runs.test_plan import scope, written
from tests.clones.seeing import NOON, seen, sync
from tests.clones.written_array import drive
from tests.conftest import process_list
from tests.support.tables import load_yaml

PATH = CASES / "rules" / "identity.yaml"
TABLE = list(cells(PATH))
SAYS = load_yaml(PATH.read_text())["says"]
IN_TIME = load_yaml(PATH.read_text())["cases"]
THIS, OTHER = ("svc", "r1"), ("svc", "r0")
SENT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
BEFORE, AFTER, LATER = (datetime(2026, 11, 23, hour) for hour in (9, 10, 11))


def as_shown(states: list[str], at: datetime | None) -> SyncSeen:
    return seen(*states, times=[at] * len(states))


def activation(run: tuple[str, str], shown: SyncSeen | None = None) -> Activation:
    return Activation(run, SENT, {k: at for k, at in stamps(shown).items() if at} if shown else {})


def ledger(last: Activation | None) -> Ledger:
    return Ledger(THIS, lambda: SENT, lambda kept: None, lambda: last.to_plain() if last else None)


def check(decision: Decision, expected: str) -> None:
    """``verdict``, and the numbers of the pairs that it concerns if they are given."""
    verdict, *pairs = expected.split()
    found = "unknown" if decision.unknown else decision.verdict.name.lower()
    assert found == verdict, decision
    if pairs:
        assert [int(pair.pair.source, 16) - 0x1000 for pair in decision.pairs] == [int(n) for n in pairs]
    if decision.verdict is Verdict.REFUSE:
        assert decision.why and decision.remedy, "a refusal must say why, and what to do"


@pytest.mark.parametrize(
    ("states", "known", "expected", "row"), TABLE, ids=[f"{known}: {spoken(s)}" for s, known, *_ in TABLE]
)
def test_table(states: list[str], known: str, expected: str, row: dict[str, str]) -> None:
    now = as_shown(states, None if known == "not now" else AFTER)
    then = as_shown(states, {"as planned": AFTER, "not then": None}.get(known, BEFORE))
    last = {
        "other run": activation(OTHER, now),
        "not seen": activation(THIS),
        "own": activation(THIS, now),
        "not then": activation(THIS, now),
        "since": activation(THIS, as_shown(states, LATER)),
    }.get(known)
    plan = None if known == "no plan" else {"syncs": [to_plain(then)]}
    of = sync(len(states))
    decision = decide_again(of, now, planned_stamps(plan, of), ledger(last))
    check(decision, expected)
    if expected.split()[0] in ("refuse", "unknown") and row["as planned"].split()[0] != "refuse":
        assert SAYS[known]["why"] in decision.why and SAYS[known]["remedy"] in decision.remedy


def test_the_table_has_every_state() -> None:
    alone = {State.read(states[0]) for states, *_ in TABLE if len(states) == 1}
    assert alone == set(State)


@pytest.mark.parametrize("case", IN_TIME, ids=[case["name"] for case in IN_TIME])
def test_times_of_more_than_one_pair(case: dict[str, Any]) -> None:
    states = case["resync"]
    now = seen(*states, times=times(case["at"]))
    then = seen(*states[: len(case["plan"])], times=times(case["plan"]))
    last = activation(THIS, seen(*states, times=times(case["seen"]))) if "seen" in case else None
    of = sync(len(states))
    decision = decide_again(of, now, planned_stamps({"syncs": [to_plain(then)]}, of), ledger(last))
    check(decision, case["is"])
    assert case.get("why", "") in decision.why


def times(texts: list[str | None]) -> list[datetime | None]:
    return [None if text is None else datetime.fromisoformat(f"2026-11-23T{text}") for text in texts]


@pytest.mark.parametrize("kept", [None, THIS, OTHER])
def test_nothing_is_skipped_without_a_plan_that_saw_this_sync(kept: tuple[str, str] | None) -> None:
    now = as_shown(["Copied"], AFTER)
    for plan in (
        None,
        {},
        {"syncs": []},
        {"action": "provision"},
        {"syncs": [to_plain(seen("Copied", name="x"))]},
    ):
        last = activation(kept, now) if kept else None
        check(decide_again(sync(), now, planned_stamps(plan, sync()), ledger(last)), "act 0")


def test_without_a_ledger_a_change_is_somebody_elses() -> None:
    now, plan = as_shown(["Copied"], AFTER), {"syncs": [to_plain(as_shown(["Copied"], BEFORE))]}
    check(decide_again(sync(), now, planned_stamps(plan, sync()), None), "refuse 0")


class Kept:
    """Where an activation outlives its process."""

    def __init__(self) -> None:
        self.plain: dict[str, Any] | None = None
        self.times = 0

    def ledger(self, run: tuple[str, str] = THIS) -> Ledger:
        """As a new try reads it."""
        return Ledger(run, lambda: SENT, self.keep, lambda: self.plain)

    def keep(self, plain: dict[str, Any]) -> None:
        self.plain, self.times = plain, self.times + 1


def test_the_first_look_after_the_sending_is_kept_and_no_other() -> None:
    kept = Kept()
    kept.ledger().saw(as_shown(["Copied"], BEFORE))
    assert kept.plain is None, "it has sent nothing"
    kept.ledger().sending()
    assert kept.ledger().own == activation(THIS)
    kept.ledger().saw(as_shown(["PreCopy"], BEFORE))  # lost: it comes through later
    assert kept.ledger().own == activation(THIS)
    now = as_shown(["CopyInProg"], AFTER)
    kept.ledger().saw(now)
    assert kept.ledger().own == activation(THIS, now)
    for later in (as_shown(["Copied"], AFTER), as_shown(["Copied"], LATER), as_shown(["PreCopy"], LATER)):
        kept.ledger().saw(later)
    assert kept.ledger().own == activation(THIS, now) and kept.times == 2
    assert kept.ledger().own.made(as_shown(["Copied"], AFTER))  # type: ignore[union-attr]


def test_each_pair_is_kept_when_it_is_first_seen_active() -> None:
    kept = Kept()
    kept.ledger().sending()
    kept.ledger().saw(seen("CopyInProg", "PreCopy", times=[AFTER, BEFORE]))
    kept.ledger().saw(seen("Copied", "Copied", times=[LATER, AFTER]))
    own = kept.ledger().own
    assert own and own.made(seen("Copied", "Copied", times=[AFTER, AFTER]))
    assert not own.made(seen("Copied", "Copied", times=[LATER, AFTER]))


@pytest.mark.parametrize(
    "shown",
    [
        as_shown(["Copied", "PreCopy"], AFTER),
        as_shown(["Copied", "wrong source"], AFTER),
        seen("Copied", "Copied", times=[AFTER, None]),
        seen("Copied", "Copied", "Copied", times=[AFTER] * 3),
    ],
    ids=["torn", "wrong", "no time", "a pair more"],
)
def test_what_is_not_known_to_be_made_by_an_activation(shown: SyncSeen) -> None:
    assert not activation(THIS, as_shown(["Copied", "Copied"], AFTER)).made(shown)
    assert not activation(THIS).made(as_shown(["Copied", "Copied"], AFTER))


def test_a_time_that_is_not_shown_is_not_kept() -> None:
    kept = Kept()
    kept.ledger().sending()
    kept.ledger().saw(as_shown(["Copied"], None))
    assert kept.ledger().own == activation(THIS)


def test_a_later_run_takes_the_place_of_an_earlier_one() -> None:
    kept = Kept()
    kept.ledger(OTHER).sending()
    kept.ledger(THIS).sending()
    assert kept.ledger(OTHER).own is None and kept.ledger(THIS).own == activation(THIS)
    kept.ledger(OTHER).saw(as_shown(["Copied"], AFTER))
    assert kept.ledger(THIS).own == activation(THIS)


def test_a_late_try_does_not_take_the_place_of_a_newer_activation() -> None:
    kept = Kept()
    late = kept.ledger()
    late.saw(as_shown(["Copied"], BEFORE))
    kept.ledger(OTHER).sending()
    with pytest.raises(Fenced, match=r"was activated by run r0 of svc .* Nothing was sent"):
        late.sending()
    assert kept.ledger(OTHER).own == activation(OTHER)


def test_what_was_not_sent_after_all_is_taken_back_and_nothing_else() -> None:
    kept = Kept()
    kept.ledger(OTHER).sending()
    kept.ledger(THIS).sending()()
    assert kept.ledger(OTHER).own == activation(OTHER)
    take_back = kept.ledger(THIS).sending()
    kept.ledger(OTHER).sending()
    take_back()
    assert kept.ledger(OTHER).own == activation(OTHER)


@pytest.mark.parametrize(("then", "now"), list(product([None, AFTER], repeat=2)))
def test_a_time_that_is_not_shown_is_never_the_same(then: datetime | None, now: datetime | None) -> None:
    same = is_same(to_plain(as_shown(["Copied"], then)), as_shown(["Copied"], now))
    assert same == (then == now == AFTER)


def test_a_pair_without_a_session_is_the_same_as_before() -> None:
    before = as_shown(["none", "Copied"], AFTER)
    assert is_same(to_plain(before), before)
    assert not is_same(to_plain(before), seen("none", "none"))


@pytest.mark.parametrize(
    ("clocks", "at", "said"),
    [
        (("12:00", "12:01"), ["12:00:30"], ""),
        (("12:00", "12:10"), ["12:00:00", "12:09:59"], ""),
        (("12:00", "12:00"), ["12:01"], ""),
        (("12:00", "12:00"), ["11:59"], ""),
        (("12:00", "12:00"), ["12:00", "12:04"], "shows is 4 min off"),
        (("12:00", "12:01"), ["11:56"], "shows is 4 min off"),
        (("12:00", "12:00"), ["17:00"], "5 h 0 min off"),
        (("12:00", "12:00"), ["06:30"], "5 h 30 min off"),
        (("02:59", "02:01"), ["02:00"], ""),
        (("12:00", "12:00"), [None], ""),
    ],
)
def test_what_is_said_of_the_clocks(clocks: tuple[str, str], at: list[str | None], said: str) -> None:
    before, after = (datetime.fromisoformat(f"2026-11-23T{clock}") for clock in clocks)
    found = clocks_apart(
        seen(*["PreCopy"] * len(at), clock=before),
        seen(*["Copied"] * len(at), times=times(at), clock=after),
    )
    assert (said in found) if said else not found


def test_what_is_kept_is_read_back() -> None:
    whole = Activation(THIS, datetime.now(UTC) - timedelta(days=1), {"000190101234 1:2": NOON.isoformat()})
    assert Activation.read(whole.to_plain()) == whole and Activation.read(None) is None


MUTE: dict[str, list[str | None]] = {"data": ["10:00", None]}


def hosts(sent: list[Command]) -> Any:
    def answered(command: Command) -> Result | None:
        sent.append(command)
        if command.words[0] == "/opt/db":
            return Result(command, 3)
        return Result(command, 0, stdout=process_list()) if command.title == "/usr/bin/ps -ef" else None

    return answered


def fails(kind: type[CloneError], steps: Steps[Any], at: dict[str, list[str | None]], says: str) -> None:
    """It ends with this error, and has sent nothing that changes anything."""
    sent: list[Command] = []
    with pytest.raises(kind, match=says) as raised:
        drive(steps, written(["Copied", "Copied"], at), hosts(sent))
    assert type(raised.value) is kind
    assert not any(command.changes for command in sent)


def test_a_time_that_is_not_shown_starts_nothing() -> None:
    says = "Service svc is not started: when sync data was activated is not known.*D2 -> C2"
    fails(Unknown, stop_and_start.start(scope()), MUTE, says)
    kept = drive(refresh.plan(scope(), "refresh"), written(["Copied", "Copied"]), hosts([])).to_plain()
    fails(Unknown, refresh.unchanged_since(scope(), kept), MUTE, says)


def test_what_the_plan_saw_without_a_time_is_not_called_unchanged() -> None:
    it, array = scope(), written(["Copied", "Copied"])
    kept = drive(refresh.plan(it, "refresh"), array, hosts([])).to_plain()
    assert drive(refresh.unchanged_since(it, kept), array, hosts([]))
    kept["syncs"][0]["pairs"][1]["last_action"] = None
    assert not drive(refresh.unchanged_since(it, kept), array, hosts([]))


def test_a_retire_is_approved_only_with_the_times_that_it_is_bound_to() -> None:
    it = scope(resources=False)
    fails(Unknown, retire.to_approve(it), MUTE, "does not show the time of the last action of sync data, D2")


@pytest.mark.parametrize(
    ("then", "now"), [("10:00", None), (None, "11:00"), (None, None), ("10:00", "10:00"), ("10:00", "11:00")]
)
def test_a_merge_back_is_confirmed_only_by_another_time(then: str | None, now: str | None) -> None:
    one = {"source": 0x1001, "target": 0x2001, "last_action": then and f"2026-11-23T{then}:00"}
    others = [
        {"source": end, "target": end + 0x1000, "last_action": "2026-11-23T09:00:00"}
        for end in (0x1002, 0x1003, 0x1004)
    ]
    kept = {"bound": {"syncs": [{"pairs": [one, *others[:1]]}, {"pairs": others[1:]}]}}
    at: dict[str, list[str | None]] = {"data": [now, "10:00"]}
    if (then, now) == ("10:00", "11:00"):
        drive(merge_back.confirm(scope(), kept), written(["Copied", "Copied"], at), hosts([]))
    else:
        fails(Refused, merge_back.confirm(scope(), kept), at, "sync data.*not (be )?merged back")
