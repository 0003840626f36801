"""Looking at the copies: which commands, and what they show (D1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from clones.asking.side_by_side import both
from clones.asking.steps import Command, Steps, T, note, run
from clones.backends.place import Place, seen_place, written_place
from clones.backends.symclone import commands, output
from clones.backends.symclone.exit_codes import Outcome, classify, failure, verified
from clones.backends.symclone.output import DeviceList
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.right_pairs import see_pair
from clones.errors import NOTHING_CHANGED, Missing, Refused, Unknown, Unreadable
from clones.states import State, SyncSeen, Tools, device_text

TOOLS = Tools(
    "`symclone query`",
    "`symdev show`",
    "`symaudit`",
    "`symclone terminate -restored`",
    "`last_action` of these sessions in the output of `symdev list`",
    "the control host's clock",
    "the control host does not show modified tracks (`SYMAPI_TF_COUNT_MODIFIED_TRACKS`)",
)


def observe(
    scope: Scope,
    sync: Sync,
    before: SyncSeen | None = None,
    snapshots: Mapping[str, int] = MappingProxyType({}),
) -> Steps[SyncSeen]:
    """Ask the array for the state of every pair of a sync.

    :param before: the sync as it was seen in this task. These devices are asked for while it is asked whether
        the names still stand for them; if not, those that they stand for now are asked for as well.
    :param snapshots: there are none.
    :raises Refused: the device group or the array is not known there.
    :raises TryAgain: locked, lost, or not readable.
    """
    if before is None:
        place = yield from locate(scope, sync)
        seen = yield from see(scope, sync, place.symid, place.devices)
    else:
        known = seen_place(before)
        place, seen = yield from both(locate(scope, sync), see(scope, sync, known.symid, known.devices))
        if place != known:
            seen = yield from see(scope, sync, place.symid, place.devices)
    if sync.precopy_timeout is not None and seen.all_in(frozenset({State.PRE_COPY})):
        seen = yield from ask_precopied(scope, sync, seen)
    return seen


def locate(scope: Scope, sync: Sync) -> Steps[Place]:
    """Find out which devices the names of a sync stand for, and on which array they are.

    :raises Missing: the group is on another array, or holds none of the names.
    :raises Refused: the device group is not known there.
    :raises TryAgain: locked, lost, or not readable.
    """
    subject = scope.subject(sync)
    written = written_place(sync)
    if written is not None:
        return written
    assert sync.symdg is not None
    listed = yield from run(commands.list_group(scope.symcli, scope.control_host, sync.symdg))
    if classify(listed.exit_code) is not Outcome.DONE:
        error = failure(listed, f"{subject}: device group {sync.symdg}", consequence=NOTHING_CHANGED)
        if type(error) is Refused and listed.exit_code not in (126, 127):
            error = Refused(
                error.what, f"check `symdg` in services.yaml against `symdg list` on {scope.control_host}"
            )
        raise error
    group = _read(output.read_group, listed.stdout, subject)
    if sync.symid is not None and group.symid not in (None, sync.symid):
        raise Missing(
            f"{subject}: device group {sync.symdg} is on array {group.symid}, not on the configured "
            f"{sync.symid}.",
            "fix `symid` or `symdg` in services.yaml",
        )
    symid = group.symid or sync.symid
    ends = {name: group.devices.get(name) for pair in sync.pairs for name in (pair.source, pair.target)}
    if not any(number is not None for number in ends.values()):
        raise Missing(
            f"{subject}: device group {sync.symdg} holds none of the configured logical names.",
            f"compare `pairs` in services.yaml with `symdg show {sync.symdg}`",
        )
    assert symid is not None
    return Place(symid, ends)


def see(scope: Scope, sync: Sync, symid: str, ends: Mapping[str, int | None]) -> Steps[SyncSeen]:
    """Ask the array for the state of every pair, once it is known which devices the names stand for.

    :param ends: device number of each of the pairs' names, None when it stands for none.
    :raises Refused: the array is not known there, or none of the devices.
    :raises TryAgain: locked, lost, or not readable.
    """
    known = as_written(sync, ends)
    subject = scope.subject(sync)
    shown = yield from list_shown(
        scope, symid, known, subject, f"{subject}: devices {', '.join(known)} of {symid}"
    )
    seen = held_against(sync, Place(symid, ends), shown)
    yield from note(
        f"Sync {sync.name} on {symid}, {seen.clock:%Y-%m-%d %H:%M:%S} on {scope.control_host}", *seen.lines()
    )
    return seen


def as_written(sync: Sync, ends: Mapping[str, int | None]) -> list[str]:
    """The devices' numbers as they are asked for: by number the pairs are written as in the configuration."""
    return [
        device_text(number) if sync.grouped else name for name, number in ends.items() if number is not None
    ]


def list_shown(
    scope: Scope,
    symid: str,
    devices: Sequence[str],
    subject: str,
    asked: str,
    soon: Sequence[Command] = (),
) -> Steps[DeviceList]:
    """Ask the array for devices and their sessions; they may be those of more than one sync.

    :param devices: device numbers as text.
    :param subject: whose they are, for an answer that cannot be read.
    :param asked: what was asked for, for a command that was not done.
    :param soon: looks that come next.
    :raises Refused: the array is not known there, or none of the devices.
    :raises Unreadable: the answer is no device list of this array.
    :raises TryAgain: locked or lost.
    """
    command = commands.list_devices(scope.symcli, scope.control_host, symid, devices)
    listed = yield from run(replace(command, soon=tuple(soon)))
    if classify(listed.exit_code) is not Outcome.DONE:
        raise failure(listed, asked, consequence=NOTHING_CHANGED)
    shown = _read(output.read_devices, listed.stdout, subject)
    if shown.symid != symid:
        raise Unreadable(
            f"{subject}: the device list is of array {shown.symid!r}, not {symid}.",
            "read its output in the log",
        )
    return shown


def held_against(sync: Sync, place: Place, shown: DeviceList) -> SyncSeen:
    """The pairs of a sync as a device list shows them, each held against the configured one."""
    return SyncSeen(
        sync.name,
        place.symid,
        shown.clock,
        tuple(
            see_pair(pair, place.devices[pair.source], place.devices[pair.target], shown.devices)
            for pair in sync.pairs
        ),
        tools=TOOLS,
    )


def ask_precopied(scope: Scope, sync: Sync, seen: SyncSeen) -> Steps[SyncSeen]:
    """Ask whether the precopy of every pair has gone through all tracks once.

    :raises TryAgain: it could not be told.
    """
    asked = yield from run(commands.verify_precopied(scope, sync, seen.symid, seen.pairs))
    answer = verified(asked.exit_code)
    if answer is None:
        raise failure(asked, f"{scope.subject(sync)}: whether it is precopied", consequence=NOTHING_CHANGED)
    return replace(seen, precopied=answer)


def _read(reader: Callable[[str], T], text: str, subject: str) -> T:
    try:
        return reader(text)
    except Unknown as error:
        raise Unreadable(f"{subject}: {error.what}", error.remedy) from None
