"""What the file systems of every family have in common: when to check, mount and unmount; vxfs.

Unmounting harms nobody by itself: what is in use stays mounted, and the stop fails and says so. Only with
`kill: true` are the users killed, between the tries. They are looked up by the device, not by the directory:
``fuser -k DEVICE`` kills whoever uses the file system that is mounted from it and is harmless once it is
unmounted, while ``fuser -kc DIRECTORY`` (and Linux' ``-km``) would then kill whoever uses the file system
that the directory lies in, up to that of ``/``. That fuser takes a block device so is documented for each
family (fuser(1M) of HP-UX and SunOS, fuser of AIX, fuser(1) of psmisc with ``-m``).

vxfs, on every family: ``fsck`` alone replays the intent log, which is all that a copy split at one point in
time needs. If more is needed it says so and fails, and only then is it run with ``-y``, which does the full
check (documented: fsck_vxfs(1M)). Both go by one fixed script.
"""

from __future__ import annotations

from clones.config import Fs
from clones.resources.mounts import MOUNTED, UNMOUNTED
from clones.resources.reading import OnHost
from clones.steps import Command

CHECK_VXFS = 'fsck=$1; flag=$2; "$fsck" "$flag" vxfs "$3" || exec "$fsck" "$flag" vxfs -y "$3"'
"""FSCK FLAG DEVICE; the flag names the type: -F, -t or -V."""


def killing(umount: str, fuser: str) -> str:
    """A fixed script: three tries to unmount, and before each but the first whoever uses it is killed.

    Its ``$1`` is the directory, its ``$2`` the device. A killed process is given a second to be gone.

    :param umount: the command that unmounts, with ``"$1"`` or ``"$2"``.
    :param fuser: the command that kills.
    """
    again = f"{umount} && exit 0; {fuser}; sleep 1; "
    return f"PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH; {again * 2}{umount}"


KILL = killing('umount "$1"', 'fuser -k "$2"')
KILL_AIX = killing('umount "$1"', 'fuser -k -x "$2"')
"""With ``-x`` also whoever runs a program of it (documented)."""
KILL_LINUX = killing('umount "$1"', 'fuser -k -m "$2"')


class FsOnHost(OnHost):
    """One file system. A family says how it is checked and mounted, and reads its table of mounts."""

    started = MOUNTED
    stopped = UNMOUNTED
    umount = "/usr/sbin/umount"
    kill = KILL

    def __init__(self, host: str, fs: Fs) -> None:
        super().__init__(f"fs {fs.mnt}", host, fs.timeout)
        self.fs = fs

    def check(self) -> list[Command]:
        """What makes the file system fit to be mounted, after a copy as after a crash."""
        raise NotImplementedError

    def mount(self) -> Command:
        raise NotImplementedError

    def unmount(self) -> Command:
        return self.change(self.umount, self.fs.mnt)

    def start(self, at: str) -> list[Command]:
        return [*self.check(), self.mount()] if at == UNMOUNTED else []

    def stop(self, at: str) -> list[Command]:
        if at != MOUNTED:
            return []
        return (
            [self.script(self.kill, "unmount", self.fs.mnt, self.fs.dev)]
            if self.fs.kill
            else [self.unmount()]
        )

    def check_vxfs(self, fsck: str, flag: str, device: str) -> list[Command]:
        return [self.script(CHECK_VXFS, "check", fsck, flag, device)]

    def options(self) -> tuple[str, ...]:
        return ("-o", self.fs.mnt_opt) if self.fs.mnt_opt else ()
