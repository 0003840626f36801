"""Where the time goes."""

from __future__ import annotations

from typing import Any

import pytest

from demo.accounting import Sampler, account, call, program, union


@pytest.mark.parametrize(
    ("intervals", "seconds"),
    [([], 0), ([(0, 2)], 2), ([(0, 2), (1, 3)], 3), ([(5, 6), (0, 1)], 2), ([(0, 9), (2, 3)], 9)],
)
def test_union(intervals: list[tuple[float, float]], seconds: float) -> None:
    assert union(intervals) == seconds


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("env A=1 B=2 /usr/symcli/bin/symclone -sid 34 -file /tmp/x query -output xml_e", "symclone query"),
        ("/usr/symcli/bin/symdg -g DGCVI list ld", "symdg list"),
        ("timeout -k 10 60 /usr/sbin/umount /data", "umount"),
        ("/bin/sh -c 'date && exec \"$@\"' clock env A=1 /usr/symcli/bin/symdev -sid 34 list", "symdev list"),
        ("/bin/sh -c 'mkdir \"$1\"' lock /var/tmp/x", "lock"),
        ('/bin/sh -c \'shift; "$0" "$@"\' /usr/sbin/vgdisplay vgCVI', "vgdisplay"),
        ("/bin/sh -c 'shift 2; exec \"$@\"' fence /f 1.a /usr/sbin/umount /data", "umount"),
        (
            "/bin/sh -c 'shift 2; exec \"$@\"' fence /f 1.a "
            "/bin/sh -c 'shift 3; exec \"$@\"' pairs /d /d/x '1 2' "
            "env A=1 /usr/symcli/bin/symclone -sid 34 -f /d/x -noprompt recreate",
            "symclone recreate",
        ),
        ('/bin/sh -c \'shift 3; for name in "$@"; do rmdir "$name"; done\' slots a b c 1.g', "slots"),
        ("echo 'unclosed", "echo 'unclosed"),
    ],
)
def test_program(command: str, name: str) -> None:
    assert program(command) == name


ARRAY = "/univmax/restapi/104/replication/symmetrix/000297600001"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/univmax/restapi/version", "GET version"),
        (f"{ARRAY}/storagegroup/prod_data", "GET storagegroup"),
        (f"{ARRAY}/storagegroup/prod_data/snapshot/SA_1/snapid/12?x=1", "GET snapid"),
        ("/elsewhere", "GET /elsewhere"),
    ],
)
def test_call(path: str, name: str) -> None:
    assert call("GET", path) == name


def test_requests_are_counted_beside_commands() -> None:
    journal = [
        {"event": "command", "wall": 11.0, "seconds": 1.0, "command": "/usr/bin/true"},
        {"event": "request", "wall": 13.0, "seconds": 2.0, "method": "GET", "path": "/version"},
        {"event": "request", "wall": 9.0, "seconds": 2.0, "method": "GET", "path": "/version"},
    ]
    found = account(journal, [], 10.0, 20.0)
    assert (found.requests, found.commands, found.by_program) == (
        1,
        3.0,
        {"true": [1.0], "GET version": [2.0]},
    )
    assert any("1 requests; 1 commands" in line for line in found.lines())


def test_a_sampler_keeps_what_held_between_two_looks() -> None:
    sampler = Sampler()
    for now, holds in ((0, False), (1, True), (2, True), (3, False), (4, False)):
        sampler.look(now, holds)
    assert union(sampler.intervals) == 2


def test_account() -> None:
    def command(wall: float, seconds: float, text: str = "mount -p") -> dict[str, Any]:
        return {"event": "command", "wall": wall, "seconds": seconds, "command": text}

    journal = [
        {"event": "start", "wall": 90.0},
        command(99, 0.5),  # before the trigger
        {"event": "connect", "wall": 101.0},
        command(101, 1),
        command(104, 2, "symclone activate"),
        {"event": "disconnect", "wall": 107.0},
    ]
    spent = account(journal, [(105, 108)], 100, 110)
    assert (spent.total, spent.copying, spent.commands, spent.overhead) == (10, 3, 3, 5)
    assert spent.connections == 1
    assert dict(spent.by_program) == {"mount": [1], "symclone activate": [2]}
    assert any("2 commands, 1 connections" in line for line in spent.lines())
