"""Disk groups of Veritas VxVM, the same on every family.

``/usr/sbin/vxdg list``

====================================================  =====================  ===========
Output                                                Reading                How sure
====================================================  =====================  ===========
``NAME STATE ID``                                     the table is readable  documented
row ``ppdg enabled,cds 1063304.6.host``               up, at `imported`      documented
row ``ppdg disabled 1063304.6.host``                  up, at `imported`      documented
no row of the group, also no row at all               down, at `deported`    documented
``VxVM vxdg ERROR V-5-1-684 IPC failure: ...``        unknown                documented
====================================================  =====================  ===========

A deported group is not in it (documented). Whether the volumes of an imported group are started is not asked:
the start sends ``vxvol startall`` also then, which leaves started volumes alone (documented).

Sent: ``vxdctl enable``, so that VxVM reads the disks again (documented); ``vxdg -tC -o useclonedev=on -o
updateid import DG``, then ``vxvol -g DG -f startall``. Stop: ``vxvol -g DG stopall``, ``vxdg deport DG``.

* ``useclonedev=on`` takes only disks that VxVM knows for copies (``udid_mismatch``, from VxVM 5.0 on);
  without it the originals are preferred, where the host sees them, and newer releases refuse copies
  (documented). So it is never left out: with ``-C`` it could be production's own disk group that is taken
  from its host.
* ``updateid`` gives the copies identifiers of their own (documented).
* ``-C`` clears the name of the host that has the source imported, ``-t`` keeps the host from importing
  the group by itself at boot (documented). Never ``-f``, which goes on without disks that are missing.

On a host that has the source too, ``-n NAME`` gives the copy a name of its own; with ``-t`` it lasts until
the deport (documented). So each import finds the source's name on the disks, whether or not there is a
fresh copy (assumed: ``updateid`` marks them as ``clone_disk``, by which ``useclonedev=on`` still takes
them). VxVM before 5.0 knows no such options: there a `command` must do it.
"""

from __future__ import annotations

import re

from clones.config import Vg
from clones.errors import ConfigError
from clones.resources.base import Probe
from clones.resources.reading import OnHost, down, lines, unknown, up
from clones.steps import Command, Result

IMPORTED, DEPORTED = "imported", "deported"
VXDG, VXVOL = "/usr/sbin/vxdg", "/usr/sbin/vxvol"
CLONE = ("-o", "useclonedev=on", "-o", "updateid")


class GroupDriver(OnHost):
    """One disk group.

    :raises ConfigError: for `devices` that are no names of VxVM's disks.
    """

    started = IMPORTED
    stopped = DEPORTED

    def __init__(self, host: str, vg: Vg) -> None:
        super().__init__(f"vg {vg.name}", host, vg.timeout)
        for disk in vg.devices:
            if "/" in disk:
                raise ConfigError(
                    f"{self.label} on {host}: {disk} is no disk's name of VxVM.",
                    "give `devices` as `vxdisk list` prints them, like c2t0d3 or emc0_0b06",
                )
        self.name, self.source_name = vg.name, vg.source_name

    def probe(self) -> Command:
        return self.look(VXDG, "list")

    def read_whole(self, result: Result) -> Probe:
        text = [" ".join(line.split()) for line in lines(result.stdout)]
        for line in text[1:]:
            if line.split()[0] == self.name:
                return up(IMPORTED, line)
        if text[:1] != ["NAME STATE ID"]:
            return unknown(f"no heading of vxdg list: {result.said()}")
        foreign = [line for line in text[1:] if not re.fullmatch(r"\S+ (?:enabled|disabled)\S* \S+", line)]
        complaints = lines(result.stderr)
        if foreign or complaints:
            return unknown(f"not a row of vxdg list: {[*foreign, *complaints][0]}")
        return down(DEPORTED, f"no {self.name} among {len(text) - 1} imported disk groups")

    def start(self, at: str) -> list[Command]:
        run = self.change(VXVOL, "-g", self.name, "-f", "startall")
        if at == IMPORTED:
            return [run]
        if at != DEPORTED:
            return []
        new_name = ("-n", self.name) if self.source_name else ()
        load = self.change(VXDG, "-tC", *new_name, *CLONE, "import", self.source_name or self.name)
        return [self.change("/usr/sbin/vxdctl", "enable"), load, run]

    def stop(self, at: str) -> list[Command]:
        if at != IMPORTED:
            return []
        halt = self.change(VXVOL, "-g", self.name, "stopall")
        return [halt, self.change(VXDG, "deport", self.name)]
