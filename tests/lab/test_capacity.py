"""How much the lab carries: counts and right answers. How fast, `python -m lab load` says."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from lab import Lab
from lab.config import SshdLimits, load
from lab.server.openssh_limits import Startups
from lab.tools.load import HOST, SYMID, Size, config, connected, measure, table


def test_a_thousand_sessions_and_many_statuses_on_five_thousand_pairs() -> None:
    lines = measure(
        Namespace(
            devices=10_000, pairs=5_000, moving=100, connections=[8], at_once=32, commands=600, seconds=100,
            sessions=["100x10"], clock=True,
        )
    )  # fmt: skip
    assert [(line.asked, line.right, line.wrong) for line in lines[1:]] == [(600, 600, 0), (1000, 1000, 0)]
    assert len(table(lines).splitlines()) == 5


@pytest.mark.parametrize("words", [(10, 6, 0), (10, 5, 6)])
def test_sizes_that_do_not_fit(words: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="two devices a pair"):
        Size(*words)


@pytest.mark.parametrize(
    ("waiting", "percent"),
    # sshd_config(5): none below 10, 30 % at 10, all at 100, evenly between.
    [(0, 0), (9, 0), (10, 30), (11, 30), (19, 37), (55, 65), (99, 99), (100, 100), (500, 100)],
)
def test_early_drop(waiting: int, percent: int) -> None:
    startups = Startups(SshdLimits(), "h")
    startups.waiting = set(range(waiting))
    assert startups.percent() == percent


def test_early_drop_is_the_same_for_the_same_seed() -> None:
    def draw(**words: Any) -> list[bool]:
        startups = Startups(SshdLimits(**words), "h")
        startups.waiting = set(range(40))
        return [startups.drops() for _ in range(100)]

    assert draw() == draw() != draw(seed=1)
    assert 30 < sum(draw()) < 75


@pytest.fixture
def limited(tmp_path: Path) -> Any:
    with Lab(config(Size(20, 10, 1), sshd_limits=True), directory=tmp_path / "lab") as lab:
        yield lab


def events(lab: Lab, name: str) -> list[dict[str, Any]]:
    return [e for e in lab.journal if e["event"] == name]


async def test_the_eleventh_session_of_a_connection_is_refused(limited: Lab) -> None:
    async with connected(limited.connections[HOST], 1) as (connection,):
        open_ones = [await connection.create_process("cat") for _ in range(10)]
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process("cat")
        assert [e["sessions"] for e in events(limited, "session_refused")] == [10]
        await open_ones[0].communicate("x")
        for process in [*open_ones[1:], await connection.create_process("cat")]:
            await process.communicate("x")


async def test_too_many_connections_at_once_are_dropped(limited: Lab) -> None:
    about = limited.connections[HOST]
    silent = [await asyncio.open_connection(about["host"], about["port"]) for _ in range(40)]
    dropped = 0
    for reader, writer in silent:
        if not (line := await reader.readline()).startswith(b"SSH-2.0"):
            assert line == b""
            dropped += 1
        writer.close()
    found = events(limited, "startup_dropped")
    assert len(found) == dropped and 3 <= dropped <= 30 and min(e["waiting"] for e in found) >= 10
    while len(events(limited, "disconnect")) < 40:
        await asyncio.sleep(0.01)
    async with connected(about, 5):
        assert len(events(limited, "startup_dropped")) == dropped


async def test_without_the_limits_nothing_is_refused(tmp_path: Path) -> None:
    with Lab(config(Size(20, 10, 1)), directory=tmp_path / "lab") as lab:
        async with connected(lab.connections[HOST], 1) as (connection,):
            processes = [await connection.create_process("cat") for _ in range(30)]
            for process in processes:
                await process.communicate("x")


def test_limits_in_the_configuration() -> None:
    assert load({"arrays": [], "hosts": [], "sshd_limits": True}).sshd_limits == SshdLimits()
    assert load({"arrays": [], "hosts": [], "sshd_limits": False}).sshd_limits is None
    assert load({"arrays": [], "hosts": [], "sshd_limits": {"sessions": 3}}).sshd_limits.sessions == 3  # type: ignore[union-attr]


async def test_a_range_of_devices(tmp_path: Path) -> None:
    with Lab(config(Size(20, 10, 1)), directory=tmp_path / "lab") as lab:
        async with connected(lab.connections[HOST], 1) as (connection,):
            words = f"/usr/symcli/bin/symdev -sid {SYMID} list -v -devs 2:4,3,00005 -output xml_e"
            text = str((await connection.run(words)).stdout)
    assert [text.count(f"<dev_name>{n:05X}</dev_name>\n        <conf") for n in range(1, 7)] == [
        0,
        1,
        1,
        1,
        1,
        0,
    ]
