"""What runs keep of their activations: the newest one of each sync, and the intent beside it.

By it a copy is known again (:mod:`clones.decide.identity`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from clones.errors import Fenced
from clones.states import ACTIVE, PointInTime, SyncSeen

INTENT = "intent"
ANSWER = "answer"

Run = tuple[str, str]
"""DAG id and run id."""


@dataclass(frozen=True)
class Activation:
    """What a run keeps of its activation of one sync.

    :param run: that run.
    :param at: when it was about to be sent, with zone, by the clock of Airflow's worker. The copy is of this
        moment or later.
    :param after: by pair, the stamp that was first seen once the pair was active after the sending. A pair
        that is missing was not seen active yet.
    :param snapshots: as :class:`clones.states.SyncSeen` has them, when it was seen active.
    """

    run: Run
    at: datetime
    after: Mapping[str, str] = field(default_factory=dict)
    snapshots: Mapping[str, int] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """As JSON; :meth:`read` reads it back."""
        plain = {"run": list(self.run), "at": self.at.isoformat(), "after": dict(self.after)}
        return {**plain, **({"snapshots": dict(self.snapshots)} if self.snapshots else {})}

    @classmethod
    def read(cls, plain: Mapping[str, Any] | None) -> Activation | None:
        """What :meth:`to_plain` wrote, None for nothing, or for an intent alone."""
        if not plain or "run" not in plain:
            return None
        dag_id, run_id = plain["run"]
        at, snapshots = datetime.fromisoformat(plain["at"]), dict(plain.get("snapshots", {}))
        return cls((dag_id, run_id), at, dict(plain["after"]), snapshots)

    def made(self, seen: SyncSeen) -> bool:
        """Whether a whole sync is still the copy that this activation made."""
        return seen.all_in(ACTIVE) and stamps(seen) == dict(self.after)


class Ledger:
    """The newest activation of one sync, kept where it outlives this process; this run may add its own.

    It is kept before the command goes out. Killed anywhere after that, the next try of the activation looks
    first, and what it then sees active is what its command made. Between the sending and that look somebody
    else's activation cannot be told from this run's; the copy is then no older than `at` all the same.

    A try that stood still may come here when another run has kept its own activation since: that stays.

    :param run: this run.
    :param clock: tells the time, with zone.
    :param keep: puts an activation, as JSON, where it outlives this process.
    :param kept: what was put there last, nothing when nothing was.
    :param asked: the same, asked for when this try began to look, where it was; None: it is asked when it is
        needed.
    :param lasting: whether there is such a place: without one, nothing is kept.
    :param started_on: the snapshot of this sync that the service was last started on, by a run that ended
        well; None when no run is known to.

    :attr:`last` is the newest activation that is known, of whichever run; None when none is. It is asked for
    once, when it is needed.

    Beside it stands the *intent*: what a back end keeps before each request that no host can shut out, as
    JSON of its own. It is of whichever run has kept one last.
    """

    def __init__(
        self,
        run: Run,
        clock: Callable[[], datetime],
        keep: Callable[[dict[str, Any]], None],
        kept: Callable[[], Mapping[str, Any] | None],
        *,
        asked: Callable[[], Mapping[str, Any] | None] | None = None,
        lasting: bool = True,
        started_on: Callable[[], PointInTime | None] = lambda: None,
    ) -> None:
        self.run = run
        self.lasting = lasting
        self.started_on = started_on
        self._clock, self._keep, self._kept, self._asked = clock, keep, kept, asked or kept
        self._answer: float | None = None
        """Seconds that the answer to the next request may take."""
        self._before: dict[str, Any] | None = None
        """What was kept before the activation that this try has sent."""

    @classmethod
    def to_read(cls, run: Run, newest: Activation | None) -> Ledger:
        """One to which nothing is added.

        :param newest: the newest activation that is known, None when none is.
        """
        kept = newest.to_plain() if newest else None
        return cls(run, lambda: datetime.max, lambda _: None, lambda: kept, lasting=False)

    @cached_property
    def _known(self) -> dict[str, Any]:
        return dict(self._asked() or {})

    @property
    def last(self) -> Activation | None:
        return Activation.read(self._known)

    @property
    def intent(self) -> Mapping[str, Any] | None:
        """As :meth:`intend` kept it, of whichever run; None when there is none."""
        return self._known.get(INTENT)

    def now(self) -> datetime:
        """The time, with zone, by the clock of Airflow's worker."""
        return self._clock()

    @property
    def own(self) -> Activation | None:
        """This run's activation, None when it has sent none or another run has sent one since."""
        return self.last if self.last is not None and self.last.run == self.run else None

    def sending(
        self, at: datetime | None = None, intent: Mapping[str, Any] | None = None
    ) -> Callable[[], None]:
        """The activation is about to be sent. What is returned takes that back, when it was not.

        :param at: the copy is of this moment or later, with zone; by default now.
        :param intent: kept with it, in place of the one before.
        :raises Fenced: another activation was kept since this try looked.
        """
        mine = Activation(self.run, at or self._clock()).to_plain()
        kept = self._known.get(INTENT) if intent is None else self._with_answer(intent)
        before = dict(self._known)
        take_back = self._replace({**mine, **({INTENT: kept} if kept else {})})
        self._before = before
        return take_back

    def intend(self, intent: Mapping[str, Any]) -> Callable[[], None]:
        """A request is about to be sent that is no activation. What is returned takes that back.

        :param intent: kept in place of the one before.
        :raises Fenced: something else was kept since this try looked.
        """
        return self._replace({**self._known, INTENT: self._with_answer(intent)})

    def told(self, seconds: float) -> None:
        """How long the answer to the request may take whose intent is kept next: it is kept with it."""
        self._answer = seconds

    def _with_answer(self, intent: Mapping[str, Any]) -> dict[str, Any]:
        return {**intent, ANSWER: self._answer}

    def know(self, intent: Mapping[str, Any]) -> None:
        """What came of the request that was intended: a job, a number, that it has ended."""
        self._set({**self._known, INTENT: dict(intent)})

    def _replace(self, mine: dict[str, Any]) -> Callable[[], None]:
        """:raises Fenced: something else was kept since this try looked."""
        before, now = self._known, dict(self._kept() or {})
        other = Activation.read(now)
        if other is not None and other != Activation.read(before):
            raise Fenced(
                f"The sync was activated by run {other.run[1]} of {other.run[0]} at {time_of(other)}, since "
                "this try checked it. Nothing was sent to the array.",
                "do nothing here: open that run. The retry of this task checks again",
            )
        if now.get(INTENT) and now.get(INTENT) != before.get(INTENT):
            raise Fenced(
                "Another try has begun to change the sync since this one checked it. Nothing was sent to the "
                "array.",
                "do nothing here: open the newer try, or the run that works on it",
            )
        self._set(mine)

        def take_back() -> None:
            if dict(self._kept() or {}) == mine:
                self._keep(before)
            self._known = before

        return take_back

    def was_refused(self) -> None:
        """The activation that this try has sent did nothing, for sure: the one before is the newest."""
        if self._before is not None:
            former = {key: value for key, value in self._before.items() if key != INTENT}
            self._before = None
            kept = self._known.get(INTENT)
            self._set({**former, **({INTENT: kept} if kept else {})})

    def saw(self, seen: SyncSeen) -> None:
        """The sync was looked at; of each pair only the first stamp after the sending is kept."""
        if self.own is None:
            return
        shown = stamps(seen)
        new = {
            key: stamp
            for pair in seen.pairs
            if pair.state in ACTIVE and not pair.wrong
            for key in [pair_key(seen.symid, pair.source, pair.target)]
            for stamp in [shown[key]]
            if stamp is not None and key not in self.own.after
        }
        if new:
            after = {**self.own.after, **new}
            made = replace(self.own, after=after, snapshots={**self.own.snapshots, **seen.snapshots})
            self._set({**self._known, **made.to_plain()})

    def _set(self, plain: dict[str, Any]) -> None:
        self._keep(plain)
        self._known = plain


def stamps(seen: SyncSeen) -> dict[str, str | None]:
    """By pair of devices, the last action that its session shows; None when it shows none."""
    return {
        pair_key(seen.symid, pair.source, pair.target): pair.session.last_action.isoformat()
        if pair.session and pair.session.last_action
        else None
        for pair in seen.pairs
    }


def pair_key(symid: str, source: int | None, target: int | None) -> str:
    """How a pair of devices is called in what is kept."""
    return f"{symid} {source}:{target}"


def time_of(activation: Activation) -> str:
    """When it was sent, for people."""
    return f"{activation.at:%Y-%m-%d %H:%M:%S %Z}"
