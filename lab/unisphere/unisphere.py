"""One Unisphere: its arrays, users, jobs and pages, and the answer to a call."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any

from lab.array.array import Array
from lab.array.refused import Refused
from lab.array.session import Device
from lab.config.unisphere import UnisphereConfig, UserConfig
from lab.unisphere import groups, snapshot_changes, snapshot_looks, system
from lab.unisphere.call import Call, Route, find
from lab.unisphere.change import Answer, Change
from lab.unisphere.errors import refusal
from lab.unisphere.jobs import Jobs
from lab.unisphere.pages import Pages
from lab.unisphere.versions import answers
from lab.world import World

ROOT = "/univmax/restapi"
ANSWERED_BY = (system, groups, snapshot_looks, snapshot_changes)
"""The modules whose routes it has: to import them is to have them."""
UNAUTHORIZED = "<html><head><title>Error</title></head><body>Unauthorized</body></html>"


class Unisphere:
    family = "unisphere"
    build = 468

    def __init__(self, config: UnisphereConfig, world: World) -> None:
        self.config = config
        self.world = world
        self.name = config.name
        self.connection_id = config.connection_id
        self.names = config.names
        self.switches = config.switches
        self.refusing = False
        self.jobs = Jobs(self)
        self.pages = Pages(world.clock, lambda: self.switches)
        self._tasks: set[asyncio.Task[None]] = set()

    # what routes ask for

    def array(self, symid: str, *, remote: bool = False) -> Array:
        """:raises Refused: it does not have it, or only sees it."""
        if symid in self.config.arrays or (remote and symid in self.config.remote_arrays):
            return self.world.arrays[symid]
        if symid in self.config.remote_arrays:
            raise Refused("not_local", symid=symid)
        raise Refused("no_such_array", symid=symid)

    def volume(self, array: Array, name: str) -> Device:
        try:
            return array.devices[int(name, 16)]
        except (KeyError, ValueError):
            raise Refused("no_such_volume", name=name, symid=array.symid) from None

    def is_snapshot_name(self, name: str) -> bool:
        """At most 32 letters, digits, `_` and `-` (documented)."""
        return re.fullmatch(r"[A-Za-z0-9_\-]{1,32}", name) is not None

    def begin_job(self, call: Call, change: Change) -> dict[str, Any]:
        return self.jobs.begin(call, change)

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something when so many lab seconds have passed."""

        async def wait() -> None:
            await self.world.clock.sleep(seconds, alone=True)
            do()

        task = asyncio.get_running_loop().create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # answers

    def clock(self) -> float:
        """Its own time: seconds since the epoch."""
        skews = self.world.faults.standing("skew", self.names)
        return self.world.clock.now() + sum(fault.config.skew for fault in skews)

    def user(self, authorization: str) -> UserConfig | None:
        """Who the header of HTTP Basic names, by login and password."""
        scheme, _, token = authorization.partition(" ")
        try:
            login, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        for user in self.config.users if scheme.lower() == "basic" else ():
            if (user.login, user.password) == (login, password):
                return user
        return None

    async def answer(
        self, method: str, path: str, query: dict[str, str], body: bytes, user: UserConfig, text: str
    ) -> tuple[Answer, Call | None]:
        """To a call of this user. `path` is below the API's root; `text` is what faults look at."""
        call: Call | None = None
        try:
            found, params = find(method, path)
            call = Call(self, method, path, text, params, query, {}, user, found.doing)
            self._refuse(call, found)
            call.body = _object(body)
            return await found.handler(call), call
        except Refused as refused:
            status, said = refusal(refused, call.doing if call else "snapid_put")
            return Answer(status, said), call

    def _refuse(self, call: Call, found: Route) -> None:
        wanted = call.params.get("version")
        known = wanted is None or answers(self.switches.version, wanted)
        if not known and not found.template.endswith("/system/version"):
            raise Refused("no_such_version", version=wanted)
        if call.user.role == "none" and found.template != "/version":
            raise Refused("no_role")

    def restart(self, *, finish: bool = False) -> None:
        """Its jobs and pages are gone. :param finish: what jobs had begun is done all the same."""
        self.jobs.restart(finish=finish)
        self.pages.known.clear()
        self.world.journal.event("restart", host=self.name, family=self.family)

    async def stop(self) -> None:
        await self.jobs.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "jobs": {name: self.jobs.state(job) for name, job in self.jobs.known.items()},
            "switches": self.switches.model_dump(),
        }


def _object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        found = json.loads(body)
    except ValueError:
        raise Refused("not_json") from None
    if not isinstance(found, dict):
        raise Refused("not_json")
    return found
