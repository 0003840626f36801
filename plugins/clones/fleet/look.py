"""One look at every copy of the site: one an array, however many services have syncs on it.

Device groups are asked for only where the configuration does not say which devices they stand for: of a
pinned sync its numbers are looked at. That its group was changed since is for the run to notice, which names
pairs by the group and looks at it before every command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from clones.asking.read_only import Eyes
from clones.asking.side_by_side import attempts
from clones.asking.steps import Command, Steps
from clones.backends import backend_of
from clones.backends.place import LookKey, Placed, Shown, pinned_place
from clones.config import Service, Symcli, Sync
from clones.config.scope import Scope
from clones.errors import CloneError, TryAgain, Unknown
from clones.fleet.set_in_use import SetInUse, not_asked, of_look
from clones.observe.target_sets import look_at_sets
from clones.states import SyncSeen


@dataclass(frozen=True)
class Looked:
    """One sync of one service, as it was seen, or why it was not.

    :param service: its name.
    :param target_set: on which of the service's target sets; empty for a service without.
    :param seen: None when ``error`` says why.
    :param error: :class:`~clones.errors.Missing` when that it is not there is what was seen.
    """

    service: str
    sync: Sync
    seen: SyncSeen | None
    error: CloneError | None = None
    target_set: str = ""


Hints = Mapping[str, Mapping[str, Mapping[str, int]]]
"""By service and sync the numbers of snapshots, by name, as they were seen before."""


def look(
    services: Mapping[str, Service], symcli: Symcli, hints: Hints = MappingProxyType({})
) -> Steps[list[Looked]]:
    """Look at every sync of these services, on each of its target sets.

    Its arrays are asked side by side where whoever drives this can (`Command.soon`).

    What keeps one array or device group from being seen is the error of its syncs alone, also when it is a
    fault of this program. A host that could not be reached is not tried again. When an array refuses to list
    its devices, perhaps for one of them, each sync there is asked for by itself.

    :param hints: what spares questions; it decides nothing.
    :returns: in the order of the configuration.
    """
    eyes, found = Eyes(), dict[tuple[str, str, str], Looked]()
    placed: dict[LookKey, list[Placed]] = {}
    on = {host: symcli.on(host) for host in {service.control_host for service in services.values()}}
    scopes = [
        scope
        for name, service in services.items()
        for scope in Scope.each_set(name, service, on[service.control_host])
    ]
    for scope in scopes:
        for sync in scope.service.syncs:
            key = (scope.name, scope.target_set, sync.name)
            found[key] = Looked(scope.name, sync, None, None, scope.target_set)
            try:
                back_end = backend_of(sync)
                place = pinned_place(sync) or (yield from eyes.through(back_end.locate(scope, sync)))
                snapshots = hints.get(scope.name, {}).get(sync.name, {})
                one = Placed(scope, sync, replace(place, snapshots=snapshots) if snapshots else place)
                placed.setdefault(back_end.look_key(scope, place.symid), []).append(one)
            except Exception as error:
                found[key] = replace(found[key], error=trouble(error))
    soon = tuple(
        command for members in placed.values() for command in backend_of(members[0].sync).first_asked(members)
    )
    for members in placed.values():
        for looked in (yield from _array(eyes, members, soon)):
            found[looked.service, looked.target_set, looked.sync.name] = looked
        soon = ()  # begun with the first
    return list(found.values())


def ask_hosts(services: Mapping[str, Service], symcli: Symcli) -> Steps[dict[str, SetInUse]]:
    """Ask the hosts of each service with target sets which one it uses; the others are left out.

    A host that cannot be asked keeps the sets of its own services from being known, and no others.
    """
    asked = {
        name: Scope.each_set(name, service, symcli) for name, service in services.items() if service.sets
    }
    looks = yield from attempts(look_at_sets(scopes) for scopes in asked.values())
    found = {}
    for name, look in zip(asked, looks, strict=True):
        try:
            found[name] = of_look(name, look.value())
        except CloneError as error:
            found[name] = not_asked(error)
    return found


def trouble(error: Exception) -> CloneError:
    """What nobody has foreseen, as the error of the one that it befell: unknown, and not the others'."""
    if isinstance(error, CloneError):
        return error
    return Unknown(f"{type(error).__name__}: {error}", "report this error; it hides nothing else")


def _array(eyes: Eyes, members: Sequence[Placed], soon: Sequence[Command]) -> Steps[list[Looked]]:
    first = members[0]
    subject = f"Array {first.place.symid} from {backend_of(first.sync).look_key(first.scope, '').host}"
    try:
        shown = yield from eyes.through(backend_of(first.sync).look_at(members, subject, soon, kept=True))
    except TryAgain as error:
        return [_not_seen(one, error) for one in members]
    except Exception as error:
        if len(members) == 1:
            return [_not_seen(first, trouble(error))]
        return (yield from _one_by_one(eyes, members))
    return [_held(one, shown) for one in members]


def _held(one: Placed, shown: Shown) -> Looked:
    try:
        return _seen(one, shown.of(one))
    except Exception as error:
        return _not_seen(one, trouble(error))


def _one_by_one(eyes: Eyes, members: Sequence[Placed]) -> Steps[list[Looked]]:
    found = []
    for one in members:
        try:
            alone = backend_of(one.sync).look_at([one], one.scope.subject(one.sync), kept=True)
            found.append(_held(one, (yield from eyes.through(alone))))
        except Exception as error:
            found.append(_not_seen(one, trouble(error)))
    return found


def _seen(one: Placed, seen: SyncSeen) -> Looked:
    return Looked(one.scope.name, one.sync, seen, None, one.scope.target_set)


def _not_seen(one: Placed, error: CloneError) -> Looked:
    return Looked(one.scope.name, one.sync, None, error, one.scope.target_set)
