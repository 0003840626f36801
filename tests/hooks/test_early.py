"""Looks that are begun before their turn: hosts side by side, each asked one thing after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import Barrier, Event
from typing import Any

import pytest

from clones.asking.steps import Command, Result, Steps, run
from clones.errors import Refused, Unknown
from hooks.early import HOSTS, Early
from hooks.symcli import SymcliHook
from tests.conftest import ONE_ARRAY, SYMID

SECONDS = 30


def looks(*hosts: str, each: int = 1) -> list[Command]:
    return [Command(host, ("/bin/look", str(number))) for host in hosts for number in range(each)]


@pytest.fixture
def opened() -> Iterator[list[Early]]:
    begun: list[Early] = []
    yield begun
    for early in begun:
        early.stop()
        early.close()


def test_hosts_are_asked_side_by_side(opened: list[Early]) -> None:
    """None comes back before all are under way."""
    together = Barrier(HOSTS)

    def ask(command: Command) -> Result:
        together.wait(SECONDS)
        return Result(command, 0, command.host)

    asked = looks(*(f"host{number}" for number in range(HOSTS)))
    opened.append(early := Early(ask))
    early.begin(asked)
    for command in reversed(asked):
        answer = early.result(command)
        assert answer and answer.stdout == command.host
        assert early.result(command) is None, "it is given out once"
    assert early.result(looks("another")[0]) is None, "it was not begun"


def test_a_host_is_asked_one_thing_after_the_other_and_not_again_once_it_cannot_be_reached(
    opened: list[Early],
) -> None:
    sent: list[Command] = []

    def ask(command: Command) -> Result:
        sent.append(command)
        if command.words[1] == "1":
            raise Unknown("it is gone", "wait")
        return Result(command, 0)

    asked = looks("host", each=4)
    opened.append(early := Early(ask))
    early.begin(asked)
    assert early.result(asked[0])
    for command in asked[1:]:
        with pytest.raises(Unknown, match="it is gone"):
            early.result(command)
    assert sent == asked[:2]


def test_what_befalls_this_program_is_raised_where_it_is_waited_for(opened: list[Early]) -> None:
    def ask(command: Command) -> Result:
        raise KeyError(command.host)

    (asked,) = looks("host")
    opened.append(early := Early(ask))
    early.begin([asked])
    with pytest.raises(KeyError, match="host"):
        early.result(asked)


def test_nothing_is_begun_after_its_end(opened: list[Early]) -> None:
    under_way, go_on, sent = Event(), Event(), []

    def ask(command: Command) -> Result:
        sent.append(command)
        under_way.set()
        assert go_on.wait(SECONDS)
        return Result(command, 0)

    asked = looks("host", each=3)
    opened.append(early := Early(ask))
    early.begin(asked)
    assert under_way.wait(SECONDS)
    early.stop()
    go_on.set()
    early.close()
    assert sent == asked[:1]


def test_a_change_is_not_begun_before_its_turn(opened: list[Early]) -> None:
    (look,) = looks("host")
    opened.append(early := Early(lambda command: Result(command, 0)))
    with pytest.raises(ValueError, match="before its turn"):
        early.begin([replace(look, changes=True)])


LISTS = [
    Command("symcli_demo", ("/usr/symcli/bin/symdev", "-sid", SYMID, "list", "-devs", number, "-v"))
    for number in ("1234", "1235")
]


def one_by_one(commands: list[Command]) -> Steps[list[str]]:
    first, *others = commands
    said = [(yield from run(replace(first, soon=tuple(commands)))).stdout]
    for command in others:
        said.append((yield from run(command)).stdout)
    return said


@ONE_ARRAY
def test_a_hook_gives_what_it_would_have_got_in_its_turn(lab: Any) -> None:
    with SymcliHook() as hosts:
        before = [hosts.run(run(command)).stdout for command in LISTS]
    since = len(lab.commands())
    with SymcliHook() as hosts:
        assert hosts.run(one_by_one(LISTS)) == before
        assert (hosts.connections, hosts.commands, hosts.trips) == (1, 2, 2)
    assert [entry["command"] for entry in lab.commands()[since:]] == [one.line() for one in LISTS]


@ONE_ARRAY
@pytest.mark.parametrize("trouble", ["not defined", "down"])
def test_a_host_that_cannot_be_asked_says_so_in_its_turn(lab: Any, trouble: str) -> None:
    other = replace(LISTS[1], host="nobody" if trouble == "not defined" else "aastmphpux")
    lab.fault("down", host="aastmphpux")
    with SymcliHook() as hosts:
        steps = one_by_one([LISTS[0], other])
        with pytest.raises(Refused if trouble == "not defined" else Unknown, match=other.host):
            hosts.run(steps)
        assert len(lab.commands()) == 1, "the first was asked"


@ONE_ARRAY
def test_a_hook_that_is_left_early_waits_for_nothing_that_it_does_not_need(lab: Any) -> None:
    lab.fault("delay", host="symcli_demo", match="1235", seconds=600)
    with SymcliHook() as hosts:
        hosts.run(run(replace(LISTS[0], soon=tuple(LISTS))))
    assert not hosts._clients
