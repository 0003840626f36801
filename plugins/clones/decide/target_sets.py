"""Which target set is in use, which one a run works on, and on which one the service was last well.

A set is in use when what serves its data is up: file systems, commands; of a set without those, its groups
(:mod:`clones.observe.target_sets`). What cannot be seen is recorded: the intent, before the first command
that stops anything, and the set on which the service last started well. That one, the *good* set, is not
recreated before the service has started well on another one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clones.config.scope import Scope
from clones.errors import Refused


class InUse(enum.StrEnum):
    """How a target set is used."""

    IN_USE = "in use"
    """All that serves its data is up."""
    PARTLY = "partly in use"
    """Some of it is."""
    READY = "ready"
    """Its groups are active, all or some, and nothing of it serves data."""
    UNUSED = "unused"
    UNKNOWN = "unknown"
    """There is no clear answer (D2)."""


SERVES = frozenset({InUse.IN_USE, InUse.PARTLY})
"""The service may be using what is on it."""


@dataclass(frozen=True)
class SetSeen:
    """How one target set was seen on all its hosts.

    :param why: the line that shows it.
    """

    name: str
    in_use: InUse
    why: str = ""


@dataclass(frozen=True)
class Intent:
    """A change of the service's state that is about to begin.

    :param from_set: the set that the service is taken from; empty when it is not known where it was well.
    :param to_set: the set on which it is to be next; the same as `from_set` where it is only stopped.
    :param run: DAG id and run id.
    :param at: with zone, by the clock of Airflow's worker.
    """

    from_set: str
    to_set: str
    run: tuple[str, str]
    at: datetime


@dataclass(frozen=True)
class Good:
    """The set on which the service last started well, with its probes.

    :param run: DAG id and run id of the run that saw it.
    """

    set: str
    run: tuple[str, str]
    at: datetime


@dataclass(frozen=True)
class Recorded:
    """What runs have recorded of a service's target sets."""

    intent: Intent | None = None
    good: Good | None = None

    @property
    def last_good(self) -> str:
        """The set that is not recreated: the good one. Before any start was recorded: the one that the
        service was taken from. Empty when neither is known."""
        if self.good:
            return self.good.set
        return self.intent.from_set if self.intent else ""

    @property
    def interrupted(self) -> bool:
        """A change-over was begun, and its end is not recorded: the service has neither started well since,
        nor gone back, nor been stopped on purpose."""
        if self.intent is None or self.intent.from_set == self.intent.to_set:
            return False
        return self.good is None or self.good.at <= self.intent.at

    def intends(self, from_set: str, to_set: str, run: tuple[str, str], at: datetime) -> Recorded:
        """The same with a new intent. What was good before the first intent stays so.

        Where that is not known it stays unknown: a set on which the service was started from nowhere, and not
        seen well, does not become the good one by being left or stopped.
        It is never older than what was recorded before, whatever the clocks of two workers say.
        """
        if self.good is None and self.intent is not None and not self.intent.from_set:
            from_set = ""
        at = max([at, *([self.good.at] if self.good else [])])
        good = self.good or (Good(self.last_good, run, at) if self.last_good else None)
        return Recorded(Intent(from_set, to_set, run, at), good)

    def started(self, name: str, run: tuple[str, str], at: datetime) -> Recorded:
        """The same after the service was started on a set, and was seen well there: later than the intent."""
        if self.intent is not None:
            at = max(at, self.intent.at + timedelta.resolution)
        return Recorded(self.intent, Good(name, run, at))

    def from_nowhere(self, name: str) -> bool:
        """Whether the service was to start on that set, and nobody knows where it was well before."""
        intent = self.intent
        return self.good is None and intent is not None and (intent.from_set, intent.to_set) == ("", name)

    def to_plain(self) -> dict[str, Any]:
        """As JSON; :meth:`from_plain` reads it back."""
        found: dict[str, Any] = {}
        if self.intent:
            one = self.intent
            found["intent"] = {
                "from": one.from_set,
                "to": one.to_set,
                "run": list(one.run),
                "at": one.at.isoformat(),
            }
        if self.good:
            found["good"] = {
                "set": self.good.set,
                "run": list(self.good.run),
                "at": self.good.at.isoformat(),
            }
        return found

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any] | None) -> Recorded:
        """What :meth:`to_plain` wrote; nothing is known where there is nothing."""
        intent, good = (plain or {}).get("intent"), (plain or {}).get("good")
        return cls(
            Intent(intent["from"], intent["to"], _run(intent), datetime.fromisoformat(intent["at"]))
            if intent
            else None,
            Good(good["set"], _run(good), datetime.fromisoformat(good["at"])) if good else None,
        )


def _run(plain: Mapping[str, Any]) -> tuple[str, str]:
    dag_id, run_id = plain["run"]
    return dag_id, run_id


@dataclass(frozen=True)
class Chosen:
    """The sets of a run.

    :param from_set: the one that the service is on, or was on last, as far as that is known; a run that
        changes over goes back to it.
    :param to_set: the one that the action works on: `refresh` and `rewind` change over to it.
    :param why: the sentence for the log.
    """

    from_set: str
    to_set: str
    why: str


@dataclass(frozen=True)
class NotChosen:
    """Why there is no choice.

    :param why: in sentences.
    :param unknown: it may be known by the next try.
    """

    why: str
    remedy: str
    unknown: bool = False


OVERWRITES = frozenset({"refresh", "update", "resync"})
"""The actions that recreate a set."""
CHANGES_OVER = frozenset({"refresh", "rewind"})
"""The actions that take the service from one set to another."""
OF_THE_UNUSED = OVERWRITES | {"break"}
"""The actions that work on a set that the service is not on."""

ASK = "name the set in the form's field `set`"
MAKE_GOOD = (
    "run the action {start}, which runs the hooks and probes again: if they succeed, the service is well on "
    "set {used}; or run `rewind`, which changes over to set {good}"
)


def choose(
    action: str, seen: Sequence[SetSeen], recorded: Recorded, asked: str = "", *, gated: bool = False
) -> Chosen | NotChosen:
    """Which sets a run works on.

    :param action: one of :data:`clones.actions.ACTIONS`.
    :param seen: every set of the service, in the configured order.
    :param recorded: what runs have recorded.
    :param asked: the set that the user has named; empty for none. It is the one that the action works on.
    :param gated: the service has `before_start` hooks: they do not run while an application is up, so it is
        stopped before they run again.
    """
    names = [one.name for one in seen]
    if asked and asked not in names:
        return NotChosen(f"there is no target set {asked}", f"name one of: {', '.join(names)}")
    serving = [one for one in seen if one.in_use in SERVES]
    unknown = [one for one in seen if one.in_use is InUse.UNKNOWN]
    if len(serving) > 1:
        shown = "; ".join(_said(one) for one in serving)
        return NotChosen(
            f"the service uses more than one target set: {shown}",
            "unmount by hand what is of the wrong set, and stop what runs on it; then run it again",
        )
    only_stops = action == "stop" and serving and serving[0].in_use is InUse.IN_USE
    if unknown and not only_stops:
        return NotChosen(
            "it is not known which target set is in use: " + "; ".join(_said(one) for one in unknown),
            "run these probes by hand on the host (the log above has their command lines) and fix the cause "
            "of the unclear answer",
            unknown=True,
        )
    if not serving:
        return _none_in_use(action, names, recorded, asked)
    (used,) = serving
    if used.in_use is InUse.PARTLY and action in OF_THE_UNUSED and not _being_stopped(used.name, recorded):
        return NotChosen(
            f"the service is up in part only: {_said(used)}",
            "run the action `start`, which goes on from there, or `stop`; then run it again",
        )
    return _one_in_use(action, names, used, recorded, asked, "`stop`, then `start`" if gated else "`start`")


def refuse_last_good(scope: Scope, recorded: Recorded) -> None:
    """Go on only if a set may be overwritten. It is asked again right before each command that does.

    :param scope: the service on that set; one without target sets may be.
    :raises Refused: it is the last set on which the service started well.
    """
    if scope.target_set and scope.target_set == recorded.last_good:
        raise Refused(
            f"{scope.who}: it is the last set on which the service started well: it is not overwritten. "
            "Nothing was sent to the array.",
            "trigger `refresh` or `rewind`: a new run plans with what is recorded now. A set is kept until "
            "the service has started well on another one",
        )


def refuse_moved(scope: Scope, plan: Mapping[str, Any], now: Recorded, run: tuple[str, str]) -> None:
    """Go on only if no other run has stopped or started the service since this run's plan.

    A run that failed can be cleared much later: its set may have been refreshed, found bad and left since.

    :param plan: XCom `plan` of this run; one that holds no `recorded` was made of no target sets.
    :param now: what is recorded now.
    :param run: this run.
    :raises Refused: another run has.
    """
    if "recorded" not in plan:
        return
    planned = Recorded.from_plain(plan["recorded"])
    for before, since in ((planned.intent, now.intent), (planned.good, now.good)):
        if since is not None and since != before and since.run != run:
            raise Refused(
                f"{scope.who}: run {since.run[1]} of {since.run[0]} has stopped or started the service since "
                "this run's plan. Nothing was stopped or started.",
                "trigger the action again: a new run plans with the set that is in use now",
            )


def _one_in_use(
    action: str, names: Sequence[str], used: SetSeen, recorded: Recorded, asked: str, again: str
) -> Chosen | NotChosen:
    """:param again: the actions by which the service starts again where it is."""
    on, good = used.name, recorded.last_good
    if action in ("start", "stop"):
        if asked and asked != on:
            return NotChosen(
                f"the service is on set {on}: {used.why}",
                f"leave the field `set` empty; to change over to set {asked}, run the action `rewind`",
            )
        return Chosen(on, on, _said(used))
    if asked == on:
        return NotChosen(
            f"set {on} is in use: {used.why}",
            "name a set that is not in use, or leave the field `set` empty",
        )
    if action == "rewind":
        back = good if good in names and good != on else _before(names, on)
        return Chosen(on, asked or back, _said(used))
    if action in OVERWRITES and good and good not in names:
        return NotChosen(_renamed(good), MAKE_GOOD.format(start=again, used=on, good=_before(names, on)))
    if action in OVERWRITES and recorded.from_nowhere(on):
        return NotChosen(
            f"the start on set {on} has not ended well, and it is not known on which set the service was "
            "well before: another set may hold its last good copy",
            MAKE_GOOD.format(start=again, used=on, good=_before(names, on)),
        )
    others = [name for name in _after(names, on) if action == "break" or name != good]
    if not others or (asked and asked not in others):
        return NotChosen(
            f"set {asked or good} is the last one on which the service started well, and its start on set "
            f"{on} has not ended well",
            MAKE_GOOD.format(start=again, used=on, good=asked or good),
        )
    return Chosen(on, asked or others[0], _said(used))


def _none_in_use(action: str, names: Sequence[str], recorded: Recorded, asked: str) -> Chosen | NotChosen:
    """What was recorded decides. Where the service was last well, it can go back to."""
    intent = recorded.intent
    good = recorded.last_good if recorded.last_good in names else ""
    to = intent.to_set if intent and intent.to_set in names else ""
    if not (to or good or asked):
        return NotChosen("no target set is in use, and none is recorded", ASK)
    if action in OVERWRITES and recorded.last_good and not good:
        return NotChosen(
            _renamed(recorded.last_good),
            f"run the action `start`, and {ASK} on which it is to be: once it is well there, that is known",
        )
    why = _recorded(recorded)
    last = to or good
    if action in ("start", "stop"):
        return Chosen(asked or last, asked or last, why)
    if action == "rewind":
        other = asked or (good if good not in ("", last) else _before(names, last))
        return Chosen(last if last not in ("", other) else _before(names, other), other, why)
    free = [name for name in (*([to] if to else []), *_after(names, good)) if name != good]
    if action == "break" and good:
        free.append(good)
    if asked and asked not in free:
        return NotChosen(
            f"set {asked} is the last one on which the service started well",
            "leave the field `set` empty, or name another set",
        )
    chosen = asked or free[0]
    return Chosen(good if good not in ("", chosen) else _before(names, chosen), chosen, why)


def _renamed(good: str) -> str:
    return (
        f"services.yaml has no set {good} any more, on which the service last started well: one with another "
        "name may hold that copy"
    )


def _recorded(recorded: Recorded) -> str:
    """What is recorded while no set is in use, in a sentence."""
    said = ["no target set is in use"]
    if intent := recorded.intent:
        whither = (
            f"stopped it on set {intent.to_set}"
            if intent.from_set == intent.to_set
            else f"was to take it from set {intent.from_set or '(not known)'} to set {intent.to_set}"
        )
        said.append(f"run {intent.run[1]} of {intent.run[0]} {whither}")
    if recorded.good:
        said.append(f"it last started well on set {recorded.good.set}")
    return "; ".join(said)


def _after(names: Sequence[str], name: str) -> list[str]:
    """The other sets, from the next one on, in the configured order."""
    if name not in names:
        return [*names]
    at = names.index(name)
    return [*names[at + 1 :], *names[:at]]


def _before(names: Sequence[str], name: str) -> str:
    """The set before that one: it was the service's last one, if sets take turns in the configured order."""
    return names[names.index(name) - 1]


def _being_stopped(name: str, recorded: Recorded) -> bool:
    """Whether a run was to take the service from that set, and may have been killed meanwhile."""
    intent = recorded.intent
    return intent is not None and intent.from_set == name and intent.to_set != name


def _said(one: SetSeen) -> str:
    return f"set {one.name} is {one.in_use}" + (f": {one.why}" if one.why else "")
