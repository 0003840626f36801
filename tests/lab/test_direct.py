"""The lab without SSH: the same commands, faults and journal; and what stalls or is short there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import asyncssh
import pytest

from lab import Lab
from lab.config import load
from lab.direct import DirectLab
from lab.operations import LabError
from tests.lab.conftest import START
from tests.lab.test_faults import connect

A = "000190101234"
SYMCLONE = "/usr/symcli/bin/symclone -g DGCVI -noprompt"
PAIR = "DEV001 sym ld CLONE001"
VGDISPLAY = "/usr/sbin/vgdisplay vgCVI"


@pytest.fixture
def lab() -> Iterator[DirectLab]:
    made = DirectLab(load(None), start=START)
    yield made
    made.close()


def state(lab: Any) -> str:
    return str(lab.session(A, "1234", "4321")["state"])


def test_a_command_says_the_same_as_over_ssh(lab: DirectLab) -> None:
    async def ask(there: Lab, host: str, line: str) -> tuple[int, str, str]:
        async with connect(there, host) as connection:
            ended = await connection.run(line, stdin=asyncssh.DEVNULL)
            return ended.exit_status, ended.stdout, ended.stderr

    with Lab(clock="manual", start=START) as there:
        for host, line in (
            ("symcli_demo", "/usr/symcli/bin/symdg list"),
            ("aastmphpux", VGDISPLAY),
            ("aastmphpux", "/usr/sbin/none"),
        ):
            here = lab.execute(host, line, 1)
            assert (here.exit, here.stdout, here.stderr) == asyncio.run(ask(there, host, line))


def test_its_journal_has_the_commands_with_their_connections(lab: DirectLab) -> None:
    lab.execute("aastmphpux", "/usr/sbin/umount /aaststcvi", 7)
    release, command = lab.journal[-2:]
    assert (release["event"], release["connection"]) == ("release", 7)
    assert (command["connection"], command["exit"]) == (7, 0)
    assert command["changed"] == ["/dev/vgCVI/lv_CVI on /aaststcvi: mounted -> none"]
    lab.execute("aastmphpux", VGDISPLAY, 8)
    assert "changed" not in lab.journal[-1]


def test_groups_are_among_what_a_command_changes(lab: DirectLab) -> None:
    lab.execute("symcli_demo", "/usr/symcli/bin/symld -g DGCVI remove CLONE001", 1)
    assert lab.journal[-1]["changed"] == ["device group DGCVI: DEV001=1234 CLONE001=4321 -> DEV001=1234"]


def test_an_administrator_is_somebody_else(lab: DirectLab) -> None:
    lab.as_administrator("symcli_demo", f"{SYMCLONE} terminate {PAIR}")
    assert state(lab) == "none" and lab.journal[-1]["actor"] == "admin"
    assert lab.journal[-1]["connection"] is None


def test_a_waiting_command_turns_the_clock_by_itself(lab: DirectLab) -> None:
    lab.fault("lock", exit=3, count=2, match="recreate")
    before = lab.now()
    reply = lab.execute("symcli_demo", f"{SYMCLONE} recreate -i 20 -c 30 {PAIR}", 1)
    assert reply.exit == 0 and lab.now() >= before + 40


def test_what_stalls_is_listed_until_it_goes_on(lab: DirectLab) -> None:
    lab.fault("stall", match="^/usr/symcli/bin/symclone .*recreate", seconds=100, count=1)
    assert lab.execute("symcli_demo", f"env X=1 {SYMCLONE} recreate {PAIR}", 1).exit is None
    assert state(lab) == "Copied"
    assert "symclone -g DGCVI -noprompt recreate" in lab.execute("symcli_demo", "/usr/bin/ps -ef", 2).stdout
    lab.advance(99)
    assert state(lab) == "Copied"
    lab.advance(2)
    assert state(lab) in ("PreCopy", "Recreated")
    assert "recreate" not in lab.execute("symcli_demo", "/usr/bin/ps -ef", 2).stdout
    (entry,) = (e for e in lab.commands() if "recreate" in e["command"])
    assert (entry["exit"], entry["status"]) == (None, 0)


def test_only_what_came_over_a_connection_stalls(lab: DirectLab) -> None:
    lab.fault("admin", run=f"{SYMCLONE} recreate {PAIR}", on="symcli_demo", count=1)
    lab.fault("stall", match="recreate", seconds=100, count=1)
    assert lab.execute("aastmphpux", VGDISPLAY, 1).exit == 0
    assert state(lab) in ("PreCopy", "Recreated")


def test_a_command_without_an_end_is_told(lab: DirectLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.direct.PATIENCE", 0.01)
    lab.fault("hang", count=1)
    with pytest.raises(LabError, match="no end on aastmphpux of /usr/sbin/vgdisplay vgCVI"):
        lab.execute("aastmphpux", VGDISPLAY, 1)


def test_what_others_change_while_it_stalls_is_not_its_own(lab: DirectLab) -> None:
    lab.fault("stall", match="^/usr/sbin/umount", seconds=100, count=1)
    lab.execute("aastmphpux", "/usr/sbin/umount /aaststcvi", 1)
    lab.execute("aastmphpux", "/usr/sbin/ifconfig lan900:1 0.0.0.0", 2)
    lab.advance(101)
    changed = {e["connection"]: e.get("changed", []) for e in lab.commands()}
    assert [len(changed[1]), len(changed[2])] == [1, 1] and "mounted" in changed[1][0]


def test_a_short_answer_keeps_its_exit_code(lab: DirectLab) -> None:
    whole = lab.execute("aastmphpux", VGDISPLAY, 1).stdout
    lab.fault("cut_output", bytes=30, count=1)
    reply = lab.execute("aastmphpux", VGDISPLAY, 1)
    assert (reply.exit, reply.stdout) == (0, whole[:30])
    assert lab.execute("aastmphpux", VGDISPLAY, 1).stdout == whole


def test_what_was_cut_off_before_it_began_is_run_later(lab: DirectLab) -> None:
    lab.fault("cut_running", match="umount", seconds=60, count=1)
    assert lab.execute("aastmphpux", "/usr/sbin/umount /aaststcvi", 1).exit is None
    assert lab.host("aastmphpux").mounts()
    lab.advance(61)
    assert not lab.host("aastmphpux").mounts()


def test_threads_may_use_it_one_after_the_other(lab: DirectLab) -> None:
    replies: list[Any] = []
    for number in (1, 2):
        one = threading.Thread(target=lambda n=number: replies.append(lab.execute("lnxpp01", "true", n)))
        one.start()
        one.join()
    assert [reply.exit for reply in replies] == [0, 0]


def test_a_host_without_a_port_of_its_own_loses_the_command_that_takes_it_down(lab: DirectLab) -> None:
    lab.fault("down", host="aastmphpux", match="vgdisplay", count=1)
    assert lab.execute("aastmphpux", VGDISPLAY, 1).exit is None
    assert lab.commands()[-1]["calls"] == []
    assert lab.execute("aastmphpux", VGDISPLAY, 2).exit == 0
