"""HP-UX 11i: what an administrator types around LVM, VxFS and lan interfaces.

How sure each output is, from manual pages and public administration notes:

* netstat -in: layout documented; failures assumed
* ifconfig: layout documented; failures documented (no such interface)
* vgdisplay: layout documented; failures documented (not activated, not in /etc/lvmtab)
* vgimport, vgexport: layout documented (11.31); failures assumed
* vgchgid: layout assumed (nothing printed); that it takes raw devices of one group documented
* vgchange: layout documented; failures documented (attach, quorum, device busy)
* fsck -F vxfs: layout documented; failures documented; of a torn file system (exit 12) assumed
* mount, mount -v, mount -p, bdf: layout documented, widths assumed; failures documented (V-3-...)
* umount, fuser: layout documented; failures documented
* ioscan, insf: layout assumed (nothing printed)
"""

from __future__ import annotations

from typing import ClassVar

from lab.config.hosts import HostConfig
from lab.hosts import hpux_lvm, hpux_mount, hpux_net
from lab.hosts.service import ServiceHost
from lab.shell.wording import HpuxWording
from lab.world import World

SBIN = ("/usr/sbin", "/sbin", "/etc")


class HpuxHost(ServiceHost):
    default_path = "/usr/bin:/usr/sbin:/bin:/sbin:/etc"
    interactive_path = default_path
    wording = HpuxWording()
    uname: ClassVar[dict[str, str]] = {"s": "HP-UX", "r": "B.11.31", "v": "U", "m": "ia64"}

    def __init__(self, config: HostConfig, world: World) -> None:
        super().__init__(config, world)
        self.install(hpux_net.PROGRAMS, ("/usr/bin", *SBIN))
        self.install(hpux_lvm.PROGRAMS, SBIN)
        self.install(hpux_mount.PROGRAMS, ("/usr/bin", *SBIN))
        for vg in self.of("lvm").values():
            for disk in vg.disks:
                for path in (disk.path, disk.path.replace("/dev/disk/", "/dev/rdisk/")):
                    self.files.put(path, "")
            if vg.known:
                self.files.put(hpux_lvm.group_file(vg), "")
            if vg.config.map_file:
                self.files.put(vg.config.map_file, hpux_lvm.map_text(vg))

    def default_options(self, fs: str) -> str:
        return "ioerror=mwdisable,largefiles,delaylog"
