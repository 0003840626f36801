"""A real array: which tracks move, what its hosts see of a target meanwhile, and what a freeze is for."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import yaml

from demo.real.site import inside
from lab import Client, Lab
from lab.config import ConfigError, load
from lab.real.host import RealError
from lab.real.loop import backing_files
from lab.real.mounts import mounts
from lab.tools.load import connected
from tests.conftest import ROOT
from tests.support.site import until

SYMID = "000190101234"
MEGABYTES = 16
TRACK = 64 << 10


def config(**array: Any) -> dict[str, Any]:
    """A pair 2001 -> 2002, and a host for each end."""
    hosts = [
        {
            "name": name,
            "connection_id": name,
            "family": "linux",
            "real": {
                "disks": [{"array": SYMID, "device": device, "path": "/srv/disk"}],
                "directories": ["/srv/mnt"],
            },
        }
        for name, device in (("source", "2001"), ("target", "2002"))
    ]
    control = {"name": "symcli", "connection_id": "symcli", "family": "control", "arrays": [SYMID]}
    devices = [{"device": device, "megabytes": MEGABYTES} for device in ("2001", "2002")]
    real = {"symid": SYMID, "copy_rate": 1000, "real": True, "devices": devices, **array}
    return {
        "arrays": [{**real, "sessions": [{"source": "2001", "target": "2002"}]}],
        "hosts": [control, *hosts],
    }


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(config(), directory=tmp_path / "lab") as running:
        yield running


def on(lab: Lab, connection: str, command: str) -> asyncssh.SSHCompletedProcess:
    async def run() -> asyncssh.SSHCompletedProcess:
        async with connected(lab.connections[connection], 1) as (ssh,):
            return await ssh.run(command)

    return asyncio.run(run())


def symclone(lab: Lab, words: str) -> None:
    done = on(
        lab,
        "symcli",
        f"echo 2001 2002 >/tmp/p; /usr/symcli/bin/symclone -sid {SYMID} -f /tmp/p -noprompt {words}",
    )
    assert done.exit_status == 0, done.stderr


def write(lab: Lab, host: str, track: int, byte: bytes = b"x", offset: int = 0) -> None:
    """One byte, on the device itself."""
    at = track * TRACK + offset
    script = f"printf {byte.decode()} | dd of=/srv/disk bs=1 seek={at} conv=notrunc,fsync status=none"
    inside(lab, host, "/bin/sh", "-c", script)


def content(lab: Lab, host: str) -> str:
    return hashlib.sha256(inside(lab, host, "base64", "/srv/disk").encode()).hexdigest()


def tracks(lab: Lab) -> list[tuple[str, int, int]]:
    """(action, tracks that differed, tracks that moved) since the start."""
    found = [e for e in lab.journal if e["event"] == "tracks"]
    return [(e["action"], e["differing"], e["moved"]) for e in found]


def test_only_what_differs_moves(lab: Lab) -> None:
    for track in (0, 7, 255):
        write(lab, "source", track)
    write(lab, "source", 7, b"y", offset=TRACK - 1)  # the same track twice
    write(lab, "target", 100)  # what the test instance wrote goes, too
    symclone(lab, "recreate -precopy")
    write(lab, "source", 8)
    symclone(lab, "activate -consistent")
    assert tracks(lab) == [("recreate", 4, 4), ("activate", 1, 1)]
    assert content(lab, "source") == content(lab, "target")
    assert lab.session(SYMID, "2001", "2002")["state"] == "Copied"


def test_without_precopy_nothing_moves_before_the_activation(lab: Lab) -> None:
    write(lab, "source", 1)
    symclone(lab, "recreate")
    assert lab.session(SYMID, "2001", "2002")["protected_tracks"] == 1
    symclone(lab, "activate")
    assert tracks(lab) == [("recreate", 1, 0), ("activate", 1, 1)]
    assert content(lab, "source") == content(lab, "target")


def test_a_target_that_is_not_ready_can_not_be_read(lab: Lab) -> None:
    symclone(lab, "recreate -precopy")
    for command, said in (
        ("head -c 1 /srv/disk", "Input/output error"),
        ("echo 1 >/srv/disk", "Operation not permitted"),
        ("mount -t ext4 /srv/disk /srv/mnt", "can't read superblock"),
    ):
        done = on(lab, "target", f"LC_ALL=C; {command}")
        assert done.exit_status != 0 and said in str(done.stderr)
    assert "loop" in str(on(lab, "target", "lsblk -rno NAME,TYPE /srv/disk").stdout)  # it is there
    assert on(lab, "target", "blockdev --setbsz 4096 /srv/disk").exit_status == 0  # and nobody holds it
    symclone(lab, "activate -consistent")
    assert on(lab, "target", "head -c 1 /srv/disk").exit_status == 0


@pytest.mark.parametrize("consistent", [True, False])
def test_a_consistent_activation_freezes(lab: Lab, consistent: bool) -> None:
    """What was written and not synced is on the device only once the file system was frozen."""
    inside(lab, "source", "/bin/sh", "-c", "mkfs.ext4 -q /srv/disk && mount -t ext4 /srv/disk /srv/mnt")
    symclone(lab, "recreate -precopy")
    inside(lab, "source", "/bin/sh", "-c", "printf whole >/srv/mnt/late")
    symclone(lab, "activate -consistent" if consistent else "activate")
    event = next(e for e in reversed(lab.journal) if e["event"] == "tracks")
    assert event["frozen"] == (["/srv/mnt"] if consistent else [])
    inside(lab, "target", "e2fsck", "-p", "/srv/disk")
    inside(lab, "target", "mount", "-t", "ext4", "/srv/disk", "/srv/mnt")
    late = on(lab, "target", "cat /srv/mnt/late").stdout
    assert (late == "whole") == consistent
    inside(lab, "source", "/bin/sh", "-c", "echo thawed >/srv/mnt/late && sync /srv/mnt/late")


def test_without_the_freeze_nothing_is_activated(lab: Lab) -> None:
    inside(lab, "source", "/bin/sh", "-c", "mkfs.ext4 -q /srv/disk && mount -t ext4 /srv/disk /srv/mnt")
    symclone(lab, "recreate -precopy")
    inside(lab, "source", "fsfreeze", "--freeze", "/srv/mnt")  # somebody else's
    command = f"/usr/symcli/bin/symclone -sid {SYMID} -f /tmp/p -noprompt activate -consistent"
    done = on(lab, "symcli", command)
    assert done.exit_status == 1 and "fsfreeze /srv/mnt: " in str(done.stderr)
    assert lab.session(SYMID, "2001", "2002")["state"] == "PreCopy"
    assert on(lab, "target", "head -c 1 /srv/disk").exit_status != 0
    inside(lab, "source", "fsfreeze", "--unfreeze", "/srv/mnt")  # it is still theirs
    symclone(lab, "activate -consistent")


@pytest.mark.may_break(1)
def test_a_target_in_use_is_on_record(lab: Lab) -> None:
    inside(lab, "target", "/bin/sh", "-c", "mkfs.ext4 -q /srv/disk && mount -t ext4 /srv/disk /srv/mnt")
    symclone(lab, "recreate -precopy")
    event = next(e for e in lab.journal if e["event"] == "corruption")
    assert (event["host"], event["device"], event["use"]) == ("target", "2002", "ext4 mounted on /srv/mnt")


@pytest.mark.may_break(3)
def test_a_restore_goes_back(lab: Lab) -> None:
    write(lab, "source", 3)
    symclone(lab, "recreate -precopy")
    symclone(lab, "activate")
    write(lab, "target", 5)
    symclone(lab, "restore")
    assert tracks(lab)[-1] == ("restore", 1, 1)
    assert content(lab, "source") == content(lab, "target")
    assert lab.session(SYMID, "2001", "2002")["state"] == "Restored"


def test_a_host_sees_its_own_only(lab: Lab) -> None:
    done = on(lab, "target", "id -u; hostname; ls /srv; ps -e -o comm= | sort -u")
    assert str(done.stdout).split()[0] == "0" and os.uname().nodename in str(done.stdout)
    assert "postgres" not in str(done.stdout) and "python" not in str(done.stdout)
    inside(lab, "source", "/bin/sh", "-c", "mkfs.ext4 -q /srv/disk && mount -t ext4 /srv/disk /srv/mnt")
    assert "/srv" not in " ".join(m.directory for m in mounts(os.getpid()))
    assert "/srv/mnt" not in str(on(lab, "target", "cat /proc/self/mounts").stdout)


def test_what_is_killed_leaves_nothing(tmp_path: Path) -> None:
    """With file systems mounted and a process at work."""
    (tmp_path / "lab.yaml").write_text(yaml.safe_dump(config()))
    folder = tmp_path / "lab"
    words = [sys.executable, "-m", "lab", "--dir", str(folder), "--config", str(tmp_path / "lab.yaml")]
    killed = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert killed.stdout
    with killed.stdout as output:
        for line in output:
            if line.startswith("Stop with"):
                break
        about = json.loads((folder / "lab.json").read_text())
        with Client(about["control"]["host"], about["control"]["port"]) as lab:
            pids = [lab.host(name).describe()["pid"] for name in ("source", "target")]
            for name in ("source", "target"):
                inside(
                    lab, name, "/bin/sh", "-c", "mkfs.ext4 -q /srv/disk && mount -t ext4 /srv/disk /srv/mnt"
                )
            inside(lab, "source", "/bin/sh", "-c", "cd /srv/mnt; setsid sleep 1000 >/dev/null 2>&1 &")
        own = [d for d, (pid, _) in backing_files().items() if pid == killed.pid]
        assert len(own) == 2
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    until(lambda: not any(pid == killed.pid for pid, _ in backing_files().values()), 10, "loop devices stay")
    until(lambda: not any(map(alive, pids)), 10, "the namespaces' processes stay")
    assert "sleep 1000" not in subprocess.run(["ps", "ax"], capture_output=True, text=True).stdout
    assert [p for p in folder.rglob("*") if p.is_file() and p.stat().st_size > 1 << 20] == []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_killed_lab_thaws(lab: Lab) -> None:
    """A file system that stayed frozen could not even be unmounted."""
    inside(lab, "source", "/bin/sh", "-c", "mkfs.ext4 -q /srv/disk && mount -t ext4 /srv/disk /srv/mnt")
    pid = lab.host("source").describe()["pid"]
    script = (
        "import sys; from lab.real.freeze import frozen\n"
        "with frozen({int(sys.argv[1]): ['/srv/mnt']}): print('held', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", script, str(pid)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as holding:
        assert holding.stdout and holding.stdout.readline() == "held\n"
        write = ["nsenter", f"--target={pid}", "--mount", "touch", "/srv/mnt/new"]
        with subprocess.Popen(write) as writing:
            with pytest.raises(subprocess.TimeoutExpired):
                writing.wait(0.3)
            holding.kill()
            assert writing.wait(10) == 0


def test_it_must_be_asked_for() -> None:
    with pytest.raises(ConfigError, match="no device 2001 in a real array"):
        load(config(real=False))
    outside = config()
    outside["hosts"][1]["files"] = {"/etc/passwd": ""}
    with pytest.raises(ConfigError, match="a real host's files lie below /srv"):
        load(outside)
    assert not any(a.real for a in load().arrays) and not any(h.real for h in load().hosts)


def test_without_root_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    with pytest.raises(RealError, match="need root: loop devices"), Lab(config(), directory=tmp_path / "lab"):
        pass
