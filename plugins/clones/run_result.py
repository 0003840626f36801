"""How a run ended: done, unchanged, or stopped at a named step; and what to press."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clones.actions import BREAK, RESYNC, START, STOP

PLAN = "plan"
RESTART = "start.on_old_copies"
"""The task that starts the service again on its old copies after a failure."""

CHAINS: tuple[tuple[str, ...], ...] = (
    (PLAN, STOP, RESYNC, BREAK, START),
    (PLAN, "group", "create", "wait_prepared"),
)
"""The first parts of the task ids of each kind of DAG, in their order."""


@dataclass(frozen=True)
class RunResult:
    """How one run ended.

    :param result: ``done``; ``unchanged``: it failed, and the service runs on its old copies as before;
        ``stopped``: it failed, and the service or its copies are not as before.
    :param at: id of the task that failed first, or empty.
    """

    result: str
    at: str = ""

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

    :param states: task id to state, in any order.
    """
    failed = [task for task, state in states.items() if state == "failed"]
    if not failed:
        return RunResult("done")
    at = min(failed, key=_position)
    if states.get(RESTART) == "success" or at == PLAN:
        return RunResult("unchanged", at)
    return RunResult("stopped", at)


def _position(task: str) -> tuple[int, str]:
    """Where in its DAG's chain a task stands."""
    phase = task.split(".")[0]
    return (next((chain.index(phase) for chain in CHAINS if phase in chain), max(map(len, CHAINS))), task)
