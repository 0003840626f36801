"""How a run ended: done, unchanged, or stopped at a named step; and what to press."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from clones.actions import BREAK, PREPARE, RESYNC, START, STOP
from clones.decide.approval import ASK_AGAIN
from clones.runs.advice import once_failed, taken_apart
from clones.runs.result_on_sets import SetsOfRun

if TYPE_CHECKING:
    from clones.observe.own_state import OwnState

PLAN, APPROVE, FINISH = "plan", "approve", "finish"
REFUSED = "refused"
"""The result of a run whose plan says no."""
WITHOUT_FINISH = "ended without finish"
"""The result of a run that has ended and whose last task has not run: somebody ended it from outside."""
OUTSIDE = (
    "trigger the action again, or Clear the first task that is not green with Downstream and without Only "
    "failed tasks"
)
"""What to press for such a run. Ending it, Airflow marks every later task as skipped, and Clear, Only failed
tasks, leaves these so (tried, Airflow 3.3.2)."""
RESTART = "start.on_old_copies"
"""The task that starts the service again on its old copies after a failure. It fails also when it has."""
BACK = "start.on_former_set"
"""The same of a service with target sets: it changes back to the set that the service came from."""
RESTARTED = "restarted"
"""Its XCom: the service was started by this try of it."""
BEFORE_STOP = "stop.before_stop."
BEFORE_START = "start.before_start."
AFTER_START = ("start.after_start.", "start.probes.")
"""What the ids of the service's hooks begin with."""

ON_SETS = (PLAN, RESYNC, BREAK, PREPARE, STOP, START)
"""That of a service with target sets."""
CHAINS: tuple[tuple[str, ...], ...] = (
    (PLAN, STOP, RESYNC, BREAK, START),
    ON_SETS,
    (PLAN, "group", "create", "wait_prepared"),
    (PLAN, APPROVE, "restore", "confirm"),
    (PLAN, APPROVE, "terminate", "remove"),
)
"""The first parts of the task ids of each kind of DAG, in their order."""

_GO_ON = "Clear, Only failed tasks, on this run: it continues from there, from what the array shows then."
_OVERWRITTEN = "Production may be overwritten, fully or in part: leave it down until `confirm` succeeded."
_TEXTS: Mapping[str, tuple[str, str]] = {
    PLAN: (": nothing was changed.", _GO_ON),
    APPROVE: (": nothing was changed.", f"{ASK_AGAIN}."),
    "restore": (f".\n{_OVERWRITTEN}", _GO_ON),
    "confirm": (f".\n{_OVERWRITTEN}", _GO_ON),
}
"""By the first part of the task's id: what its failure means, and what to press after that is mended."""
_BEFORE = (PLAN, APPROVE)
"""Nothing is sent to the array before these have succeeded."""

_ENOUGH = re.compile(r"\btrigger|\brun the action|\bask again")
"""In advice that leads to a new run: this one is not gone on with."""
FIRST_LINES, LONGEST_LINE = 6, 400
"""Of what failed, as the end of a run quotes it."""
NO_WORD = "It gave no reason. Read its log: it may have been killed, or have lost its worker."

_NOTHING_DONE = {
    "planned": "Planned only: nothing was changed.",
    "superseded": "Not needed: another run made copies that are new enough. Nothing was changed.",
    "completed before": "This run was completed before. Nothing was changed.",
}


@dataclass(frozen=True)
class RunResult:
    """How one run ended.

    :param result: ``done``; ``refused``: its plan says no; ``unchanged``: it failed, and the service and its
        copies are as before; ``stopped``: it failed, and the service or its copies are not as before;
        ``planned``, ``superseded`` or ``completed before``: it ended with its plan.
    :param at: id of the task that failed first, or empty.
    :param restarted: the service was started again on its old copies.
    :param why: what the last task saw that keeps the run from being done, in sentences.
    :param remedy: what to do about that.
    :param asks: a second person approves this kind of run.
    :param said: what the task that failed said of it, the first lines, and :attr:`advised` what to do.
    :param mistyped: its form said what cannot be meant: whoever triggered it sees that.
    :param sets: of a service with target sets; `restarted` is then: it was taken back to its former set.
    """

    result: str
    at: str = ""
    restarted: bool = False
    why: str = ""
    remedy: str = ""
    asks: bool = False
    said: str = ""
    advised: str = ""
    mistyped: bool = False
    sets: SetsOfRun | None = None

    @property
    def ok(self) -> bool:
        return self.result == "done"

    def text(self) -> str:
        """What happened and what to press."""
        if self.result in _NOTHING_DONE:
            return _NOTHING_DONE[self.result]
        if self.result == "done":
            return "Done."
        if self.why:
            return f"Stopped at {self.at}: {self.why}\nWhat to do: {self.remedy}"
        head, press = self._meaning()
        said = f"\n{self.said}" if self.said else ""
        if self.advised and (self.mistyped or _ENOUGH.search(self.advised)):
            return f"{head}{said}\nWhat to do: {_sentence(self.advised)}"
        mend = self.advised or f"open the log of {self.at} and fix what it names"
        return f"{head}{said}\nWhat to do: {_sentence(mend)} Then {press}"

    def _meaning(self) -> tuple[str, str]:
        """What its failure means, and what to press once that is mended."""
        if self.sets and self.at not in (*_BEFORE, FINISH):
            means, press = self.sets.gone_back() if self.restarted else self.sets.meaning(self.at, _GO_ON)
            return f"Stopped at {self.at}: {means}", press
        if self.at.startswith(BEFORE_STOP) and not self.restarted:
            return f"Stopped at {self.at}: the service was not stopped, no copy was changed.", _GO_ON
        if self.at.startswith(BEFORE_START):
            return f"Stopped at {self.at}: the disks are up, no application was started.", _GO_ON
        if self.at.startswith(AFTER_START):
            return f"Stopped at {self.at}: the service was started on these copies before.", _GO_ON
        if self.result == "unchanged" and self.at not in _BEFORE:
            return (
                f"Stopped at {self.at}; no copy was changed, the service runs on its old copies.",
                "trigger the action again: the service runs, so a new run must stop it first.",
            )
        meaning, press = _TEXTS.get(self.at.split(".")[0], (".", _GO_ON))
        if self.asks and self.at == PLAN:
            press = f"{ASK_AGAIN}."
        verb = "Refused" if self.result == REFUSED else "Stopped"
        return f"{verb} at {self.at}{meaning}", press

    def lines(self) -> list[str]:
        return self.text().splitlines()

    def to_plain(self) -> dict[str, str]:
        """As JSON: ``result``, ``at``, and of one that failed ``why`` and ``press``, where they are known."""
        _, press = taken_apart(self.text())
        more = {"why": first_lines(self.why) or self.said, "press": press}
        return {"result": self.result, "at": self.at, **{key: text for key, text in more.items() if text}}

    def as_seen(self, own: OwnState | None) -> RunResult:
        """The same, with how the service itself was seen at the end: of one with target sets it is told."""
        return self if self.sets is None else replace(self, sets=replace(self.sets, found=own))

    def because(self, tries: Sequence[Mapping[str, Any]] | None) -> RunResult:
        """The same, with what the task that failed said of its last try.

        :param tries: its XCom `record`, None when it left none.
        """
        if self.ok or self.why or not self.at:
            return self
        last = tries[-1] if tries else {}
        error = last.get("error", "")
        if not error:
            return replace(self, said=NO_WORD)
        what, remedy = taken_apart(error)
        kind = last.get("kind", "") if self.at == PLAN else ""
        return replace(
            self,
            result=REFUSED if kind else self.result,
            said=first_lines(what),
            advised=once_failed(remedy),
            mistyped=kind == "mistyped",
        )


def first_lines(text: str) -> str:
    """As much of an error as a message has room for."""
    lines = [line for line in text.splitlines() if line.strip()]
    shown = [
        line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} ..." for line in lines[:FIRST_LINES]
    ]
    return "\n".join([*shown, *(["..."] if len(lines) > FIRST_LINES else [])])


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def judge(
    states: Mapping[str, str],
    wanted: Collection[str] = (),
    *,
    restarted: bool = False,
    plan: Mapping[str, Any] | None = None,
) -> RunResult:
    """Judge a run by its tasks' states, without its last task.

    :param states: task id to state; within each phase in the order of the chain.
    :param restarted: whether the task :data:`RESTART` or :data:`BACK` has left :data:`RESTARTED`; of a try
        before a clear that counts for nothing, for the task is skipped then.
    :param wanted: the tasks that must have succeeded for the run to be done; when none failed and one of them
        has not, somebody has skipped it from outside.
    :param plan: XCom `plan` of the run, None when it has left none.
    """
    chain = ON_SETS if any(task.startswith(f"{PREPARE}.") for task in states) else ()
    sets = SetsOfRun.read(plan)
    asks = APPROVE in states
    failed = [task for task, state in states.items() if state == "failed"]
    restarted = restarted and not {RESTART, BACK}.isdisjoint(failed)
    if failed:
        at = min(failed, key=lambda task: (task in (RESTART, BACK), _phase(task, chain)))
        if at in _BEFORE or (not sets and (restarted or at.startswith(BEFORE_STOP))):
            return RunResult("unchanged", at, restarted, asks=asks)
        return RunResult("stopped", at, restarted, asks=asks, sets=sets)
    left = [task for task in wanted if task not in (RESTART, BACK) and states.get(task) != "success"]
    if left:
        at = min(left, key=lambda task: _phase(task, chain))
        why = f"it has not run and has the state {states.get(at)}, which only a user can have set."
        return RunResult("stopped", at, why=why, remedy=f"{OUTSIDE}.", asks=asks)
    return RunResult("done")


def not_done(why: str, remedy: str) -> RunResult:
    """Every task succeeded, and yet the last one does not see what the run was to bring about."""
    return RunResult("stopped", FINISH, why=why, remedy=remedy)


def of_ended(states: Mapping[str, str | None], results: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """How a run that has ended said so, as :meth:`RunResult.to_plain` wrote it.

    What the last task left counts only while that task stands as ended itself: of a run that was cleared, and
    then ended from outside, it is of the time before.

    :param states: of the tasks `plan` and `finish`.
    :param results: their XComs `result`.
    """
    if states.get(FINISH) in ("success", "failed") and results.get(FINISH):
        return results[FINISH]
    if states.get(FINISH) == "skipped" and states.get(PLAN) == "success" and results.get(PLAN):
        return results[PLAN]
    return {"result": WITHOUT_FINISH, "at": ""}


def _phase(task: str, chain: Sequence[str] = ()) -> int:
    """Where in its DAG's chain a task's phase stands.

    :param chain: its DAG's, where that is known; else the first that has the phase.
    """
    phase = task.split(".")[0]
    chains = (chain, *CHAINS)
    return next((one.index(phase) for one in chains if phase in one), max(map(len, CHAINS)))
