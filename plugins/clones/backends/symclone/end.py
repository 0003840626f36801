"""Ending sessions for good, and taking down the device group of a sync.

Every procedure looks first and does only what is left to do, so each may be run again from any point.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from clones.act.decided import decided
from clones.act.prepare import release
from clones.asking.side_by_side import both
from clones.asking.steps import Steps, note
from clones.backends.symclone import commands
from clones.backends.symclone.act import act
from clones.backends.symclone.device_groups import Looked, look, one_by_one
from clones.backends.symclone.output import Group
from clones.backends.todo import Todo
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.approval import ASK_AGAIN
from clones.decide.ledger import Ledger
from clones.decide.rules import Verdict, decide_retire
from clones.errors import Refused
from clones.observe.proof_down import prove_down
from clones.observe.running_commands import list_running, refuse_leftovers
from clones.observe.sync import is_same
from clones.states import State, SyncSeen


def look_to_end(scope: Scope, sync: Sync, before: Sequence[Sync]) -> Steps[tuple[SyncSeen, list[Todo]]]:
    """The sync, and what is left to do about its device group once its sessions are ended.

    :param before: syncs whose names are taken out of their groups first.
    :raises Refused: it cannot be looked at without its group, or the group holds what is not the service's.
    """
    looked = yield from _look(scope, sync)
    gone = {(one.symdg, name) for one in before for name in _names(one)}
    return looked.seen, _left(scope, sync, looked.group, gone)


def end(
    scope: Scope, sync: Sync, approved: Mapping[str, Any] | None = None, ledger: Ledger | None = None
) -> Steps[None]:
    """End the sessions of exactly the configured pairs, the service proven down (D3).

    :param approved: ``bound`` of :func:`clones.runs.retire.to_approve`; if given, the sync must still be
        what was approved.
    :param ledger: of no use: the control host is fenced.
    :raises CloneError: see :mod:`clones.errors`.
    """
    running, looked = yield from both(list_running(scope), _look(scope, sync))
    decision = decide_retire(looked.seen)
    yield from decided(scope, sync, "retire", decision, wait_seconds=sync.recreate_timeout)
    if decision.verdict is Verdict.NOTHING:
        return
    command = commands.terminate(scope, sync, looked.seen.symid, decision.pairs)
    if approved is not None and not (
        command.line() in approved["commands"]
        and any(is_same(then, looked.seen) for then in approved["syncs"] if then["sync"] == sync.name)
    ):
        raise Refused(
            f"{scope.subject(sync)}: its copies are no longer what was approved to be ended, or it was "
            "approved before an upgrade, which sends another command. Nothing was sent to the array.",
            ASK_AGAIN,
        )
    refuse_leftovers(scope, running, [sync], "terminate")
    if scope.target_set and (yield from release(scope)):
        yield from end(scope, sync, approved)  # that may have taken long
        return
    yield from prove_down(scope.own())
    yield from act(
        scope, sync, "terminate", command, looked.seen, lambda state: state is State.NONE,
        State.TERMINATE_IN_PROG, see_to_end,
    )  # fmt: skip
    yield from note(
        f"The sessions of sync {sync.name} are ended",
        "some arrays leave a target not ready then: `symdev ready` makes it usable",
    )


def remove(scope: Scope, sync: Sync, approved: Mapping[str, Any] | None = None) -> Steps[None]:
    """Take the sync's names out of its device group, and delete the group once it is empty.

    :param approved: ``bound`` of :func:`clones.runs.retire.to_approve`; if given, nothing else is sent.
    :raises Refused: a pair still has a session, or the group holds what the service does not name.
    :raises CloneError: see :mod:`clones.errors`.
    """
    if not sync.grouped:
        return

    def todo() -> Steps[Sequence[Todo]]:
        looked = yield from _look(scope, sync)
        alive = [
            f"{pair.label} is {pair.state}" for pair in looked.seen.pairs if pair.state is not State.NONE
        ]
        if alive:
            raise Refused(
                f"{scope.subject(sync)}: the device group {sync.symdg} stays, for {', '.join(alive)}.",
                "end the sessions first: clear the `terminate` task of this sync",
            )
        left = _left(scope, sync, looked.group)
        if approved is not None and not {one.command.line() for one in left} <= set(approved["commands"]):
            raise Refused(
                f"{scope.subject(sync)}: device group {sync.symdg} is no longer what was approved to be "
                "deleted. It is left as it is.",
                ASK_AGAIN,
            )
        return left

    by_hand = (
        "read what SYMCLI said; the sessions are ended, so the device group may be emptied and deleted by "
        "hand; then clear this task"
    )
    yield from one_by_one(scope, sync, "remove the device group", todo, by_hand=by_hand)


def see_to_end(scope: Scope, sync: Sync, before: SyncSeen | None = None) -> Steps[SyncSeen]:
    return (yield from _look(scope, sync)).seen


def _look(scope: Scope, sync: Sync) -> Steps[Looked]:
    """The sync, in a way that can still be looked at when its group is gone.

    :raises Refused: the devices are not configured by number too, or a pair with a session lacks a name.
    """
    loose = [
        name
        for pair in sync.pairs
        for name, number in ((pair.source, pair.source_device), (pair.target, pair.target_device))
        if number is None
    ]
    if loose or sync.symid is None:
        raise Refused(
            f"{scope.subject(sync)}: without its device group nobody could tell what became of its sessions: "
            f"{', '.join(loose) or '`symid`'} is not configured by number. Nothing was changed.",
            "give `symid`, and pin every name to its device (`DEV001=1234:CLONE001=4321`)",
        )
    looked = yield from look(scope, sync)
    nameless = [
        pair.label for pair in looked.seen.pairs if pair.state is not State.NONE and not looked.complete(pair)
    ]
    if nameless:
        raise Refused(
            f"{scope.subject(sync)}: {', '.join(nameless)} has a session, and device group {sync.symdg} does "
            "not hold its names. Nothing was changed.",
            f"run the DAG `{scope.name}_provision`, which puts them back; then retire it again",
        )
    return looked


def _names(sync: Sync) -> list[str]:
    return list(dict.fromkeys(name for pair in sync.pairs for name in (pair.source, pair.target)))


def _named(scope: Scope, sync: Sync) -> set[str]:
    """The names that a service has in the device group of one of its syncs."""
    return {name for other in scope.service.syncs if other.symdg == sync.symdg for name in _names(other)}


def _left(
    scope: Scope, sync: Sync, group: Group | None, gone: Collection[tuple[str | None, str]] = ()
) -> list[Todo]:
    """What is left to do about a sync's group: its names first, the group after the service's last name.

    :param gone: names (group, name) that are taken for gone.
    :raises Refused: it holds what the service does not name.
    """
    if group is None or sync.symdg is None:
        return []
    held = {name for name in group.devices if (sync.symdg, name) not in gone}
    named = _named(scope, sync)
    # The source's name stays for each other target set whose own names are still there.
    others = [_named(other, sync) for other in scope.others()]
    shared = {name for names in others if (names - named) & held for name in names}
    foreign = sorted(held - named - shared)
    if foreign:
        raise Refused(
            f"{scope.subject(sync)}: device group {sync.symdg} also holds {', '.join(foreign)}, which this "
            "service does not name. It is left as it is.",
            "take these out of the group, or remove this service's names from it by hand",
        )
    target = (scope.symcli, scope.control_host, sync.symdg)
    own = [name for name in _names(sync) if name in held - shared]
    todo = [Todo(f"{name} is not in {sync.symdg}", commands.remove_name(*target, name)) for name in own]
    if held <= set(own):
        todo.append(Todo(f"device group {sync.symdg} is gone", commands.delete_group(*target)))
    return todo
