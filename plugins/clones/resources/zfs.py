"""Pools of ZFS, on SunOS.

``/usr/sbin/zpool list -o name,health``

====================================================  ======================  ===========
Output                                                Reading                 How sure
====================================================  ======================  ===========
``NAME HEALTH``                                       the table is readable   documented
row ``pppool ONLINE`` (DEGRADED, FAULTED, SUSPENDED)  up, at `imported`       documented
no row of the pool                                    down, at `exported`     documented
``no pools available`` alone, on either stream        down, at `exported`     documented;
                                                                              stream assumed
====================================================  ======================  ===========

When absence counts: the kernel is asked for its pools, not the file zpool.cache, which only says what is
imported at boot (documented).

With `devices` also ``zpool status``, and before an import ``zpool import``, which lists what it would find:

====================================================  ======================  ===========
Output                                                Reading                 How sure
====================================================  ======================  ===========
``pool: pppool``, and behind ``config:`` a row a      the pool's disks        documented
disk: ``c2t0d3 ONLINE ...``, deeper than the pool's
rows ``mirror-0``, ``raidz1-0``, ``logs``, ...        passed over             documented
a disk of the pool that is none of `devices`          up, at `elsewhere`;     by decision
                                                      it is not imported
one of `devices` in another pool                      up, at `elsewhere`      documented
two pools of that name, or none                       it is not imported      documented
====================================================  ======================  ===========

The import itself cannot name disks: its ``-d`` takes a directory (documented of SunOS). A slice of a disk
(``c2t0d3s0``) is taken for that disk.

Not with ``-H``: without a heading a host without pools prints nothing at all, as does a program that failed.

Sent: ``zpool import -f -N -o cachefile=none POOL`` and ``zpool export POOL``, never ``export -f``. ``-f``
because the copy bears the identifier of the host that has the source in use, ``cachefile=none`` so that the
host does not import it by itself when it boots (documented); ``-N`` so that only the configured file
systems are mounted (documented for SunOS 5.11 and late releases of 5.10; that an older one has it is
assumed).

A copy cannot be imported on a host that sees the source: pools are told apart by an identifier that only an
imported pool can change (documented: ``zpool reguid``).

As root, by the host's `become`: imports, exports, and ``zpool import`` that only lists, for it reads the
disks (assumed). ``zpool list`` and ``zpool status`` are the account's own (assumed).
"""

from __future__ import annotations

import re

from clones.asking.steps import Command, Result
from clones.config import Host, Vg
from clones.errors import ConfigError
from clones.resources.base import Failure, Probe
from clones.resources.reading import ELSEWHERE, GroupOnHost, broken, down, lines, unknown, up

IMPORTED, EXPORTED = "imported", "exported"
NONE = "no pools available"
ZPOOL = "/usr/sbin/zpool"
LIST = '"$0" list -o name,health && exec "$0" status'
_POOL = re.compile(
    r"[A-Za-z][\w.:-]* [A-Z]+|[A-Za-z][\w.: -]* (?:ONLINE|DEGRADED|FAULTED|OFFLINE|REMOVED|UNAVAIL|SUSPENDED)"
)
"""NAME HEALTH; a pool's name may have blanks (documented)."""
_DISK = re.compile(r"(?P<disk>c\d+(?:t[0-9A-Fa-f]+)?d\d+)(?:s\d+|p\d+)?")


class PoolDriver(GroupOnHost):
    """One pool.

    :raises ConfigError: for `devices` that are no names of disks.
    """

    started = prepared = IMPORTED
    stopped = EXPORTED

    def __init__(self, host: Host, vg: Vg) -> None:
        super().__init__(f"vg {vg.name}", host, vg.timeout)
        found = [_DISK.fullmatch(disk.rsplit("/", 1)[-1]) for disk in vg.devices]
        if not all(found):
            raise ConfigError(
                f"{self.label} on {self.host}: {', '.join(vg.devices)} are not all disks of SunOS.",
                "give `devices` as `zpool status` prints them, like c2t0d3",
            )
        self.name, self.disks = vg.name, {disk["disk"] for disk in found if disk}

    def probe(self) -> Command:
        if self.disks:
            return self.look_with(LIST, ZPOOL, title="zpool list, zpool status")
        return self.look(ZPOOL, "list", "-o", "name,health")

    def _importable(self) -> Command:
        return self.look(ZPOOL, "import", root=True)

    def read_whole(self, result: Result) -> Probe:
        text = [" ".join(line.split()) for line in lines(result.stdout)]
        if {*text, *(line.strip() for line in lines(result.stderr))} == {NONE}:
            return down(EXPORTED, NONE)
        if self.disks:
            begin = next((n for n, line in enumerate(text) if line.startswith("pool: ")), len(text))
            text, status = text[:begin], text[begin:]
            pools = _pools(status)
            for name, disks in pools:
                others = ", ".join(sorted(disks - self.disks))
                if name == self.name and others:
                    return up(ELSEWHERE, f"{name} is on {others}, which `devices` does not list")
                if name != self.name and disks & self.disks:
                    return up(ELSEWHERE, f"pool {name} is on {', '.join(sorted(disks & self.disks))}")
        for line in text[1:]:
            if line.split()[0] == self.name:
                return up(IMPORTED, line)
        if text[:1] != ["NAME HEALTH"]:
            return unknown(f"no heading of zpool list: {result.said()}")
        foreign = [line for line in text[1:] if not _POOL.fullmatch(line)]
        if foreign:
            return unknown(f"not a row of zpool list: {foreign[0]}")
        return down(EXPORTED, f"no {self.name} among {len(text) - 1} pools")

    def start(self, at: str) -> list[Command]:
        words = ("import", "-f", "-N", "-o", "cachefile=none", self.name)
        load = [self._importable()] if self.disks else []
        return [*load, self.change(ZPOOL, *words, root=True)] if at == EXPORTED else []

    def failure(self, command: Command, result: Result) -> Failure | None:
        if command != self._importable():
            return super().failure(command, result)
        listed = _pools([" ".join(line.split()) for line in lines(result.stdout)])
        pools = [disks for name, disks in listed if name == self.name]
        if not broken(result) and pools == [self.disks]:
            return None
        shown = " and ".join(", ".join(sorted(disks)) for disks in pools) or result.said()
        wanted = f"one pool {self.name} on {', '.join(sorted(self.disks))}"
        return Failure(
            f"does not show {wanted}: {broken(result) or shown}",
            "check with `zpool import` which disks the host finds; fix `devices`, or take other copies "
            "of this pool away from the host",
        )

    def stop(self, at: str) -> list[Command]:
        return [self.change(ZPOOL, "export", self.name, root=True)] if at == IMPORTED else []


def _pools(text: list[str]) -> list[tuple[str, set[str]]]:
    """Every pool and its disks, by what ``zpool status`` or ``zpool import`` shows; a name may come twice."""
    found: list[tuple[str, set[str]]] = []
    for line in text:
        if line.startswith("pool: "):
            found.append((line.removeprefix("pool: "), set()))
        elif found and (disk := _DISK.fullmatch(line.split()[0])):
            found[-1][1].add(disk["disk"])
    return found
