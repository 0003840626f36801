"""11. A service never runs on two target sets, nor on parts of two.

It runs on a set while a file system of it is mounted, on whatever host; and its address is on one host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.check.finding import Finding
from lab.check.history import Entry, History
from lab.check.mounted import Mounted

ADDRESS = re.compile(r"address (\S+) on \S+?: \S+ -> (\S+)")


def one_at_a_time(history: History) -> Iterator[Finding]:
    mounted, up = Mounted(), dict[str, set[str]]()
    rotating = history.rotating()
    for entry in history.entries if rotating else ():
        begun = mounted.follow(entry)
        came_up = _addresses(entry, up)
        if entry.get("actor"):
            continue
        for name, sets in rotating.items():
            used = mounted.in_use(sets)
            if len(used) > 1 and any(begun & one.targets for one in used):
                both = " and ".join(one.target_set for one in used)
                text = f"{name} runs on the sets {both} at once ({entry['use']})"
                yield Finding(11, entry["seq"], text, host=entry["host"])
            for address in sets[0].addresses & came_up:
                if len(up[address]) > 1:
                    text = f"{name} has {address} on {' and '.join(sorted(up[address]))}: {entry['command']}"
                    yield Finding(11, entry["seq"], text, host=entry["host"])


def _addresses(entry: Entry, up: dict[str, set[str]]) -> set[str]:
    """Take in on which hosts each address is up. Gives those that the entry has brought up."""
    came_up: set[str] = set()
    for address, hosts in entry.get("addresses", {}).items():
        up.setdefault(address, set()).update(hosts)
    for text in entry.get("changed", []):
        found = ADDRESS.fullmatch(text)
        if found and found[2] == "up":
            up.setdefault(found[1], set()).add(entry["host"])
            came_up.add(found[1])
        elif found:
            up.get(found[1], set()).discard(entry["host"])
    return came_up
