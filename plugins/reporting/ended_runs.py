"""Telling people of runs that have ended without their last task, or without its word: nobody else would.

Marking a run as failed or success skips its last task, and no callback of Airflow's sees all ways to such an
end (tried, 3.3.2: marked over REST; green after Clear, Only failed tasks; what Airflow calls a deadlock of
its tasks, when `plan` fails while the approval waits). Nor does one see a last task whose process ended
before its work: killed for its memory, or when the DAG or its form is not what the run began with. So the
sweep looks for them, and for runs that a pause of their DAG holds (:mod:`reporting.paused_runs`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRuntimeError

from clones.actions import dags_of
from clones.runs.result import FINISH, PLAN, WITHOUT_FINISH, of_ended
from reporting import paused_runs
from reporting.alerts import run_without_finish
from reporting.runs_of_dag import ENDED, FAILED, RunsOfDag

REMEMBERED = 1000
"""Runs of one DAG that their plan has ended, which are known and not asked for again."""

log = logging.getLogger(__name__)

Known = Mapping[str, Any]
AGAIN = [-1, -1]
"""As `seen`: all is looked at again."""


def tell(context: Context, service: str, config: str, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Tell of each run of a service's DAGs that has ended without its last task; of each end once.

    It costs two counts a DAG, one of a DAG without runs; one more while a run goes on, and whether its DAG is
    paused. Where ends are remembered it costs three more: their states, how the last one that was told or
    heard of has ended, and what goes on. All runs are asked for only when that does not explain the counts.
    What is there at the first look is not told.

    A run that was cleared and has ended again between two looks is known by its end, if it is the last one
    that was told or heard of.

    :param before: what this returned the last time, None: it is the first look.
    :returns: plain JSON, to be given again: by DAG ``seen``, how many runs and how many last tasks have
        ended; ``told``, the runs that were told; ``fine``, those that their plan has ended; ``heard``, those
        whose last task has failed; ``last`` of the told and heard and its end; ``paused``, the runs of which
        it was told that their DAG is paused.
    """
    kept = dict(before or {})
    for dag_id in dags_of(service):
        runs = RunsOfDag(context["ti"], dag_id)
        known: Known = kept.get(dag_id) or {"seen": [0, 0], "told": [], "fine": [], "heard": []}
        try:
            say = partial(_told, context, service, config, dag_id)
            known = kept[dag_id] = {**known, **_of_dag(runs, known, say, first=before is None)}
            paused = paused_runs.tell(runs, known.get("paused", ()), context, service, config)
            kept[dag_id] = {**known, "paused": paused}
        except AirflowRuntimeError as error:
            log.warning("How the runs of %s stand could not be asked: %s", dag_id, error)
    return kept


def _of_dag(runs: RunsOfDag, known: Known, say: Callable[..., bool], *, first: bool) -> dict[str, Any]:
    """What there is to keep of the ends of one DAG's runs."""
    known = _without_ended_again(runs, known)
    still = _still(runs, known)
    seen = [runs.ended, runs.finished]
    if seen == known["seen"] and still == _ends(known):
        return {**known}
    still["told"] = [run_id for run_id in still["told"] if runs.state(run_id) in ENDED]
    settled = len(still["told"]) + len(still["fine"])
    # An earlier release kept no `heard`.
    explained = known["seen"] != AGAIN and seen[0] - seen[1] == settled and "heard" in known
    if explained and runs.failed == len(still["heard"]):
        return {**known, **still, "seen": seen}
    return _of_all(runs, known, still, seen, say, first=first)


def _ends(known: Known) -> dict[str, list[str]]:
    return {key: [*known.get(key, ())] for key in ("told", "fine", "heard")}


def _without_ended_again(runs: RunsOfDag, known: Known) -> Known:
    """What is known, without a run that has ended once more since."""
    run_id, end = known.get("last") or ("", "")
    if not run_id or runs.end_of(run_id) == end:
        return known
    rest = {key: [one for one in ends if one != run_id] for key, ends in _ends(known).items()}
    return {**known, **(rest if "heard" in known else {}), "last": None, "seen": AGAIN}


def _still(runs: RunsOfDag, known: Known) -> dict[str, list[str]]:
    """Those ends that are still there: a run may have been deleted, or cleared, since."""
    ends = _ends(known)
    last = runs.last_tasks([run_id for some in ends.values() for run_id in some])
    return {
        "told": [run_id for run_id in ends["told"] if last.get(run_id, FAILED) not in ENDED],
        "fine": [run_id for run_id in ends["fine"] if last.get(run_id) == "skipped"],
        "heard": [run_id for run_id in ends["heard"] if last.get(run_id) == FAILED],
    }


def _of_all(
    runs: RunsOfDag,
    known: Known,
    still: Mapping[str, list[str]],
    seen: list[int],
    say: Callable[..., bool],
    *,
    first: bool,
) -> dict[str, Any]:
    """The same, by a look at every run. Whom nobody could be told of is told at the next look.

    :param say: tells of a run; whether it could be told.
    """
    states = runs.tasks([PLAN, FINISH])
    told, fine = [*still["told"]], [*still["fine"]]
    failed = [run_id for run_id, tasks in states.items() if tasks.get(FINISH) == FAILED]
    heard = [*still["heard"]] if "heard" in known else [*failed]
    new = [run_id for run_id in failed if run_id not in heard]
    heard += [run_id for run_id in new if first or runs.left(run_id, FINISH) or say(run_id, silent=True)]
    without = [run_id for run_id, tasks in states.items() if tasks.get(FINISH) not in ENDED]
    for run_id in without:
        if run_id in told or run_id in fine or runs.state(run_id) not in ENDED:
            continue
        end = of_ended(states[run_id], {PLAN: runs.left(run_id, PLAN) or {}})
        if end["result"] != WITHOUT_FINISH:
            fine.append(run_id)
        elif first or say(run_id):
            told.append(run_id)
        else:
            seen = AGAIN
    if len(heard) < len(failed):
        seen = AGAIN
    ends = {"told": told, "fine": fine[-REMEMBERED:], "heard": heard}
    return {**ends, "seen": seen, "last": _last(runs, known, ends, new)}


def _last(runs: RunsOfDag, known: Known, ends: Mapping[str, list[str]], new: list[str]) -> list[str] | None:
    """The run that was told or heard of last, with its end; None when there is none any more."""
    found = [run_id for run_id in ends["told"] if run_id not in known["told"]]
    found += [run_id for run_id in new if run_id in ends["heard"]]
    before: list[str] | None = known.get("last")
    if found:
        return [found[-1], runs.end_of(found[-1])]
    return before if before and before[0] in (*ends["told"], *ends["heard"]) else None


def _told(
    context: Context, service: str, config: str, dag_id: str, run_id: str, *, silent: bool = False
) -> bool:
    try:
        run_without_finish(context, service, dag_id, run_id, config, silent=silent)
    except Exception:  # the site's own notifier: what it raises must not end the sweep of all services
        log.exception("No report was sent of run %s of %s", run_id, dag_id)
        return False
    return True
