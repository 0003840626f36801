"""The product's path over real OpenSSH servers. `scripts/test` installs openssh-server where it can."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from lab import Lab
from lab.config import SshdLimits, load
from lab.journal import read
from lab.tools.load import connected
from tests.conftest import SYMID, connect, sent

SERVICE = "aastmphpux"
S = "/usr/symcli/bin/symclone "


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    # Without sshd this fails, naming the package: a machine that cannot run it has not tested it.
    with Lab(directory=tmp_path / "lab", clock="manual", sshd=True) as running:
        connect(monkeypatch, running.connections)
        yield running


def test_a_refresh_by_the_operators(lab: Lab, context: dict[str, Any]) -> None:
    from operators.service import ServiceStartOperator, ServiceStopOperator
    from operators.symclone import SymcloneActivateOperator, SymcloneRecreateOperator

    ServiceStopOperator(task_id="stop", service=SERVICE).execute(context)  # type: ignore[arg-type]
    for operator in (SymcloneRecreateOperator, SymcloneActivateOperator):
        for sync in ("data", "archivelogs"):
            operator(task_id=sync, service=SERVICE, sync=sync).execute(context)  # type: ignore[arg-type]
        lab.advance(60)
    ServiceStartOperator(task_id="start", service=SERVICE).execute(context)  # type: ignore[arg-type]

    journal = read(lab.journal_path)
    # A minute of precopy has moved everything that had changed.
    controls = [e for e in journal if e.get("after") and e["exit"] == 0]
    assert [next(iter(e["after"].items())) for e in controls] == [
        (f"{SYMID}:1234>4321", "PreCopy"),
        (f"{SYMID}:1235>4322", "PreCopy"),
        (f"{SYMID}:1234>4321", "Copied"),
        (f"{SYMID}:1235>4322", "Copied"),
    ]
    assert len(sent(lab, "recreate")) == len(sent(lab, "activate")) == 2
    assert lab.host(SERVICE).mounts() == {"/aaststcvi": "/dev/vgCVI/lv_CVI"}
    versions = [(lab.directory / "sshd" / h / "sshd.log").read_text() for h in ("symcli01", SERVICE)]
    assert all("Accepted publickey" in log for log in versions)


async def test_streams_exit_codes_and_standard_input(lab: Lab) -> None:
    async with connected(lab.connections["symcli_demo"], 1) as (connection,):
        version = connection.get_extra_info("server_version")
        assert "OpenSSH" in version
        done = await connection.run("echo out; echo err >&2; exit 23")
        assert (done.exit_status, done.stdout, done.stderr) == (23, "out\n", "err\n")
        done = await connection.run("cat > /tmp/p && cat /tmp/p", input="01A10 01AB4 \u00e9\n")
        assert done.stdout == "01A10 01AB4 \u00e9\n"
        prompted = await connection.run(f"{S}-g DGCVI recreate DEV001 sym ld CLONE001", input="n\n")
        assert prompted.exit_status == 1 and lab.session(SYMID, "1234", "4321").state == "Copied"
        together = await asyncio.gather(*(connection.run("mkdir /tmp/one") for _ in range(8)))
    assert sorted(done.exit_status for done in together) == [0] + [1] * 7


async def test_limits_of_a_stock_server(tmp_path: Path) -> None:
    config = load().model_copy(update={"sshd_limits": SshdLimits(sessions=2)})
    with Lab(config, directory=tmp_path / "lab", sshd=True) as lab:
        async with connected(lab.connections["symcli_demo"], 1) as (connection,):
            held = [await connection.create_process("sleep 60") for _ in range(2)]
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.run("true")
            for process in held:
                process.close()
        written = (lab.directory / "sshd" / "symcli01" / "sshd_config").read_text()
        assert "MaxStartups 10:30:100" in written


@pytest.mark.may_break(1)
@pytest.mark.parametrize(("kind", "state"), [("cut_before", "Copied"), ("cut_after", "Recreated")])
async def test_a_lost_session_has_no_exit_status(lab: Lab, kind: str, state: str) -> None:
    lab.fault(kind, match="recreate", count=1)
    async with connected(lab.connections["symcli_demo"], 1) as (connection,):
        done = await connection.run(f"{S}-g DGCVI recreate -nop DEV001 sym ld CLONE001")
    assert done.exit_status in (None, -1) and done.stdout == ""
    assert lab.session(SYMID, "1234", "4321").state == state


async def test_refused_connections_and_strangers(lab: Lab) -> None:
    about = lab.connections["lnxpp01"]
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(
            about["host"], about["port"], username=about["login"], client_keys=[stranger], config=None,
            agent_path=None, known_hosts=([asyncssh.import_public_key(about["extra"]["host_key"])], [], []),
        )  # fmt: skip
    lab.host("lnxpp01").refuse_connections()
    with pytest.raises(ConnectionRefusedError):
        async with connected(about, 1):
            pass
    lab.host("lnxpp01").refuse_connections(False)
    async with connected(about, 1) as (connection,):
        assert (await connection.run("true")).exit_status == 0


@pytest.mark.may_break(1)
def test_the_commands_as_executables(lab: Lab, tmp_path: Path) -> None:
    folder = lab.directory / "sshd" / "symcli01" / "bin"
    assert {"symclone", "symdev", "symdg"} <= {p.name for p in folder.iterdir()}
    (tmp_path / "pairs").write_text("01A10 01AB4\n")

    def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [folder / words[0], *words[1:]], input="", capture_output=True, text=True, cwd=tmp_path,
            env={**os.environ, **env}, timeout=30,
        )  # fmt: skip

    done = run("symclone", "-f", "pairs", "query", SYMCLI_SID="000297600001")
    assert done.returncode == 0 and "01A10" in done.stdout
    done = run("symclone", "-g", "DGCVI", "-noprompt", "recreate")
    assert done.returncode == 0 and "successfully initiated" in done.stderr
    assert lab.session(SYMID, "1234", "4321").state == "Recreated"
    assert run("symdg", "show", "NONE").returncode == 1


def test_without_sshd_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.server import openssh

    monkeypatch.setattr(openssh.shutil, "which", lambda *_, **__: None)
    with pytest.raises(openssh.SshdError, match="install the package openssh-server"):
        openssh.find()
