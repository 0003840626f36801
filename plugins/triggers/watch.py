"""Looking at one array for all who wait on it: one connection, one round of looks an interval (D9).

A triggerer has one event loop; all its waits on one array meet in one :class:`Watch`, by their key. Airflow
opens one shared stream for the key and hands what it yields to every wait; it hands the stream the arguments
of one wait only, so that the stream finds here whom it looks for.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from math import inf
from weakref import WeakKeyDictionary

from clones.act.wait import Wait
from clones.backends import backend_of
from clones.backends.place import LookKey, Shown
from clones.errors import CloneError, Refused, TryAgain, Unknown, Unreadable
from clones.observe.next_look import Bounds, backoff
from clones.states import SyncSeen
from clones.time_limits import REFUSED_WAIT
from hooks.symcli_async import SymcliHookAsync, shared_hook

LONGEST_BACKOFF = 300.0
"""Seconds between two tries of an array that cannot be asked."""
AT_ONCE = 20
"""Waits that one turn of the event loop decides for; one takes a tenth of a millisecond and more."""


def time_of_day() -> datetime:
    """Now, with a zone."""
    return datetime.now(UTC)


class Watch:
    """All waits of one key.

    :param hosts: of the event loop in which it is used.
    :param now: the time of day, with a zone.
    :param chance: 0 to 1, drawn for each pause after a failure.
    """

    def __init__(
        self,
        key: LookKey,
        hosts: SymcliHookAsync,
        *,
        now: Callable[[], datetime] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.key = key
        self.readers = 0
        self.waits: dict[Wait, None] = {}
        self._hosts = hosts
        self._way = hosts.servers if key.is_server else hosts
        self._now = now or time_of_day
        self._chance = chance
        self._next = inf
        self._first: float | None = None
        self._changed = asyncio.Event()
        self._failed: CloneError | None = None
        self._refused_since: float | None = None

    def join(self, wait: Wait) -> None:
        """Look for this wait too. Its first look comes when it is due, not at once."""
        wait.begin(self._at(), self._now())
        self.waits[wait] = None
        if wait.due < self._next:
            self._next = wait.due
            self._changed.set()

    def leave(self, wait: Wait) -> None:
        """Look for it no more."""
        self.waits.pop(wait, None)
        _forget_unused(self)

    async def looks(self) -> AsyncGenerator[frozenset[Wait], None]:
        """Look for as long as somebody listens, and yield those who have news whenever there are any.

        Not knowing is no end: nothing that goes wrong ends this.
        """
        self.readers += 1
        try:
            async with self._way.using(self.key.host):
                last, failures, not_before = -inf, 0, -inf
                while True:
                    await self._until_due(last, not_before)
                    last, now = self._at(), self._now()
                    self._first = None
                    self._failed = None
                    async for waits in self._look([w for w in self.waits if w.wants_look(last, now)]):
                        news = frozenset(wait for wait in waits if wait.has_news)
                        for wait in news:
                            if wait.ended:
                                self.waits.pop(wait, None)
                        if news:
                            yield news
                    failures = failures + 1 if self._failed else 0
                    if failures:
                        bounds = Bounds(self._shortest(), LONGEST_BACKOFF)
                        not_before = self._at() + backoff(failures, bounds, self._chance())
        finally:
            self.readers -= 1
            _forget_unused(self)

    async def _until_due(self, last: float, not_before: float) -> None:
        """Until a wait is due, but not sooner after the last look than any of them wants.

        A wait whose time is up is looked at once more even while a host that failed is left alone.
        """
        while True:
            self._changed.clear()
            self._next = inf
            if self.waits:
                at, now = self._at(), self._now()
                due = max(not_before, min(wait.due for wait in self.waits))
                over = at + min(wait.left(now) for wait in self.waits)
                self._next = max(min(due, over), last + self._shortest())
                if self._next <= at:
                    return
            pause = None if self._next is inf else self._next - self._at()
            try:
                await asyncio.wait_for(self._changed.wait(), pause)
            except TimeoutError:
                return

    async def _look(self, waits: Sequence[Wait]) -> AsyncIterator[Sequence[Wait]]:
        """Ask for these waits, look by look, and yield those that a look was for.

        After an error that may be the next command's too, nothing more is asked.
        """
        if not await self._connected(waits):
            yield waits
            return
        arrays: dict[str, list[Wait]] = {}
        for wait in waits:
            if wait.place is None:
                await self._locate(wait)
                yield [wait]
            if wait.place is not None:
                arrays.setdefault(wait.place.symid, []).append(wait)
        for symid, those in arrays.items():
            for chunk in backend_of(those[0].sync).looks(those):
                await self._ask(symid, chunk)
                yield chunk

    async def _connected(self, waits: Sequence[Wait]) -> bool:
        """Whether the host, or the server, can be asked; else these waits know why not.

        All of them were looked at through the same connection before they began. That it is not to be had any
        more ends them only when that stays: while Airflow's database does not answer, none is defined.
        """
        try:
            await self._way.connect(self.key.host)
        except CloneError as error:
            self._refused_since = self._at() if self._refused_since is None else self._refused_since
            if isinstance(error, Refused) and self._at() - self._refused_since >= REFUSED_WAIT.seconds:
                for wait in waits:
                    wait.refused(error)
            else:
                if not isinstance(error, Refused):
                    self._refused_since = None
                self._not_known(waits, error)
            self._failed = error
            return False
        self._refused_since = None
        return True

    async def _locate(self, wait: Wait) -> None:
        """Which devices its sync is about: once a wait."""
        if self._failed:
            self._not_known([wait], self._failed)
            return
        try:
            wait.place = await self._hosts.run(backend_of(wait.sync).locate(wait.scope, wait.sync))
        except TryAgain as error:
            self._failed = error
            self._not_known([wait], error)
        except CloneError as error:
            wait.refused(error)

    async def _ask(self, symid: str, waits: Sequence[Wait]) -> None:
        """One look for all these waits, if it can be.

        What is refused or not readable for all may be so for one of them only, a device that is gone for
        instance: they are then asked for in halves.
        """
        if self._failed:
            self._not_known(waits, self._failed)
            return
        try:
            subject = waits[0].subject if len(waits) == 1 else f"{len(waits)} waits on array {symid}"
            shown = await self._hosts.run(backend_of(waits[0].sync).look_at(waits, subject))
        except TryAgain as error:
            if not isinstance(error, Unreadable):
                self._failed = error
                self._not_known(waits, error)
                return
            found: CloneError = error
        except CloneError as error:
            found = error
        except Exception as error:
            found = _mistake(error)
        else:
            await self._hand_out(shown, waits)
            return
        if len(waits) > 1:
            half = len(waits) // 2
            await self._ask(symid, waits[:half])
            await self._ask(symid, waits[half:])
        elif isinstance(found, TryAgain):
            self._not_known(waits, found)
        else:
            waits[0].refused(found)

    async def _hand_out(self, shown: Shown, waits: Sequence[Wait]) -> None:
        """Let each wait decide; between a few of them let others have the event loop."""
        at, now = self._at(), self._now()
        first = self._first = at if self._first is None else self._first
        asks = []
        for number, wait in enumerate(waits, 1):
            try:
                seen = shown.of(wait)
                if wait.asks_precopied(seen):
                    asks.append(self._precopied(wait, seen))
                else:
                    wait.saw(seen, at, now)
                    wait.due -= at - first  # a round may take long, and all are in the next one again
                self._expect(wait, seen)
            except TryAgain as error:
                wait.not_known(error, at, now)
            except CloneError as error:
                wait.refused(error)
            except Exception as error:
                wait.not_known(_mistake(error), at, now)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*asks)

    @staticmethod
    def _expect(wait: Wait, seen: SyncSeen) -> None:
        """The next look is for the snapshots that it is linked to now."""
        if seen.snapshots and not wait.ended:
            place = backend_of(wait.sync).seen_at(seen)
            if wait.place is None or place.snapshots != wait.place.snapshots:
                wait.place = place

    async def _precopied(self, wait: Wait, seen: SyncSeen) -> None:
        try:
            seen = await self._hosts.run(backend_of(wait.sync).ask_precopied(wait.scope, wait.sync, seen))
        except CloneError as error:
            self._not_known([wait], error)
        else:
            wait.saw(seen, self._at(), self._now())

    def _not_known(self, waits: Sequence[Wait], error: CloneError) -> None:
        at, now = self._at(), self._now()
        for wait in waits:
            wait.not_known(error, at, now)

    def _shortest(self) -> float:
        return min((wait.progress.bounds.lower for wait in self.waits), default=1.0)

    @staticmethod
    def _at() -> float:
        return asyncio.get_running_loop().time()


def _mistake(error: Exception) -> Unknown:
    """A mistake of this program, which must not end a thousand waits."""
    return Unknown(f"The check of the array failed: {type(error).__name__}: {error}", "report this error")


_WATCHES: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[LookKey, Watch]] = WeakKeyDictionary()


def watch_of(key: LookKey) -> Watch:
    """The running event loop's watch of this key."""
    watches = _WATCHES.setdefault(asyncio.get_running_loop(), {})
    if key not in watches:
        watches[key] = Watch(key, shared_hook())
    return watches[key]


def _forget_unused(watch: Watch) -> None:
    """A watch that somebody still reads stays: a wait that joins its stream later must find it."""
    watches = _WATCHES.get(asyncio.get_running_loop(), {})
    if not watch.readers and not watch.waits and watches.get(watch.key) is watch:
        del watches[watch.key]


async def shared_looks(key: LookKey) -> AsyncGenerator[frozenset[Wait], None]:
    """The looks of the running event loop's watch of this key."""
    async with aclosing(watch_of(key).looks()) as looks:
        async for news in looks:
            yield news
