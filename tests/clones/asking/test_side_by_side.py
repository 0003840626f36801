"""Procedures side by side: which commands go together, who gets which answer, whose error is whose."""

from __future__ import annotations

import pytest

from clones.asking.read_only import Eyes
from clones.asking.side_by_side import abreast, attempts, both
from clones.asking.steps import (
    Command,
    Finished,
    Note,
    Result,
    Steps,
    T,
    Together,
    answer,
    note,
    run,
    run_together,
)
from clones.errors import CloneError, Refused, Unknown


def look(host: str, *names: str, fails: bool = False) -> Steps[str]:
    """Asks one thing after the other; what it was told, joined."""
    told = []
    for name in names:
        told.append((yield from run(Command(host, (name,)))).stdout)
        yield from note(f"asked {name}")
    if fails:
        raise Refused(f"{names} failed", "fix it")
    return "".join(told)


def drive(steps: Steps[T], away: str = "") -> tuple[T | CloneError, list[str], list[str]]:
    """What it returned or raised; each round trip as `HOST: WORDS`; the notes. An answer is the word itself.

    :param away: a host that cannot be reached.
    """
    trips, notes = [], []
    asked = answer(steps)
    try:
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                notes.append(asked.title)
                asked = answer(steps)
                continue
            commands = asked.commands if isinstance(asked, Together) else (asked,)
            trips.append(f"{asked.host}: {' '.join(command.words[0] for command in commands)}")
            if asked.host == away:
                asked = answer(steps, error=Unknown(f"{away} is away", "wait"))
                continue
            results = [Result(command, 0, command.words[0]) for command in commands]
            asked = answer(steps, results if isinstance(asked, Together) else results[0])
    except CloneError as error:
        return error, trips, notes
    return asked.value, trips, notes


def test_each_round_asks_each_host_once() -> None:
    found, trips, notes = drive(abreast([look("a", "1", "2"), look("b", "3"), look("a", "4", "5", "6")]))
    assert found == ["12", "3", "456"]
    assert trips == ["a: 1 4", "b: 3", "a: 2 5", "a: 6"]
    assert notes == [f"asked {n}" for n in (1, 2, 3, 4, 5, 6)], "each procedure's notes are in one piece"


def test_one_inside_another() -> None:
    found, trips, _ = drive(both(look("a", "ps"), abreast([look("a", "1", "2"), look("a", "3")])))
    assert (found, trips) == (("ps", ["12", "3"]), ["a: ps 1 3", "a: 2"])


def test_what_two_ask_for_in_one_round_is_asked_once() -> None:
    found, trips, _ = drive(abreast([look("a", "1", "2"), look("a", "1", "1"), look("b", "1")]))
    assert (found, trips) == (["12", "11", "1"], ["a: 1", "b: 1", "a: 2 1"])


def test_none() -> None:
    assert drive(abreast([])) == ([], [], [])


def test_an_error_of_one_is_raised_when_all_have_ended() -> None:
    found, trips, notes = drive(abreast([look("a", "1", fails=True), look("a", "2", "3")]))
    assert isinstance(found, Refused) and trips == ["a: 1 2", "a: 3"] and len(notes) == 3


def test_an_error_of_one_is_nothing_to_the_others() -> None:
    (bad, good), *_ = drive(attempts([look("a", "1", fails=True), look("a", "2")]))  # type: ignore[misc]
    assert good.value() == "2"
    with pytest.raises(Refused):
        bad.value()


def test_a_host_that_is_away_is_the_error_of_those_who_asked_it() -> None:
    (first, second, third), trips, _ = drive(  # type: ignore[misc]
        attempts([look("a", "1"), look("b", "2"), look("a", "3", "4")]), away="a"
    )
    assert trips == ["a: 1 3", "b: 2"] and second.value() == "2"
    assert isinstance(first.error, Unknown) and isinstance(third.error, Unknown)


def test_a_change_does_not_go_side_by_side() -> None:
    def change() -> Steps[None]:
        yield from run(Command("a", ("rm",), changes=True))

    with pytest.raises(ValueError, match="alone"):
        drive(abreast([look("a", "1"), change()]))


def test_eyes_send_of_several_only_what_is_new() -> None:
    eyes = Eyes()

    def several(*names: str) -> Steps[str]:
        return "".join(r.stdout for r in (yield from run_together([Command("a", (n,)) for n in names])))

    def all_of_it() -> Steps[list[str]]:
        return [
            (yield from eyes.through(several("1", "2"))),
            (yield from eyes.through(several("1", "2"))),
            (yield from eyes.through(several("3", "1"))),
        ]

    assert drive(all_of_it())[:2] == (["12", "12", "31"], ["a: 1 2", "a: 3"])


def test_eyes_do_not_ask_a_lost_host_for_several() -> None:
    eyes = Eyes()

    def twice() -> Steps[None]:
        for _ in range(2):
            with pytest.raises(Unknown):
                yield from eyes.through(run_together([Command("a", ("1",)), Command("a", ("2",))]))

    assert drive(twice(), away="a")[1] == ["a: 1 2"]
