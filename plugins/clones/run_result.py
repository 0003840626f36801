"""How a run ended: done, unchanged, or stopped at a named step; and what to press."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PLAN = "plan"
RESTART = "start.on_old_copies"
"""The task that starts the service again on its old copies after a failure."""
BEFORE_STOP = "stop.before_stop."
AFTER_START = ("start.after_start.", "start.probes.")
"""What the ids of the service's hooks begin with."""


@dataclass(frozen=True)
class RunResult:
    """How one run ended.

    :param result: ``done``; ``unchanged``: it failed, and the service and its copies are as before;
        ``stopped``: it failed, and the service or its copies are not as before.
    :param at: id of the task that failed first, or empty.
    :param restarted: the service was started again on its old copies.
    """

    result: str
    at: str = ""
    restarted: bool = False

    @property
    def ok(self) -> bool:
        return self.result == "done"

    def text(self) -> str:
        """What happened and what to press."""
        if self.result == "done":
            return "Done."
        mend = f"What to do: open the log of {self.at} and mend what it names. Then "
        go_on = (
            "Clear, Only failed tasks, on this run: it goes on from there, from what the array shows then."
        )
        if self.at == PLAN:
            return f"Stopped at {PLAN}: nothing was changed.\n{mend}{go_on}"
        if self.at.startswith(BEFORE_STOP) and not self.restarted:
            return f"Stopped at {self.at}: the service was not stopped, no copy was changed.\n{mend}{go_on}"
        if self.at.startswith(AFTER_START):
            return f"Stopped at {self.at}: the service was started on these copies before.\n{mend}{go_on}"
        if self.result == "unchanged":
            return (
                f"Stopped at {self.at}; no copy was changed, the service runs on its old copies.\n"
                f"{mend}trigger the action again: the service runs, so a new run must stop it first."
            )
        return f"Stopped at {self.at}.\n{mend}{go_on}"

    def lines(self) -> list[str]:
        return self.text().splitlines()

    def to_plain(self) -> dict[str, str]:
        return {"result": self.result, "at": self.at}


def judge(states: Mapping[str, str]) -> RunResult:
    """Judge a run by its tasks' states, without its last task.

    :param states: task id to state; within each phase in the order of the chain.
    """
    failed = [task for task, state in states.items() if state == "failed"]
    if not failed:
        return RunResult("done")
    at = min(failed, key=_phase)
    restarted = states.get(RESTART) == "success"
    if restarted or at == PLAN or at.startswith(BEFORE_STOP):
        return RunResult("unchanged", at, restarted)
    return RunResult("stopped", at)


def _phase(task: str) -> int:
    """Where in the chain a task's phase stands."""
    order = (PLAN, "stop", "resync", "break", "start")
    phase = task.split(".")[0]
    return order.index(phase) if phase in order else len(order)
