"""What the snapshots of a sync say of its pairs."""

from __future__ import annotations

from collections.abc import Sequence

from clones.backends.snapvx.answers import Link, Snapshot
from clones.config import Pair, Sync
from clones.states import DeviceNumber, Kept, PairSeen, PointInTime, Session, State, device_text

_STATES = frozenset({"established", "restored", "linked", "copied", "copyinprog"})
"""What a snapshot's own list of states may hold; any other word makes its pairs unknown."""


def find_kept(
    details: Sequence[Snapshot], foreign: Sequence[Snapshot], pairs: Sequence[PairSeen], names: Sequence[str]
) -> tuple[Kept, ...]:
    """The snapshots that pairs are linked to, and those of ours that are older; none while none is linked.

    :param details: those of ours that were read.
    :param names: of all of ours, as far as they were asked for.
    """
    targets = {pair.target for pair in pairs}
    read = {one.name: one for one in details}
    linked = [one for one in (*details, *foreign) if any(link.target in targets for link in one.links)]
    oldest = min((one.name for one in linked if one.name in read), default="")
    found = [Kept(one.name, one.snapid, one.at, True, one.expires) for one in linked]
    for name in {name for name in (*read, *names) if name < oldest}:
        one = read.get(name)
        found.append(
            Kept(name, one.snapid, one.at, False, one.expires)
            if one is not None
            else Kept(name, None, None, False)
        )
    return tuple(sorted(found, key=lambda one: (one.name, one.snapid or 0), reverse=True))


def see_pair(pair: Pair, sync: Sync, details: Sequence[Snapshot]) -> PairSeen:
    """Hold one configured pair against the links that were read.

    A link that somebody else has made between exactly the configured devices, by the configured group, is the
    pair's: so a copy that was there before this service is taken over by its next refresh.

    :param details: snapshots of this sync, and those of somebody else.
    """
    assert pair.source_device is not None and pair.target_device is not None
    links = [(one, link) for one in details for link in one.links if link.target == pair.target_device]
    size = next(
        (_megabytes(one.sources[pair.source_device]) for one in details if pair.source_device in one.sources),
        None,
    )
    if not links:
        return PairSeen(pair, DeviceNumber(pair.source), DeviceNumber(pair.target), None, "", size)
    wrong = ""
    one, link = links[0]
    if link.source != pair.source_device:
        wrong = (
            f"{device_text(link.target)} is linked to source {device_text(link.source)}, not to {pair.source}"
        )
    elif link.group != sync.target_group:
        wrong = (
            f"{device_text(link.target)} is linked by storage group {link.group}, not by {sync.target_group}"
        )
    state, written = _state(sync, one, link) if len(links) == 1 else (State.UNKNOWN, "linked twice")
    session = Session(link.source, link.target, state, written, link.percent, one.at)
    return PairSeen(pair, link.source, link.target, None if wrong else session, wrong, size)


def _state(sync: Sync, one: Snapshot, link: Link) -> tuple[State, str]:
    words = {word.lower() for word in one.states}
    if "failed" in words:
        return State.FAILED, "Failed"
    if words - _STATES:
        return State.UNKNOWN, ", ".join(one.states)
    if not sync.copy_link:
        return State.COPY_ON_ACCESS, "Linked"
    if link.percent is None:
        return State.UNKNOWN, "percent not shown"
    return (State.COPIED, "Copied") if link.percent == 100 else (State.COPY_IN_PROG, "CopyInProg")


def _megabytes(cylinders: int | None) -> int | None:
    """A cylinder has 15 tracks of 128 KB."""
    return None if cylinders is None else cylinders * 15 * 128 // 1024


def find_torn(pairs: Sequence[PairSeen], details: Sequence[Snapshot]) -> str:
    """Why the pairs are not of one point in time; empty when they are, or none is linked."""
    on: dict[tuple[str, int], list[str]] = {}
    for pair in pairs:
        linked = [
            (one.name, one.snapid) for one in details if any(link.target == pair.target for link in one.links)
        ]
        for one in linked or [("", 0)]:
            on.setdefault(one, []).append(pair.label)
    if len(on) < 2:
        return ""
    one_name = len({name for name, _ in on}) < len(on)
    return "; ".join(
        f"{', '.join(labels)} "
        + (f"linked to snapshot {name}{f', number {snapid}' * one_name}" if name else "not linked")
        for (name, snapid), labels in on.items()
    )


def find_prepared(
    details: Sequence[Snapshot], pairs: Sequence[PairSeen], foreign: Sequence[Snapshot] = ()
) -> tuple[PointInTime | None, str]:
    """The newest snapshot that was taken after the target was linked, and is not linked.

    A snapshot that is newer than the linked one and older than its link was left behind by a rewind. Where
    nothing is linked, it is the newest.

    :param foreign: snapshots of somebody else that the target is linked to.
    :returns: the snapshot, and why it is not known that it is that; empty when it is.
    """
    targets = {pair.target for pair in pairs}
    read = (*details, *foreign)
    linked = [one for one in read if any(link.target in targets for link in one.links)]
    for one in details:
        if one in linked or one.at is None or one.expired:
            continue
        point = PointInTime(one.name, one.snapid, one.at)
        if not linked:
            return point, ""
        if any(other.at is None or other.at >= one.at for other in linked):
            return None, ""
        since = [link.since for other in linked for link in other.links if link.target in targets]
        if None in since:
            return point, "the server does not show when the target was linked"
        return (point, "") if max(at for at in since if at is not None) < one.at else (None, "")
    return None, ""
