"""A management server that answers what its copies are written to be, as much as waits ask of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from clones.asking.steps import Request, Result
from clones.backends.snapvx.names import new_name
from clones.errors import CloneError

BEGAN = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
ANSWER_SECONDS = 0.1
"""How long one answer takes; those that are asked for together come together."""


def short(number: int) -> str:
    """A device number of five digits."""
    return f"{number:05X}"


@dataclass
class SnapCopy:
    """The copy of one service: pairs, snapshots by name with their numbers, and the one that is linked."""

    service: str
    source_group: str
    target_group: str
    pairs: list[tuple[int, int]]
    symid: str
    percent: int = 0
    snapshots: dict[str, int] = field(default_factory=dict)
    linked: str = ""

    def take(self, snapid: int, at: datetime = BEGAN) -> str:
        """A new snapshot, which the target group is linked to from now on."""
        name = new_name(self.service, f"data/{self.symid}/{self.target_group}", at, str(snapid))
        self.snapshots[name] = snapid
        self.linked, self.percent = name, 0
        return name

    def detail(self, name: str) -> dict[str, Any]:
        """As in the captured answer of a link."""
        linked = [
            {
                "name": self.target_group,
                "source_volume_name": short(source),
                "linked_volume_name": short(target),
                "percentageCopied": self.percent,
                "linkedCreationTimestamp": "01:00:30 Sun, 01 Mar 2026 +0000",
                "tracks": 8205,
                "trackSize": 131072,
            }
            for source, target in self.pairs
            if name == self.linked
        ]
        at = datetime.strptime(name.split("_")[-1][:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return {
            "name": name,
            "snapid": self.snapshots[name],
            "timestamp_utc": int(at.timestamp() * 1000),
            "time_to_live_expiry_date": "01:00:00 Sun, 08 Mar 2026 +0000",
            "state": ["Established"],
            "expired": False,
            "restored": False,
            "linked": bool(linked),
            "linked_storage_group": linked,
            "num_source_volumes": len(self.pairs),
            "num_storage_group_volumes": len(self.pairs),
            "source_volume": [{"name": short(source), "capacity": 547} for source, _ in self.pairs],
        }


class Server:
    """One server; it counts what it is asked, and how much of that at the same time.

    :attr:`others` answers in its place: a status and a text, or None; :attr:`down` is why it cannot be asked.
    """

    def __init__(self, name: str, now: Callable[[], datetime]) -> None:
        self.name = name
        self.now = now
        self.copies: dict[str, SnapCopy] = {}
        self.asked: list[Request] = []
        self.connects = 0
        self.rounds: list[float] = []
        self.most = 0
        self.at_once = 0
        self.others: Callable[[Request], tuple[int | None, str] | None] = lambda request: None
        self.down: Callable[[], CloneError | None] = lambda: None
        self.move: Callable[[], None] = lambda: None

    def add(self, copy: SnapCopy) -> SnapCopy:
        self.copies[copy.source_group] = copy
        return copy

    async def connect(self) -> None:
        self.connects += 1
        error = self.down()
        if error:
            raise error

    async def answers(self, requests: Sequence[Request]) -> list[Result]:
        await self.connect()
        self.at_once += len(requests)
        self.most = max(self.most, self.at_once)
        self.rounds.append(asyncio.get_running_loop().time())
        await asyncio.sleep(ANSWER_SECONDS)
        self.at_once -= len(requests)
        self.move()
        return [self.result(one) for one in requests]

    def result(self, request: Request) -> Result:
        """The answer to one request."""
        self.asked.append(request)
        said = self.others(request)
        if said is None:
            body = self._body(request)
            said = (404, '{"message": "Cannot find it"}') if body is None else (200, json.dumps(body))
        status, text = said
        return Result(request, status, text, lost="" if status else "no answer", clock=self.now())

    def _body(self, request: Request) -> Any:
        if request.path.startswith("/{version}/system/symmetrix/"):
            return {"local": True}
        path = request.path.removeprefix("/{version}/replication/symmetrix/")
        found = re.fullmatch(r"\d{12}/storagegroup/(\w+)(?:/snapshot(?:/(\w+)/snapid(?:/(\d+))?)?)?", path)
        assert found, path
        copy = self.copies.get(found[1])
        if copy is None:
            return None
        if not found[2]:
            return {"name": list(copy.snapshots), "sl_snapshot_name": []}
        if found[2] not in copy.snapshots:
            return None
        if not found[3]:
            return {"snapids": [copy.snapshots[found[2]]]}
        return copy.detail(found[2]) if copy.snapshots[found[2]] == int(found[3]) else None


class Servers:
    """In place of :class:`hooks.unisphere_async.Servers`, by connection id."""

    def __init__(self, *servers: Server) -> None:
        self.by_name = {server.name: server for server in servers}
        self.users = 0

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[None]:
        self.users += 1
        try:
            yield
        finally:
            self.users -= 1

    async def connect(self, name: str) -> None:
        await self.by_name[name].connect()

    async def answers(self, requests: Sequence[Request]) -> list[Result]:
        return await self.by_name[requests[0].host].answers(requests)
