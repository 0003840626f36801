"""The lab without ports: what a client sees of it is what it would see over SSH."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from lab import ConfigError, Lab
from lab.config import load
from tests.lab.conftest import START
from tests.lab.test_faults import connect

HOST = "symcli_demo"


class Heard(asyncssh.SSHClientSession[bytes]):
    """What came back of a command."""

    def __init__(self) -> None:
        self.out, self.err = b"", b""
        self.status: int | None = None
        self.error: Exception | None = None
        self.ended = asyncio.Event()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype is None:
            self.out += data
        else:
            self.err += data

    def exit_status_received(self, status: int) -> None:
        self.status = status

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.ended.set()


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(clock="manual", start=START, ports=False) as running:
        yield running


async def log_in(lab: Lab, host: str = HOST, user: str | None = None) -> Any:
    about = lab.running.connections[host]  # type: ignore[union-attr]
    return lab.running.connect(about["port"], user or about["login"])  # type: ignore[union-attr]


async def heard(connection: Any, line: str) -> Heard:
    _, talk = await connection.create_session(Heard, line, encoding=None)
    await asyncio.wait_for(talk.ended.wait(), 10)
    return talk  # type: ignore[no-any-return]


def ask(lab: Lab, line: str, host: str = HOST) -> Heard:
    async def work() -> Heard:
        return await heard(await log_in(lab, host), line)

    return lab.call(work())


@pytest.mark.parametrize(
    ("host", "line"),
    [
        (HOST, "/usr/symcli/bin/symdg list"),
        ("aastmphpux", "/usr/sbin/vgdisplay vgCVI"),
        ("aastmphpux", "/usr/sbin/none; exit 3"),
        ("lnxpp01", "cat; echo Grüße"),
    ],
)
def test_a_command_says_the_same_as_over_ssh(lab: Lab, host: str, line: str) -> None:
    async def over_ssh(there: Lab) -> tuple[int, bytes, bytes]:
        async with connect(there, host) as connection:
            ended = await connection.run(line, stdin=asyncssh.DEVNULL, encoding=None)
            return ended.exit_status, ended.stdout, ended.stderr

    here = ask(lab, line, host)
    with Lab(clock="manual", start=START) as there:
        assert (here.status, here.out, here.err) == asyncio.run(over_ssh(there))
    assert here.error is None


def test_its_journal_has_the_connection_from_login_to_goodbye(lab: Lab) -> None:
    async def work() -> None:
        connection = await log_in(lab)
        await heard(connection, "uname")
        connection.close()
        assert connection.is_closed()

    lab.call(work())
    shown = [(entry["event"], entry["connection"]) for entry in lab.journal[1:]]
    assert shown == [("connect", 1), ("command", 1), ("disconnect", 1)]


@pytest.mark.parametrize(("kind", "carried_out"), [("cut_before", 0), ("cut_after", 1)])
def test_a_cut_session_has_no_exit_code_and_its_connection_is_gone(
    lab: Lab, kind: str, carried_out: int
) -> None:
    lab.fault(kind, host=HOST, match="mkdir", count=1)

    async def work() -> tuple[Any, Heard]:
        connection = await log_in(lab)
        return connection, await heard(connection, "mkdir /tmp/made")

    connection, talk = lab.call(work())
    assert talk.status is None and isinstance(talk.error, asyncssh.ConnectionLost)
    assert connection.is_closed()
    assert ("/tmp/made" in lab.host(HOST).directories) is bool(carried_out)
    with pytest.raises(asyncssh.ChannelOpenError):
        lab.call(heard(connection, "uname"))


def test_what_hangs_ends_with_its_connection(lab: Lab) -> None:
    lab.fault("hang", host=HOST, match="uname")

    async def work() -> Heard:
        connection = await log_in(lab)
        _, talk = await connection.create_session(Heard, "uname", encoding=None)
        await asyncio.sleep(0)
        connection.abort()
        await talk.ended.wait()
        return talk  # type: ignore[no-any-return]

    assert lab.call(work()).status is None


def test_a_host_that_is_down_or_refuses_takes_nobody(lab: Lab) -> None:
    lab.host(HOST).refuse_connections()
    with pytest.raises(ConnectionRefusedError):
        ask(lab, "uname")
    lab.host(HOST).refuse_connections(False)
    assert ask(lab, "uname").status == 0
    lab.fault("down", host=HOST, seconds=60)
    with pytest.raises(ConnectionRefusedError):
        ask(lab, "uname")
    lab.advance(61)
    assert ask(lab, "uname").status == 0


def test_another_account_is_turned_away(lab: Lab) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        lab.call(log_in(lab, user="somebody"))


def test_stock_limits_need_real_ports(tmp_path: Path) -> None:
    config = {**load().model_dump(), "sshd_limits": True}
    with pytest.raises(ConfigError, match="on real ports only"):
        Lab(config, directory=tmp_path / "lab", ports=False).start()
