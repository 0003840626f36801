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

Not with ``-H``: without a heading a host without pools prints nothing at all, as does a program that failed.

Sent: ``zpool import -f -N -o cachefile=none POOL`` and ``zpool export POOL``, never ``export -f``. ``-f``
because the copy bears the identifier of the host that has the source in use, ``cachefile=none`` so that the
host does not import it by itself when it boots (documented); ``-N`` so that only the configured file
systems are mounted (documented for SunOS 5.11 and late releases of 5.10; that an older one has it is
assumed).

A copy cannot be imported on a host that sees the source: pools are told apart by an identifier that only an
imported pool can change (documented: ``zpool reguid``).
"""

from __future__ import annotations

import re

from clones.config import Vg
from clones.resources.base import Probe
from clones.resources.reading import OnHost, down, lines, unknown, up
from clones.steps import Command, Result

IMPORTED, EXPORTED = "imported", "exported"
NONE = "no pools available"
ZPOOL = "/usr/sbin/zpool"


class PoolDriver(OnHost):
    """One pool."""

    started = IMPORTED
    stopped = EXPORTED

    def __init__(self, host: str, vg: Vg) -> None:
        super().__init__(f"vg {vg.name}", host, vg.timeout)
        self.name = vg.name

    def probe(self) -> Command:
        return self.look(ZPOOL, "list", "-o", "name,health")

    def read_whole(self, result: Result) -> Probe:
        text = [" ".join(line.split()) for line in lines(result.stdout)]
        if [*text, *(line.strip() for line in lines(result.stderr))] == [NONE]:
            return down(EXPORTED, NONE)
        for line in text[1:]:
            if line.split()[0] == self.name:
                return up(IMPORTED, line)
        if text[:1] != ["NAME HEALTH"]:
            return unknown(f"no heading of zpool list: {result.said()}")
        foreign = [line for line in text[1:] if not re.fullmatch(r"[A-Za-z][\w.:-]* [A-Z]+", line)]
        if foreign:
            return unknown(f"not a row of zpool list: {foreign[0]}")
        return down(EXPORTED, f"no {self.name} among {len(text) - 1} pools")

    def start(self, at: str) -> list[Command]:
        words = ("import", "-f", "-N", "-o", "cachefile=none", self.name)
        return [self.change(ZPOOL, *words)] if at == EXPORTED else []

    def stop(self, at: str) -> list[Command]:
        return [self.change(ZPOOL, "export", self.name)] if at == IMPORTED else []
