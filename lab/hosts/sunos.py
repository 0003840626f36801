"""SunOS 5.10 and 5.11: what an administrator types around ZFS, UFS, VxFS and interfaces.

From manual pages and public administration notes; how sure each output is:

* ifconfig IF:N plumb A netmask M broadcast + up, unplumb, -a: layout documented; failures documented
* netstat -in, ping: layout documented
* zpool list, zpool import, export: layout documented; failures documented (no such pool, already exists, in
  use from other system, busy); that a torn pool is an I/O error assumed
* zfs list, mount, umount, get: layout documented; failures documented
* fsck -F ufs -m: layout documented; exit 32 (needs checking), 33 (mounted), 36 of -y documented
* fsck -F vxfs: layout documented; of a torn file system assumed
* mount, mount -p, mount -v, /etc/mnttab: layout documented; failures documented
* mount of a UFS that needs checking is refused: documented without logging (with logging it is replayed);
  of a VxFS: documented
* umount, fuser: layout documented; failures documented
* devfsadm: documented to print nothing

A pool that was copied while another host had it imported needs `import -f`; a UFS that was copied while it
was mounted needs fsck (documented).
"""

from __future__ import annotations

from typing import ClassVar

from lab.config.hosts import HostConfig
from lab.hosts import sunos_mount, sunos_net, sunos_zfs
from lab.hosts.service import ServiceHost
from lab.shell.wording import SunWording
from lab.world import World

FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin")


class SunosHost(ServiceHost):
    default_path = "/usr/sbin:/usr/bin"
    interactive_path = default_path
    wording = SunWording()
    uname: ClassVar[dict[str, str]] = {"s": "SunOS", "r": "5.10", "v": "Generic_150400-64", "m": "sun4v"}

    def __init__(self, config: HostConfig, world: World) -> None:
        super().__init__(config, world)
        for programs in (sunos_net.PROGRAMS, sunos_zfs.PROGRAMS, sunos_mount.PROGRAMS):
            self.install(programs, FOLDERS)
        for vg in self.groups.values():
            for disk in vg.disks:
                self.files.put(f"/dev/rdsk/{disk.path.rpartition('/')[2]}s2", "")
        self.files.add_virtual("/etc/mnttab", lambda: sunos_mount.mnttab(self))

    def default_options(self, fs: str) -> str:
        return {
            "ufs": "rw,intr,largefiles,logging,xattr,onerror=panic",
            "zfs": "rw,devices,setuid,nonbmand,exec,xattr,atime",
        }.get(fs, "rw,delaylog,largefiles,ioerror=mwdisable")
