"""What the file systems of every family have in common: when to check, mount and unmount; vxfs.

Unmounting harms nobody by itself: what is in use stays mounted, and the stop fails and says so. Only with
`kill: true` are the users killed, between the tries. They are looked up by the device, not by the directory:
``fuser -k DEVICE`` kills whoever uses the file system that is mounted from it and is harmless once it is
unmounted, while ``fuser -kc DIRECTORY`` (and Linux' ``-km``) would then kill whoever uses the file system
that the directory lies in, up to that of ``/``. That fuser takes a block device so is documented for each
family (fuser(1M) of HP-UX and SunOS, fuser of AIX, fuser(1) of psmisc with ``-m``).

A file system comes up read-write unless its `mnt_opt` says ``ro``: what is mounted and cannot be written is
not started, whatever the exit code of the mount was. Of HP-UX, AIX and SunOS ``rw`` is the default, and none
is documented to fall back to ``ro``; Linux is (linux.py).

vxfs, on every family: ``fsck`` alone, which replays the intent log: all that a copy split at one point in
time needs (documented: fsck_vxfs(1M)).

====================================================  ==================================  ==========
``fsck`` of a vxfs ends                               Reading                             How sure
====================================================  ==================================  ==========
with 0 and no line ``ERROR: V-3-...``                 the log is replayed, or was empty   documented
with 0 and such a line                                it failed                           by decision
with 12: ``V-3-20749``, ``cannot perform log          it failed: often a log of another   documented
replay``, ``full fsck required``                      release of VxFS
with any other code (33: mounted, 36: damaged, ...)   it failed                           documented
====================================================  ==================================  ==========

A failure stops the start, and what fsck says is quoted. The full check (``-y``, ``-o full``, ``-o nolog``) is
never sent: it answers every question with yes, changes what cannot be changed back (documented: VxFS
administrator's guide), and where it is another release that cannot read the log, it throws away what the log
holds (Veritas articles 275307 and 100044181). No file system of any type is ever checked with ``-y``.
"""

from __future__ import annotations

import re

from clones.asking.steps import Command, Result
from clones.config import Fs, Host
from clones.resources.base import Failure
from clones.resources.mounts import MOUNTED, READ_ONLY, UNMOUNTED
from clones.resources.reading import BECOME, OnHost, Roots, lines, one_line

_VXFS_ERROR = re.compile(r"\bERROR: V-3-\d+")
"""In any language: the numbers of the messages are the same."""


def killing(umount: str, fuser: str) -> str:
    """A fixed script: three tries to unmount, and before each but the first whoever uses it is killed.

    Behind the words of `become` its ``$1`` is the directory, its ``$2`` the device. A killed process is given
    a second to be gone.

    :param umount: the command that unmounts, with ``"$1"`` or ``"$2"``, behind ``$become``.
    :param fuser: the command that kills, likewise.
    """
    again = f"{umount} && exit 0; {fuser}; sleep 1; "
    return f"{BECOME}PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH; {again * 2}{umount}"


_UMOUNT = '$become /usr/sbin/umount "$1"'
KILL = killing(_UMOUNT, '$become /usr/sbin/fuser -k "$2"')
KILL_AIX = killing(_UMOUNT, '$become /usr/sbin/fuser -k -x "$2"')
"""With ``-x`` also whoever runs a program of it (documented)."""


class FsOnHost(OnHost):
    """One file system. A family says how it is checked and mounted, and reads its table of mounts."""

    started = MOUNTED
    stopped = prepared = UNMOUNTED
    umount = "/usr/sbin/umount"
    kill = KILL
    fuser: Roots = (("/usr/sbin/fuser", "-k"),)
    """What :attr:`kill` kills with, in front of the device: one of them."""

    def __init__(self, host: Host, fs: Fs) -> None:
        super().__init__(f"fs {fs.mnt}", host, fs.timeout)
        self.fs = fs

    def check(self) -> list[Command]:
        """What makes the file system fit to be mounted, after a copy as after a crash."""
        raise NotImplementedError

    def mount(self) -> Command:
        raise NotImplementedError

    def unmount(self) -> Command:
        return self.change(self.umount, self.fs.mnt, root=True)

    def prepare(self, at: str) -> list[Command]:
        return self.check() if at == UNMOUNTED else []

    def start(self, at: str) -> list[Command]:
        return [*self.check(), self.mount()] if at == UNMOUNTED else []

    def stop(self, at: str) -> list[Command]:
        if at not in (MOUNTED, READ_ONLY):
            return []
        if not self.fs.kill:
            return [self.unmount()]
        return [self.script(self.kill, "unmount", self.fs.mnt, self.fs.dev, as_root=self.killers())]

    def killers(self) -> Roots:
        """What :attr:`kill` runs as root."""
        return [(self.umount, self.fs.mnt), *((*words, self.fs.dev) for words in self.fuser)]

    def check_vxfs(self, fsck: str, flag: str, device: str) -> list[Command]:
        """:param flag: the one that names the type: -F, -t or -V."""
        return [self.change(fsck, flag, "vxfs", device, root=True)]

    def failure(self, command: Command, result: Result) -> Failure | None:
        """Of the check of a vxfs also the text counts, and trying it again cannot help."""
        if self.fs.type != "vxfs" or not self.program_of(command).endswith("/fsck"):
            return super().failure(command, result)
        said = lines(result.stdout) + lines(result.stderr)
        if result.exit_code == 0 and not any(_VXFS_ERROR.search(line) for line in said):
            return None
        return Failure(
            f"ended with {result.ending()}: {one_line(' / '.join(said) or 'it printed nothing')}",
            "compare the release of VxFS on this host with that on the source's host: an older one cannot "
            "replay the log of the copy (Veritas articles 275307, 100044181), so start the service on a host "
            "with the same or a newer release. Do not run `fsck -y`: a full check throws the log away and "
            "may harm the data. If the releases are the same, refresh again, or ask Veritas",
            final=True,
        )

    def options(self) -> tuple[str, ...]:
        return ("-o", self.fs.mnt_opt) if self.fs.mnt_opt else ()
