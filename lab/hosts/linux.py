"""Linux: LVM2, device mapper, iproute2, systemd and multipath, as far as a service needs them.

* ip addr show/add/del: layout documented; failures documented (RTNETLINK answers, Cannot find device)
* vgs, lvs, vgchange: layout documented; failures documented (not found, exit 5; logical volume in use)
* pvscan --cache, multipath: layout assumed (nothing printed)
* dmsetup info -c: layout documented; failures documented
* vgimportclone: layout assumed (nothing printed); that it takes another name if there is one documented
* fsck -t vxfs: as on the other families
* e2fsck -p: layout documented; failures documented (exit 8; exit 4 of a torn file system)
* mount, umount, /proc/mounts: layout documented; failures documented (exit 32, torn: needs cleaning)
* lsblk, readlink -f, /sys/block: layout documented (linux_disks.py)
* systemctl: layout documented; failures documented (is-active exit 3, unknown unit exit 5)
* arping, ping, sg_turs, fuser: layout documented; failures assumed
"""

from __future__ import annotations

from lab.config.hosts import HostConfig
from lab.hosts import linux_disks, linux_lvm, linux_mount, linux_net, linux_system
from lab.hosts.service import ServiceHost
from lab.world import World

BIN = ("/bin", "/usr/bin")
SBIN = ("/sbin", "/usr/sbin")


class LinuxHost(ServiceHost):
    default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    interactive_path = default_path

    def __init__(self, config: HostConfig, world: World) -> None:
        super().__init__(config, world)
        self.install(linux_net.PROGRAMS, SBIN + BIN)
        self.install(linux_lvm.PROGRAMS, SBIN)
        self.install(linux_mount.PROGRAMS, BIN)
        self.install({"e2fsck": linux_mount.e2fsck, "fsck": linux_mount.fsck}, SBIN)
        self.install(linux_system.PROGRAMS, BIN + SBIN)
        self.install(linux_disks.PROGRAMS, BIN + SBIN)
        linux_disks.add_files(self)
        for path in ("/proc/mounts", "/proc/self/mounts"):
            self.files.add_virtual(path, lambda: linux_mount.proc_mounts(self))

    def default_options(self, fs: str) -> str:
        return "rw,relatime,attr2,inode64,noquota" if fs == "xfs" else "rw,relatime"
