"""Which target set a service uses, from what runs have kept or from a look at its hosts; never a guess.

Kept are two things: what a run's last task saw (``state/<service>``, :mod:`clones.observe.own_state`, with
the set as ``set``), and what runs meant to do and what they started well (key ``target_sets`` of the first
sync's asset: ``{"intent": {"from", "to", "run", "at"}, "good": {"set", "run", "at"}}``). The newest counts.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clones.observe.own_state import OwnState, State


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
    service: str,
    sets: Sequence[str],
    state: Mapping[str, Any] | None,
    recorded: Mapping[str, Any] | None,
) -> SetInUse:
    """The set in use by what runs have kept; a set that is not configured any more counts for nothing.

    :param sets: the service's, in order.
    :param state: what a last task saw of the service itself, None when none has kept it.
    :param recorded: the record `target_sets`, None when there is none.
    """
    state, recorded = state or {}, recorded or {}
    intent, good = recorded.get("intent") or {}, recorded.get("good") or {}
    seen = [(_at(one), one["set"]) for one in (state, good) if one.get("set") in sets]
    last = max(seen, default=None)
    wants = (_at(intent), intent["to"]) if intent.get("to") in sets else None
    looked = _at(state) if state.get("state") in (State.DOWN, State.PARTLY) else None
    known = [one[0] for one in (last, wants) if one is not None]
    if looked is not None and all(looked >= at for at in known):
        if state["state"] == State.PARTLY:
            return SetInUse(
                "",
                why=f"the service was seen partly up: {state['why']}",
                press=f"trigger {service} with action start",
            )
        on = max(filter(None, (wants, last)), default=None)
        if on is not None:
            return SetInUse(on[1], down=True)
        return SetInUse(
            "",
            why="the service is down, and no run has kept on which set it starts",
            press=f"trigger {service} with action start, and name the set",
        )
    if wants is not None and (last is None or wants[0] >= last[0]):
        if intent.get("from") == intent["to"]:
            return SetInUse(wants[1])  # a stop on purpose: up or down, no other set comes into it
        return SetInUse(
            "",
            why=f"run {intent.get('run', '')} began to change over from set {intent.get('from') or '?'} to "
            f"set {intent['to']}, and no run has seen since which one is in use",
            press=f"wait for that run; once it has ended, trigger {service} with action start",
            passing=True,
        )
    if last is not None:
        return SetInUse(last[1])
    return SetInUse(
        "",
        why="no run has kept which target set is in use",
        press=f"run `scripts/status --service {service}`, which asks its hosts; the next run of {service} "
        "keeps what it sees",
    )


def of_look(service: str, own: OwnState | None) -> SetInUse:
    """The set in use by a look at the service's hosts."""
    if own is not None and own.target_set:
        return SetInUse(own.target_set)
    if own is not None and own.state is State.DOWN:
        return SetInUse(
            "",
            why="the service is down, and only Airflow keeps on which set it starts",
            press=f"trigger {service} with action start, or see the board",
        )
    why = f"the service is {own.state}: {own.why}" if own is not None else "the service was not looked at"
    return SetInUse("", why=why, press=f"run `scripts/plan {service} start`, which says what to do")


def _at(kept: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(kept["at"])
