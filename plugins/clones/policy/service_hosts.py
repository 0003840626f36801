"""What a service host gets, and whoever else stops, starts or proves something down."""

from __future__ import annotations

from collections.abc import Iterator

from clones import resources
from clones.act.hooks import command_of
from clones.act.rescan_disks import make_visible
from clones.asking import fence
from clones.asking.fence import Fence, Token
from clones.asking.steps import Command, Result
from clones.config import Host, Production, Service
from clones.config.scope import Scope
from clones.guards import guards
from clones.policy.sent import NODES, PATH, TOKEN, Sent, sends
from clones.resources import drivers
from clones.resources.base import Driver

PLACES = ("before_stop", "before_start", "after_start", "probes")
"""Of the hooks of a service."""


def of_service(connection: str, scope: Scope) -> Iterator[Sent]:
    """All that a service, on one of its target sets, sends to a connection beside what its control host gets.

    :raises ConfigError: one of its resources cannot be handled on its host's family.
    """
    name = scope.name
    if connection in scope.fenced_hosts():
        yield from _token(connection, scope)
    for service in _parts(scope):
        for host in service.hosts:
            if host.connection == connection:
                for driver in drivers(service, host):
                    yield from _of_driver(name, driver)
                yield from _disks(name, service, host)
        yield from _guards(connection, name, service)
    yield from _hooks(connection, scope)
    if scope.service.production:
        yield from _production(connection, name, scope.service.production)


def _parts(scope: Scope) -> list[Service]:
    """The service whole, and as what of it is looked at and brought up alone."""
    if not scope.target_set:
        return [scope.service]
    return [scope.service, scope.own().service, scope.shared_on(scope.target_set)]


def _token(connection: str, scope: Scope) -> Iterator[Sent]:
    token = Token.read(TOKEN)
    assert token is not None
    steps = fence.put(scope, Fence(scope.name, token), connection)
    for command in sends(steps, lambda one: Result(one, 0)):
        yield Sent(command, scope.name, "blocks earlier tries here", free={TOKEN: "<token>"})


def _of_driver(name: str, driver: Driver) -> Iterator[Sent]:
    yield Sent(driver.probe(), name, f"looks at {driver.label}")
    places = (*resources.PLACES, driver.started, driver.stopped, driver.prepared or driver.stopped)
    for at in dict.fromkeys(places):
        for way, commands in (
            ("starts", driver.start(at)),
            ("prepares", driver.prepare(at)),
            ("stops", driver.stop(at)),
        ):
            for command in commands:
                yield Sent(command, name, f"{way} {driver.label}")


def _disks(name: str, service: Service, host: Host) -> Iterator[Sent]:
    """What makes disks usable: once with disks that are there, and once with such that are found late."""
    groups = [entry.vg for entry in service.resources if entry.vg and entry.vg.manager != "vxvm"]
    count = sum(len(group.devices) for group in groups)
    nodes = [f"{NODES}{number:05}" for number in range(count)]
    free = {**dict.fromkeys(nodes, "<kname>"), PATH: "<kname>"}

    def linux(command: Command) -> Result:
        program = next((word for word in command.words if word.endswith(("/readlink", "/ls"))), "")
        said = {"readlink": "\n".join(f"/dev/{node}" for node in nodes), "ls": PATH}
        return Result(command, 0, said.get(program.rpartition("/")[2], ""))

    looked: set[tuple[str, ...]] = set()

    def found_late(command: Command) -> Result:
        late = command.words in looked
        looked.add(command.words)
        return Result(command, 0 if late else 1, "Available" if late else "")

    for reply in (linux, found_late):
        for command in sends(make_visible(name, service, host), reply):
            used = {sample: kind for sample, kind in free.items() if any(sample in w for w in command.words)}
            yield Sent(command, name, "makes disks of the copies usable", free=used)


def _guards(connection: str, name: str, what: Service | Production) -> Iterator[Sent]:
    for guard in guards(what):
        if guard.host == connection:
            yield Sent(guard.probe(), name, f"looks at {guard.label}")


def _hooks(connection: str, scope: Scope) -> Iterator[Sent]:
    service = scope.service
    for place in PLACES:
        for hook in getattr(service, place):
            if service.host_of(hook) == connection:
                yield Sent(command_of(scope, hook), scope.name, f"hook {hook.name} ({place})")
    for sync in service.syncs:
        for place, fenced in (("before_activate", True), ("after_activate", False)):
            for hook in getattr(sync, place):
                if service.host_of(hook) == connection:
                    command = command_of(scope, hook, fenced=fenced)
                    yield Sent(command, scope.name, f"hook {hook.name} ({place} of sync {sync.name})")


def _production(connection: str, name: str, production: Production) -> Iterator[Sent]:
    for host in production.hosts:
        if host.connection == connection:
            for driver in drivers(production, host):
                yield Sent(driver.probe(), name, f"looks at {driver.label} of production")
    yield from _guards(connection, name, production)
