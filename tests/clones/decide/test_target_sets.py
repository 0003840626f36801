"""Which target sets a run works on, from a case file; and what is recorded of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clones.actions import ACTIONS_ON_SETS
from clones.config.scope import Scope
from clones.decide.target_sets import (
    Good,
    Intent,
    InUse,
    NotChosen,
    Recorded,
    SetSeen,
    choose,
    refuse_last_good,
)
from clones.errors import Refused
from hooks.configuration import load
from tests.clones.cases_in_tables import CASES
from tests.conftest import TWO_SETS
from tests.support.tables import load_yaml

AT = datetime(2026, 11, 28, 2, 30, tzinfo=UTC)
RUN = ("s", "r1")
TABLE: list[dict[str, Any]] = load_yaml((CASES / "target_sets" / "choose.yaml").read_text())


def recorded(case: dict[str, Any]) -> Recorded:
    intent = None
    if "intent" in case:
        from_set, to_set = case["intent"].split(" > ")
        intent = Intent(from_set, to_set, RUN, AT)
    return Recorded(intent, Good(case["good"], RUN, AT) if "good" in case else None)


CASES_OF_ACTIONS = [
    pytest.param(case, action, id=f"{case['name']}: {action}")
    for case in TABLE
    for action in ACTIONS_ON_SETS
    if action in case
]


@pytest.mark.parametrize(("case", "action"), CASES_OF_ACTIONS)
def test_sets_of_a_run(case: dict[str, Any], action: str) -> None:
    seen = [SetSeen(name, InUse(use), f"line of {name}") for name, use in case["seen"].items()]
    found = choose(action, seen, recorded(case), case.get("asked", ""), gated=case.get("gated", False))
    expected = case[action]
    kind, _, part = expected.partition(": ")
    if kind in ("refuse", "unknown"):
        assert isinstance(found, NotChosen), found
        assert found.unknown is (kind == "unknown")
        assert part in f"{found.why}. {found.remedy}"
        assert found.why and found.remedy
    else:
        assert not isinstance(found, NotChosen), found
        assert f"{found.from_set} > {found.to_set}" == expected


@pytest.mark.parametrize(("case", "action"), CASES_OF_ACTIONS)
def test_the_last_good_set_and_the_set_in_use_are_never_overwritten(
    case: dict[str, Any], action: str
) -> None:
    if action not in ("refresh", "update", "resync"):
        return
    seen = [SetSeen(name, InUse(use)) for name, use in case["seen"].items()]
    for asked in ("", *case["seen"]):
        found = choose(action, seen, recorded(case), asked)
        if not isinstance(found, NotChosen):
            assert found.to_set != recorded(case).last_good
            assert case["seen"][found.to_set] in ("unused", "ready")


@pytest.mark.parametrize("action", ACTIONS_ON_SETS)
def test_every_action_is_in_the_table(action: str) -> None:
    assert sum(action in case for case in TABLE) > 5


def test_what_was_good_before_the_first_intent_stays_so() -> None:
    first = Recorded().intends("a", "b", RUN, AT)
    assert first.last_good == "a"
    stopped = first.intends("b", "b", ("s", "r2"), AT + timedelta(hours=1))
    assert stopped.last_good == "a", "b was stopped, and never seen well"
    well = stopped.started("b", ("s", "r3"), AT + timedelta(hours=2))
    assert well.last_good == "b" and well.intent == stopped.intent


def test_a_set_that_was_started_from_nowhere_is_not_good_because_it_is_left() -> None:
    started = Recorded().intends("", "b", RUN, AT)
    stopped = started.intends("b", "b", ("s", "r2"), AT + timedelta(hours=1))
    rewound = stopped.intends("b", "a", ("s", "r3"), AT + timedelta(hours=2))
    assert [one.last_good for one in (started, stopped, rewound)] == ["", "", ""]
    assert rewound.from_nowhere("a") and not rewound.from_nowhere("b")
    well = rewound.started("a", ("s", "r3"), AT + timedelta(hours=3))
    assert well.last_good == "a" and not well.from_nowhere("a")


def test_a_change_over_is_interrupted_until_it_has_ended() -> None:
    later = AT + timedelta(hours=1)
    begun = Recorded().intends("a", "b", RUN, AT)
    assert not Recorded().interrupted and begun.interrupted
    assert not begun.started("b", RUN, later).interrupted
    assert not begun.intends("b", "b", RUN, later).interrupted, "stopped on purpose"
    back = begun.intends("b", "a", RUN, later)
    assert back.interrupted and not back.started("a", RUN, later).interrupted
    assert back.started("a", RUN, later).intends("a", "b", RUN, later).interrupted


def test_what_is_recorded_later_is_later_whatever_the_clocks_say() -> None:
    slow = AT - timedelta(minutes=5)
    well = Recorded().intends("a", "b", RUN, AT).started("b", RUN, slow)
    assert well.good is not None and well.good.at > AT and not well.interrupted
    assert well.intends("b", "a", RUN, slow).interrupted


def test_records_are_read_as_they_were_written() -> None:
    for one in (
        Recorded(),
        Recorded().intends("a", "b", RUN, AT),
        Recorded().started("b", RUN, AT),
        Recorded().intends("a", "b", RUN, AT).started("b", RUN, AT),
    ):
        assert Recorded.from_plain(one.to_plain()) == one
    assert Recorded.from_plain(None) == Recorded()
    assert Recorded().intends("a", "b", RUN, AT).to_plain()["intent"] == {
        "from": "a",
        "to": "b",
        "run": ["s", "r1"],
        "at": "2026-11-28T02:30:00+00:00",
    }


def test_the_last_good_set_is_refused_right_before_the_command() -> None:
    config = load(TWO_SETS)
    a, b = Scope.each_set("lnxts", config.services["lnxts"], config.symcli)
    kept = Recorded().intends("a", "b", RUN, AT)
    refuse_last_good(b, kept)
    refuse_last_good(a, Recorded())
    with pytest.raises(Refused, match="lnxts, set a: it is the last set on which the service started well"):
        refuse_last_good(a, kept)
