"""Whether a run has refreshed a copy already: told by identity, never by comparing clocks (D16).

The array stamps each session with the time of the last control command on it. Whose clock and zone that is,
nobody has said (``docs/reference/symcli.md``), and a clock goes back in autumn: a stamp is only ever held
against another stamp of the same pair. A run has refreshed a pair when

* it kept that it sent the activation, and
* the pair shows another stamp than the run's plan saw: the one that was first seen after the sending.

A pair that shows another stamp than the plan saw, without that, was changed by somebody else: it is refused.
A stamp that is not shown, or cannot be read, is not known: it is never the same as another, nor another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.rules import CLOCK_TOLERANCE, Decision, Verdict, decide_resync, labels
from clones.durations import spoken
from clones.errors import Fenced, Unknown
from clones.states import ACTIVE, PairSeen, State, SyncSeen, Tools

MINUTE = timedelta(minutes=1)

AT_STAKE = ACTIVE | {State.SPLIT}
"""A recreate gives up what the targets of pairs in these states hold."""

INTENT = "intent"

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
    ) -> None:
        self.run = run
        self.lasting = lasting
        self._clock, self._keep, self._kept, self._asked = clock, keep, kept, asked or kept
        self._before: dict[str, Any] | None = None
        """What was kept before the activation that this try has sent."""

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
        kept = self._known.get(INTENT) if intent is None else dict(intent)
        before = dict(self._known)
        take_back = self._replace({**mine, **({INTENT: kept} if kept else {})})
        self._before = before
        return take_back

    def intend(self, intent: Mapping[str, Any]) -> Callable[[], None]:
        """A request is about to be sent that is no activation. What is returned takes that back.

        :param intent: kept in place of the one before.
        :raises Fenced: something else was kept since this try looked.
        """
        return self._replace({**self._known, INTENT: dict(intent)})

    def know(self, intent: Mapping[str, Any]) -> None:
        """What came of the request that was intended: a job, a number, that it has ended."""
        self._set({**self._known, INTENT: dict(intent)})

    def _replace(self, mine: dict[str, Any]) -> Callable[[], None]:
        """:raises Fenced: something else was kept since this try looked."""
        before, now = self._known, dict(self._kept() or {})
        other = Activation.read(now)
        if other is not None and other != Activation.read(before):
            raise Fenced(
                f"The sync was activated by run {other.run[1]} of {other.run[0]} at {_spoken(other)}, since "
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
            for key in [_key(seen.symid, pair.source, pair.target)]
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
        _key(seen.symid, pair.source, pair.target): pair.session.last_action.isoformat()
        if pair.session and pair.session.last_action
        else None
        for pair in seen.pairs
    }


def sent_at(seen: Sequence[SyncSeen], known: Mapping[str, Activation]) -> dict[str, datetime]:
    """By sync, when the activation was sent that made its copy, of those that are that very copy still.

    :param known: by sync, the newest activation that was kept.
    """
    return {
        shown.name: known[shown.name].at
        for shown in seen
        if shown.name in known and known[shown.name].made(shown)
    }


def planned_stamps(plan: Mapping[str, Any] | None, sync: Sync) -> dict[str, str | None] | None:
    """The same, of a sync as a run's plan saw it; None when there is no plan that saw it.

    :param plan: as :meth:`clones.runs.refresh.Plan.to_plain` says it.
    """
    for one in (plan or {}).get("syncs", ()):
        if one["sync"] == sync.name:
            return {
                _key(one["symid"], pair["source"], pair["target"]): pair["last_action"]
                for pair in one["pairs"]
            }
    return None


def is_unseen(seen: SyncSeen, known: Activation | None) -> bool:
    """Whether a sync may be what its newest activation made, and no look after that has shown all of it."""
    shown = stamps(seen)
    return (
        known is not None
        and known.after.keys() < shown.keys()
        and all(shown[key] == stamp for key, stamp in known.after.items())
    )


def not_its_own(seen: SyncSeen, known: Activation | None) -> str:
    """What speaks against a sync being the copy that its newest activation made; empty: nothing.

    :param known: that one, None when none was kept.
    """
    if known is None:
        return f"sync {seen.name}: no run has kept that it activated it"
    if known.made(seen):
        return ""
    dag_id, run_id = known.run
    if is_unseen(seen, known):
        return f"sync {seen.name}: run {run_id} of {dag_id} has not seen what came of its activation"
    return f"sync {seen.name}: it was acted on since run {run_id} of {dag_id} activated it"


def require_own_seen(scope: Scope, sync: Sync, seen: SyncSeen, ledger: Ledger | None) -> None:
    """An activation has ended once each pair has shown its time: only by that it is known again.

    :raises Unknown: a pair has not.
    """
    own = ledger.own if ledger is not None else None
    if own is not None and seen.all_in(ACTIVE) and is_unseen(seen, own):
        missing = [pair for pair in seen.pairs if _key(seen.symid, pair.source, pair.target) not in own.after]
        raise Unknown(
            f"{scope.subject(sync)}: it is active, and the array does not show the time of the last action "
            f"of {labels(missing)}, by which this run would know its copy again.",
            _find_it(seen.tools),
        )


def not_made(
    plan: Mapping[str, Any], seen: SyncSeen, kept: Mapping[str, Activation] | None, run: Run
) -> list[str]:
    """The pairs of which the array does not show that this run has split them, in sentences.

    :param plan: as :func:`planned_stamps` has it.
    :param kept: by sync, the newest activation that was kept; None where no run can keep any.
    """
    if kept is not None:
        known = kept.get(seen.name)
        if other := not_its_own(seen, known):
            return [other]
        if known is not None and known.run != run:
            dag_id, run_id = known.run
            return [f"sync {seen.name}: run {run_id} of {dag_id} has activated it since this run did"]
    before = {
        (pair["source"], pair["target"]): pair["last_action"]
        for sync in plan.get("syncs", ())
        if sync["sync"] == seen.name
        for pair in sync["pairs"]
    }
    found = []
    for pair in seen.pairs:
        at = pair.session.last_action if pair.session else None
        key = (pair.source, pair.target)
        if key not in before:
            found.append(f"sync {seen.name}: {pair.label} is no pair that the plan saw")
        elif at is None:
            found.append(
                f"sync {seen.name}: {pair.label} shows no last action: not known whether this run made it"
            )
        elif before[key] == at.isoformat():
            found.append(
                f"sync {seen.name}: {pair.label} has the last action that the plan saw ({at}): this run has "
                "not made it"
            )
    return found


def require_stamps(scope: Scope, seen: Sequence[SyncSeen], states: frozenset[State]) -> None:
    """Go on only if each pair in these states shows the time of its last action.

    :raises Unknown: naming all that do not.
    """
    silent = [
        f"sync {shown.name}, {pair.label}"
        for shown in seen
        for pair in shown.without_time
        if pair.state in states
    ]
    if silent:
        raise Unknown(
            f"Service {scope.name}: the array does not show the time of the last action of "
            f"{'; '.join(silent)}. Nothing was changed.",
            _find_it(seen[0].tools),
        )


def _find_it(tools: Tools) -> str:
    return f"find {tools.times} in the log above; a time that is shown is read by the next try"


_ANEW = "trigger the action again: a new run plans with the copies as they are now"


def decide_again(
    sync: Sync,
    seen: SyncSeen,
    planned: Mapping[str, str | None] | None,
    ledger: Ledger | None,
    decision: Decision | None = None,
) -> Decision:
    """What resync is to do within a run that may have done it already.

    Without a plan nothing is known of what the run found, and nothing is skipped.

    :param planned: of :func:`planned_stamps`.
    :param ledger: None when no activation is known.
    :param decision: what the back end would do without having been here before.
    """
    decision = decision or decide_resync(sync, seen)
    at_stake = tuple(pair for pair in seen.pairs if pair.state in AT_STAKE)
    if planned is None or decision.verdict is Verdict.REFUSE or not at_stake:
        return decision
    silent = replace(seen, pairs=at_stake).without_time
    if silent:
        return Decision(
            Verdict.REFUSE,
            f"the array does not show the time of the last action of {labels(silent)}: it is not known "
            "whether it is what this run's plan saw",
            silent,
            _find_it(seen.tools),
            unknown=True,
        )
    now = stamps(seen)

    def key(pair: PairSeen) -> str:
        return _key(seen.symid, pair.source, pair.target)

    blind = tuple(pair for pair in at_stake if planned.get(key(pair)) is None)
    if blind:
        return Decision(
            Verdict.REFUSE,
            f"this run's plan saw no last action of {labels(blind)}: it is not known whether it was changed",
            blind,
            _ANEW,
        )
    changed = tuple(pair for pair in at_stake if now[key(pair)] != planned[key(pair)])
    if not changed:
        return decision  # nobody has, this run neither
    own = ledger.own if ledger else None
    kept = own.after if own else {}
    foreign = tuple(
        pair for pair in changed if own is None or kept.get(key(pair), now[key(pair)]) != now[key(pair)]
    )
    if foreign:
        return _refuse_foreign(seen, foreign, planned, ledger)
    if own is None or len(changed) < len(seen.pairs) or not seen.all_in(ACTIVE):
        return decision
    unseen = tuple(pair for pair in changed if key(pair) not in kept)
    if unseen:
        return Decision(
            Verdict.REFUSE,
            f"this run was about to activate it at {_spoken(own)} and has not seen what came of it: it is "
            f"not known whether the last action of {labels(unseen)} is its own",
            unseen,
            _ANEW,
        )
    return Decision(Verdict.NOTHING, f"this run has activated all pairs at {_spoken(own)}: already refreshed")


def _refuse_foreign(
    seen: SyncSeen,
    foreign: tuple[PairSeen, ...],
    planned: Mapping[str, str | None],
    ledger: Ledger | None,
) -> Decision:
    shown = "; ".join(
        f"{pair.label} is {pair.state}, last action {_read(now)}, and this run's plan saw {_read(then)}"
        for pair in foreign
        for key in [_key(seen.symid, pair.source, pair.target)]
        for now, then in [(stamps(seen)[key], planned[key])]
    )
    last = ledger.last if ledger else None
    if last is None:
        who = "no run has kept that it activated it"
    elif ledger and last.run == ledger.run:
        who = f"this run has activated it at {_spoken(last)}, and it was acted on since"
    else:
        who = f"the last activation that is known is of run {last.run[1]} of {last.run[0]} at {_spoken(last)}"
    return Decision(
        Verdict.REFUSE,
        f"it was changed, and not by this run: {shown}; {who}",
        foreign,
        f"find out who acted on it ({seen.tools.audit}) and whether the copy is still needed; then {_ANEW}",
    )


def clocks_apart(before: SyncSeen, after: SyncSeen) -> str:
    """After an activation of one's own: how far the array's stamps are off the control host's clock.

    They must lie between the looks before and after it. Nothing is decided by it: the identity of a stamp
    holds by whatever clock it is, but ages are wrong by as much.

    :returns: a sentence, empty when they are not off.
    """
    begun, ended = sorted((before.clock, after.clock))  # it may have been set back between the two
    off = timedelta(0)
    for pair in after.pairs:
        at = pair.session.last_action if pair.session else None
        if at is not None:
            off = max(off, at - ended, begun - at)
    if off <= CLOCK_TOLERANCE:
        return ""
    return (
        f"sync {after.name} was activated just now, and the last action that the array shows is "
        f"{spoken(60 * round(off / MINUTE))} off {after.tools.clock}: ages of its copies are wrong by as much"
    )


def _key(symid: str, source: int | None, target: int | None) -> str:
    return f"{symid} {source}:{target}"


def _read(stamp: str | None) -> str:
    return (stamp or "none").replace("T", " ")


def _spoken(activation: Activation) -> str:
    return f"{activation.at:%Y-%m-%d %H:%M:%S %Z}"
