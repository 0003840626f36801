"""Addresses by ``ifconfig -a``, on AIX and SunOS: a line an interface, and below it its addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clones.asking.steps import Command, Result
from clones.config import Host, Ip
from clones.resources.addresses import Address, only_ipv4, printed
from clones.resources.base import Probe
from clones.resources.reading import ELSEWHERE, OnHost, down, lines, one_line, unknown, up

CONFIGURED, ABSENT = "configured", "absent"

_INTERFACE = re.compile(
    r"(?P<name>[A-Za-z][\w./-]*(?::\d+)?): flags=[0-9a-f]+(?:,[0-9a-f]+)?<(?P<flags>[^>]*)>"
)


@dataclass(frozen=True)
class Row:
    """One address on an interface.

    :param live: the interface is up; on SunOS each address has a logical interface of its own.
    """

    interface: str
    live: bool
    address: Address
    line: str


@dataclass(frozen=True)
class Table:
    """:param problem: why an address that is not in it may be there all the same, or None."""

    rows: tuple[Row, ...]
    interfaces: frozenset[str]
    problem: str | None


def read_table(text: str, ours: Address) -> Table:
    """Every address, and whether anything that could be ours could not be read.

    Of an interface's further lines those of ``inet`` and ``inet6`` hold its addresses. ``inet tunnel src A
    tunnel dst B``, ``usesrc vni0``, ``ether``, ... hold none: they are passed over, unless they name ours.
    """
    rows, interfaces, problem = list[Row](), set[str](), None
    name, live = "", False
    for line in lines(text):
        words = line.split()
        if not line[0].isspace():
            found = _INTERFACE.match(line)
            name = found["name"] if found else ""
            live = found is not None and "UP" in found["flags"].split(",")
            interfaces |= {name} if found else set()
            problem = problem if found else problem or f"not a line of ifconfig -a: {line}"
            continue
        of_inet = words[0] in ("inet", "inet6")
        address = printed(words[1]) if of_inet and len(words) > 1 else None
        if address is not None and name:
            shown = f"{name} {'up' if live else 'down'}: {one_line(line)}"
            rows.append(Row(name, live, address, shown))
        elif not name or (of_inet and words[1:2] != ["tunnel"]) or ours in map(printed, words):
            problem = problem or f"not a line of ifconfig -a: {line}"
    # Every running system has its loopback; without it the table is not whole.
    if not any(row.address.is_loopback for row in rows):
        problem = problem or f"no loopback address among {len(rows)} addresses"
    return Table(tuple(rows), frozenset(interfaces), problem)


class IfconfigDriver(OnHost):
    """One IPv4 address of a family whose probe is ``ifconfig -a``.

    :raises ConfigError: for IPv6.
    """

    started = CONFIGURED
    stopped = ABSENT

    def __init__(self, host: Host, ip: Ip, family: str) -> None:
        super().__init__(f"ip {ip.ipname}", host, ip.timeout)
        interface = only_ipv4(ip, self.label, self.host, family)
        self.address, self.netmask, self.device = interface.ip, str(interface.netmask), ip.ipdev

    def probe(self) -> Command:
        return self.look("/usr/sbin/ifconfig", "-a")

    def read_whole(self, result: Result) -> Probe:
        table = read_table(result.stdout, self.address)
        mine = [row for row in table.rows if row.address == self.address]
        live = [row for row in mine if row.live]
        for row in live:
            if row.interface == self.device:
                return up(CONFIGURED, row.line)
        if live:
            return up(ELSEWHERE, f"not on {self.device}: {live[0].line}")
        if table.problem:
            return unknown(table.problem if table.rows else f"{table.problem}: {result.said()}")
        return self.read_down(table, mine)

    def read_down(self, table: Table, mine: list[Row]) -> Probe:
        """Where between stopped and started it is, once it is known not to be up.

        :param mine: the rows with the address, on interfaces that are down.
        """
        return down(ABSENT, f"{self.address} in none of {len(table.rows)} addresses of ifconfig -a")
