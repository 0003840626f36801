"""What a run that is done has brought about, looked up in the lab itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from fuzz.sites import APPLICATION_STARTS, MASK
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
    yield from not_reached(world, service, action, since)


def not_reached(world: World, service: Service, action: str, since: float) -> Iterator[str]:
    """The pairs that are not as the action was to leave them."""
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


SHARED = ("address", "application lts")
"""How the parts of a service begin that are the same on all its target sets."""


def shared_up(world: World, sets: Sequence[Service]) -> set[str]:
    """Those of them that are up now, on whatever host."""
    hosts = [world.host(name) for one in sets for name in one.hosts]
    wanted = {f"address {address}" for one in sets for address in one.addresses} | set(SHARED[1:])
    return {part.partition(" on ")[0] for host in hosts for part in host.state()} & wanted


def used(world: World, sets: Sequence[Service]) -> dict[str, set[str]]:
    """By target set, the directories on which file systems of it are mounted; no set without one."""
    found: dict[str, set[str]] = {}
    for text, devices in (mount for host in world.hosts.values() for mount in host.mounted_now()):
        keys = {(symid, int(number, 16)) for symid, number in (key.split(":") for key in devices)}
        for one in sets:
            if keys & one.targets:
                found.setdefault(one.target_set, set()).add(text.partition(" mounted on ")[2])
    return found


def missing_on_sets(
    world: World, sets: Sequence[Service], action: str, since: float, whole: set[str], to_set: str
) -> Iterator[str]:
    """The same as :func:`missing`, of a service with target sets.

    :param whole: what of it was up at first of what all sets share.
    :param to_set: the set that the run worked on; empty when it is not known.
    """
    if action in ("refresh", "rewind", "start", "update"):
        on = used(world, sets)
        yield from (f"{part} is not up" for part in sorted(whole - shared_up(world, sets)))
        if len(on) != 1:
            yield f"it runs on {' and '.join(f'set {name}' for name in sorted(on)) or 'no set'}"
        for one in sets:
            down = one.directories - on.get(one.target_set, one.directories)
            yield from (f"{where} is not mounted from set {one.target_set}" for where in sorted(down))
        if action in ("refresh", "rewind") and to_set and to_set not in on:
            yield f"it does not run on set {to_set}"
    for one in sets:
        if one.target_set == to_set:
            yield from not_reached(world, one, "break" if action == "rewind" else action, since)


def unmasked(journal: Iterable[Entry], pairs: Collection[Pair]) -> Iterator[Entry]:
    """The starts of an application that no success of its hook came before, since what it uses was mounted.

    :param pairs: those whose copies it uses, where it has only one target set: a success before they were
        made does not count either.
    """
    masked = False
    for entry in journal:
        line = str(entry.get("command", ""))
        if entry.get("event") != "command":
            continue
        made = {*accepted(entry, "recreate"), *accepted(entry, "activate")}
        if not made.isdisjoint(pairs) or "/bin/mount -t " in line:
            masked = False
        elif line.endswith(f"{MASK} start") and entry["exit"] == 0:
            masked = True
        elif line.endswith(APPLICATION_STARTS) and not masked:
            yield entry


def windows(world: World) -> Iterator[str]:
    """What was begun on production and not ended."""
    for host in world.hosts.values():
        if OPEN in host.state():
            yield f"{host.name}: {OPEN.split()[1]} was begun and not ended"


def _text(pair: Pair) -> str:
    return f"{pair[0]}:{pair[1]:04X}>{pair[2]:04X}"
