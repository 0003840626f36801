"""Whether a target is anything else of the file, by device number: a target once more, or a source (D4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clones.states import PairSeen, device_text

REMEDY = (
    "give each pair a target of its own in services.yaml, and check their direction; pin names to their "
    "device numbers (`DEV001=1234`)"
)


@dataclass(frozen=True)
class End:
    """One end of a pair, as it is on the array.

    :param role: `source` or `target`.
    :param target_set: of the service; empty for one without.
    """

    symid: str
    number: int
    role: str
    service: str
    target_set: str
    sync: str
    pair: PairSeen

    @property
    def where(self) -> str:
        """In words, with its service."""
        on = f", set {self.target_set}" if self.target_set else ""
        return f"service {self.service}{on}, sync {self.sync}, {self.pair.label}"

    def is_also(self, others: Iterable[End]) -> str:
        """What is wrong with it, as the beginning of a sentence.

        :param others: which are the same device.
        """
        also = " and ".join(f"{one.role} of {one.where}" for one in others)
        return f"its {self.role} {device_text(self.number)} of {self.symid} is also {also}"


def ends_of(service: str, target_set: str, sync: str, symid: str, pairs: Iterable[PairSeen]) -> Iterator[End]:
    """The ends of a sync's pairs; of a name that stands for no device there is none."""
    for pair in pairs:
        for role, number in (("source", pair.source), ("target", pair.target)):
            if number is not None:
                yield End(symid, number, role, service, target_set, sync, pair)


def shared(ends: Iterable[End]) -> list[tuple[End, list[End]]]:
    """Each end with the others that it must not be the same device as.

    Many copies may be of one source.
    """
    devices: dict[tuple[str, int], list[End]] = {}
    for end in ends:
        devices.setdefault((end.symid, end.number), []).append(end)
    found = []
    for uses in devices.values():
        for end in uses if len(uses) > 1 else ():
            others = [one for one in uses if one is not end and "target" in (one.role, end.role)]
            if others:
                found.append((end, others))
    return found
