"""Faults of the line, the hosts and other people, over real SSH; the clock is turned by hand."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from lab import Client, ConfigError, Lab, LabError
from lab.config import load

S = "/usr/symcli/bin/symclone "
A = "000190101234"
PAIR = "DEV001 sym ld CLONE001"
RECREATE = f"{S}-g DGCVI recreate -nop {PAIR}"

Ssh = Callable[..., Awaitable[asyncssh.SSHCompletedProcess]]


def connect(lab: Lab, connection_id: str) -> Any:
    about = lab.connections[connection_id]
    return asyncssh.connect(
        about["host"], about["port"], config=None, username=about["login"],
        client_keys=[about["extra"]["key_file"]],
        known_hosts=([asyncssh.import_public_key(about["extra"]["host_key"])], [], []),
    )  # fmt: skip


@pytest.fixture
def ssh(lab: Lab) -> Ssh:
    async def run(connection_id: str, command: str) -> asyncssh.SSHCompletedProcess:
        async with connect(lab, connection_id) as connection:
            return await connection.run(command, stdin=asyncssh.DEVNULL)

    return run


async def seen(lab: Lab, wanted: Callable[[], bool]) -> None:
    """Wait for something that another task of the lab is about to do."""
    async with asyncio.timeout(5):
        while not wanted():
            await asyncio.sleep(0.005)


async def test_cut_bytes_sends_so_many_and_no_status(lab: Lab, ssh: Ssh) -> None:
    whole = await ssh("symcli_demo", S + "-g DGCVI query")
    lab.fault("cut_bytes", match="query", bytes=100, count=1)
    result = await ssh("symcli_demo", S + "-g DGCVI query")
    assert result.exit_status is None
    assert result.stdout == str(whole.stdout)[:100]
    entry = lab.commands()[-1]
    assert (entry["exit"], entry["status"], entry["faults"]) == (None, 0, ["cut_bytes"])
    assert (await ssh("symcli_demo", S + "-g DGCVI query")).stdout == whole.stdout


@pytest.mark.parametrize("code", [0, 3])
async def test_cut_output_arrives_with_its_own_exit_status(lab: Lab, ssh: Ssh, code: int) -> None:
    command = f"echo one; echo zwölf; echo three >&2; exit {code}"
    lab.fault("cut_output", match="zwölf", bytes=7, count=1)  # in the middle of a character
    result = await ssh("symcli_demo", command)
    assert (result.exit_status, result.stdout, result.stderr) == (code, "one\nzw", "three\n")
    entry = lab.commands()[-1]
    assert (entry["exit"], entry["status"], entry["faults"]) == (code, code, ["cut_output"])
    assert (await ssh("symcli_demo", command)).stdout == "one\nzwölf\n"


async def test_the_output_of_one_of_several_lines_is_cut(lab: Lab, ssh: Ssh) -> None:
    lab.fault("cut_output", match="^echo two$", bytes=2)
    result = await ssh("symcli_demo", handed_on("echo one", "echo two", "echo three"))
    assert (result.exit_status, result.stdout) == (0, "one\n= 0\ntw= 0\nthree\n= 0\n")


@pytest.mark.may_break(1)
async def test_cut_running_is_executed_after_the_client_has_lost_it(lab: Lab, ssh: Ssh) -> None:
    lab.fault("cut_running", match="recreate", seconds=30, count=1)
    result = await ssh("symcli_demo", RECREATE)
    assert result.exit_status is None
    assert lab.session(A, "1234", "4321").state == "Copied" and lab.commands() == []
    lab.advance(31)
    await seen(lab, lambda: len(lab.commands()) == 1)
    assert lab.session(A, "1234", "4321").state == "Recreated"
    entry = lab.commands()[-1]
    assert (entry["exit"], entry["status"]) == (None, 0)


async def test_slow_output_takes_lab_time(lab: Lab, ssh: Ssh) -> None:
    whole = await ssh("symcli_demo", S + "-g DGCVI query")
    lab.jump()
    lab.fault("slow", match="query", rate=200, count=1)
    before = lab.now()
    result = await ssh("symcli_demo", S + "-g DGCVI query")
    assert (result.exit_status, result.stdout) == (0, whole.stdout)
    assert lab.now() - before == pytest.approx(len(str(whole.stdout)) / 200, abs=0.01)


async def test_slow_output_can_be_given_up_on(lab: Lab) -> None:
    lab.fault("slow", match="query", rate=4)
    async with connect(lab, "symcli_demo") as connection:
        process = await connection.create_process(S + "-g DGCVI query")
        # One byte is there at once, the next only when the clock has gone on.
        assert len(await process.stdout.readexactly(1)) == 1
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await process.stdout.readexactly(1)
        lab.advance(1)
        assert len(await process.stdout.readexactly(1)) == 1
    assert lab.commands()[-1]["status"] == 0


async def test_a_host_is_down_for_a_time(lab: Lab, ssh: Ssh) -> None:
    async with connect(lab, "lnxpp01") as connection:
        lab.fault("down", host="lnxpp01", seconds=120)
        await asyncio.wait_for(connection.wait_closed(), 5)
    with pytest.raises(OSError):
        await ssh("lnxpp01", "true")
    assert (await ssh("symcli_demo", "true")).exit_status == 0
    lab.advance(119)
    with pytest.raises(OSError):
        await ssh("lnxpp01", "true")
    lab.advance(2)
    await seen(lab, lambda: lab.journal[-1]["event"] == "up")
    assert (await ssh("lnxpp01", "true")).exit_status == 0


@pytest.mark.may_break(1)
async def test_a_host_goes_down_with_a_command_until_the_fault_is_cleared(lab: Lab, ssh: Ssh) -> None:
    fault = lab.fault("down", host="symcli01", match="recreate", count=1)
    assert (await ssh("symcli_demo", "true")).exit_status == 0
    assert (await ssh("symcli_demo", RECREATE)).exit_status is None
    assert lab.session(A, "1234", "4321").state == "Copied"
    lab.advance(100000)
    with pytest.raises(OSError):
        await ssh("symcli_demo", "true")
    lab.clear_faults(fault)
    await seen(lab, lambda: lab.journal[-1]["event"] == "up")
    assert (await ssh("symcli_demo", RECREATE)).exit_status == 0


async def test_a_full_disk_leaves_an_empty_pair_file(lab: Lab, ssh: Ssh) -> None:
    lab.fault("disk_full", host="symcli01", path="^/tmp/", count=3)
    result = await ssh("symcli_demo", "printf '01A10 01AB4\\n' > /tmp/p && echo written")
    assert (result.exit_status, result.stdout) == (1, "")
    assert "write error: No space left on device" in str(result.stderr)
    assert lab.host("symcli01").files["/tmp/p"] == ""
    result = await ssh("symcli_demo", "mkdir /tmp/lock")
    assert result.exit_status == 1 and "No space left on device" in str(result.stderr)
    result = await ssh("symcli_demo", "env echo x > /tmp/q")
    assert result.exit_status == 1 and "No space left on device" in str(result.stderr)
    assert (await ssh("symcli_demo", "echo x > /tmp/q && echo y > /dev/null")).exit_status == 0
    assert (await ssh("lnxpp01", "echo x > /tmp/q")).exit_status == 0
    lab.fault("disk_full", host="symcli01", bytes=4)
    await ssh("symcli_demo", "printf '01A10 01AB4\\n' > /tmp/p")
    assert lab.host("symcli01").files["/tmp/p"] == "01A1"


async def test_symdev_prints_nothing(lab: Lab, ssh: Ssh) -> None:
    lab.fault("silent", match="symdev", count=1)
    result = await ssh("symcli_demo", "/usr/symcli/bin/symdev list")
    assert (result.exit_status, result.stdout, result.stderr) == (0, "", "")
    assert lab.commands()[-1]["faults"] == ["silent"]
    assert (await ssh("symcli_demo", "/usr/symcli/bin/symdev list")).stdout != ""


async def test_a_host_with_another_clock_and_zone(lab: Lab, ssh: Ssh) -> None:
    assert (await ssh("symcli_demo", "date '+%H:%M %Z'")).stdout == "10:00 UTC\n"
    fault = lab.fault("skew", host="symcli_demo", skew=-4000, timezone="America/New_York")
    assert (await ssh("symcli_demo", "date '+%H:%M %Z'")).stdout == "03:53 EST\n"
    assert (await ssh("symcli_demo", "date +%s")).stdout == f"{int(lab.now()) - 4000}\n"
    assert (await ssh("lnxpp01", "date +%s")).stdout == f"{int(lab.now())}\n"
    lab.clear_faults(fault)
    assert (await ssh("symcli_demo", "date '+%H:%M %Z'")).stdout == "10:00 UTC\n"


def test_the_configured_skew_of_a_host(tmp_path: Path) -> None:
    config = load().model_dump()
    config["hosts"][0]["clock_skew"] = 90.0
    with Lab(config, directory=tmp_path, clock="manual") as lab:
        assert lab.running is not None
        assert lab.running.world.host("symcli01").now() == lab.now() + 90


async def test_a_second_administrator_acts_meanwhile(lab: Lab, ssh: Ssh) -> None:
    terminate = S + "-g DGCVI terminate -nop"
    lab.fault("admin", match="query", after=1, count=1, run=terminate)
    for state in ("Copied", "none"):
        assert (await ssh("symcli_demo", S + "-g DGCVI query")).exit_status == 0
        assert lab.session(A, "1234", "4321").state == state
    mine, his = lab.commands()[-2:]
    assert "actor" not in mine and (his["actor"], his["command"]) == ("admin", terminate)
    assert his["before"] == {f"{A}:1234>4321": "Copied"} and his["exit"] == 0
    lab.fault("admin", match="query", on="aastmphpux", run="umount /aaststcvi", count=1)
    await ssh("symcli_demo", S + "-g DGREP query")
    assert lab.host("aastmphpux").mounts() == {}


RANDOM = [
    {"fault": {"kind": "lock", "exit": 3, "count": 2}, "probability": 0.5, "draws": 4, "within": 5},
    {"fault": {"kind": "cut_after", "match": "recreate", "count": 1}, "probability": 1.0},
    {"fault": {"kind": "hang"}, "probability": 0.0},
]


def drawn(tmp_path: Path, seed: int) -> list[dict[str, Any]]:
    config = {**load().model_dump(), "random_faults": RANDOM}
    with Lab(config, directory=tmp_path, clock="manual", seed=seed) as lab:
        (event,) = [e for e in lab.journal if e["event"] == "seed"]
        assert event["seed"] == seed and event["drawn"] == lab.faults()
        return lab.faults()


def handed_on(*lines: str) -> str:
    """A script that gives each of these to `sh -c`."""
    script = 'while test $# -gt 0; do sh -c "$1"; echo "= $?"; shift; done'
    return shlex.join(["/bin/sh", "-c", script, "x", *lines])


async def test_each_line_that_a_script_hands_on_is_a_command(lab: Lab, ssh: Any) -> None:
    """For the journal and for faults; the script itself is none."""
    command = handed_on("hostname", "echo two; exit 3", "uname")
    lab.fault("exit", match="^uname$", exit=9, stdout="said\n")
    lab.fault("silent", match="^hostname$")
    result = await ssh("symcli_demo", command)
    assert (result.exit_status, result.stdout) == (0, "= 0\ntwo\n= 3\nsaid\n= 9\n")
    told = [(e["command"], e["status"], e["stdout"], e["within"] == command) for e in lab.commands()]
    assert told == [
        ("hostname", 0, "", True),
        ("echo two; exit 3", 3, "two\n", True),
        ("uname", 9, "said\n", True),
    ]
    assert [e["faults"] for e in lab.commands() if "faults" in e] == [["silent"], ["exit"]]


async def test_a_script_that_hands_nothing_on_is_one_command(lab: Lab, ssh: Any) -> None:
    for command in ("/bin/sh -c 'hostname; uname'", handed_on(), "env X=1 /bin/sh -c hostname"):
        await ssh("symcli_demo", command)
        assert lab.commands()[-1]["command"] == command and "within" not in lab.commands()[-1]
    assert len(lab.commands()) == 3


@pytest.mark.parametrize(
    ("kind", "words", "executed"),
    [("cut_before", {}, 1), ("cut_after", {}, 2), ("cut_bytes", {"bytes": 1}, 2), ("cut_running", {}, 2)],
)
async def test_a_connection_that_is_cut_at_one_line(
    lab: Lab, ssh: Any, kind: str, words: dict[str, Any], executed: int
) -> None:
    """No line after it is carried out."""
    lab.fault(kind, match="^mkdir /tmp/b$", **words)
    with contextlib.suppress(asyncssh.Error, OSError):
        done = await ssh("symcli_demo", handed_on("mkdir /tmp/a", "mkdir /tmp/b", "mkdir /tmp/c"))
        assert done.exit_status is None
    until_written(lab, 2)
    assert [e["status"] for e in lab.commands()] == [0, 0 if executed == 2 else None]
    made = [d for d in lab.host("symcli_demo").directories if d.startswith("/tmp/")]
    assert made == ["/tmp/a", "/tmp/b"][:executed]


def until_written(lab: Lab, count: int) -> None:
    """Wait until so many commands are in the journal."""
    end = time.monotonic() + 30
    while len(lab.commands()) < count and time.monotonic() < end:
        time.sleep(0.02)
    assert len(lab.commands()) == count


def test_a_seed_draws_the_same_faults_again(tmp_path: Path) -> None:
    first = drawn(tmp_path / "1", 7)
    assert first == drawn(tmp_path / "2", 7)
    assert len({str(drawn(tmp_path / f"s{seed}", seed)) for seed in range(5)}) > 1
    assert [f["kind"] for f in first].count("cut_after") == 1
    assert "hang" not in [f["kind"] for f in first]


def test_faults_by_yaml_and_by_the_control_port(tmp_path: Path) -> None:
    faults = [
        {"kind": "down", "host": "lnxpp01"},
        {"kind": "slow", "rate": 10.0, "match": "query"},
        {"kind": "cut_bytes", "bytes": 5},
    ]
    config = {**load().model_dump(), "faults": faults, "random_faults": RANDOM}
    with Lab(config, directory=tmp_path, clock="manual") as lab:
        assert [e["host"] for e in lab.journal if e["event"] == "down"] == ["lnxpp01"]
        with Client.of(lab.directory) as client:
            assert [f["kind"] for f in client.faults()] == ["down", "slow", "cut_bytes"]
            client.clear_faults()
            assert len(client.draw(7)) == len(client.faults()) > 0
            client.fault("skew", host="symcli01", skew=5)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("cut_bytes", {}),
        ("cut_output", {}),
        ("slow", {}),
        ("slow", {"rate": 0}),
        ("down", {}),
        ("disk_full", {}),
        ("disk_full", {"host": "symcli01", "path": "("}),
        ("skew", {"host": "symcli01", "timezone": "Mars/Phobos"}),
        ("admin", {}),
        ("admin", {"run": "true", "on": "nowhere"}),
    ],
)
def test_a_wrong_fault_is_refused(lab: Lab, kind: str, words: dict[str, Any]) -> None:
    with pytest.raises(LabError):
        lab.fault(kind, **words)
    assert lab.faults() == []


@pytest.mark.parametrize(
    "words",
    [
        {"faults": [{"kind": "hang", "host": "nowhere"}]},
        {"faults": [{"kind": "admin", "run": "true", "on": "nowhere"}]},
        {"random_faults": [{"fault": {"kind": "hang", "host": "nowhere"}, "probability": 1}]},
    ],
)
def test_a_fault_of_an_unknown_host_is_named(words: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="no host nowhere"):
        load({**load().model_dump(), **words})
