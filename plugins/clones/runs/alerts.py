"""What is told of a run that failed, was ended from outside, is late or waits: one line, what to press."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from clones.durations import spoken
from clones.runs.result import OUTSIDE


@dataclass(frozen=True)
class Alert:
    """One message.

    :param kind: ``failed``, ``late``, ``waiting`` or ``ended``: without its last task.
    :param subject: in one line.
    :param text: what happened, and what to press; several lines.
    :param url: of the run in Airflow, empty when the address of its UI is not known.
    """

    kind: str
    service: str
    dag_id: str
    run_id: str
    subject: str
    text: str
    url: str

    def to_plain(self) -> dict[str, str]:
        """As JSON."""
        return asdict(self)


def failed(service: str, dag_id: str, run_id: str, said: str, url: str = "") -> Alert:
    """A run ended without having done what was asked.

    :param said: how its last task says that it ended, with what to press.
    """
    first = said.splitlines()[0] if said.strip() else "Its last task failed and said nothing: read its log."
    subject = f"{dag_id} failed. {first}"
    return Alert("failed", service, dag_id, run_id, subject, _text(subject, run_id, said, first, url), url)


def without_finish(service: str, dag_id: str, run_id: str, url: str = "") -> Alert:
    """A run has ended, and its last task has not run: nothing else tells how it stands."""
    subject = f"A run of {dag_id} was ended from outside, without its last task."
    press = (
        "The service may be down and its copies in any state; there is no record of the run.\n"
        f"What to do: open the run and the log of its last task that is not skipped; then {OUTSIDE}."
    )
    return Alert("ended", service, dag_id, run_id, subject, _text(subject, run_id, press, "", url), url)


def silent(service: str, dag_id: str, run_id: str, url: str = "") -> Alert:
    """The last task of a run has failed before it said how the run stands: it was killed, or never began."""
    subject = f"The last task of a run of {dag_id} failed, and has not said how the run stands."
    press = (
        "The service may be down, and the lock of the run held.\n"
        "What to do: open the log of that task, and of Airflow's scheduler where it has none; mend what "
        "ended it (memory, a DAG or form that was changed under the run), then Clear, *Only failed tasks*."
    )
    return Alert("ended", service, dag_id, run_id, subject, _text(subject, run_id, press, "", url), url)


def late(service: str, dag_id: str, run_id: str, minutes: int, url: str = "") -> Alert:
    """A run has not ended within so many minutes, and goes on."""
    subject = f"A run of {dag_id} has not ended after {minutes} min."
    press = (
        "What to do: open the run and the log of its current task: the log says what it waits for. Let it "
        "finish while it copies; XCom `progress` has the percent and the estimated end. Nothing was ended."
    )
    return Alert("late", service, dag_id, run_id, subject, _text(subject, run_id, press, "", url), url)


def paused(service: str, dag_id: str, run_id: str, url: str = "") -> Alert:
    """The DAG of a run is paused, and the run has not ended: Airflow starts no further task of it."""
    subject = f"DAG {dag_id} is paused while a run of it is in progress: no further task starts."
    press = (
        "The service may be down, and stays as it is; the run holds its lock.\n"
        "What to do: unpause the DAG: the run continues from there. To keep further runs from starting, "
        "wait for its end, then pause."
    )
    return Alert("waiting", service, dag_id, run_id, subject, _text(subject, run_id, press, "", url), url)


def waiting(pool: str, service: str, dag_ids: Sequence[str], minutes: int) -> Alert:
    """Tasks wait for a place in a pool in which none runs.

    :param service: of the first of the DAGs.
    """
    subject = (
        f"Tasks of {', '.join(dag_ids)} have waited for {spoken(60 * minutes)} for a place in "
        f"pool {pool}, in which none of ours runs."
    )
    press = (
        "What to do: check Admin, Pools: it is missing, has no slots, or tasks of others hold them; or "
        "the DAGs are paused. Run `scripts/pools`, which makes what is missing; the tasks then continue "
        "by themselves. Until then services may be down: see the board."
    )
    return Alert("waiting", service, dag_ids[0], "", subject, f"{subject}\n{press}", "")


def _text(subject: str, run_id: str, said: str, first: str, url: str) -> str:
    rest = said.strip().removeprefix(first).strip()
    return "\n".join(line for line in (subject, f"Run: {run_id}", rest, url) if line)
