"""What the failure of a run means for a service with target sets, and what to press."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from clones.actions import STOP

if TYPE_CHECKING:
    from clones.observe.own_state import OwnState

BEFORE_THE_STOP = ("resync.", "break.", "prepare.", "stop.before_stop.")
"""How the ids of tasks begin that leave the service running on the set that it is on."""


@dataclass(frozen=True)
class SetsOfRun:
    """The sets of a run, by its plan.

    :param former: the one that the service was on.
    :param new: the one that the run works on.
    :param up: whether the service was up there.
    :param changes_over: the run takes the service from one to the other.
    :param of: the point in time of the former set's copy, as the array shows it; empty when it is not known.
    :param found: how the service was seen at the end of the run, None when it was not.
    """

    former: str
    new: str
    up: bool
    changes_over: bool
    of: str = ""
    found: OwnState | None = None

    @classmethod
    def read(cls, plan: Mapping[str, Any] | None) -> SetsOfRun | None:
        """Of XCom `plan`; None for a service without target sets, and where there is none."""
        if not plan or not plan.get("to_set"):
            return None
        former, new = plan["from_set"], plan["to_set"]
        times = [pair["last_action"] for sync in plan.get("former", ()) for pair in sync["pairs"]]
        known = [datetime.fromisoformat(time) for time in times if time]
        of = f"{min(known):%Y-%m-%d %H:%M:%S}" if known and len(known) == len(times) else ""
        return cls(former, new, plan["up"], former != new and STOP in plan["phases"], of)

    @property
    def kept(self) -> str:
        """The copy on the former set."""
        if not self.of:
            return f"its former set {self.former}"
        return f"its former copy of {self.of} (set {self.former})"

    def gone_back(self) -> tuple[str, str]:
        """The run has changed back: how the service stands, and what to press."""
        return (
            f"the service runs on {self.kept}.",
            f"trigger the action again, or `rewind` to change over to set {self.new} as it is; set "
            f"{self.former} is kept until the service has started well on another one.",
        )

    def meaning(self, at: str, go_on: str) -> tuple[str, str]:
        """The run has not changed back: how the service stands, and what to press.

        :param at: id of the task that failed.
        :param go_on: what continues the run.
        """
        if at.startswith(BEFORE_THE_STOP):
            planned = f"the service runs on set {self.former}" if self.up else "the service is down"
            as_planned = self.found and self.found.target_set == (self.former if self.up else "")
            return f"{(not as_planned and self._seen()) or f'{planned} as before'}.", go_on
        partly = "the service may be up in part only, on set"
        if at.startswith(f"{STOP}.") or not self.changes_over:
            return f"{self._seen() or f'{partly} {self.former}'}.", go_on
        return (
            f"{self._seen() or f'{partly} {self.new}'}; {self.kept} was not changed.",
            f"{go_on} Or trigger the action `rewind`: it takes the service to set {self.former}.",
        )

    def _seen(self) -> str:
        """How the service stands, where that is known: another run may have moved it since the plan."""
        if self.found is None or self.found.state not in ("up", "down"):
            return ""
        on = f" on set {self.found.target_set}" if self.found.target_set else ""
        return f"the service is {self.found.state}{on}"
