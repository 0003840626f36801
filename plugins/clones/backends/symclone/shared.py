"""One look at an array for many syncs: one status command, or as many as its devices take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from clones.asking.pieces import chunks, pieces
from clones.asking.steps import Command, Steps
from clones.backends.place import LookKey, Member, place_of
from clones.backends.place import seen_place as seen_at
from clones.backends.symclone import commands
from clones.backends.symclone.observe import as_written, held_against, list_shown
from clones.backends.symclone.output import DeviceList
from clones.config.scope import Scope
from clones.states import SyncSeen

__all__ = ["first_asked", "look_at", "look_key", "looks", "seen_at"]

M = TypeVar("M", bound=Member)

MOST_DEVICES = 500
"""Device numbers in one command: with 5 digits and a comma each 3 kB, far from a command line's limit."""


@dataclass(frozen=True)
class Listed:
    """The devices of an array, from as many commands as it took."""

    devices: DeviceList

    def of(self, one: Member) -> SyncSeen:
        """:raises KeyError: its names are not those that were looked up."""
        return held_against(one.sync, place_of(one), self.devices)


def look_key(scope: Scope, symid: str) -> LookKey:
    """Who waits on the same array by the same programs of the same control host."""
    return LookKey(scope.control_host, scope.symcli.bin, symid)


def looks(members: Sequence[M]) -> Iterator[list[M]]:
    return chunks(((one, len(place_of(one).numbers)) for one in members), MOST_DEVICES)


def first_asked(members: Sequence[Member]) -> tuple[Command, ...]:
    return tuple(_command(members[0], devices) for devices in batches(members))


def look_at(
    members: Sequence[Member], subject: str, soon: Sequence[Command] = (), *, kept: bool = False
) -> Steps[Listed]:
    """The clock is that of the last command. Nothing is kept beside the copies."""
    first, symid = members[0].scope, place_of(members[0]).symid
    whole: DeviceList | None = None
    for devices in batches(members):
        part = yield from list_shown(first, symid, devices, subject, subject, soon)
        soon = ()
        whole = part if whole is None else replace(part, devices={**whole.devices, **part.devices})
    assert whole is not None, "a placed sync has devices"
    return Listed(whole)


def batches(members: Sequence[Member]) -> list[list[str]]:
    """The devices of these syncs of one array, each once, in lists for one command each."""
    numbers: dict[int, str] = {}
    for one in members:
        ends = place_of(one).devices
        known = [number for number in ends.values() if number is not None]
        for number, text in zip(known, as_written(one.sync, ends), strict=True):
            numbers.setdefault(number, text)
    return [list(piece) for piece in pieces([numbers[number] for number in sorted(numbers)], MOST_DEVICES)]


def _command(one: Member, devices: Sequence[str]) -> Command:
    return commands.list_devices(one.scope.symcli, one.scope.control_host, place_of(one).symid, devices)
