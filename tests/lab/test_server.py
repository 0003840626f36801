"""Over real SSH, with asyncssh as the client."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from lab import Client, ConfigError, Lab, LabError, check
from lab.config import load
from lab.journal import read

S = "/usr/symcli/bin/symclone "
A = "000190101234"
PAIR = "DEV001 sym ld CLONE001"
ROOT = Path(__file__).parents[2]


def connect(lab: Any, connection_id: str, **options: Any) -> Any:
    about = lab.connections[connection_id]
    words: dict[str, Any] = {
        "username": about["login"],
        "client_keys": [about["extra"]["key_file"]],
        "known_hosts": ([asyncssh.import_public_key(about["extra"]["host_key"])], [], []),
        **options,
    }
    return asyncssh.connect(about["host"], about["port"], config=None, **words)


@pytest.fixture
def ssh(lab: Lab) -> Callable[..., Awaitable[asyncssh.SSHCompletedProcess]]:
    """Run one command on a connection of its own."""

    async def run(connection_id: str, command: str, **words: Any) -> asyncssh.SSHCompletedProcess:
        words.setdefault("stdin", asyncssh.DEVNULL)
        async with connect(lab, connection_id) as connection:
            return await connection.run(command, **words)

    return run


async def test_key_only_login(lab: Lab) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    for options in (
        {"client_keys": [stranger]},
        {"client_keys": None, "password": "secret", "agent_path": None},
        {"username": "nobody"},
    ):
        with pytest.raises(asyncssh.PermissionDenied):
            async with connect(lab, "symcli_demo", **options):
                pass
    assert lab.commands() == []


async def test_every_host_has_its_own_key_and_port(lab: Lab) -> None:
    abouts = list(lab.connections.values())
    assert len({a["port"] for a in abouts}) == len({a["extra"]["host_key"] for a in abouts}) == 3
    other = lab.connections["lnxpp01"]["extra"]["host_key"]
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        async with connect(lab, "symcli_demo", known_hosts=([asyncssh.import_public_key(other)], [], [])):
            pass


@pytest.mark.may_break(1)
async def test_journal_of_a_control_command(lab: Lab, ssh: Any) -> None:
    command = f"env SYMCLI_WAIT_ON_DB=1 {S}-g DGCVI -noprompt recreate {PAIR}"
    result = await ssh("symcli_demo", command)
    assert (result.exit_status, result.stdout) == (0, "")
    entry = lab.commands()[-1]
    assert entry["command"] == command and entry["words"] == command.split()
    assert (entry["host"], entry["family"], entry["login"], entry["exit"]) == (
        "symcli01",
        "control",
        "symcli",
        0,
    )
    assert entry["stderr"] == result.stderr and entry["at"] == "2026-01-05T10:00:00.000+00:00"
    assert entry["before"] == {f"{A}:1234>4321": "Copied"}
    assert entry["after"] == {f"{A}:1234>4321": "Recreated"}
    assert [c["exit"] for c in entry["calls"]] == [0, 0]
    assert abs(entry["wall"] - time.time()) < 60 and entry["seconds"] >= 0
    events = [e["event"] for e in lab.journal]
    assert events[:2] == ["start", "connect"] and "corruption" in events
    written = read(lab.journal_path)
    assert written[: len(events)] == lab.journal[: len(written)]
    assert [e["seq"] for e in written] == list(range(1, len(written) + 1))


async def test_state_lives_on_between_connections(lab: Lab, ssh: Any) -> None:
    assert (await ssh("symcli_demo", "mkdir /tmp/lock")).exit_status == 0
    assert (await ssh("symcli_demo", "mkdir /tmp/lock")).exit_status == 1
    assert "/tmp/lock" in lab.host("symcli_demo").directories


async def test_many_at_once_get_one_lock(lab: Lab) -> None:
    async with connect(lab, "symcli_demo") as connection:
        results = await asyncio.gather(*(connection.run("mkdir /tmp/one") for _ in range(20)))
    assert sorted(r.exit_status for r in results) == [0] + [1] * 19


async def test_standard_input_arrives(ssh: Any) -> None:
    result = await ssh("symcli_demo", "cat > /tmp/p && cat /tmp/p", stdin=None, input="01A10 01AB4\n")
    assert result.stdout == "01A10 01AB4\n"


async def test_an_interactive_shell_finds_symclone(lab: Lab) -> None:
    async with connect(lab, "symcli_demo") as connection:
        result = await connection.run(None, input="symclone -g DGCVI query\nexit\n")
    assert "Device Group (DG) Name: DGCVI" in result.stdout


@pytest.mark.may_break(1)
async def test_cut_before(lab: Lab, ssh: Any) -> None:
    lab.fault("cut_before", host="symcli_demo", match="recreate", count=1)
    result = await ssh("symcli_demo", f"{S}-g DGCVI recreate -nop {PAIR}")
    assert result.exit_status is None
    entry = lab.commands()[-1]
    assert (entry["exit"], entry["status"], entry["calls"]) == (None, None, [])
    assert lab.session(A, "1234", "4321").state == "Copied"
    assert (await ssh("symcli_demo", f"{S}-g DGCVI recreate -nop {PAIR}")).exit_status == 0


@pytest.mark.may_break(1)
async def test_cut_after(lab: Lab, ssh: Any) -> None:
    lab.fault("cut_after", match="recreate", count=1)
    result = await ssh("symcli_demo", f"{S}-g DGCVI recreate -nop {PAIR}")
    assert result.exit_status is None and result.stdout == result.stderr == ""
    entry = lab.commands()[-1]
    assert (entry["exit"], entry["status"], entry["faults"]) == (None, 0, ["cut_after"])
    assert lab.session(A, "1234", "4321")["state"] == "Recreated"


@pytest.mark.may_break(1)
async def test_delay_answers_late_but_acts_and_journals_at_once(lab: Lab) -> None:
    lab.fault("delay", match="recreate", seconds=0.4)
    async with connect(lab, "symcli_demo") as connection:
        began = time.monotonic()
        task = asyncio.create_task(connection.run(f"{S}-g DGCVI recreate -nop {PAIR}"))
        await asyncio.sleep(0.2)
        assert lab.commands()[-1]["exit"] == 0 and not task.done()
        assert (await task).exit_status == 0
        assert time.monotonic() - began >= 0.4


@pytest.mark.may_break(1)
async def test_a_delay_ends_when_it_is_cleared(lab: Lab) -> None:
    fault = lab.fault("delay", match="recreate", seconds=3600)
    async with connect(lab, "symcli_demo") as connection:
        task = asyncio.create_task(connection.run(f"{S}-g DGCVI recreate -nop {PAIR}"))
        while not lab.commands() or lab.commands()[-1]["exit"] is None:
            await asyncio.sleep(0.01)
        assert not task.done()
        lab.clear_faults(fault)
        assert (await task).exit_status == 0


async def test_hang(lab: Lab) -> None:
    lab.fault("hang", match="symdev", count=1)
    async with connect(lab, "symcli_demo") as connection:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await connection.run("/usr/symcli/bin/symdev list")
    await asyncio.sleep(0.05)
    assert lab.commands()[-1]["exit"] is None


async def test_exit_and_noise(lab: Lab, ssh: Any) -> None:
    lab.fault("exit", match="symdev", exit=0, stdout="", count=1)
    lab.fault("noise", host="symcli01", stdout="Welcome!\n")
    lab.fault("exit", match="symdev", exit=2, stderr="locked\n", count=1)
    first = await ssh("symcli_demo", "/usr/symcli/bin/symdev list")
    assert (first.exit_status, first.stdout) == (0, "Welcome!\n")
    second = await ssh("symcli_demo", "/usr/symcli/bin/symdev list")
    assert (second.exit_status, second.stderr) == (2, "locked\n")
    assert (await ssh("lnxpp01", "echo x")).stdout == "x\n"
    lab.clear_faults()
    assert lab.faults() == [] and (await ssh("symcli_demo", "echo x")).stdout == "x\n"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (2, "already locked by another process"),
        (3, "exclusive lock"),
        (19, "Gatekeeper"),
        (49, "device lock"),
    ],
)
@pytest.mark.may_break(1)
async def test_lock(lab: Lab, ssh: Any, code: int, text: str) -> None:
    lab.fault("lock", match="recreate", exit=code, count=2)
    for _ in range(2):
        result = await ssh("symcli_demo", f"{S}-g DGCVI recreate -nop {PAIR}")
        assert result.exit_status == code and text in result.stderr
    assert (await ssh("symcli_demo", f"{S}-g DGCVI recreate -nop {PAIR}")).exit_status == 0


@pytest.mark.may_break(1)
async def test_lock_is_waited_for_with_i_and_c(lab: Lab) -> None:
    lab.fault("lock", match="recreate", exit=3, count=3)
    async with connect(lab, "symcli_demo") as connection:
        task = asyncio.create_task(connection.run(f"{S}-g DGCVI recreate -nop -i 20 -c 30 {PAIR}"))
        await asyncio.sleep(0.05)
        lab.advance(59)
        await asyncio.sleep(0.05)
        assert not task.done() and lab.session(A, "1234", "4321").state == "Copied"
        lab.advance(2)
        assert (await task).exit_status == 0
    lab.jump()
    before = lab.now()
    lab.fault("lock", match="activate", exit=3, count=99)
    async with connect(lab, "symcli_demo") as connection:
        result = await connection.run(f"{S}-g DGCVI activate -nop -i 20 -c 3 {PAIR}")
    assert (result.exit_status, lab.now() - before) == (3, 60)


async def test_lock_for_a_time_and_wait_on_db(lab: Lab, ssh: Any) -> None:
    lab.jump()
    lab.fault("lock", exit=2, seconds=90)
    assert (await ssh("symcli_demo", "/usr/symcli/bin/symdev list")).exit_status == 2
    before = lab.now()
    assert (await ssh("symcli_demo", "SYMCLI_WAIT_ON_DB=1 /usr/symcli/bin/symdev list")).exit_status == 0
    assert lab.now() - before == 90


async def test_partial_and_fail_pair(lab: Lab, ssh: Any) -> None:
    await ssh("symcli_demo", f"{S}-g DGREP recreate -nop")
    lab.fault("partial", match="activate", pairs=1, count=1)
    result = await ssh("symcli_demo", f"{S}-g DGREP activate -nop")
    assert result.exit_status == 1 and "failed" in result.stderr
    states = [lab.session(A, s, t).state for s, t in (("1236", "4323"), ("1237", "4324"))]
    assert states == ["CopyInProg", "Recreated"]
    lab.set_state(A, "1236", "4323", "Recreated")
    lab.fault("fail_pair", match="activate", pair="1237>4324", count=1)
    assert (await ssh("symcli_demo", f"{S}-g DGREP activate -nop")).exit_status == 0
    assert lab.session(A, "1237", "4324").state == "Failed"


async def test_refused_connections(lab: Lab, ssh: Any) -> None:
    lab.host("lnxpp01").refuse_connections()
    with pytest.raises(ConnectionRefusedError):
        await ssh("lnxpp01", "true")
    lab.host("lnxpp01").refuse_connections(False)
    assert (await ssh("lnxpp01", "true")).exit_status == 0


def test_operations(lab: Lab) -> None:
    lab.set_source(A, "1234", "4321", "1236")
    assert lab.session(A, "1234", "4321").state == "none"
    assert lab.session(A, "1236", "4321").state == "Copied"
    lab.remove_session(A, "1236", "4321")
    assert lab.session(A, "1236", "4321").state == "none"
    host = lab.host("aastmphpux")
    assert host.mounts() == {"/aaststcvi": "/dev/vgCVI/lv_CVI"}
    assert host.volume_groups() == {"vgCVI": {"known": True, "active": True, "missing": []}}
    assert host.addresses()["192.168.32.41"] == "lan900:1"
    assert host.files["/var/lib/opensvc/vg_aastmphpux_vgCVI.map"].startswith("VGID ")
    assert lab.host("lnxpp01").apps() == {"pp": True}
    for wrong in (
        lambda: lab.host("nowhere"),
        lambda: lab.set_state(A, "1234", "4321", "Sleepy"),
        lambda: lab.fault("explode"),
        lambda: lab.fault("delay"),
        lambda: lab.fault("lock", host="nowhere"),
        lambda: lab.fault("exit", exit=1, match="("),
        lambda: lab.ask("dance"),
    ):
        with pytest.raises(LabError):
            wrong()


def test_the_control_port_offers_the_same(lab: Lab) -> None:
    assert lab.running is not None
    with Client.of(lab.directory) as client:
        before = client.now()
        assert client.advance(60) == before + 60
        assert client.session(A, "1234", "4321").percent == 100
        assert client.connections == lab.connections
        assert client.host("lnxpp01").mounts()["/pp/data"] == "/dev/vg_ppdata/lv_data"
        client.fault("noise", stdout="x")
        assert len(client.faults()) == 1 and client.journal == lab.journal
        with pytest.raises(LabError, match="unknown op"):
            client.ask("dance")
        with pytest.raises(LabError):
            client.ask("advance", minutes=1)


def test_the_process(tmp_path: Path) -> None:
    """`python -m lab` answers in under 2 seconds, and keeps its keys for the next start."""
    hosts_keys = []
    for _ in range(2):
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "lab", "--dir", str(tmp_path), "--speed", "10"],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            text = ""
            while "Stop with" not in text:
                text += process.stdout.readline()
            # Generous here because the machine may be busy; alone it takes well under one second.
            assert time.monotonic() - began < 5
            connections = json.loads((tmp_path / "connections.json").read_text())
            assert set(connections) == {"symcli_demo", "aastmphpux", "lnxpp01"}
            assert set(connections["lnxpp01"]) == {"conn_type", "host", "port", "login", "extra"}
            hosts_keys.append(connections["symcli_demo"]["extra"]["host_key"])
            exports = (tmp_path / "connections.env").read_text()
            assert exports in text and exports.startswith("export AIRFLOW_CONN_SYMCLI_DEMO='{")
            about = json.loads((tmp_path / "lab.json").read_text())
            assert about["pid"] == process.pid and Path(about["journal"]).exists()
            with Client(about["control"]["host"], about["control"]["port"]) as client:
                assert client.advance(1) > 0
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
        finally:
            process.kill()
            process.communicate()
    assert hosts_keys[0] == hosts_keys[1]


def test_start_in_this_process_is_quick(tmp_path: Path) -> None:
    began = time.monotonic()
    with Lab(directory=tmp_path, clock="manual"):
        assert time.monotonic() - began < 2


@pytest.mark.may_break(1, 2, 3, 6)
async def test_check(lab: Lab, ssh: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from lab.__main__ import main

    assert main(["check", str(lab.journal_path)]) == 0
    await ssh("symcli_demo", f"{S}-g DGCVI recreate -nop {PAIR}")
    await ssh("symcli_demo", f"{S}-g DGCVI recreate -nop {PAIR}")
    await ssh("symcli_demo", "printf '1236 1237' > /tmp/p; " + S + "-sid 234 -f /tmp/p create -nop")
    found = check.findings(lab.journal)
    assert [f.partition(": ")[2].split(",")[0] for f in found] == [
        f"recreate of {A}:4321 while aastmphpux uses it: /dev/vgCVI/lv_CVI mounted on /aaststcvi",
        "symcli01: recreate again",
        f"symcli01: control of {A}:1236>1237",
        f"symcli01: create of {A}:1236>1237",
    ]
    assert main(["check", str(lab.journal_path)]) == 1
    assert "4 findings" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda c: c.update(extra=1), "extra: Extra inputs are not permitted"),
        (lambda c: c["arrays"][0].update(symid="12"), "arrays.0.symid"),
        (lambda c: c["arrays"][0]["switches"].update(precopy="maybe"), "arrays.0.switches.precopy"),
        (lambda c: c["arrays"][0]["sessions"][0].update(target="9999"), "no device 9999"),
        (lambda c: c["arrays"][0]["sessions"][0].update(target="4324"), "smaller"),
        (
            lambda c: c["arrays"][0]["device_groups"][0]["devices"][0].update(device="9999"),
            "DGCVI: no device 9999",
        ),
        (lambda c: c["hosts"][1].update(connection_id="lnxpp01"), "same connection_id"),
        (lambda c: c["hosts"][1]["volume_groups"][0].update(map_file=None), "needs map_file"),
        (lambda c: c["hosts"][1]["mounts"][0].update(device="/dev/x"), "no such logical volume"),
        (lambda c: c.update(faults=[{"kind": "lock", "exit": 7}]), "2, 3, 19 or 49"),
    ],
)
def test_wrong_configuration_is_named(change: Any, part: str) -> None:
    config = load().model_dump()
    change(config)
    with pytest.raises(ConfigError, match="(?s)" + part.replace(".", r"\.")):
        load(config)
