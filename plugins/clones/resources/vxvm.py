"""Disk groups of Veritas VxVM, the same on every family.

``/usr/sbin/vxdctl mode``, ``/usr/sbin/vxdg list``, and of a group with `devices` ``/usr/sbin/vxdisk list``

====================================================  ==========================  ===========
Output                                                Reading                     How sure
====================================================  ==========================  ===========
``mode: enabled``                                     the daemon knows the disks  documented
``NAME STATE ID``                                     the table is readable       documented
row ``ppdg enabled,cds 1063304.6.host``               up, at `imported`           documented
row ``ppdg disabled 1063304.6.host``                  up, at `imported`           documented
no row of the group, also no row at all               down, at `deported`         documented
row of another group in whatever state, with its ID   passed over                 by decision
``VxVM vxdg ERROR V-5-1-684 IPC failure: ...``        unknown                     documented
``DEVICE TYPE DISK GROUP STATUS``                     the disks begin             documented
row of a disk of the group that is none of `devices`  up, at `elsewhere`          by decision
row of one of `devices` in another imported group     up, at `elsewhere`          by decision
====================================================  ==========================  ===========

When absence counts: the daemon vxconfigd is asked, which takes the imported groups over from the kernel when
it is enabled (documented); in any other mode (``disabled``, ``booted``, ``not-running``) a missing row proves
nothing. A deported group is not in the list (documented).

Whether the volumes of an imported group are started is not asked: the start sends ``vxvol startall`` also
then, which leaves started volumes alone (documented).

Sent: ``vxdctl enable``, so that VxVM reads the disks again (documented); ``vxdg -tC -o useclonedev=on -o
updateid import DG``, then ``vxvol -g DG -f startall``. Stop: ``vxvol -g DG stopall``, ``vxdg deport DG``.

* ``useclonedev=on`` takes only disks that VxVM knows for copies (``udid_mismatch``, from VxVM 5.0 on);
  without it the originals are preferred, where the host sees them, and newer releases refuse copies
  (documented). So it is never left out: with ``-C`` it could be production's own disk group that is taken
  from its host.
* ``updateid`` gives the copies identifiers of their own (documented).
* ``-C`` clears the name of the host that has the source imported, ``-t`` keeps the host from importing
  the group by itself at boot (documented). Never ``-f``, which goes on without disks that are missing.

With `devices` the import names them: ``vxdisk settag TAG DISK...`` and ``-o tag=TAG`` (documented from VxVM
5.1 on; that the words of settag stand as those of rmtag is assumed), so that of two copies of one group the
right one comes in. Before its volumes are started, every disk of the group must be one of `devices`, and so
before a stop. The tag is the group's name behind ``copy_of_``: names that begin with symc or vx are reserved
(documented).

On a host that has the source too, ``-n NAME`` gives the copy a name of its own; with ``-t`` it lasts until
the deport (documented). So each import finds the source's name on the disks, whether or not there is a
fresh copy (assumed: ``updateid`` marks them as ``clone_disk``, by which ``useclonedev=on`` still takes
them). VxVM before 5.0 knows no such options: there a `command` must do it.

As root, by the host's `become`: all of VxVM, also its looks, for vxconfigd answers root alone (assumed).
"""

from __future__ import annotations

import re

from clones.asking.steps import Command, Result
from clones.config import Host, Vg
from clones.errors import ConfigError
from clones.resources.base import Failure, Probe
from clones.resources.reading import BECOME, ELSEWHERE, GroupOnHost, down, lines, unknown, up

IMPORTED, DEPORTED = "imported", "deported"
VXDG, VXVOL = "/usr/sbin/vxdg", "/usr/sbin/vxvol"
CLONE = ("-o", "useclonedev=on", "-o", "updateid")
VXDCTL, VXDISK = "/usr/sbin/vxdctl", "/usr/sbin/vxdisk"
LIST = f'{BECOME}$become {VXDCTL} mode && exec $become "$0" list'
LIST_DISKS = f'{BECOME}$become {VXDCTL} mode && $become "$0" list && exec $become {VXDISK} list'
_ROW = re.compile(r"\S+ (?:(?:enabled|disabled)\S* \S+|\S+ \d+\.\d+\.\S+)")
"""NAME STATE ID."""
_DISKS_BEGIN = "DEVICE TYPE DISK GROUP STATUS"


class GroupDriver(GroupOnHost):
    """One disk group.

    :raises ConfigError: for `devices` that are no names of VxVM's disks.
    """

    started = prepared = IMPORTED
    stopped = DEPORTED

    def __init__(self, host: Host, vg: Vg) -> None:
        super().__init__(f"vg {vg.name}", host, vg.timeout)
        for disk in vg.devices:
            if "/" in disk:
                raise ConfigError(
                    f"{self.label} on {self.host}: {disk} is no disk's name of VxVM.",
                    "give `devices` as `vxdisk list` prints them, like c2t0d3 or emc0_0b06",
                )
        self.name, self.source_name, self.disks = vg.name, vg.source_name, vg.devices

    def probe(self) -> Command:
        needed = [(VXDCTL, "mode"), (VXDG, "list")]
        if not self.disks:
            return self.look_with(LIST, VXDG, title="vxdctl mode, vxdg list", as_root=needed)
        title = "vxdctl mode, vxdg list, vxdisk list"
        return self.look_with(LIST_DISKS, VXDG, title=title, as_root=[*needed, (VXDISK, "list")])

    def read_whole(self, result: Result) -> Probe:
        mode, *text = [" ".join(line.split()) for line in lines(result.stdout)] or [""]
        if mode != "mode: enabled":
            return unknown(f"vxconfigd is not enabled: {mode or result.said()}")
        disks: list[str] = []
        if self.disks:
            if _DISKS_BEGIN not in text:
                return unknown(f"no heading of vxdisk list: {result.said()}")
            begin = text.index(_DISKS_BEGIN)
            text, disks = text[:begin], text[begin + 1 :]
        foreign = [row for row in disks if self._is_foreign(row.split())]
        if foreign:
            return up(ELSEWHERE, f"not {self.name} on {', '.join(self.disks)}: {foreign[0]}")
        for line in text[1:]:
            if line.split()[0] == self.name:
                return up(IMPORTED, line)
        if text[:1] != ["NAME STATE ID"]:
            return unknown(f"no heading of vxdg list: {result.said()}")
        foreign = [line for line in text[1:] if not _ROW.fullmatch(line)]
        complaints = lines(result.stderr)
        if foreign or complaints:
            return unknown(f"not a row of vxdg list: {[*foreign, *complaints][0]}")
        return down(DEPORTED, f"no {self.name} among {len(text) - 1} imported disk groups")

    def _is_foreign(self, row: list[str]) -> bool:
        """Whether a row of vxdisk list is of a disk of the group that is not configured, or the other way
        round. A group in brackets is not imported; ``-`` is no group, or a disk that failed."""
        disk, group = (row[0], row[3]) if len(row) > 3 else ("-", "-")
        if group == self.name:
            return disk not in (*self.disks, "-")
        return disk in self.disks and group != "-" and not group.startswith("(")

    def start(self, at: str) -> list[Command]:
        run = [*self._own(), self.change(VXVOL, "-g", self.name, "-f", "startall", root=True)]
        if at == IMPORTED:
            return run
        if at != DEPORTED:
            return []
        new_name = ("-n", self.name) if self.source_name else ()
        tag = f"copy_of_{self.name}"
        tagged = ("-o", f"tag={tag}") if self.disks else ()
        load = [self.change(VXDCTL, "enable", root=True)]
        if self.disks:
            load.append(self.change(VXDISK, "settag", tag, *self.disks, root=True))
        name = self.source_name or self.name
        load.append(self.change(VXDG, "-tC", *new_name, *CLONE, *tagged, "import", name, root=True))
        return [*load, *run]

    def _own(self) -> list[Command]:
        """The look that shows whose disks the group is on, right before something is done to it."""
        return [self.probe()] if self.disks else []

    def failure(self, command: Command, result: Result) -> Failure | None:
        if command != self.probe():
            return super().failure(command, result)
        seen = self.read(result)
        if seen.at == IMPORTED:
            return None
        return Failure(
            f"does not show what it should: {seen.evidence}",
            f"find out with `vxdisk list` which disks are in {self.name}; deport it by hand if nothing "
            "uses it, and fix `devices`",
            final=seen.at == ELSEWHERE,
        )

    def stop(self, at: str) -> list[Command]:
        if at != IMPORTED:
            return []
        halt = [*self._own(), self.change(VXVOL, "-g", self.name, "stopall", root=True)]
        return [*halt, self.change(VXDG, "deport", self.name, root=True)]
