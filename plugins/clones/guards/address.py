"""Whether anybody answers at an address of the service. Asked from the first host, which is to have it.

``ping``, one packet

==========================================================  ================================  ===========
Output                                                      Reading                           How sure
==========================================================  ================================  ===========
``1 packets transmitted, 1 received`` (or ``... packets     up: somebody has it               documented
received``)
``1 packets transmitted, 0 received`` (likewise)            down: nobody answers              documented
``ADDRESS is alive`` of SunOS                               up                                documented
``no answer from ADDRESS`` of SunOS                         down                              documented
anything else, ``Network is unreachable`` included          unknown                           by decision
the options of HP-UX (``-n 1 -m 2``) and AIX (``-w 2``)     sent so                           assumed
==========================================================  ================================  ===========

A host that drops pings is not seen by this; what is configured on our own hosts is seen by their own tables.
"""

from __future__ import annotations

import re

from clones.asking.steps import Command, Result
from clones.config import Host, Ip
from clones.resources.base import Probe
from clones.resources.reading import OnHost, down, how_it_ended, unknown, up

ANSWERED, SILENT = "answered", "silent"
SECONDS = 2
"""That an answer is waited for."""

_COUNT = re.compile(r"\b(\d+) packets? transmitted, (\d+) (?:packets? )?received\b")


class AddressGuard(OnHost):
    """One address of the service."""

    def __init__(self, host: Host, ip: Ip) -> None:
        super().__init__(f"answer of {ip.ipname}", host, ip.timeout)
        self.address, self.family, self.resource = ip.ipname, host.family, f"ip {ip.ipname}"

    def probe(self) -> Command:
        wait = str(SECONDS)
        match self.family:
            case "linux":
                return self.look("/bin/ping", "-c", "1", "-w", wait, self.address)
            case "hpux":
                return self.look("/usr/sbin/ping", self.address, "-n", "1", "-m", wait)
            case "aix":
                return self.look("/usr/sbin/ping", "-c", "1", "-w", wait, self.address)
            case _:
                return self.look("/usr/sbin/ping", self.address, wait)

    def read(self, result: Result) -> Probe:
        if result.exit_code is None or result.exit_code < 0 or result.exit_code > 125:
            return unknown(how_it_ended(result))
        counted = _COUNT.findall(result.stdout)
        alive = f"{self.address} is alive" in result.stdout
        silent = f"no answer from {self.address}" in result.stdout
        if len(counted) + alive + silent != 1 or (counted and counted[0][0] == "0"):
            return unknown(how_it_ended(result))
        if alive or (counted and counted[0][1] != "0"):
            return up(ANSWERED, f"a host answers at {self.address}")
        return down(SILENT, f"no host answers at {self.address} within {SECONDS} s")

    def explained_by(self, host: str, label: str) -> bool:
        return label == self.resource
