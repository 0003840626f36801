"""Which target set a service uses, from what runs have kept or from a look at its hosts; never a guess.

Kept are two things: what a run's last task saw (:mod:`clones.observe.own_state`, with the set as ``set``),
and from where to where runs took the service and where it started well (:mod:`clones.decide.target_sets`).
The newest counts.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clones.decide.target_sets import SERVES, InUse, Recorded, SetSeen
from clones.errors import CloneError
from clones.observe.own_state import State


class Role(enum.StrEnum):
    """What a target set is for its service now."""

    IN_USE = "in use"
    NEXT = "to start on"
    """The service is down, and starts on this set."""
    SPARE = "spare"
    UNKNOWN = "not known"

    def named(self, target_set: str) -> str:
        """``set a in use``, ``spare set b``: how a line begins that is about one set."""
        if self is Role.SPARE:
            return f"spare set {target_set}"
        if self is Role.UNKNOWN:
            return f"set {target_set}"
        return f"set {target_set} {self}"


@dataclass(frozen=True)
class SetInUse:
    """Which set's copies count for the service's freshness.

    :param name: the set in use, or the one to start on; empty when it is not known.
    :param down: the service is down, and ``name`` is the set to start on.
    :param why: why it is not known; empty where it is.
    :param press: what to do about that.
    :param passing: a change-over that a run has begun may be all there is to it.
    """

    name: str
    down: bool = False
    why: str = ""
    press: str = ""
    passing: bool = False

    def role(self, target_set: str) -> Role:
        """What one of the service's sets is."""
        if not self.name:
            return Role.UNKNOWN
        if target_set != self.name:
            return Role.SPARE
        return Role.NEXT if self.down else Role.IN_USE

    def to_plain(self) -> dict[str, Any]:
        """As JSON; :meth:`read` reads it back."""
        return {"name": self.name, "down": self.down, "why": self.why, "press": self.press}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> SetInUse:
        """What :meth:`to_plain` wrote."""
        return cls(plain["name"], plain["down"], plain["why"], plain["press"])


def of_set(known: SetInUse | None, target_set: str) -> str:
    """How a reason about a sync of this set begins: ``spare set b, ``; nothing without target sets."""
    return f"{known.role(target_set).named(target_set)}, " if known is not None else ""


NOBODY_LOOKED = SetInUse("", why="which target set is in use was not asked", press="report this error")


def kept_by_runs(
    service: str, sets: Sequence[str], state: Mapping[str, Any] | None, recorded: Recorded
) -> SetInUse:
    """The set in use by what runs have kept. A set that is not configured any more counts for nothing.

    :param sets: the service's, in order.
    :param state: what the last task of a run saw of the service itself, None when none has kept it.
    :param recorded: from where to where runs have taken it, and where it started well.
    """
    intent = recorded.intent if recorded.intent and recorded.intent.to_set in sets else None
    good = recorded.good if recorded.good and recorded.good.set in sets else None
    state = state or {"state": State.UNKNOWN}
    saw = datetime.fromisoformat(state["at"]) if state["state"] != State.UNKNOWN else None
    others = [one.at for one in (intent, good) if one is not None]
    if saw is not None and all(saw >= at for at in others):
        if state.get("set") in sets:
            return SetInUse(state["set"])
        if state["state"] == State.DOWN:
            return _while_down(service, intent.to_set if intent else good.set if good else "")
        return SetInUse(
            "",
            why=f"the service was seen {state['state']}: {state['why']}",
            press=f"trigger {service} with action start",
        )
    if intent is not None and (good is None or intent.at >= good.at):
        if intent.from_set == intent.to_set:
            return SetInUse(intent.to_set)  # a stop on purpose: up or down, no other set comes into it
        return SetInUse(
            "",
            why=f"run {intent.run[1]} of {intent.run[0]} began to change over from set "
            f"{intent.from_set or '(not known)'} to set {intent.to_set}, and no run has seen since which one "
            "is in use",
            press=f"wait for that run; once it has ended, trigger {service} with action start",
            passing=True,
        )
    if good is not None:
        return SetInUse(good.set)
    return SetInUse(
        "",
        why="no run has kept which target set is in use",
        press=f"run `scripts/status --service {service}`, which asks its hosts; the next run of {service} "
        "keeps what it sees",
    )


def _while_down(service: str, next_set: str) -> SetInUse:
    if next_set:
        return SetInUse(next_set, down=True)
    return SetInUse(
        "",
        why="the service is down, and no run has kept on which set it is to start",
        press=f"trigger {service} with action start, and name the set",
    )


def of_look(service: str, seen: Sequence[SetSeen]) -> SetInUse:
    """The set in use by a look at the service's hosts, without what runs have kept."""
    unknown = [one for one in seen if one.in_use is InUse.UNKNOWN]
    serving = [one for one in seen if one.in_use in SERVES]
    if unknown or len(serving) > 1:
        said = "; ".join(f"set {one.name} is {one.in_use}: {one.why}" for one in unknown or serving)
        return SetInUse(
            "",
            why=f"which target set is in use is not known: {said}"
            if unknown
            else f"more than one target set is in use: {said}",
            press="run these probes by hand on the host, and fix the cause of the unclear answer"
            if unknown
            else "unmount by hand what is of the wrong set, and stop what runs on it",
        )
    if serving:
        return SetInUse(serving[0].name)
    return SetInUse(
        "",
        why="no target set is in use, and only Airflow keeps on which one the service is to start",
        press=f"see the board, or trigger {service} with action start",
    )


def not_asked(error: CloneError) -> SetInUse:
    """The set in use where the service's hosts could not be asked."""
    return SetInUse("", why=f"which target set is in use is not known: {error.what}", press=error.remedy)
