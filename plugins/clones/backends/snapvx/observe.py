"""Looking at a sync: which snapshots it has, and to which of them its target group is linked.

A target is linked to one snapshot at most. So the pairs are known as soon as snapshots were found that
account for all targets; they are read from the newest on. What is known already of names and numbers
(*snapshots* of an observation, the ledger) spares questions and decides nothing: the answer says which
snapshot it is about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from clones.asking.steps import Request, Result, Steps, note, run, run_together
from clones.backends.snapvx import answers, requests
from clones.backends.snapvx.answers import Group, Names, Snapshot
from clones.backends.snapvx.groups import devices_of
from clones.backends.snapvx.names import key_of, ours
from clones.backends.snapvx.pairs import find_kept, find_prepared, find_torn, see_pair
from clones.config import Sync
from clones.config.scope import Scope
from clones.errors import Missing, Refused, Unknown
from clones.states import State, SyncSeen, Tools, device_text

MOST_FOREIGN = 40
"""Snapshots of others that are read to find the one that holds a target group."""
TOOLS = Tools(
    query="the storage group's snapshots in Unisphere",
    show="what Unisphere shows",
    audit="the audit log of the array in Unisphere",
    end_restored="end the restore in Unisphere",
    times="`timestamp_utc` of the snapshots",
    clock="the clock of Unisphere",
    uncounted="Unisphere does not show how much differs",
)
_IN_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class SnapSeen(SyncSeen):
    """What was observed of one sync, with its snapshots.

    :param details: those of ours that were read.
    :param foreign: those of somebody else that the target group is linked to.
    :param listed: the names of ours, the newest first; None when they were not asked for.
    :param target: the target group; None when it was not asked for.
    :param unsure: why it is not known whether ``prepared`` was taken after the target was linked.
    """

    details: tuple[Snapshot, ...] = ()
    foreign: tuple[Snapshot, ...] = ()
    listed: tuple[str, ...] | None = None
    target: Group | None = None
    unsure: str = ""

    def detail(self, name: str) -> Snapshot | None:
        """One of ours, if it was read and is there."""
        return next((one for one in self.details if one.name == name), None)

    @property
    def linked(self) -> tuple[Snapshot, ...]:
        """Those that a pair is linked to."""
        targets = {pair.target for pair in self.pairs}
        return tuple(
            one for one in (*self.details, *self.foreign) if any(link.target in targets for link in one.links)
        )

    def wholly_on(self, name: str) -> bool:
        """Whether every pair is linked to that snapshot, and to no other."""
        return [one.name for one in self.linked] == [name] and all(
            pair.session and not pair.wrong and pair.state is not State.UNKNOWN for pair in self.pairs
        )


def observe(
    scope: Scope,
    sync: Sync,
    before: SyncSeen | None = None,
    snapshots: Mapping[str, int] = MappingProxyType({}),
) -> Steps[SnapSeen]:
    """Ask for the state of every pair of a sync, and for its snapshots.

    :param before: the sync as it was seen in this task. Where every pair is still linked to the same
        snapshot, it is not asked what other snapshots there are.
    :param snapshots: likewise, by name the numbers of those that an activation has left.
    :raises Missing: a storage group is not there.
    :raises Refused: two snapshots have one name.
    :raises TryAgain: lost, locked or not readable.
    """
    known = snapshots
    if isinstance(before, SnapSeen):
        known = {one.name: one.snapid for one in before.linked} or before.snapshots
    return (yield from look(scope, sync, known, all_names=not known, newest=1))


def look(
    scope: Scope,
    sync: Sync,
    known: Mapping[str, int],
    *,
    all_names: bool = True,
    group: bool = False,
    newest: int = 2,
) -> Steps[SnapSeen]:
    """The same.

    :param known: by name, numbers of snapshots of this sync.
    :param all_names: ask for the names of all snapshots, also when those that are known account for every
        target.
    :param group: ask which devices the target group holds, too.
    :param newest: so many of those that are known are read with the first question: one that is prepared, and
        one that is linked.
    """
    looking = _Looking(scope, sync, dict(known))
    first = looking.from_known(newest)
    if all_names or not first:
        first.insert(0, requests.list_snapshots(scope, sync))
    if group:
        first.append(requests.list_volumes(scope, sync, str(sync.target_group)))
    results = yield from run_together(first)
    if group:
        looking.held = yield from devices_of(scope, sync, str(sync.target_group), results.pop())
    for result in results:
        looking.took(result)
    if looking.names is None and not looking.is_whole():
        looking.took((yield from run(requests.list_snapshots(scope, sync))))
    yield from looking.read_on()
    if not looking.is_whole():
        yield from looking.find_foreign()
    seen = looking.seen()
    yield from note(
        f"Sync {sync.name} on {seen.symid}, {seen.clock:%Y-%m-%d %H:%M:%S} UTC on {scope.unisphere}",
        *seen.lines(),
    )
    return seen


def look_at(scope: Scope, sync: Sync, known: Mapping[str, int]) -> Steps[SnapSeen]:
    """Look at these snapshots and at nothing else, after a change of one's own.

    A pair that is linked to none of them is seen as not linked, which proves nothing.

    :param known: by name, the numbers of snapshots of this sync, one or two.
    """
    looking = _Looking(scope, sync, dict(known))
    for result in (yield from run_together(looking.from_known(len(known)))):
        looking.took(result)
    return looking.seen()


def with_snapshot(seen: SnapSeen, sync: Sync, detail: Snapshot) -> SnapSeen:
    """The same observation with one more snapshot, which was read since."""
    details = tuple(
        sorted({**{one.name: one for one in seen.details}, detail.name: detail}.values(), key=_age)
    )
    prepared, unsure = find_prepared(details, seen.pairs, seen.foreign)
    return replace(
        seen,
        details=details,
        prepared=prepared,
        unsure=unsure,
        snapshots={one.name: one.snapid for one in details},
        listed=None if seen.listed is None else tuple(sorted({*seen.listed, detail.name}, reverse=True)),
    )


def _age(one: Snapshot) -> list[int]:
    """The newest name first."""
    return [-ord(char) for char in one.name]


class _Looking:
    """One look, as far as it has come."""

    def __init__(self, scope: Scope, sync: Sync, known: dict[str, int]) -> None:
        self.scope, self.sync = scope, sync
        self.subject = scope.subject(sync)
        self.known = {name: known[name] for name in ours(scope.name, key_of(sync), known)}
        self.asked: dict[str, tuple[str, int]] = {}
        self.details: dict[str, Snapshot] = {}
        self.gone: set[str] = set()
        self.names: Names | None = None
        self.group: Group | None = None
        self.held: list[int] | None = None
        """The devices of the target group."""
        self.clock: datetime | None = None
        self.wrong: list[str] = []
        self.foreign: list[Snapshot] = []

    def from_known(self, newest: int) -> list[Request]:
        """To read the newest that are known."""
        return [self._detail(name, self.known[name]) for name in list(self.known)[:newest]]

    def _detail(self, name: str, snapid: int) -> Request:
        request = requests.show_snapshot(self.scope, self.sync, name, snapid)
        self.asked[request.path] = name, snapid
        return request

    def took(self, result: Result) -> None:
        """Read one answer.

        :raises CloneError: it says nothing.
        """
        request = result.command
        assert isinstance(request, Request)
        if result.clock is not None:
            at = result.clock.replace(tzinfo=None, microsecond=0)
            self.clock = at if self.clock is None else max(self.clock, at)
        if request.path in self.asked:
            name, snapid = self.asked[request.path]
            found = answers.snapshot(result, self.subject, name, snapid)
            if found is None:
                self.gone.add(name)
            else:
                self.details[name] = found
        elif request.path.endswith("/snapshot"):
            self.names = answers.names(result, f"{self.subject}: the snapshots of {self.sync.source_group}")
        else:
            target = answers.group(result, f"{self.subject}: storage group {self.sync.target_group}")
            if target is None:
                raise Missing(
                    f"{self.subject}: there is no storage group {self.sync.target_group} on array "
                    f"{self.sync.symid}. Nothing was changed.",
                    "fix `target_group` in services.yaml, or make the group: no link ever makes it",
                )
            self.group = target

    def is_whole(self) -> bool:
        """Whether the snapshots that were read account for every target."""
        targets = {pair.target_device for pair in self.sync.pairs}
        read = (*self.details.values(), *self.foreign)
        return targets <= {link.target for one in read for link in one.links}

    def listed(self) -> tuple[str, ...]:
        """The names of ours, the newest first."""
        return ours(self.scope.name, key_of(self.sync), self.names.manual if self.names else self.known)

    def read_on(self) -> Steps[None]:
        """Read the snapshots of ours, the newest first, until every target is accounted for.

        Those that are newer than the one that is linked are read in any case.
        """
        for name in self.listed():
            if name in self.details:
                if self.is_whole():
                    return
                continue
            if self.is_whole() and any(
                name < one.name for one in self.details.values() if self._is_linked(one)
            ):
                return
            found = yield from self._read(name)
            if found is not None:
                self.details[name] = found

    def _is_linked(self, one: Snapshot) -> bool:
        targets = {pair.target_device for pair in self.sync.pairs}
        return any(link.target in targets for link in one.links)

    def _read(self, name: str) -> Steps[Snapshot | None]:
        """:raises Refused: there are two of that name."""
        snapid = None if name in self.gone else self.known.get(name)
        if snapid is None:
            listed = yield from run(requests.list_snapids(self.scope, self.sync, name))
            self._tick(listed)
            found = answers.snapids(listed, f"{self.subject}: snapshot {name}")
            if len(found) > 1:
                raise Refused(
                    f"{self.subject}: there are {len(found)} snapshots {name}, numbers "
                    f"{', '.join(map(str, found))}: it is not known which one is meant. Nothing was changed.",
                    "find out who took the second one, and end the one that is not linked by its number",
                )
            if not found:
                return None  # it was ended since the list
            snapid = found[0]
            self.known[name] = snapid
        shown = yield from run(self._detail(name, snapid))
        self._tick(shown)
        return answers.snapshot(shown, self.subject, name, snapid)

    def _tick(self, result: Result) -> None:
        if result.clock is not None:
            at = result.clock.replace(tzinfo=None, microsecond=0)
            self.clock = at if self.clock is None else max(self.clock, at)

    def find_foreign(self) -> Steps[None]:
        """Whose link it is that holds the targets, where it is none of ours."""
        if self.group is None:
            self.took(
                (yield from run(requests.show_group(self.scope, self.sync, str(self.sync.target_group))))
            )
        assert self.group is not None
        if self.group.linked is False or not self.names:
            return
        mine = set(self.listed())
        others = [n for n in (*self.names.manual, *self.names.policies) if n not in mine]
        left = MOST_FOREIGN
        for name in dict.fromkeys(others):
            if left <= 0 or not _IN_PATH.fullmatch(name):
                continue
            listed = yield from run(requests.list_snapids(self.scope, self.sync, name))
            for snapid in answers.snapids(listed, f"{self.subject}: snapshot {name}")[:left]:
                left -= 1
                shown = yield from run(requests.show_snapshot(self.scope, self.sync, name, snapid))
                found = answers.snapshot(shown, self.subject, name, snapid)
                if found is not None and self._is_linked(found):
                    self.foreign.append(found)
                    yield from note(
                        f"{self.subject}: {self.sync.target_group} is linked to snapshot {name}, number "
                        f"{snapid}, which this service has not taken",
                        "it is never ended by this service",
                        warning=True,
                    )
            if self.is_whole():
                return
        if self.group.linked and not any(
            self._is_linked(one) for one in (*self.details.values(), *self.foreign)
        ):
            self.wrong.append(
                f"storage group {self.sync.target_group} is linked, and to no snapshot of "
                f"{self.sync.source_group} that could be read"
            )

    def _target(self) -> Group | None:
        if self.held is None:
            return self.group
        return Group(str(self.sync.target_group), len(self.held), self.group.linked if self.group else None)

    def seen(self) -> SnapSeen:
        """:raises Unknown: the server does not say its time."""
        if self.clock is None:
            raise Unknown(
                f"{self.subject}: {self.scope.unisphere} does not say its time (header `Date`): no age "
                "can be told.",
                "let what stands between Airflow and Unisphere pass the header `Date` on, or connect to "
                "Unisphere itself",
            )
        details = tuple(sorted(self.details.values(), key=_age))
        foreign = tuple(self.foreign)
        pairs = tuple(see_pair(pair, self.sync, (*details, *foreign)) for pair in self.sync.pairs)
        configured = {pair.target_device for pair in self.sync.pairs if pair.target_device is not None}
        held = {
            link.target
            for one in (*details, *foreign)
            for link in one.links
            if link.group == self.sync.target_group
        }
        strange = sorted({*held, *(self.held or ())} - configured)
        if strange:
            self.wrong.append(
                f"storage group {self.sync.target_group} also holds {', '.join(map(device_text, strange))}, "
                "which no pair names"
            )
        held_now = set(self.held) if self.held is not None else configured
        gone = [pair.target for pair in self.sync.pairs if pair.target_device not in held_now]
        if gone:
            self.wrong.append(f"storage group {self.sync.target_group} does not hold {', '.join(gone)}")
        prepared, unsure = find_prepared(details, pairs, foreign)
        listed = None if self.names is None else self.listed()
        return SnapSeen(
            self.sync.name,
            str(self.sync.symid),
            self.clock,
            pairs,
            prepared=prepared,
            torn=find_torn(pairs, (*details, *foreign)),
            wrong=tuple(self.wrong),
            snapshots={one.name: one.snapid for one in details},
            tools=TOOLS,
            kept=find_kept(details, foreign, pairs, listed or ()),
            details=details,
            foreign=foreign,
            listed=listed,
            target=self._target(),
            unsure=unsure,
        )
