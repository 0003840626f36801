"""What the pairs of a service have in common with those of all others, by device number (D4).

Loading services.yaml compares all numbers that stand in it. A name of a device group that is not pinned has
none there: which device it stands for only the group says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from clones.asking.side_by_side import attempts
from clones.asking.steps import Steps
from clones.backends.doing import doing_of
from clones.backends.place import Place, pinned_place
from clones.config import Config, Service, Symcli, Sync
from clones.config.scope import Scope
from clones.decide.one_owner import REMEDY, End, ends_of, shared
from clones.errors import NOTHING_CHANGED, CloneError, Refused, Unknown
from clones.states import PairSeen


def refuse_shared(scope: Scope, config: Config) -> Steps[None]:
    """Hold all pairs of a service against those of all others.

    Groups of names that are not pinned are looked up; without any, nothing is asked.

    :param config: the whole file.
    :raises Refused: a target is a source or a target of another service too.
    :raises Unknown: that could not be told.
    """
    own, unknown = yield from look_up({scope.name: scope.whole or scope.service}, scope.symcli)
    for error in unknown.values():
        raise error
    others = {name: one for name, one in config.services.items() if name != scope.name}
    symids = {end.symid for end in own}
    theirs, unknown = yield from look_up(others, config.symcli, symids)
    both = [
        f"{end.where}: {end.is_also(there)}"
        for end, others in shared([*own, *theirs])
        if end.service == scope.name and (there := [one for one in others if one.service != scope.name])
    ]
    if both:
        raise Refused("\n".join([*both, NOTHING_CHANGED]), REMEDY)
    for where, error in unknown.items():
        raise Unknown(
            f"Service {scope.name}: it is not known whether {where} has the same devices: {error.what}",
            pin_or(error),
        ) from error


def look_up(
    services: Mapping[str, Service], symcli: Symcli, symids: Collection[str] | None = None
) -> Steps[tuple[list[End], dict[str, CloneError]]]:
    """The ends of all pairs of these services: by number as the file has it, else by their device group.

    :param symids: only of these arrays; a sync that names another one is not looked up.
    :returns: also of each sync, in words, whose names are not known, why.
    """
    syncs = [
        (scope, sync)
        for name, service in services.items()
        for scope in Scope.each_set(name, service, symcli)
        for sync in scope.service.syncs
        if symids is None or sync.symid is None or sync.symid in symids
    ]
    looked = yield from attempts(_place(scope, sync) for scope, sync in syncs)
    found, unknown = list[End](), dict[str, CloneError]()
    for (scope, sync), one in zip(syncs, looked, strict=True):
        if one.error is not None:
            unknown[scope.subject(sync).replace("Service", "service", 1)] = one.error
        elif one.returned is not None and (symids is None or one.returned.symid in symids):
            symid, devices = one.returned.symid, one.returned.devices
            pairs = [PairSeen(p, devices[p.source], devices[p.target], None) for p in sync.pairs]
            found += ends_of(scope.name, scope.target_set, sync.name, symid, pairs)
    return found, unknown


def pin_or(error: CloneError) -> str:
    """The remedy where a device group did not say what its names stand for."""
    pin = "pin its names to their device numbers in services.yaml (`DEV001=1234:CLONE001=4321`)"
    return f"{pin}, or {error.remedy}" if error.remedy else pin


def _place(scope: Scope, sync: Sync) -> Steps[Place | None]:
    return pinned_place(sync) or (yield from doing_of(sync).find_place(scope, sync))
