"""A host that is this machine, in mount and process namespaces of its own.

Its first process holds the namespaces and ends with the lab, whatever ends that; all others end with it, and
so do its mounts. Below `/srv` it has a file system in memory with the nodes of its disks. Another one is at
`/var/tmp`, where who logs in keeps its files by default.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab.config.hosts import HostConfig
from lab.config.real import ROOT, RealHostConfig
from lab.hosts.host import Host
from lab.real import lvm
from lab.real.disk import Disk
from lab.real.mounts import Mount, mounts, stands_on
from lab.world import World

# Foreign mounts are copied into the namespace. As slaves they go when they are unmounted outside.
NAMESPACES = ("--mount", "--propagation=slave", "--pid", "--fork", "--kill-child", "--mount-proc")
# The shell stays to take up what its children leave behind.
MODES = {ROOT: "755", "/var/tmp": "1777"}
IN_MEMORY = " && ".join(f"mount -t tmpfs -o mode={mode} symclone-lab {path}" for path, mode in MODES.items())
HOLD = f"{IN_MEMORY} && echo ready && {{ sleep infinity & wait; }}"
PROGRAMS = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "fsfreeze": "util-linux",
}


class RealError(RuntimeError):
    """This machine can not be a host; the text says what is missing."""


class RealHost(Host):
    def __init__(self, config: HostConfig, world: World) -> None:
        super().__init__(config, world)
        assert config.real
        self.real: RealHostConfig = config.real
        self.pid = 0
        """Process id of the one that holds the namespaces; 0 while there is none."""
        self._holder: subprocess.Popen[str] | None = None
        self._disks: dict[tuple[str, int], Disk] = {}
        """Those of all arrays, by array and device number."""

    def open(self, disks: Iterable[Disk]) -> None:
        """Start it.

        :param disks: of all arrays.
        :raises RealError: a program or a right is missing.
        """
        words = ["setpriv", "--pdeathsig=KILL", "unshare", *NAMESPACES, "/bin/sh", "-c", HOLD]
        self._holder = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the lab, which then ends this in order
        )
        assert self._holder.stdout and self._holder.stderr
        if self._holder.stdout.readline() != "ready\n":
            self._holder.kill()
            raise RealError(f"no namespaces for host {self.name}: {self._holder.stderr.read().strip()}")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text()
        self.pid = int(children)
        for directory in self.real.directories:
            self._inside(directory).mkdir(parents=True, exist_ok=True)
        for path, text in {f"{lvm.FOLDER}/lvm.conf": lvm.CONFIG, **self.config.files}.items():
            file = self._inside(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755)
        self._disks = {(disk.symid, disk.number): disk for disk in disks}
        for disk in self._disks.values():
            self.show(disk)

    def close(self) -> None:
        """End it, with all its processes and mounts."""
        holder, self._holder, self.pid, self._disks = self._holder, None, 0, {}
        if holder is not None:
            holder.kill()
            holder.communicate()

    def enter(self, *words: str) -> list[str]:
        """The words that run a command inside, ended with the lab."""
        return [
            "setpriv", "--pdeathsig=KILL",
            "nsenter", f"--target={self.pid}", "--mount", "--pid", "--", *words,
        ]  # fmt: skip

    def _inside(self, path: str) -> Path:
        return Path(f"/proc/{self.pid}/root{path}")

    def _paths(self, symid: str, number: int) -> list[str]:
        return [d.path for d in self.real.disks if (d.array, int(d.device, 16)) == (symid, number)]

    def show(self, disk: Disk) -> None:
        """Let the disk's node lead to the disk, or to what stands for it while it is not ready."""
        for path in self._paths(disk.symid, disk.number) if self.pid else ():
            node = self._inside(path)
            node.parent.mkdir(parents=True, exist_ok=True)
            new = node.with_name(node.name + ".new")
            new.unlink(missing_ok=True)
            os.mknod(new, 0o060600, disk.shown)
            new.rename(node)

    def mounts_on(self, disk: Disk) -> list[Mount]:
        """What is mounted here that stands on a disk."""
        if not self.pid or disk.used is None:
            return []
        seen: dict[int, Mount] = {}
        for mount in mounts(self.pid):
            if stands_on(mount.device, disk.used):
                seen.setdefault(mount.device, mount)  # once is enough to freeze it
        return list(seen.values())

    def uses_of(self, symid: str, number: int) -> list[str]:
        disk = self._disks.get((symid, number))
        if disk is None or not self._paths(symid, number):
            return []
        return [f"{m.fs} mounted on {m.directory}" for m in self.mounts_on(disk)]

    def describe(self) -> dict[str, Any]:
        """`pid` is that of a process inside: `nsenter --target PID --mount --pid`."""
        return {**super().describe(), "pid": self.pid}


def missing() -> list[str]:
    """What this machine lacks for real arrays and hosts, in words."""
    found = [] if os.getuid() == 0 else ["root: loop devices, mounts and namespaces are made"]
    found += [
        f"{program} (package {package})"
        for program, package in PROGRAMS.items()
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None
    ]
    if not Path("/dev/loop-control").exists():
        found.append("loop devices: /dev/loop-control is not there")
    return found
