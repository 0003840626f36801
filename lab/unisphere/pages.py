"""Lists that come in pages: the first with the answer, the others from an iterator that expires."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.array.refused import Refused
from lab.clock import Clock
from lab.config.unisphere import UnisphereSwitches


@dataclass
class Iterator:
    rows: list[dict[str, Any]]
    size: int
    expires: float


class Pages:
    """:param switches: gives how long a page is and how long an iterator lives, as it is at the moment."""

    def __init__(self, clock: Clock, switches: Callable[[], UnisphereSwitches]) -> None:
        self.clock = clock
        self.switches = switches
        self.known: dict[str, Iterator] = {}
        self._numbers = itertools.count(1)

    def begin(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """The answer with the first page. No row is a list of none."""
        switches = self.switches()
        number = next(self._numbers)
        name = f"38082a53-4e07-4349-a160-{number:012x}_0"
        self.known[name] = Iterator(rows, switches.page_size, self.clock.now() + switches.iterator_seconds)
        return self.view(name)

    def _iterator(self, name: str) -> Iterator:
        found = self.known.get(name)
        if found is None or self.clock.now() >= found.expires:
            raise Refused("no_such_iterator", iterator=name)
        return found

    def view(self, name: str) -> dict[str, Any]:
        found = self._iterator(name)
        return {
            "resultList": _rows(found, 1, found.size),
            "id": name,
            "count": len(found.rows),
            "expirationTime": int(found.expires * 1000),
            "maxPageSize": found.size,
        }

    def page(self, name: str, first: int, last: int | None) -> dict[str, Any]:
        """Rows from one number to another, from 1 on and both included, never more than a page."""
        found = self._iterator(name)
        most = first + found.size - 1
        return _rows(found, first, most if last is None else min(last, most))

    def end(self, name: str) -> None:
        self._iterator(name)
        del self.known[name]


def _rows(iterator: Iterator, first: int, last: int) -> dict[str, Any]:
    rows = iterator.rows[max(0, first - 1) : last]
    return {"result": rows, "from": first, "to": first + len(rows) - 1}
