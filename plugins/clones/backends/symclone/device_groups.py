"""The device group of a sync: what it holds of the configuration, what it lacks, and filling it.

A device group only gives names to devices: making, filling and deleting one changes nothing on the array.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clones.asking.side_by_side import both
from clones.asking.steps import Result, Steps, note, run
from clones.backends.place import Place
from clones.backends.symclone import commands, output
from clones.backends.symclone.exit_codes import Outcome, classify, failure
from clones.backends.symclone.observe import see
from clones.backends.symclone.output import Group
from clones.backends.todo import Todo
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.right_pairs import wrong_pairs
from clones.decide.rules import Verdict
from clones.errors import NOTHING_CHANGED, CloneError, NotDone, Refused, Unknown
from clones.observe.running_commands import list_running, refuse_leftovers
from clones.observe.sync import observe
from clones.states import PairSeen, SyncSeen, device_text


class GroupIs(enum.StrEnum):
    """What is there under the configured group's name."""

    MISSING = "missing"
    EMPTY = "empty"
    OURS = "ours"
    ELSEWHERE = "elsewhere"


class NameIs(enum.StrEnum):
    """What a configured logical name stands for in the group."""

    RIGHT = "right"
    MISSING = "missing"
    UNPINNED = "unpinned"
    OTHER = "other"
    TAKEN = "taken"


GROUPS: Mapping[GroupIs, Verdict] = {
    GroupIs.MISSING: Verdict.ACT,
    GroupIs.EMPTY: Verdict.NOTHING,
    GroupIs.OURS: Verdict.NOTHING,
    GroupIs.ELSEWHERE: Verdict.REFUSE,
}
NAMES: Mapping[NameIs, Verdict] = {
    NameIs.RIGHT: Verdict.NOTHING,
    NameIs.MISSING: Verdict.ACT,
    NameIs.UNPINNED: Verdict.REFUSE,
    NameIs.OTHER: Verdict.REFUSE,
    NameIs.TAKEN: Verdict.REFUSE,
}


@dataclass(frozen=True)
class Name:
    """A configured logical name.

    :param number: the device that it stands for in the group, else the one that it is pinned to, if any.
    """

    name: str
    number: int | None
    target: bool
    found: NameIs
    why: str = ""


@dataclass(frozen=True)
class Contents:
    """What a group is, held against a sync.

    :param refused: why it must not be filled, one sentence each.
    """

    group: GroupIs
    names: tuple[Name, ...]
    refused: tuple[str, ...]

    @property
    def missing(self) -> tuple[Name, ...]:
        return tuple(name for name in self.names if NAMES[name.found] is Verdict.ACT)


def compare(sync: Sync, group: Group | None) -> Contents:
    """Hold a device group, None when there is none, against what is configured."""
    state, refused = _group_is(sync, group), []
    if GROUPS[state] is Verdict.REFUSE:
        assert group is not None
        refused.append(
            f"device group {sync.symdg} is on array {group.symid}, not on the configured {sync.symid}: "
            "fix `symid` or `symdg` in services.yaml"
        )
    held = {} if group is None else group.devices
    names: dict[str, Name] = {}
    for pair in sync.pairs:
        names[pair.source] = _name(pair.source, pair.source_device, held, target=False)
        names[pair.target] = _name(pair.target, pair.target_device, held, target=True)
    refused += [name.why for name in names.values() if NAMES[name.found] is Verdict.REFUSE]
    found = Contents(state, tuple(names.values()), tuple(refused))
    if found.missing and state in (GroupIs.MISSING, GroupIs.EMPTY) and sync.symid is None:
        why = f"device group {sync.symdg} holds no device that says of which array it is: give `symid`"
        return Contents(state, found.names, (*refused, why))
    return found


def _group_is(sync: Sync, group: Group | None) -> GroupIs:
    if group is None:
        return GroupIs.MISSING
    if group.symid is None:
        return GroupIs.EMPTY
    return GroupIs.OURS if sync.symid in (None, group.symid) else GroupIs.ELSEWHERE


def _name(name: str, pinned: int | None, held: Mapping[str, int], *, target: bool) -> Name:
    number = held.get(name)
    if number is not None:
        if pinned in (None, number):
            return Name(name, number, target, NameIs.RIGHT)
        why = (
            f"{name} is device {device_text(number)} in the device group, not for the configured "
            f"{device_text(pinned)}: fix the wrong one"
        )
        return Name(name, number, target, NameIs.OTHER, why)
    if pinned is None:
        why = f"{name} is not in the device group, and which device it is to be is not configured: pin it "
        return Name(name, None, target, NameIs.UNPINNED, why + f"(`{name}=1234`)")
    other = next((ld for ld, device in held.items() if device == pinned), None)
    if other is not None:
        why = (
            f"device {device_text(pinned)} is in the device group as {other}, not as the configured {name}: "
            "rename one of the two"
        )
        return Name(name, pinned, target, NameIs.TAKEN, why)
    return Name(name, pinned, target, NameIs.MISSING)


def find(scope: Scope, sync: Sync) -> Steps[Group | None]:
    """The sync's device group, None when there is none.

    That it cannot be listed does not say that it is not there: the list of all groups must not name it
    either.

    :raises CloneError: it could not be told.
    """
    assert sync.symdg is not None
    subject = f"{scope.subject(sync)}: device group {sync.symdg}"
    listed = yield from run(commands.list_group(scope.symcli, scope.control_host, sync.symdg))
    outcome = classify(listed.exit_code)
    if outcome is Outcome.DONE:
        return output.read_group(listed.stdout)
    if outcome is not Outcome.REFUSED:
        raise failure(listed, subject, consequence=NOTHING_CHANGED)
    groups = yield from run(commands.list_groups(scope.symcli, scope.control_host))
    outcome = classify(groups.exit_code)
    none = outcome in (Outcome.DONE, Outcome.REFUSED) and output.says_no_groups(groups.stdout)
    if outcome is Outcome.REFUSED and not none:
        raise Refused(
            f"{subject}: it is not known whether it exists: `{listed.command.title}` ended with "
            f"{listed.ending()}: {listed.said()}; `{groups.command.title}` with {groups.ending()}: "
            f"{groups.said()}\n{NOTHING_CHANGED}",
            f"check with `symdg list` on {scope.control_host}; if it is not there, make it by hand "
            f"(`symdg create {sync.symdg} -type regular`)",
        )
    if outcome is not Outcome.DONE and not none:
        raise failure(groups, subject, consequence=NOTHING_CHANGED)
    if not none and output.names_group(groups.stdout, sync.symdg):
        raise failure(listed, f"{subject}, which `symdg list` names", consequence=NOTHING_CHANGED)
    yield from note(f"There is no device group {sync.symdg} on {scope.control_host}")
    return None


def find_place(scope: Scope, sync: Sync) -> Steps[Place | None]:
    """Where the devices of a sync with a group are; None where nothing says of which array they are.

    A group that is not there, or a name that it lacks, stands for no device: nothing can be sent to it.

    :raises CloneError: it could not be told.
    """
    group = yield from find(scope, sync)
    symid = (group.symid if group else None) or sync.symid
    if symid is None or sync.symid not in (None, symid):
        return None
    return Place(symid, {name.name: name.number for name in compare(sync, group).names})


@dataclass(frozen=True)
class Looked:
    """A sync whose device group need not be whole.

    :param group: None when there is none.
    :param contents: the same, held against what is configured; None for a sync without device group.
    :param seen: the pairs; a name that is not in the group stands for the device that it is pinned to.
    """

    group: Group | None
    contents: Contents | None
    seen: SyncSeen

    def complete(self, pair: PairSeen) -> bool:
        """Whether both its names are in the group."""
        missing = {name.name for name in self.contents.missing} if self.contents else set()
        return not missing & {pair.pair.source, pair.pair.target}


def look(scope: Scope, sync: Sync) -> Steps[Looked]:
    """Look at a sync before its group is whole.

    :raises Refused: everything that keeps the group from being filled, and every wrong pair.
    :raises TryAgain: locked, lost, or not readable.
    """
    if not sync.grouped:
        seen = yield from observe(scope, sync)
        _refuse(scope, sync, wrong_pairs(seen))
        return Looked(None, None, seen)
    group = yield from find(scope, sync)
    contents = compare(sync, group)
    symid = (group.symid if group else None) or sync.symid
    ends = {name.name: name.number for name in contents.names}
    if symid is None or contents.group is GroupIs.ELSEWHERE or all(n is None for n in ends.values()):
        _refuse(scope, sync, contents.refused)
    assert symid is not None
    seen = yield from see(scope, sync, symid, ends)
    bad = {name.name for name in contents.names if NAMES[name.found] is Verdict.REFUSE}
    told = {f"{p.label}: {p.wrong}" for p in seen.pairs if {p.pair.source, p.pair.target} & bad}
    _refuse(scope, sync, [*contents.refused, *(wrong for wrong in wrong_pairs(seen) if wrong not in told)])
    return Looked(group, contents, seen)


def _refuse(scope: Scope, sync: Sync, refused: Sequence[str]) -> None:
    if refused:
        raise Refused(
            f"{scope.subject(sync)}:\n  " + "\n  ".join(refused) + "\nNothing was changed.",
            "compare `pairs` in services.yaml with the device group (`symdg show`) and the devices "
            "(`symdev show`), and fix the wrong one",
        )


def one_by_one(
    scope: Scope, sync: Sync, action: str, todo: Callable[[], Steps[Sequence[Todo]]], *, by_hand: str
) -> Steps[None]:
    """Do one thing, look what is still to do, do the next: until nothing is.

    :param action: for messages.
    :param todo: looks, and says what is to do.
    :param by_hand: what the operator does when SYMCLI refuses.
    :raises CloneError: see :mod:`clones.errors`.
    """
    sent: dict[str, Result] = {}
    last: Result | None = None
    while True:
        try:
            running, left = yield from both(list_running(scope), todo())
        except CloneError as error:
            if last is None:
                raise
            raise Unknown(
                f"{scope.subject(sync)}: `{last.command.title}` ended with {last.ending()}: "
                f"{last.said()}\nThe result is not known: {error.what}",
                "wait for the retry, which checks the device group first",
            ) from error
        if last is not None and classify(last.exit_code) is not Outcome.DONE:
            if left and left[0].what in sent:
                failed = failure(last, f"{scope.subject(sync)}: {action}", consequence="It is still to do.")
                raise Refused(failed.what, by_hand) if type(failed) is Refused else failed
            yield from note(f"`{last.command.title}` ended with {last.ending()}, but is done", warning=True)
        if not left:
            yield from note(f"{action} of sync {sync.name}: nothing {'more ' if sent else ''}to do")
            return
        first = left[0]
        if first.what in sent:
            raise NotDone(
                f"{scope.subject(sync)}: `{first.command.title}` was accepted, but the device group does "
                f"not show it: {first.what}.",
                f"wait for the retry; check with `symdg show {sync.symdg}`: if that shows it, `symdg list "
                "ld` leaves out targets on this control host, and this service needs its pairs by device "
                "number",
            )
        refuse_leftovers(scope, running, [sync], action)
        last = sent[first.what] = yield from run(first.command)
