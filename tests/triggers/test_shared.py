"""Waits that share a look: one connection and one command an interval, whatever happens to any of them."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from airflow.triggers.base import TaskSuccessEvent

import triggers.watch
from clones.asking.steps import Command, Result
from clones.backends.symclone import shared as symclone
from clones.errors import Refused, Unknown
from tests.clones.written_array import exits
from tests.conftest import Log
from tests.triggers.conftest import Site
from triggers.symclone import SymcloneStateTrigger


def copied_after(site: Site, seconds: float, *numbers: int) -> None:
    """Let these copies, or all of them, be Copied from then on."""

    def move() -> None:
        if site.loop.time() >= seconds:
            for copy in site.array.copies:
                if not numbers or copy.source // 2 in numbers:
                    copy.state = "Copied"

    site.move = move


def reached(events: list[Any]) -> bool:
    return all(isinstance(event, TaskSuccessEvent) for event in events)


def test_one_connection_and_one_command_an_interval(site: Site) -> None:
    for number in range(1, 5):
        site.pair(number)
    copied_after(site, 35)
    assert reached(site.all(*(site.trigger(number) for number in range(1, 5))))
    assert len(site.opened) == 1
    assert site.listed() == [[f"{n:04X}" for n in range(2, 10)]] * 4


def test_every_wait_ends_by_its_own_pairs(site: Site) -> None:
    site.pair(1, "Copied"), site.pair(2), site.pair(3, "Failed")
    copied_after(site, 45, 2)
    first, second, third = site.start(*(site.trigger(number) for number in (1, 2, 3)))
    site.run(asyncio.sleep(15))
    assert first.result().xcoms["seen"]["pairs"][0]["state"] == "Copied"  # type: ignore[attr-defined]
    assert third.result().payload["status"] == "refused" and "service3" in third.result().payload["message"]
    assert not second.done()
    assert isinstance(site.run(_of(second)), TaskSuccessEvent)
    assert site.listed() == [[f"{n:04X}" for n in range(2, 8)], *[["0004", "0005"]] * 4]


async def _of(task: asyncio.Task[Any]) -> Any:
    return await task


def test_who_comes_later_is_in_the_next_look(site: Site) -> None:
    site.pair(1), site.pair(2, "Copied")
    copied_after(site, 60)
    (early,) = site.start(site.trigger(1))
    site.run(asyncio.sleep(10.05))  # the first look is under way, for the first wait only
    (late,) = site.start(site.trigger(2))
    site.run(asyncio.sleep(1))
    assert not late.done(), "it is not in an answer to what was asked before it came"
    site.run(asyncio.sleep(10))
    assert isinstance(late.result(), TaskSuccessEvent) and not early.done()
    assert site.listed() == [["0002", "0003"], ["0002", "0003", "0004", "0005"]] and len(site.opened) == 1
    site.run(_of(early))


def test_who_is_cancelled_is_asked_for_no_more(site: Site) -> None:
    site.pair(1), site.pair(2)
    copied_after(site, 60)
    one, other = site.start(site.trigger(1), site.trigger(2))
    site.run(asyncio.sleep(15))
    one.cancel()
    site.run(asyncio.sleep(10))
    assert site.listed()[1] == ["0004", "0005"]
    assert isinstance(site.run(_of(other)), TaskSuccessEvent) and len(site.opened) == 1


def test_nothing_is_left_after_the_last(site: Site) -> None:
    site.pair(1, "Copied")
    assert reached(site.all(site.trigger(1)))
    assert site.connection is not None and site.connection.closed
    assert not triggers.watch._WATCHES[site.loop]


def test_a_wait_that_comes_while_the_last_one_is_killed(site: Site) -> None:
    """Airflow still runs the stream then, and hands it to the newcomer."""
    site.pair(1), site.pair(2)
    copied_after(site, 60)
    first, second = site.trigger(1), site.trigger(2)

    async def killed() -> Any:
        key = first.shared_stream_key()
        stream = first.filter_shared_stream(site.manager.subscribe(trigger_id=-1, trigger=first, key=key))
        task = asyncio.create_task(anext(aiter(stream)))  # type: ignore[arg-type]
        await asyncio.sleep(15)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        newcomer = asyncio.create_task(site.fire(second))
        await asyncio.sleep(5)  # on_kill
        await site.manager.unsubscribe(-1, key)
        return await newcomer

    assert isinstance(site.run(killed()), TaskSuccessEvent)


def test_a_restarted_triggerer_goes_on(site: Site) -> None:
    """What is stored is enough, and the deadline is the same."""
    site.pair(1), site.pair(2)
    copied_after(site, 500, 1)
    waits = [site.trigger(number, seconds=1000) for number in (1, 2)]
    stopped = site.start(*waits)
    site.run(asyncio.sleep(100))
    for task in stopped:
        task.cancel()
    site.run(asyncio.sleep(60))
    one, other = site.start(*(SymcloneStateTrigger(**wait.serialize()[1]) for wait in waits))
    assert isinstance(site.run(_of(one)), TaskSuccessEvent) and site.loop.time() < 520
    event = site.run(_of(other))
    assert event.payload["status"] == "late" and 999.9 <= site.loop.time() < 1011


def test_two_triggerers_lose_nothing_when_one_is_lost(site: Site) -> None:
    """Each has its part of the waits; the other one gets them from what is stored."""
    site.pair(1), site.pair(2)
    copied_after(site, 90)
    mine, his = site.trigger(1), site.trigger(2)
    (lost,) = site.start(his)
    (kept,) = site.start(mine)
    site.run(asyncio.sleep(30))
    lost.cancel()
    (taken_over,) = site.start(SymcloneStateTrigger(**his.serialize()[1]))
    assert isinstance(site.run(_of(kept)), TaskSuccessEvent)
    assert isinstance(site.run(_of(taken_over)), TaskSuccessEvent)


def test_a_command_has_at_most_500_devices(site: Site) -> None:
    for number in range(600):
        site.pair(number, "Copied")
    waits = [site.trigger(number) for number in range(599)]
    assert reached(site.all(*waits))
    assert [len(devices) for devices in site.listed()] == [500, 500, 198] and len(site.opened) == 1


def test_a_wait_with_more_devices_than_a_command(site: Site) -> None:
    for number in range(300):
        site.pair(number, "Copied")
    assert reached(site.all(site.trigger(*range(300))))
    assert [len(devices) for devices in site.listed()] == [500, 100]


def test_other_hosts_and_arrays_are_looked_at_by_themselves(site: Site) -> None:
    keys = {
        site.trigger(1).shared_stream_key(),
        site.trigger(2).shared_stream_key(),
        site.trigger(1, options={"symid": "000000000009"}).shared_stream_key(),
    }
    assert len(keys) == 2
    grouped = {"symdg": "DG", "symid": None, "pairs": ["DEV001:CLONE001"]}
    assert site.trigger(1, options=grouped).shared_stream_key() not in keys
    known = {"symid": "000190101234", "devices": {"DEV001": 2, "CLONE001": 3}}
    assert site.trigger(1, options=grouped, **known).shared_stream_key() in keys


def test_a_device_group_is_listed_once(site: Site) -> None:
    """Where it could not be listed in the worker; else not at all."""
    site.pair(1)
    site.array.groups["DG"] = {"DEV001": 2, "CLONE001": 3}
    copied_after(site, 45)
    grouped = {"symdg": "DG", "symid": None, "pairs": ["DEV001:CLONE001"]}
    assert reached(site.all(site.trigger(1, options=grouped)))
    assert [command.words[-4:-2] == ("list", "ld") for command in site.commands] == [True, *[False] * 5]
    site.commands.clear()
    known = {"symid": "000190101234", "devices": {"DEV001": 2, "CLONE001": 3}}
    assert reached(site.all(site.trigger(1, options=grouped, **known)))
    assert len(site.commands) == len(site.listed()) == 1


def test_whether_it_is_precopied_is_asked_for_each(site: Site) -> None:
    site.pair(1, "PreCopy"), site.pair(2, "PreCopy")
    answers: dict[str, int] = {"-cycled": 5}
    site.others = lambda command: exits(answers)(command)

    async def later() -> None:
        await asyncio.sleep(25)
        answers["-cycled"] = 0

    waits = [site.trigger(n, wanted="precopied", options={"precopy_timeout": 100}) for n in (1, 2)]
    turned = site.loop.create_task(later())
    assert reached(site.all(*waits)) and turned.done()
    assert len(site.listed()) == 3 and len(site.commands) == 3 + 6 and len(site.opened) == 1


def test_a_pair_file_that_could_not_be_written_is_named_when_time_is_up(site: Site) -> None:
    """120 is no answer of the array's: whether it is precopied is not known."""
    site.pair(1, "PreCopy")
    site.others = exits({"-cycled": 120})
    (late,) = site.all(site.trigger(1, wanted="precopied", seconds=60, options={"precopy_timeout": 60}))
    assert late.payload["status"] == "late"
    assert "120" in late.payload["message"] and "make room" in late.payload["message"]


@pytest.mark.parametrize(
    "answer",
    [
        lambda command: Result(command, 2, stderr="locked"),
        lambda command: Result(command, 0, stdout="no XML"),
        lambda command: Result(command, 0, stdout=""),
        lambda command: Result(command, None),
        lambda command: Result(command, 255),
    ],
    ids=["locked", "unreadable", "empty", "no exit status", "lost"],
)
def test_not_knowing_is_no_end(site: Site, answer: Any) -> None:
    for number in range(1, 9):
        site.pair(number)
    copied_after(site, 10)
    site.others = lambda command: answer(command) if site.loop.time() < 600 else None
    assert reached(site.all(*(site.trigger(number) for number in range(1, 9))))
    assert 600 <= site.loop.time() < 960


def test_an_array_that_cannot_be_asked_is_left_alone_for_longer_and_longer(site: Site) -> None:
    site.pair(1), site.pair(2)
    site.others = lambda command: Result(command, 2) if site.loop.time() < 2000 else None
    copied_after(site, 2000)
    assert reached(site.all(site.trigger(1), site.trigger(2)))
    # after 10 s: 20, 40, 80, 160, 300, 300 ... s, each shortened by up to half
    assert 11 <= len(site.listed()) <= 18


def test_a_host_that_is_down_is_tried_by_one_and_ever_more_seldom(site: Site) -> None:
    site.pair(1), site.pair(2)
    site.down = lambda: Unknown("It is down.") if site.loop.time() < 3000 else None
    copied_after(site, 0)
    other = site.trigger(2, options={"symid": "000000000009"})
    (lonely,) = site.start(other)
    assert reached(site.all(site.trigger(1)))
    assert len(site.opened) < 30 and site.loop.time() < 3600
    lonely.cancel()
    site.run(asyncio.sleep(0))


def test_a_connection_that_is_lost_comes_back(site: Site) -> None:
    site.pair(1)
    copied_after(site, 55)

    def cut(command: Command) -> Result | None:
        return Result(command, None) if 20 < site.loop.time() < 25 else None

    site.others = cut
    assert reached(site.all(site.trigger(1)))
    assert len(site.opened) == 2


def test_a_refused_connection_ends_a_wait_only_when_it_stays(site: Site) -> None:
    """While Airflow's database is away, no connection is defined."""
    site.pair(1)
    site.down = lambda: Refused("It is not defined.") if 5 < site.loop.time() < 300 else None
    copied_after(site, 0)
    assert reached(site.all(site.trigger(1)))
    began = site.loop.time()
    site.down = lambda: Refused("It is not defined.")
    (event,) = site.all(site.trigger(1))
    assert event.payload == {"status": "refused", "message": "It is not defined."}
    assert 600 <= site.loop.time() - began < 1000


def test_time_is_up_also_when_the_host_is_down(site: Site) -> None:
    site.pair(1)
    site.down = lambda: Unknown("It is down.")
    (event,) = site.all(site.trigger(1, seconds=1000))
    assert event.payload["status"] == "late" and "It is down." in event.payload["message"]
    assert 999.9 <= site.loop.time() < 1011


def test_one_that_the_array_refuses_ends_alone(site: Site) -> None:
    for number in range(1, 9):
        site.pair(number)
    copied_after(site, 15)
    site.others = lambda command: (
        Result(command, 1, stderr="no device 000A") if re.search(r"\b000A\b", command.line()) else None
    )
    events = site.all(*(site.trigger(number) for number in range(1, 9)))
    (refused,) = (event for event in events if not isinstance(event, TaskSuccessEvent))
    assert refused.payload["status"] == "refused" and "service5" in refused.payload["message"]
    assert len(site.listed()) == 1 + 2 + 2 + 2 + 1, "halves, and then all the others at once"


def test_one_that_cannot_be_read_waits_alone(site: Site) -> None:
    for number in range(1, 9):
        site.pair(number)
    copied_after(site, 0)
    bad = "clock 2026-03-01T00:00:00\n<x>"
    site.others = lambda command: (
        Result(command, 0, stdout=bad)
        if re.search(r"\b000A\b", command.line()) and site.loop.time() < 100
        else None
    )
    tasks = site.start(*(site.trigger(number) for number in range(1, 9)))
    site.run(asyncio.sleep(15))
    assert [task.done() for task in tasks] == [True] * 4 + [False] + [True] * 3
    assert isinstance(site.run(_of(tasks[4])), TaskSuccessEvent)


def test_a_mistake_of_the_program_ends_no_wait(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pair(1)
    copied_after(site, 0)
    held = symclone.held_against

    def broken(*arguments: Any) -> Any:
        if site.loop.time() < 100:
            raise KeyError("a mistake")
        return held(*arguments)

    monkeypatch.setattr(symclone, "held_against", broken)
    assert reached(site.all(site.trigger(1)))


def test_a_stream_that_ends_is_gone_on_without(site: Site) -> None:
    """Airflow fails a member that is far behind; a wait is not lost by that."""
    site.pair(1)
    copied_after(site, 60)

    async def ends() -> Any:
        await asyncio.sleep(20)
        raise RuntimeError("far behind")
        yield

    async def wait() -> Any:
        async for event in site.trigger(1).filter_shared_stream(ends()):
            return event

    assert isinstance(site.run(wait()), TaskSuccessEvent)


def shown_of(site: Site, monkeypatch: pytest.MonkeyPatch, seconds: float, **words: Any) -> tuple[Any, Any]:
    """The event of a copy that takes so many seconds, and the progress that was published meanwhile."""
    copy = site.pair(1, percent=0)
    shown: list[dict[str, Any]] = []

    async def publish(self: Any, key: str, value: Any) -> bool:
        if key == "progress":
            shown.append(value)
        return True

    def move() -> None:
        copy.percent = min(100, int(100 * site.loop.time() / seconds))
        copy.state = "Copied" if copy.percent == 100 else "CopyInProg"

    monkeypatch.setattr(SymcloneStateTrigger, "_publish", publish)
    site.move = move
    (event,) = site.all(site.trigger(1, **words))
    return event, shown


def test_what_the_log_and_the_ui_show(site: Site, monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    """Half an hour of copying, looked at every 10 s: states at once, percent at most once a minute."""
    event, shown = shown_of(site, monkeypatch, 1800)
    lines = [line for line in log.text.splitlines() if "service1" in line]
    assert len([line for line in lines if "waiting for copied" in line]) == 1
    rates = [line for line in lines if "% a minute, about" in line]
    assert 20 <= len(rates) <= 45 and "UTC" in rates[0]
    assert 10 <= len(shown) <= 13
    assert shown[5]["percent_per_minute"] == pytest.approx(3.33, rel=0.2)
    assert shown[5]["estimated_end"][:15] == "2026-03-01T02:3" and shown[5]["states"] == {"CopyInProg": 1}
    assert shown[-1]["percent"] == 100 and event.xcoms is None


def test_a_minute_of_copying_is_shown_every_quarter(
    site: Site, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    """It is looked at every 5 s, and at each look a tenth further: the log says each."""
    event, shown = shown_of(site, monkeypatch, 60, poll_interval=5.0)
    at = [datetime.fromisoformat(one["seen_at"]) for one in shown]
    assert all(after - before >= timedelta(seconds=15) for before, after in pairwise(at[:-1]))
    assert 4 <= len(shown) <= 5 and shown[1]["percent_per_minute"] == pytest.approx(100, rel=0.2)
    assert shown[-1]["percent"] == 100 and event.xcoms is None
    assert len([line for line in log.text.splitlines() if "% a minute" in line]) >= 9


def test_a_long_copy_takes_few_commands(site: Site) -> None:
    """Ten hours between 5 and 300 s: one every 15 s would be 2,400."""
    copy = site.pair(1, percent=0)

    def move() -> None:
        copy.percent = min(100, int(site.loop.time() / 360))
        copy.state = "Copied" if copy.percent == 100 else "CopyInProg"

    site.move = move
    assert reached(site.all(site.trigger(1, seconds=86_400, poll_interval=5.0, poll_max=300.0)))
    assert len(site.listed()) <= 160 and site.loop.time() - 36_000 < 200


def test_a_long_copy_is_looked_at_with_a_short_one_only_now_and_then(site: Site) -> None:
    """A look is for those whose time has come, or nearly: the other devices are left out."""
    long, short = site.pair(1, percent=0), site.pair(2, percent=0)

    def move() -> None:
        long.percent = min(100, int(site.loop.time() / 360))
        short.percent = min(100, int(max(0, site.loop.time() - 7200) / 0.6))
        for copy in (long, short):
            copy.state = "Copied" if copy.percent == 100 else "CopyInProg"

    site.move = move
    bounds = {"poll_interval": 5.0, "poll_max": 300.0, "seconds": 86_400}
    (one,) = site.start(site.trigger(1, **bounds))
    site.run(asyncio.sleep(7200))
    (other,) = site.start(site.trigger(2, **bounds))
    before = len(site.listed())
    site.run(_of(other))
    since = site.listed()[before:]
    assert len([devices for devices in since if "0004" in devices]) >= 8
    assert len([devices for devices in since if "0002" in devices]) <= 2
    one.cancel()
    site.run(asyncio.sleep(0))
