"""Unisphere before the first run: the server, its arrays, and both storage groups of each sync.

Everything is looked at, nothing is touched. What a user may change is shown by no look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clones.asking.side_by_side import attempts
from clones.asking.steps import Steps, run
from clones.backends.snapvx import answers, requests
from clones.backends.snapvx.answers import Array, Names, Snapshot, Volume
from clones.backends.snapvx.groups import devices_of
from clones.backends.snapvx.names import key_of, prefix
from clones.backends.snapvx.observe import SnapSeen, look
from clones.backends.snapvx.outcomes import Outcome, classify, failure
from clones.backends.snapvx.reading import as_object, text
from clones.backends.snapvx.set_up import differs, megabytes, show_volumes
from clones.backends.snapvx.standing import stands_still
from clones.config import Symcli, Sync
from clones.config.scope import Scope
from clones.errors import NOTHING_CHANGED
from clones.observe.findings import Finding, Level, from_error
from clones.states import DeviceNumber, SyncSeen, device_text

KEEPS = "slots of changes"
FIRST_MICROCODE = 5977
"""HYPERMAX OS, the first with SnapVX (documented)."""
NEWEST_MICROCODE = 6079
"""PowerMaxOS 10; what a later one does was not looked at."""
MOST_SNAPSHOTS = 256
"""Of one source, where nothing newer runs (documented)."""


def programs(symcli: Symcli, syncs: Sequence[Sync]) -> tuple[str, ...]:
    """None: the lock host only keeps files."""
    return ()


def missing(host: str, programs: Sequence[str]) -> Finding:
    raise AssertionError("no program is asked for")


def checks(symcli: Symcli, host: str, asked: Sequence[tuple[Scope, Sync]]) -> list[Steps[list[Finding]]]:
    """The server's version, and each array."""
    arrays: dict[str, list[tuple[Scope, Sync]]] = {}
    for scope, sync in asked:
        arrays.setdefault(str(sync.symid), []).append((scope, sync))
    return [
        _version(host),
        *(_array(host, symid, using) for symid, using in arrays.items()),
        *(_capable(host, symid) for symid in arrays),
    ]


def _version(host: str) -> Steps[list[Finding]]:
    """Whoever sends it has verified the server and let its user in before."""
    result = yield from run(requests.show_version(host))
    if classify(result) is not Outcome.DONE:
        raise failure(result, "The version of Unisphere", consequence=NOTHING_CHANGED)
    release = text(as_object(result.stdout), "version") or "without a number"
    where = f"host {host}"
    return [
        Finding(Level.OK, where, f"its certificate is trusted, and it lets the user in; Unisphere {release}"),
        Finding(
            Level.OK,
            where,
            "what the user may change no look shows: the first `provision` or `resync` does, before any "
            "target is touched",
        ),
    ]


def _array(host: str, symid: str, using: Sequence[tuple[Scope, Sync]]) -> Steps[list[Finding]]:
    where, names = f"host {host}", ", ".join(dict.fromkeys(scope.name for scope, _ in using))
    shown = answers.array((yield from run(requests.show_array(host, symid))), f"Array {symid}")
    if shown is None:
        what = f"array {symid} of {names} is not known there"
        remedy = "compare `symid` in services.yaml with the arrays in Unisphere, or give its own `unisphere`"
        return [Finding(Level.ERROR, where, what, remedy)]
    return judge_array(where, symid, names, shown)


def judge_array(where: str, symid: str, services: str, shown: Array) -> list[Finding]:
    """Whether SnapVX runs on it, and whether this server manages it.

    :param services: whose array it is, in words.
    """
    found = []
    if shown.local is False:
        found.append(
            Finding(
                Level.ERROR,
                where,
                f"array {symid} of {services} is managed by another Unisphere, and not local here",
                "give the connection of the Unisphere that manages it as `unisphere` in services.yaml",
            )
        )
    elif shown.local is None:
        what = f"it is not shown whether array {symid} is local to this Unisphere"
        remedy = "check in Unisphere that it manages the array itself: changes go by a local one only"
        found.append(Finding(Level.WARNING, where, what, remedy))
    first = shown.microcode.split(".")[0]
    number = int(first) if first.isdecimal() else 0
    if number and number < FIRST_MICROCODE:
        found.append(
            Finding(
                Level.ERROR,
                where,
                f"array {symid} of {services} has microcode {shown.microcode}, which has no SnapVX",
                "use `backend: symclone` for its syncs",
            )
        )
    elif not number or number > NEWEST_MICROCODE:
        found.append(
            Finding(
                Level.WARNING,
                where,
                f"array {symid} has microcode {shown.microcode or 'of an unknown number'}: what is known of "
                f"SnapVX is of {FIRST_MICROCODE} to {NEWEST_MICROCODE}",
                "try a service that nobody needs first",
            )
        )
    if not any(finding.level is Level.ERROR for finding in found):
        what = (
            f"array {symid} is known: {shown.model or 'model not shown'}, microcode {shown.microcode or '?'}"
        )
        found.insert(0, Finding(Level.OK, where, what))
    return found


def _capable(host: str, symid: str) -> Steps[list[Finding]]:
    where = f"host {host}"
    result = yield from run(requests.list_capabilities(host))
    capable = answers.capable(result, "What the arrays can do").get(symid)
    if capable:
        return [Finding(Level.OK, where, f"array {symid} can take snapshots")]
    if capable is False:
        what, remedy = f"array {symid} has no SnapVX", "have SnapVX licensed, or use `backend: symclone`"
        return [Finding(Level.ERROR, where, what, remedy)]
    what = f"it is not shown whether array {symid} has SnapVX"
    return [Finding(Level.WARNING, where, what, "check the array's licences in Unisphere")]


def look_closer(scope: Scope, sync: Sync, where: str) -> Steps[tuple[SyncSeen | None, list[Finding]]]:
    """Both groups, device by device; sizes, links and snapshots."""
    found: list[Finding] = []
    groups = ((str(sync.source_group), "source"), (str(sync.target_group), "target"))
    held = yield from attempts(devices_of(scope, sync, group) for group, _ in groups)
    for (group, role), one in zip(groups, held, strict=True):
        if one.error is not None:
            found.append(from_error(where, one.error, needless=NOTHING_CHANGED))
            continue
        ends = [DeviceNumber(getattr(pair, role)) for pair in sync.pairs]
        remedy = f"compare `pairs` and `{role}_group` in services.yaml with {group} in Unisphere"
        found += [
            Finding(Level.ERROR, where, said, f"{remedy}, and fix the wrong one")
            for said in differs(group, one.value(), ends)
        ]
    if found:
        return None, found
    sources, targets = (one.value() for one in held)
    (shown,) = yield from attempts([show_volumes(scope, sync)])
    volumes = shown.returned or {}
    if shown.error is not None:
        found.append(from_error(where, shown.error, needless=NOTHING_CHANGED))
    found += judge_volumes(where, sync, volumes)
    (looked,) = yield from attempts([look(scope, sync, {}, group=True)])
    if looked.error is not None:
        return None, [*found, from_error(where, looked.error, needless=NOTHING_CHANGED)]
    seen = with_sizes(looked.value(), volumes)
    subject = f"{scope.subject(sync)}: the snapshots of {sync.source_group}"
    every = answers.names((yield from run(requests.list_snapshots(scope, sync))), subject)
    found += judge_links(where, sync, seen)
    if not any(pair.session for pair in seen.pairs):
        found += judge_positions(where, sync, sources, targets)
    found += judge_snapshots(where, scope.name, sync, seen, every)
    return seen, found


def with_sizes(seen: SnapSeen, volumes: dict[int, Volume]) -> SnapSeen:
    """The same observation, with the sizes that the devices themselves show."""

    def size(device: int | None, known: int | None) -> int | None:
        shown = volumes.get(device or 0)
        return megabytes(shown) or known

    pairs = (
        replace(
            pair,
            source_size=size(pair.pair.source_device, pair.source_size),
            target_size=size(pair.pair.target_device, pair.target_size),
        )
        for pair in seen.pairs
    )
    return replace(seen, pairs=tuple(pairs))


def judge_volumes(where: str, sync: Sync, volumes: dict[int, Volume]) -> list[Finding]:
    """Sizes, and devices that are in other copies too."""
    found = []
    for pair in sync.pairs:
        source, target = volumes.get(pair.source_device or 0), volumes.get(pair.target_device or 0)
        at = f"{where}, {pair.label}"
        if source and target and (source.cylinders or 0) > (target.cylinders or source.cylinders or 0):
            what = f"the target has {target.cylinders} cylinders, the source {source.cylinders}"
            remedy = "give a target at least as large as its source"
            found.append(Finding(Level.ERROR, at, what, remedy))
        if target is not None and target.source:
            what = f"its target {device_text(target.device)} is the source of snapshots"
            remedy = (
                "find out who takes them (a snapshot policy?), and have that ended: it would be overwritten"
            )
            found.append(Finding(Level.ERROR, at, what, remedy))
        if source is not None and source.target:
            what = f"its source {device_text(source.device)} is itself linked to a snapshot"
            remedy = "check that `pairs` name production as their sources, not a copy"
            found.append(Finding(Level.WARNING, at, what, remedy))
    return found


def judge_links(where: str, sync: Sync, seen: SnapSeen) -> list[Finding]:
    """Whose snapshot the target group is linked to."""
    remedy = (
        f"compare {sync.source_group} and {sync.target_group} in Unisphere with `pairs` in services.yaml, "
        "and fix the wrong one"
    )
    found = [Finding(Level.ERROR, where, said, remedy) for said in seen.wrong]
    for one in seen.foreign:
        what = f"{sync.target_group} is linked to snapshot {_dated(one)}, which this service has not taken"
        remedy = (
            "check that it is the copy to be replaced: the first refresh links a snapshot of its own in its "
            "place. No rewind goes back to it, and it is never ended by this service: end it afterwards"
        )
        found.append(Finding(Level.WARNING, where, what, remedy))
    if (still := stands_still(sync, seen)) is not None:
        found.append(Finding(Level.ERROR, where, f"no refresh would begin: {still.why}", still.remedy))
    return found


def judge_positions(where: str, sync: Sync, sources: Sequence[int], targets: Sequence[int]) -> list[Finding]:
    """A first link pairs the devices of the groups by position; that lists show these is assumed."""
    wanted = {pair.source_device: pair.target_device for pair in sync.pairs}
    other = [
        f"{device_text(source)}:{device_text(target)}"
        for source, target in zip(sources, targets, strict=True)
        if wanted.get(source) != target
    ]
    if not other:
        return []
    return [
        Finding(
            Level.WARNING,
            where,
            f"by the order in which the two groups list their devices the link would make the pairs "
            f"{', '.join(other)}",
            f"compare them with `pairs`; if that is the order of the groups, make {sync.target_group} again "
            "with its devices in the order of their sources",
        )
    ]


def judge_snapshots(where: str, service: str, sync: Sync, seen: SnapSeen, every: Names) -> list[Finding]:
    """The sync's own ones: those that have expired, cannot be ended, or are restored; and how many there are.

    :param every: the snapshots of the source group.
    """
    found = []
    for one in seen.details:
        if one.restored:
            what = f"snapshot {one.name} is restored: somebody gives production its state back"
            remedy = "wait until that is over, and end the restore in Unisphere: no run begins before"
            found.append(Finding(Level.ERROR, where, what, remedy))
        if one.secure:
            what = f"snapshot {one.name} is secure: it cannot be ended before its time, and is left"
            found.append(
                Finding(Level.WARNING, where, what, "find out who made it secure; this service never does")
            )
        if one.expired:
            what = f"snapshot {one.name} has expired{': it ends with its link' if one.links else ''}"
            remedy = (
                "run the action `refresh`, which takes a new one; if it comes again, raise `time_to_live`"
            )
            found.append(Finding(Level.WARNING, where, what, remedy))
        others = sorted({link.group for link in one.links if link.group != sync.target_group})
        if others:
            what = (
                f"snapshot {one.name} is also linked to {', '.join(others)}, which is none of this service's"
            )
            remedy = "find out who linked it: a snapshot that is linked is not ended"
            found.append(Finding(Level.WARNING, where, what, remedy))
    names = len({*every.manual, *every.policies})
    if names >= MOST_SNAPSHOTS - sync.keep - 2:
        what = (
            f"{sync.source_group} has {names} snapshots, and some arrays allow {MOST_SNAPSHOTS} of a source"
        )
        remedy = "end those that nobody needs, or shorten the snapshot policy: the next one may be refused"
        found.append(Finding(Level.WARNING, where, what, remedy))
    if not any(finding.level is Level.ERROR for finding in found):
        found.append(Finding(Level.OK, where, _kept(service, sync, seen, every)))
    return found


def _kept(service: str, sync: Sync, seen: SnapSeen, every: Names) -> str:
    linked = [one.name for one in seen.linked]
    rest = [one for one in seen.listed or () if one not in linked]
    other = sorted({*every.manual, *every.policies} - set(seen.listed or ()))
    said = f"linked to {', '.join(map(_dated, seen.linked)) or 'no snapshot'}"
    said += f"; {len(rest)} more of its own ({prefix(service, key_of(sync))}...)"
    return f"{said}; of others, which are never touched: {', '.join(other) or 'none'}"


def _dated(one: Snapshot) -> str:
    at = f" of {one.at:%Y-%m-%d %H:%M:%S} UTC" if one.at else ""
    return f"{one.name}{at}{f', which ends on {one.expires:%Y-%m-%d}' if one.expires else ''}"
