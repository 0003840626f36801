"""AIX 7: what an administrator types around LVM, JFS2 and en interfaces.

From manual pages and published message texts; how sure each output is:

* lspv, lsvg, lsvg -o, lsvg -l: layout documented; failures documented (0516-306, 0516-010)
* importvg: layout documented; failures documented (0516-360, 0516-062, 0516-776), a disk that is in a group
  already assumed
* recreatevg: what it does documented; failures assumed
* getlvodm -v, lqueryvg -p -v: layout assumed (the identifier alone), from public administration notes
* varyonvg: layout documented; failure documented (0516-052), when it happens is documented in two ways: the
  command's reference asks for a majority of the disks, a support note for every one of them unless -f is
  given; the lab does the latter
* varyoffvg, exportvg: nothing printed documented; failures documented (0516-012, 0516-942, 0516-764)
* mount, mount -v jfs2: layout documented; failures documented in their form (0506-324), which reason goes
  with which cause assumed
* umount: failures documented (0506-349, 0506-347)
* fsck -p -V jfs2: layout assumed; exit 8 for damage that is left documented
* ifconfig, netstat -in: layout documented; failures assumed, with their numbers
* fuser, ping: layout documented
"""

from __future__ import annotations

from typing import ClassVar

from lab.config.hosts import HostConfig
from lab.hosts import aix_lvm, aix_mount, aix_net
from lab.hosts.service import ServiceHost
from lab.shell.wording import AixWording
from lab.world import World

FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/etc")


class AixHost(ServiceHost):
    default_path = "/usr/bin:/etc:/usr/sbin:/usr/ucb:/sbin"
    interactive_path = default_path
    wording = AixWording()
    uname: ClassVar[dict[str, str]] = {"s": "AIX", "r": "2", "v": "7", "m": "00F6050A4C00"}

    def __init__(self, config: HostConfig, world: World) -> None:
        super().__init__(config, world)
        for programs in (aix_lvm.PROGRAMS, aix_mount.PROGRAMS, aix_net.PROGRAMS):
            self.install(programs, FOLDERS)

    def default_options(self, fs: str) -> str:
        return "rw,log=INLINE"
