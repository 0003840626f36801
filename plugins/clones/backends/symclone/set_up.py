"""Making the device group of a sync, as far as it lacks something."""

from __future__ import annotations

from collections.abc import Sequence

from clones.asking.steps import Steps
from clones.backends.symclone import commands
from clones.backends.symclone.device_groups import GROUPS, Looked, look, one_by_one
from clones.backends.todo import Todo
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.rules import Verdict
from clones.states import SyncSeen, device_text


def look_to_set_up(scope: Scope, sync: Sync) -> Steps[tuple[SyncSeen, list[Todo]]]:
    """The sync, and what its device group lacks, in the order in which it is to be made.

    :raises CloneError: as :func:`clones.backends.symclone.device_groups.look`.
    """
    looked = yield from look(scope, sync)
    return looked.seen, _lacking(scope, sync, looked)


def provide(scope: Scope, sync: Sync) -> Steps[None]:
    """Make the sync's device group and add its devices, as far as they are missing.

    :raises CloneError: see :mod:`clones.errors`.
    """

    def todo() -> Steps[Sequence[Todo]]:
        return _lacking(scope, sync, (yield from look(scope, sync)))

    by_hand = (
        "read what SYMCLI said and fix it, or make the device group by hand (for R1 or R2 devices it "
        "must be of another type than regular); then clear this task"
    )
    yield from one_by_one(scope, sync, "provide the device group", todo, by_hand=by_hand)


def _lacking(scope: Scope, sync: Sync, looked: Looked) -> list[Todo]:
    """What the sync's group lacks, in the order in which it is to be made."""
    if looked.contents is None or sync.symdg is None:
        return []
    group, made = sync.symdg, (scope.symcli, scope.control_host, sync.symdg)
    found = []
    if GROUPS[looked.contents.group] is Verdict.ACT:
        found.append(Todo(f"device group {group} exists", commands.create_group(*made)))
    for name in looked.contents.missing:
        assert name.number is not None
        command = commands.add_device(*made, (looked.seen.symid, name.name, name.number), target=name.target)
        found.append(Todo(f"{name.name} of {group} is {device_text(name.number)}", command))
    return found
