"""Commands over SSH: time limits, lost sessions, connections kept."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any

import pytest

from clones.asking.one_trip import Turns
from clones.asking.steps import Command, Note, Result, Steps, run, run_together
from clones.errors import Refused, Unknown
from clones.runs.record import TaskRecord
from hooks import ssh, symcli, task_log
from hooks.symcli import SymcliHook
from hooks.symcli_async import SymcliHookAsync
from lab import Lab
from lab.config import load
from tests.conftest import SERVICES, SYMID, Log, connect

pytestmark = pytest.mark.over_ssh

HOST = "symcli_demo"


@pytest.fixture
def arrays() -> Any:
    """One kind: nothing is asked of an array here."""
    return load()


def command(*words: str, timeout: float = 20) -> Command:
    return Command(HOST, words, timeout)


async def both(asked: Command) -> list[Result]:
    """The same command by the blocking and by the asynchronous hook."""
    with SymcliHook() as hosts:
        results = [hosts.execute(asked)]
    waiting = SymcliHookAsync()
    results.append(await waiting.execute(asked))
    await waiting.close()
    return results


async def test_streams_and_exit_code(lab: Any) -> None:
    for result in await both(command("/bin/sh", "-c", "echo out; echo err >&2; exit 7")):
        assert (result.exit_code, result.stdout, result.stderr) == (7, "out\n", "err\n")


def test_one_command_on_one_host(lab: Any, log: Log) -> None:
    """As in a task of somebody's own."""
    with SymcliHook(HOST) as hook:
        result = hook.run_command(["/bin/sh", "-c", "echo out; echo err >&2; exit 7"])
        assert (result.exit_code, result.stdout, result.stderr) == (7, "out\n", "err\n")
        listed = hook.run_command(["/usr/symcli/bin/symcfg", "list"], timeout=120)
        assert listed.exit_code == 0 and SYMID in listed.stdout
        assert hook.connections == 1
        lab.fault(host=HOST, match="echo late", kind="hang")
        late = hook.run_command(["/bin/sh", "-c", "echo late"], timeout=0.3)
        assert late.exit_code is None and "longer than 0.3 s" in late.lost
    assert "exit code 7" in log.text and "stderr | err" in log.text


@pytest.mark.parametrize(
    ("connection", "words", "timeout", "says"),
    [
        (None, ["/bin/ls"], 60, "has no connection"),
        (HOST, "/bin/ls -l", 60, "no list of texts"),
        (HOST, [], 60, "no list of texts"),
        (HOST, ["/bin/sleep", 1], 60, "no list of texts"),
        (HOST, ["/bin/ls"], 0, "not above 0"),
        (HOST, ["/bin/ls"], float("nan"), "not above 0"),
    ],
)
def test_a_command_that_cannot_be_meant(connection: Any, words: Any, timeout: float, says: str) -> None:
    with SymcliHook(connection) as hook, pytest.raises(ValueError, match=says):
        hook.run_command(words, timeout=timeout)


def test_one_command_on_a_host_that_nobody_defined() -> None:
    with SymcliHook("nowhere") as hook, pytest.raises(Refused, match="define the SSH connection nowhere"):
        hook.run_command(["/bin/ls"])


async def test_words_arrive_as_they_were(lab: Any) -> None:
    words = ["a b", "$(reboot)", "`id`", "'", '"', ";", "*", "-rf", "x\ny"]
    for result in await both(command("printf", "%s|", *words)):
        assert result.stdout.split("|")[:-1] == words


async def test_what_acts_on_a_terminal_is_written_out(lab: Any, log: Log) -> None:
    """In one place, before it is a log, a record or a message."""
    printed = "a\\033[31mb\\rc\\n"
    words = ("/bin/sh", "-c", f"printf '{printed}'; printf '{printed}' >&2; exit 3")
    for result in await both(command(*words)):
        for stream in (result.stdout, result.stderr):
            assert stream == "a\\x1b[31mb\\x0dc\n"
    with SymcliHook() as hosts:
        hosts.run(run(command(*words)))
    assert "stderr | a\\x1b[31mb" in log.text
    assert "\x1b[31mb" not in log.text


async def test_a_cut_session_is_not_success(lab: Any) -> None:
    lab.fault(host=HOST, match="uname", kind="cut_after", count=2)
    for result in await both(command("uname")):
        assert result.exit_code is None and result.lost


async def test_the_time_limit_is_for_the_whole_command(lab: Any) -> None:
    lab.fault(host=HOST, match="uname", kind="hang")
    for result in await both(command("uname", timeout=0.3)):
        assert result.exit_code is None and "longer than 0.3 s" in result.lost
        assert result.seconds < 5


async def test_one_connection_a_host(lab: Any) -> None:
    with SymcliHook() as hosts:
        for _ in range(5):
            hosts.execute(command("uname"))
        assert (hosts.connections, hosts.commands) == (1, 5)
    assert len([entry for entry in lab.journal if entry.get("event") == "connect"]) == 1


async def test_a_task_has_one_thread_for_all_its_connections(lab: Any) -> None:
    """Each costs it the start of a thread, and memory of its own."""
    before = {thread.name for thread in threading.enumerate()}
    with SymcliHook() as hosts:
        for host in (HOST, "aastmphpux"):
            hosts.execute(Command(host, ("uname",), 20))
        assert {thread.name for thread in threading.enumerate()} - before == {"symclone-ssh"}


async def test_a_connection_that_broke_is_opened_again(lab: Any) -> None:
    lab.fault(host=HOST, match="uname", kind="cut_before", count=1)
    with SymcliHook() as hosts:
        assert hosts.execute(command("uname")).exit_code is None
        assert hosts.execute(command("uname")).exit_code == 0
        assert hosts.connections == 2


async def test_a_procedure_learns_that_a_host_cannot_be_reached(lab: Any) -> None:
    def steps() -> Steps[str]:
        try:
            yield from run(Command("nowhere", ("uname",)))
        except Refused as error:
            return error.what
        return "reached"

    with SymcliHook() as hosts:
        assert "connection nowhere cannot be used" in hosts.run(steps())
    waiting = SymcliHookAsync()
    assert "connection nowhere cannot be used" in await waiting.run(steps())


async def test_the_log_shows_command_exit_code_and_streams(lab: Any, log: Log) -> None:
    def steps() -> Steps[None]:
        yield from run(command("/bin/sh", "-c", "echo out; echo err >&2; exit 7"))

    with SymcliHook() as hosts:
        hosts.run(steps())
    for text in ("::group::symcli_demo$", "exit code 7", "stdout | out", "stderr | err", "::endgroup::"):
        assert text in log.text


def test_a_command_is_three_records_of_the_log_and_a_note_is_one() -> None:
    """However much was printed; what looks like a group of Airflow's in it hides nothing."""
    log = logging.getLogger("records")
    log.setLevel(logging.INFO)
    kept = BufferingHandler(100)
    log.addHandler(kept)
    result = Result(command("list"), 0, "one\n::group::two\n::endgroup::\n", "three\n" * 201)
    task_log.log_result(log, result)
    task_log.log_note(log, Note("noted", ("first", "second")))
    begins, body, ends, note = (record.getMessage() for record in kept.buffer)
    assert begins.startswith("::group::symcli_demo$ list  [exit code 0") and ends == "::endgroup::"
    assert body.splitlines() == [
        "list",
        "stdout | one",
        r"stdout | \x3a:group::two",
        r"stdout | \x3a:endgroup::",
        *["stderr | three"] * 200,
        "stderr | ... 1 more lines",
    ]
    assert note == "noted\n    first\n    second"


async def test_a_daemon_that_holds_the_output_does_not_hold_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program has ended, and something that it left behind holds the output open."""
    monkeypatch.setattr(ssh, "LINGER_SECONDS", 0.05)
    asked = command("leaves-a-daemon", timeout=60)
    talk = ssh.Talk()
    talk.data_received(b"started\n", None)
    talk.exit_status_received(0)
    assert await talk.heard(Turns((asked,)))
    assert (talk.result(asked).exit_code, talk.result(asked).stdout) == (0, "started\n")


@pytest.fixture
def stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The demo's lab behind servers with a stock sshd's limits."""
    config = {**load().model_dump(), "sshd_limits": True}
    with Lab(config, directory=tmp_path / "lab", services=SERVICES) as running:
        connect(monkeypatch, running.connections)
        yield running


async def test_many_at_once_stay_below_what_a_stock_sshd_allows(stock: Any) -> None:
    """MaxStartups and MaxSessions: all of them share one connection that one of them opens."""
    lab = stock
    lab.fault(host=HOST, match="uname", kind="delay", seconds=0.1)
    waiting = SymcliHookAsync()
    results = await asyncio.gather(*(waiting.execute(command("uname")) for _ in range(60)))
    await waiting.close()
    assert all(result.exit_code == 0 for result in results)
    events = Counter(entry["event"] for entry in lab.journal)
    assert events["connect"] == 1 and not events["session_refused"] and not events["startup_dropped"]


async def test_a_connection_ends_with_its_last_user(lab: Any) -> None:
    waiting = SymcliHookAsync()
    async with waiting.using(HOST):
        async with waiting.using(HOST):
            await waiting.execute(command("uname"))
        connection = await waiting.connect(HOST)
        assert not connection.is_closed()
    await connection.wait_closed()
    assert len([entry for entry in lab.journal if entry["event"] == "connect"]) == 1


async def test_a_host_that_cannot_be_reached_is_left_alone_for_a_while(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SYMCLI_DEMO", json.dumps({**lab.connections[HOST], "port": 1}))
    waiting = SymcliHookAsync(chance=lambda: 1.0)
    with pytest.raises(Unknown):
        await waiting.connect(HOST)
    monkeypatch.setenv("AIRFLOW_CONN_SYMCLI_DEMO", json.dumps(lab.connections[HOST]))
    with pytest.raises(Unknown, match="cannot be reached"):
        await waiting.connect(HOST)
    loop = asyncio.get_running_loop()
    later = loop.time() + 10
    monkeypatch.setattr(loop, "time", lambda: later)
    connection = await waiting.connect(HOST)
    connection.abort()


def looks(*lines: str) -> Steps[list[Result]]:
    return run_together([command("/bin/sh", "-c", line) for line in lines])


async def both_together(*lines: str) -> list[list[Result]]:
    """The same by the blocking and by the asynchronous hook."""
    with SymcliHook() as hosts:
        results = [hosts.run(looks(*lines))]
        assert (hosts.trips, hosts.commands, hosts.connections) == (1, len(lines), 1)
    waiting = SymcliHookAsync()
    results.append(await waiting.run(looks(*lines)))
    await waiting.close()
    return results


async def test_several_looks_in_one_round_trip(lab: Any) -> None:
    for results in await both_together("echo one; echo err >&2", "exit 7", "cat", "printf x"):
        told = [(result.exit_code, result.stdout, result.stderr) for result in results]
        assert told == [(0, "one\n", "err\n"), (7, "", ""), (0, "", ""), (0, "x", "")]
        assert all(result.among == 4 for result in results)


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "cut_running"])
async def test_a_session_that_is_cut_within_several(lab: Any, kind: str) -> None:
    """What came back before is known, the rest is not."""
    lab.fault(host=HOST, match="echo two", kind=kind, count=2)
    for results in await both_together("echo one", "echo two", "echo three"):
        first, second, third = results
        assert second.exit_code is third.exit_code is None and not third.stdout
        assert first.exit_code is None or (first.exit_code, first.stdout) == (0, "one\n")
        assert "lost" in second.lost or second.lost.startswith("it was sent after"), second.lost
        assert "it was sent after" in third.lost


async def test_one_of_several_that_does_not_end(lab: Any) -> None:
    """Each has its own limit, from the end of the one before; what it has said by then is known."""
    lab.fault(host=HOST, match="echo two", kind="hang")
    limits = {"one": 600.0, "two": 0.4, "three": 600.0}
    with SymcliHook() as hosts:
        results = hosts.run(
            run_together(
                [command("/bin/sh", "-c", f"echo {word}", timeout=limit) for word, limit in limits.items()]
            )
        )
    assert [result.exit_code for result in results] == [0, None, None]
    assert "longer than 0.4 s" in results[1].lost and "sent after" in results[2].lost


async def test_the_log_and_the_record_show_each_of_several(lab: Any, log: Log) -> None:
    record = TaskRecord((), 1, lambda: datetime.now(UTC), lambda tries: None)
    with SymcliHook(record=record) as hosts:
        hosts.run(looks("echo one", "exit 7"))
    for text in (
        "echo one'  [exit code 0, ",
        "exit 7'  [exit code 7, ",
        " s for 2 together]",
        "stdout | one",
    ):
        assert text in log.text
    sent = [(event["line"], event["ended"]) for event in record.tries[0]["events"]]
    assert sent == [("/bin/sh -c 'echo one'", "exit code 0"), ("/bin/sh -c 'exit 7'", "exit code 7")]


async def test_what_is_under_way_is_each_of_several(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(symcli, "_drain", die)
    with SymcliHook() as hosts:
        with pytest.raises(KeyboardInterrupt):
            hosts.run(looks("echo one", "exit 7"))
        assert [one.line() for one in hosts.under_way] == ["/bin/sh -c 'echo one'", "/bin/sh -c 'exit 7'"]


def test_a_host_that_is_expected_is_logged_in_to_while_another_is_asked(lab: Any) -> None:
    """One connection each, counted and told of once it is used; one that is not used is closed."""
    with SymcliHook() as hosts:
        hosts.expect(["aastmphpux", "aastmphpux"])
        hosts.expect(["aastmphpux"])
        assert hosts.run(run(Command("symcli_demo", ("/usr/symcli/bin/symcfg", "list")))).exit_code == 0
        assert hosts.connections == 1
        end = time.monotonic() + 20
        while len([entry for entry in lab.journal if entry["event"] == "connect"]) < 2:
            assert time.monotonic() < end, "nobody logs in before the host is asked"
            time.sleep(0.01)
        assert hosts.run(run(Command("aastmphpux", ("/usr/sbin/mount", "-p")))).exit_code == 0
        assert hosts.connections == 2
    made = [entry["host"] for entry in lab.journal if entry["event"] == "connect"]
    assert sorted(made) == ["aastmphpux", "symcli01"]
    assert len([entry for entry in lab.journal if entry["event"] == "disconnect"]) == 2


def test_what_is_wrong_with_an_expected_host_is_said_when_it_is_asked(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {**lab.connections["aastmphpux"], "port": 1}
    connect(monkeypatch, {**lab.connections, "aastmphpux": away})
    with SymcliHook() as hosts:
        hosts.expect(["aastmphpux", "nobody"])
        assert hosts.run(run(Command("symcli_demo", ("/usr/symcli/bin/symcfg", "list")))).exit_code == 0
        for _ in range(2):
            with pytest.raises(Unknown, match="aastmphpux"):
                hosts.run(run(Command("aastmphpux", ("/usr/sbin/mount", "-p"))))
        with pytest.raises(Refused, match="nobody"):
            hosts.run(run(Command("nobody", ("/usr/sbin/mount", "-p"))))
