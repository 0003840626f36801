"""Looking at the copies: which commands, and what they show (D1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from clones.config import Sync
from clones.errors import Missing, Refused, Unknown
from clones.right_pairs import see_pair
from clones.scope import Scope
from clones.states import State, SyncSeen, device_text
from clones.steps import Command, Steps, T, note, run
from clones.symcli import commands, output
from clones.symcli.exit_codes import Outcome, classify, failure, verified
from clones.symcli.output import DeviceList

NOTHING_CHANGED = "This was only a look: nothing was changed."


def observe(scope: Scope, sync: Sync) -> Steps[SyncSeen]:
    """Ask the array for the state of every pair of a sync.

    :raises Refused: the device group or the array is not known there.
    :raises TryAgain: locked, lost, or not readable.
    """
    subject = scope.subject(sync)
    symid, ends = yield from locate(scope, sync)
    seen = yield from see(scope, sync, symid, ends)
    if sync.precopy_timeout is not None and seen.all_in(frozenset({State.PRE_COPY})):
        asked = yield from run(commands.verify_precopied(scope.symcli, scope.service, sync, seen.pairs))
        answer = verified(asked.exit_code)
        if answer is None:
            raise failure(asked, f"{subject}: whether it is precopied", consequence=NOTHING_CHANGED)
        seen = replace(seen, precopied=answer)
    return seen


Ends = Mapping[str, int | None]
"""Device number of each of the pairs' names, None when it stands for none."""


def locate(scope: Scope, sync: Sync) -> Steps[tuple[str, Ends]]:
    """The array of a sync and the devices that its names stand for, as its device group says now.

    :raises Missing: the group is on another array, or holds none of the names.
    :raises Refused: the device group is not known there.
    :raises TryAgain: locked, lost, or not readable.
    """
    subject = scope.subject(sync)
    if sync.symdg is None:
        assert sync.symid is not None
        return sync.symid, pinned(sync)
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
            "mend `symid` or `symdg` in services.yaml",
        )
    symid = group.symid or sync.symid
    ends = {name: group.devices.get(name) for pair in sync.pairs for name in (pair.source, pair.target)}
    if not any(number is not None for number in ends.values()):
        raise Missing(
            f"{subject}: device group {sync.symdg} holds none of the configured logical names.",
            f"compare `pairs` in services.yaml with `symdg show {sync.symdg}`",
        )
    assert symid is not None
    return symid, ends


def pinned(sync: Sync) -> Ends:
    """The devices that its names must stand for, as the configuration says."""
    ends: dict[str, int | None] = {}
    for pair in sync.pairs:
        ends |= {pair.source: pair.source_device, pair.target: pair.target_device}
    return ends


def see(scope: Scope, sync: Sync, symid: str, ends: Ends) -> Steps[SyncSeen]:
    """Ask the array for the state of every pair, once it is known which devices the names stand for.

    :raises Refused: the array is not known there, or none of the devices.
    :raises TryAgain: locked, lost, or not readable.
    """
    subject = scope.subject(sync)
    known = written(sync, ends)
    listed = commands.list_devices(scope.symcli, scope.control_host, symid, known)
    shown = yield from list_shown(listed, symid, f"{subject}: devices {', '.join(known)} of {symid}")
    seen = seen_among(sync, shown, ends)
    yield from note(
        f"Sync {sync.name} on {symid}, {seen.clock:%Y-%m-%d %H:%M:%S} on {scope.control_host}", *seen.lines()
    )
    return seen


def written(sync: Sync, ends: Ends) -> list[str]:
    """The devices' numbers as they are asked for: by number the pairs are written as in the configuration."""
    return [
        device_text(number) if sync.grouped else name for name, number in ends.items() if number is not None
    ]


def list_shown(command: Command, symid: str, subject: str) -> Steps[DeviceList]:
    """What a device list shows.

    :param subject: what it is about, for an error.
    :raises Refused: the array is not known there, or none of the devices.
    :raises TryAgain: locked, lost, or not readable.
    """
    listed = yield from run(command)
    if classify(listed.exit_code) is not Outcome.DONE:
        raise failure(listed, subject, consequence=NOTHING_CHANGED)
    shown = _read(output.read_devices, listed.stdout, subject)
    if shown.symid != symid:
        raise Unknown(
            f"{subject}: the device list is of array {shown.symid!r}, not {symid}.",
            "look at its output in the log",
        )
    return shown


def seen_among(sync: Sync, shown: DeviceList, ends: Ends) -> SyncSeen:
    """A sync, as a list with its devices and perhaps others shows it."""
    return SyncSeen(
        sync.name,
        shown.symid,
        shown.clock,
        tuple(see_pair(pair, ends[pair.source], ends[pair.target], shown.devices) for pair in sync.pairs),
    )


def _read(reader: Callable[[str], T], text: str, subject: str) -> T:
    try:
        return reader(text)
    except Unknown as error:
        raise Unknown(f"{subject}: {error.what}", error.remedy) from None


def to_plain(seen: SyncSeen) -> dict[str, object]:
    """As JSON: what a run keeps of an observation."""
    return {
        "sync": seen.name,
        "symid": seen.symid,
        "clock": seen.clock.isoformat(),
        "pairs": [
            {
                "pair": pair.label,
                "source": pair.source,
                "target": pair.target,
                "state": pair.session.written if pair.session else str(pair.state),
                "percent": pair.session.percent if pair.session else None,
                "last_action": pair.session.last_action.isoformat()
                if pair.session and pair.session.last_action
                else None,
                "wrong": pair.wrong,
            }
            for pair in seen.pairs
        ],
    }


def is_same(plain: dict[str, object], now: SyncSeen) -> bool:
    """Whether an observation is, but for the clock and the progress, the one that was kept."""

    def essence(observation: dict[str, object]) -> object:
        pairs = observation["pairs"]
        assert isinstance(pairs, list)
        return [(p["source"], p["target"], p["last_action"], p["wrong"]) for p in pairs]

    return essence(plain) == essence(to_plain(now))
