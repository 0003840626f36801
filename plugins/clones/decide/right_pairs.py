"""Whether what the array shows is what is configured: the right pairs in the right direction (D4)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from clones.config import Pair, Sync
from clones.errors import Refused
from clones.states import Device, PairSeen, SyncSeen, device_text


def see_pair(pair: Pair, source: int | None, target: int | None, devices: Mapping[int, Device]) -> PairSeen:
    """Hold one configured pair against the devices that the array shows.

    :param source: device number that the pair's source name stands for, None when it stands for none.
    :param target: likewise.
    :returns: the pair with its session, or with what is wrong about it. No session at all is not wrong:
        it is the state ``none``.
    """
    for name, number, pinned in (
        (pair.source, source, pair.source_device),
        (pair.target, target, pair.target_device),
    ):
        if number is None:
            return PairSeen(pair, source, target, None, f"{name} is not in the device group")
        if pinned is not None and number != pinned:
            return PairSeen(
                pair, source, target, None,
                f"{name} is device {device_text(number)} in the device group, not for the configured "
                f"{device_text(pinned)}",
            )  # fmt: skip
        if number not in devices:
            written = name if _is_number(name, number) else device_text(number)
            return PairSeen(pair, source, target, None, f"the array shows no device {written}")
    assert source is not None and target is not None
    source, target = devices[source].number, devices[target].number  # as the array prints them
    onto_target = [session for session in devices[target].sessions if session.target == target]
    for session in onto_target:
        if session.source != source:
            return PairSeen(
                pair, source, target, None,
                f"{device_text(target)} is the target of source {_printed(session.source, devices)}, not of "
                f"{device_text(source)}",
            )  # fmt: skip
    for session in devices[target].sessions:
        if session.source == target:
            return PairSeen(
                pair, source, target, None,
                f"{device_text(target)} is itself the source of a copy on to "
                + _printed(session.target, devices)
                + ("; the pair is the wrong way round" if session.target == source else ""),
            )  # fmt: skip
    have, need = devices[target].size, devices[source].size
    if have is not None and need is not None and have < need:
        return PairSeen(
            pair, source, target, None, f"the target holds {have} MB, less than the source's {need} MB"
        )
    if len(set(onto_target)) > 1:
        return PairSeen(pair, source, target, None, "the array shows more than one session between the two")
    found = onto_target[0] if onto_target else None
    others = tuple(session for session in devices[source].sessions if session.target != target)
    return PairSeen(pair, source, target, found, source_size=need, target_size=have, others=others)


def _is_number(name: str, number: int) -> bool:
    """Whether a pair is configured by number, and not by a name in a device group."""
    return re.fullmatch("[0-9A-Fa-f]+", name) is not None and int(name, 16) == number


def _printed(number: int, devices: Mapping[int, Device]) -> str:
    """As the array prints it, or would: of one array all numbers are as long."""
    if number in devices:
        return device_text(devices[number].number)
    return device_text(number).zfill(max(len(device_text(device.number)) for device in devices.values()))


def wrong_pairs(seen: SyncSeen) -> list[str]:
    """What is wrong with each pair that is not the configured one."""
    wrong = [f"{pair.label}: {pair.wrong}" for pair in seen.pairs if pair.wrong] + list(seen.wrong)
    targets = Counter(pair.target for pair in seen.pairs)
    sources = {pair.source for pair in seen.pairs}
    for pair in seen.pairs:
        if pair.target is not None and (pair.target in sources or targets[pair.target] > 1):
            wrong.append(f"{pair.label}: its target is also a source or a target of another pair")
    return wrong


def refuse_wrong_pairs(service: str, sync: Sync, seen: SyncSeen) -> None:
    """:raises Refused: naming every pair that is not the configured one."""
    wrong = wrong_pairs(seen)
    if wrong:
        where = f"device group {sync.symdg} and " if sync.grouped else ""
        raise Refused(
            f"Service {service}, sync {sync.name}: the array {seen.symid} does not show the configured "
            "pairs:\n  " + "\n  ".join(wrong) + "\nNothing was sent to the array.",
            f"compare `pairs` in services.yaml with {where}`symdev show` of these devices, and fix the "
            "wrong one",
        )
