"""The table of ``ifconfig -a`` of AIX and SunOS: a line an interface, and below it its addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clones.resources.addresses import Address, printed
from clones.resources.reading import lines, one_line

_INTERFACE = re.compile(
    r"(?P<name>[A-Za-z][\w./-]*(?::\d+)?): flags=[0-9a-f]+(?:,[0-9a-f]+)?<(?P<flags>[^>]*)>"
)
_PASSED_OVER = frozenset({"ether", "zone", "all-zones", "groupname", "tcp_sendspace", "ipib", "tunnel"})
"""First words of an interface's further lines that hold no address of the host's own."""


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


def read_table(text: str) -> Table:
    """Every address, and whether anything could not be read."""
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
        address = printed(words[1]) if words[0] in ("inet", "inet6") and len(words) > 1 else None
        if address is not None and name:
            shown = f"{name} {'up' if live else 'down'}: {one_line(line)}"
            rows.append(Row(name, live, address, shown))
        elif words[0] not in _PASSED_OVER or not name:
            problem = problem or f"not a line of ifconfig -a: {line}"
    # Every running system has its loopback; without it the table is not whole.
    if not any(row.address.is_loopback for row in rows):
        problem = problem or f"no loopback address among {len(rows)} addresses"
    return Table(tuple(rows), frozenset(interfaces), problem)
