"""One look at every copy of the site: one status command an array, however many services have syncs on it.

Device groups are asked for only where the configuration does not say which devices they stand for: of a
pinned sync its numbers are looked at. That its group was changed since is for the run to notice, which names
pairs by the group and looks at it before every command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from clones.asking.read_only import Eyes
from clones.asking.side_by_side import attempts
from clones.asking.steps import Command, Steps
from clones.backends.place import Place, pinned_place
from clones.backends.symclone import commands
from clones.backends.symclone.observe import as_written, held_against, list_shown, locate, see
from clones.backends.symclone.output import DeviceList
from clones.config import Service, Symcli, Sync
from clones.config.scope import Scope
from clones.errors import CloneError, TryAgain, Unknown
from clones.fleet.set_in_use import SetInUse, not_asked, of_look
from clones.observe.next_look import pieces
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


@dataclass(frozen=True)
class Placed:
    """A sync whose devices are known.

    :param place: where they are.
    """

    scope: Scope
    sync: Sync
    place: Place

    @property
    def array(self) -> tuple[str, str]:
        """What one status command can answer for: control host and array."""
        return self.scope.control_host, self.place.symid


def look(services: Mapping[str, Service], symcli: Symcli) -> Steps[list[Looked]]:
    """Look at every sync of these services, on each of its target sets.

    Its arrays are asked side by side where whoever drives this can (`Command.soon`).

    What keeps one array or device group from being seen is the error of its syncs alone, also when it is a
    fault of this program. A host that could not be reached is not tried again. When an array refuses to list
    its devices, perhaps for one of them, each sync there is asked for by itself.

    :returns: in the order of the configuration.
    """
    eyes, found = Eyes(), dict[tuple[str, str, str], Looked]()
    placed: dict[tuple[str, str], list[Placed]] = {}
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
                place = pinned_place(sync) or (yield from eyes.through(locate(scope, sync)))
                one = Placed(scope, sync, place)
                placed.setdefault(one.array, []).append(one)
            except Exception as error:
                found[key] = replace(found[key], error=trouble(error))
    arrays = [(members, batches(members)) for members in placed.values()]
    soon = [_command(members, devices) for members, lists in arrays for devices in lists]
    for members, lists in arrays:
        for looked in (yield from _array(eyes, members, lists, soon)):
            found[looked.service, looked.target_set, looked.sync.name] = looked
        soon = []  # begun with the first
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


def batches(members: Sequence[Placed]) -> list[list[str]]:
    """The devices of these syncs of one array, each once, in lists for one command each."""
    numbers: dict[int, str] = {}
    for one in members:
        ends = one.place.devices
        known = [number for number in ends.values() if number is not None]
        for number, text in zip(known, as_written(one.sync, ends), strict=True):
            numbers.setdefault(number, text)
    return [list(piece) for piece in pieces([numbers[number] for number in sorted(numbers)])]


def _command(members: Sequence[Placed], devices: Sequence[str]) -> Command:
    host, symid = members[0].array
    return commands.list_devices(members[0].scope.symcli, host, symid, devices)


def _array(
    eyes: Eyes, members: Sequence[Placed], lists: Sequence[Sequence[str]], soon: Sequence[Command]
) -> Steps[list[Looked]]:
    try:
        shown = yield from _list(eyes, members, lists, soon)
    except TryAgain as error:
        return [_not_seen(one, error) for one in members]
    except Exception as error:
        if len(members) == 1:
            return [_not_seen(one, trouble(error)) for one in members]
        return (yield from _one_by_one(eyes, members))
    return [_held(one, shown) for one in members]


def _held(one: Placed, shown: DeviceList) -> Looked:
    try:
        return _seen(one, held_against(one.sync, one.place, shown))
    except Exception as error:
        return _not_seen(one, trouble(error))


def _list(
    eyes: Eyes, members: Sequence[Placed], lists: Sequence[Sequence[str]], soon: Sequence[Command]
) -> Steps[DeviceList]:
    """The devices of an array, from as many lists as it takes; the clock is that of the last."""
    first = members[0].scope
    host, symid = members[0].array
    whole: DeviceList | None = None
    for devices in lists:
        subject = f"Array {symid} from {host}"
        part = yield from eyes.through(list_shown(first, symid, devices, subject, subject, soon))
        soon = ()
        whole = part if whole is None else replace(part, devices={**whole.devices, **part.devices})
    assert whole is not None, "a placed sync has devices"
    return whole


def _one_by_one(eyes: Eyes, members: Sequence[Placed]) -> Steps[list[Looked]]:
    found = []
    for one in members:
        try:
            seen = yield from eyes.through(see(one.scope, one.sync, one.place.symid, one.place.devices))
        except Exception as error:
            found.append(_not_seen(one, trouble(error)))
        else:
            found.append(_seen(one, seen))
    return found


def _seen(one: Placed, seen: SyncSeen) -> Looked:
    return Looked(one.scope.name, one.sync, seen, None, one.scope.target_set)


def _not_seen(one: Placed, error: CloneError) -> Looked:
    return Looked(one.scope.name, one.sync, None, error, one.scope.target_set)
