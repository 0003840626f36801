"""The guards on real disks: what uses a disk without being seen by its own name is seen.

Each case says what is done with two disks, and which guards of the first then say `up`; all others say down.
All of them are asked by root, and by an account that sudo lets run what `scripts/privileges` prints.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clones.asking.steps import Result
from clones.config import Config, Service
from clones.guards import guards
from clones.resources.base import Probe
from lab.real.host import NAMESPACES
from tests.real.account import NAME, account, rules

SIZE = 16 << 20  # bytes of a disk


@dataclass
class Disks:
    """Two disks and a folder, on a host with namespaces of its own that end with the test."""

    pid: int
    one: str
    other: str
    folder: Path

    def sh(self, text: str) -> str:
        """Run it there; what it starts with `&` ends with the test."""
        here = {"ONE": self.one, "OTHER": self.other, "DIR": str(self.folder)}
        words = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--", "/bin/sh", "-ec", text]
        done = subprocess.run(words, env={**os.environ, **here}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def probes(self, dev: str = "") -> dict[str, Probe]:
        """What each guard of the first disk, or of `dev`, says, by the first words of its label.

        It must say the same to root as to the account.
        """
        as_root = self._probes(config(dev or self.one, "none"), [])
        text, needed = rules(config(dev or self.one, "sudo"), "host", NAME)
        with account(text, needed):
            found = self._probes(config(dev or self.one, "sudo"), ["runuser", "-u", NAME, "--"])
        assert _uses(found) == _uses(as_root), (found, as_root)
        return found

    def _probes(self, what: Config, before: list[str]) -> dict[str, Probe]:
        found = {}
        for guard in guards(what.services["service"]):
            command = guard.probe()
            words = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--", *before, *command.words]
            done = subprocess.run(words, capture_output=True, text=True, cwd="/")
            result = Result(command, done.returncode, done.stdout, done.stderr)
            found[guard.label.split("/")[0].strip()] = guard.read(result)
        return found


def _uses(said: dict[str, Probe]) -> dict[str, tuple[str, str]]:
    return {label: (probe.use.value, probe.at) for label, probe in said.items()}


def config(dev: str, become: str) -> Config:
    """A service with one file system on that device."""
    made = Service.model_validate(
        {
            "control_host": "symcli",
            "sync_max_delay": 1440,
            "hosts": [{"connection": "host", "family": "linux", "become": become}],
            "resources": [{"fs": {"dev": dev, "mnt": "/data", "type": "ext4"}}],
            "syncs": [{"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}],
        }
    )
    return Config(services={"service": made})


@pytest.fixture
def disks() -> Iterator[Disks]:
    tmp_path = Path(tempfile.mkdtemp())
    tmp_path.chmod(0o755)  # every account may look for the files of loop devices
    made = []
    for name in ("one", "other"):
        file = tmp_path / name
        file.write_bytes(b"")
        os.truncate(file, SIZE)
        words = ["losetup", "--find", "--show", "--partscan", str(file)]
        made.append(subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip())
    host = subprocess.Popen(
        ["unshare", *NAMESPACES, "/bin/sh", "-c", "echo ready; sleep infinity & wait"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert host.stdout and host.stdout.readline() == "ready\n"
    pid = int(Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text())
    (tmp_path / "mnt").mkdir()
    found = Disks(pid, *made, tmp_path)
    try:
        yield found
    finally:
        found.sh("! grep -q $ONE /proc/swaps || swapoff $ONE")
        mine = (*made, str(tmp_path / "node"))
        above = [
            p for p in Path("/sys/block").glob("loop*/loop/backing_file") if p.read_text().strip() in mine
        ]
        # One that is still held ends with its last user.
        subprocess.run(["losetup", "-d", *(f"/dev/{p.parts[3]}" for p in above), *made], check=True)
        host.kill()
        host.communicate()
        shutil.rmtree(tmp_path)


CASES = {
    "nothing": (":", []),
    "a file system that is not mounted": ("mkfs.ext4 -q $ONE", []),
    "a file system that was mounted": (
        "mkfs.ext4 -q $ONE; mount $ONE $DIR/mnt; umount $DIR/mnt",
        [],
    ),
    "mounted": ("mkfs.ext4 -q $ONE; mount $ONE $DIR/mnt", ["disk", "mounts of"]),
    "mounted by another node in another namespace": (
        "mkfs.ext4 -q $ONE; mknod $DIR/node b $(stat -c '0x%t 0x%T' $ONE);"
        "unshare -m /bin/sh -c 'mount $DIR/node $DIR/mnt; touch $DIR/done; exec sleep 600' >/dev/null 2>&1 &"
        "while ! test -e $DIR/done; do :; done",
        ["disk", "mounts of"],
    ),
    "held open": ("sleep 600 <$ONE >/dev/null 2>&1 & :", ["open files on", "processes on"]),
    "held open by another node": (
        "mknod $DIR/node b $(stat -c '0x%t 0x%T' $ONE); sleep 600 <$DIR/node >/dev/null 2>&1 & :",
        ["open files on"],
    ),
    "swap": ("mkswap -q $ONE; swapon $ONE", ["disk"]),
    "a loop device on it": ("losetup --find $ONE", ["loops and exports of"]),
    "a loop device on it by another node": (
        "mknod $DIR/node b $(stat -c '0x%t 0x%T' $ONE); losetup --find $DIR/node",
        ["loops and exports of"],
    ),
    "the second disk of a mounted file system": (
        "mke2fs -q -O journal_dev $ONE; mkfs.ext4 -q -J device=$ONE $OTHER; mount $OTHER $DIR/mnt",
        ["disk"],
    ),
    "the other disk in use": (
        "mkfs.ext4 -q $OTHER; mount $OTHER $DIR/mnt; losetup --find $OTHER;"
        "sleep 600 <$OTHER >/dev/null 2>&1 & :",
        [],
    ),
}


@pytest.mark.parametrize(("done", "seen"), CASES.values(), ids=CASES)
def test_who_uses_a_disk(disks: Disks, done: str, seen: list[str]) -> None:
    disks.sh(done)
    said = disks.probes()
    assert {label: probe.use.value for label, probe in said.items()} == {
        label: "up" if label in seen else "down" for label in said
    }, said


def test_another_partition_of_the_disk_is_used(disks: Disks) -> None:
    """A copy overwrites all of them."""
    disks.sh("addpart $ONE 1 2048 8192; addpart $ONE 2 10240 8192; mkfs.ext4 -q ${ONE}p2")
    assert {probe.use.value for probe in disks.probes(f"{disks.one}p1").values()} == {"down"}
    disks.sh("mount ${ONE}p2 $DIR/mnt")
    said = disks.probes(f"{disks.one}p1")
    assert [label for label, probe in said.items() if probe.use.value == "up"] == ["disk", "mounts of"]
    disks.sh("umount $DIR/mnt; delpart $ONE 1; delpart $ONE 2")


def test_a_file_that_the_account_may_not_look_at(disks: Disks) -> None:
    """It may be one of the disks: that is not known, and what to do is said."""
    disks.folder.chmod(0o700)
    text, needed = rules(config(disks.one, "sudo"), "host", NAME)
    with account(text, needed):
        said = disks._probes(config(disks.one, "sudo"), ["runuser", "-u", NAME, "--"])
    assert {label for label, probe in said.items() if probe.use.value != "down"} == {"loops and exports of"}
    exports = said["loops and exports of"]
    assert (
        exports.use.value == "unknown" and "let the SSH account search the folder of loop" in exports.evidence
    )


def test_an_account_without_rules_knows_nothing(disks: Disks) -> None:
    """Whatever sudo says then is no answer of what it was to run."""
    with account("# none\n", []):
        said = disks._probes(config(disks.one, "sudo"), ["runuser", "-u", NAME, "--"])
    assert {probe.use.value for probe in said.values()} == {"unknown"}, said
