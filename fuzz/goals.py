"""What a run that is done has brought about, looked up in the lab itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fuzz.sites import APPLICATION, MASK
from lab import states
from lab.check.history import Entry, accepted
from lab.check.services import Pair, Service
from lab.world import World

UP = ("address", "volume group", "/dev/", "application pp")
"""How the parts of a service's state begin, beside the programs of its hooks."""
OPEN = "application backup"
"""What a `before_activate` begins and an `after_activate` ends."""


def up(world: World, service: Service) -> set[str]:
    """The parts of a service that are up now."""
    hosts = [world.host(name) for name in service.hosts]
    return {f"{host.name}: {part}" for host in hosts for part in host.state() if part.startswith(UP)}


def missing(world: World, service: Service, action: str, since: float, whole: set[str]) -> Iterator[str]:
    """What an action was to bring about and is not so, in words.

    :param since: when the run was asked for, in lab seconds.
    :param whole: the parts of the service that were up at first.
    """
    if action in ("refresh", "start"):
        yield from (f"{part} is not up" for part in sorted(whole - up(world, service)))
    for pair in sorted(service.pairs):
        session = world.array(pair[0]).session((pair[1], pair[2]))
        state = session.state if session is not None else states.NONE
        fresh = session is not None and (session.point_in_time or 0) >= since
        if action in ("refresh", "update", "start", "break"):
            if state not in states.ACTIVE:
                yield f"{_text(pair)} is {state}, not active"
            elif not fresh and action in ("refresh", "update"):
                yield f"{_text(pair)} is older than the run"
        elif action == "resync" and state not in states.PREPARED:
            yield f"{_text(pair)} is {state}, not prepared"
        elif action == "provision" and state not in {*states.PREPARED, *states.ACTIVE}:
            yield f"{_text(pair)} is {state}"
        elif action == "merge_back" and state not in (states.SPLIT, states.COPIED):
            yield f"{_text(pair)} is {state}, not merged back"
        elif action == "retire" and state != states.NONE:
            yield f"{_text(pair)} is {state}, not ended"


def unmasked(journal: Iterable[Entry], service: Service) -> Iterator[Entry]:
    """The starts of an application on copies that its hook has not masked since they were made."""
    masked = False
    for entry in journal:
        line = str(entry.get("command", ""))
        if entry.get("event") != "command":
            continue
        if service.pairs & {*accepted(entry, "recreate"), *accepted(entry, "activate")}:
            masked = False
        elif line.endswith(f"{MASK} start") and entry["exit"] == 0:
            masked = True
        elif line.endswith(f"{APPLICATION} start") and not masked:
            yield entry


def windows(world: World) -> Iterator[str]:
    """What was begun on production and not ended."""
    for host in world.hosts.values():
        if OPEN in host.state():
            yield f"{host.name}: {OPEN.split()[1]} was begun and not ended"


def _text(pair: Pair) -> str:
    return f"{pair[0]}:{pair[1]:04X}>{pair[2]:04X}"
