"""One REST call as the routes see it, and the table that they are in."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from lab.array.array import Array
from lab.array.refused import Refused
from lab.config.unisphere import UserConfig
from lab.unisphere.change import Answer, Change
from lab.world import World


@dataclass
class Call:
    """`params` come from the path, `query` from behind the `?`; `body` is an object, empty without one."""

    unisphere: Any
    method: str
    path: str
    text: str
    params: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]
    user: UserConfig
    doing: str = "snapid_put"
    change: Change | None = field(default=None)
    faults: list[str] = field(default_factory=list)

    @property
    def world(self) -> World:
        world: World = self.unisphere.world
        return world

    @property
    def array(self) -> Array:
        """:raises Refused: this Unisphere does not know the array of the path."""
        found: Array = self.unisphere.array(self.params["symid"])
        return found

    @property
    def now(self) -> float:
        return self.world.clock.now()

    @property
    def shown_at(self) -> float:
        """The moment that answers show."""
        return self.now - float(self.unisphere.switches.lag_s)

    def flag(self, name: str) -> bool:
        return self.query.get(name, "false").lower() == "true"


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True)
class Route:
    """`sure` and `source` say how sure the answer's form is, as in `errors.yaml`."""

    method: str
    template: str
    pattern: re.Pattern[str]
    handler: Handler
    sure: str
    source: str
    doing: str


ROUTES: list[Route] = []


def route(
    method: str, template: str, *, sure: str, source: str, doing: str = "snapid_put"
) -> Callable[[Handler], Handler]:
    """Answer calls to a path below the API's root; `{name}` in it is one part of the path."""

    def add(handler: Handler) -> Handler:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
        ROUTES.append(Route(method, template, re.compile(pattern), handler, sure, source, doing))
        return handler

    return add


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """:raises Refused: there is no such path, or not with that method."""
    there = False
    for one in ROUTES:
        match = one.pattern.fullmatch(path)
        if match:
            there = True
            if one.method == method:
                return one, match.groupdict()
    raise Refused("not_a_method" if there else "no_such_path", method=method, path=path)
