"""Jobs: what an asynchronous change has become, and waiting for its end.

A change that was accepted is a job; the server may also have done it at once. A job that is not known any
more (its server was started anew) has ended, nobody knows how: the array is looked at. That it is not known
says a 404 about the job, and none about its array.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from clones.asking.pieces import pieces
from clones.asking.steps import Result, Steps, pause, run, run_together
from clones.backends.snapvx import answers, requests
from clones.backends.snapvx.answers import job_id
from clones.backends.snapvx.outcomes import Outcome, classify
from clones.backends.snapvx.reading import as_object, number, text
from clones.config import Sync
from clones.config.scope import Scope
from clones.errors import CloneError
from clones.time_limits import JOB

PAUSES = (1.0, 2.0, 3.0, 5.0)
"""Seconds between two looks at what takes seconds; the last one goes on."""


MOST, AT_ONCE = 20, 5
"""Jobs of which it is asked whether they have ended, and at the same time."""
PLANNED = timedelta(hours=1)


class JobState(enum.Enum):
    """What has become of a job."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "not known to the server"
    UNKNOWN = "could not be told"


STATES: Mapping[str, JobState] = {
    "SUCCEEDED": JobState.SUCCEEDED,
    "FAILED": JobState.FAILED,
    "ABORTED": JobState.FAILED,
    "VALIDATE_FAILED": JobState.FAILED,
    "INVALID": JobState.FAILED,
    "UNSCHEDULED": JobState.RUNNING,
    "SCHEDULED": JobState.RUNNING,
    "VALIDATING": JobState.RUNNING,
    "VALIDATED": JobState.RUNNING,
    "RUNNING": JobState.RUNNING,
    "RETRIEVING_PICTURE": JobState.RUNNING,
    "UNKNOWN": JobState.RUNNING,
}
"""The words of the API's document. UNKNOWN is not the end of a job; nor is a word that is not here."""


@dataclass(frozen=True)
class Job:
    """:param said: what the server says of its end, or why it could not be told."""

    state: JobState
    said: str = ""


def look(scope: Scope, sync: Sync, job: str) -> Steps[Job]:
    """Ask for one job. It raises nothing: that it cannot be told is an answer, too."""
    try:
        return read((yield from run(requests.show_job(scope, sync, job))), job)
    except CloneError as error:
        return Job(JobState.UNKNOWN, error.what)


def read(result: Result, job: str) -> Job:
    """What an answer says of a job."""
    outcome = classify(result)
    if outcome is Outcome.GONE and result.exit_code == 404:
        return Job(JobState.LOST, result.said()[:200])
    if outcome is not Outcome.DONE:
        return Job(JobState.UNKNOWN, f"{result.ending()}: {result.said()[:200]}")
    try:
        body = as_object(result.stdout)
        shown, status = job_id(body), text(body, "status") or ""
        said = text(body, "result") or status
    except CloneError as error:
        return Job(JobState.UNKNOWN, error.what)
    if shown != job:
        return Job(JobState.UNKNOWN, f"the answer is about job {shown}")
    return Job(STATES.get(status.upper(), JobState.RUNNING), said)


def unfinished(scope: Scope, sync: Sync) -> Steps[list[str]]:
    """The newest jobs of the array that have not ended, whoever has begun them: the answer that names one may
    be lost, and nothing else says which it was.

    What is only planned for later, and was for an hour, is no request of a few minutes ago.

    :raises CloneError: it could not be told.
    """
    found = answers.job_ids((yield from run(requests.list_jobs(scope, sync))))
    left = []
    for some in pieces(found[:MOST], AT_ONCE):
        results = yield from run_together([requests.show_job(scope, sync, job) for job in some])
        for job, result in zip(some, results, strict=True):
            going_on = read(result, job).state in (JobState.RUNNING, JobState.UNKNOWN)
            if going_on and not _is_planned(result):
                left.append(job)
    return left


def _is_planned(result: Result) -> bool:
    try:
        body = as_object(result.stdout)
        status, changed = text(body, "status") or "", number(body, "last_modified_date_milliseconds")
    except CloneError:
        return False
    if status.upper() not in ("SCHEDULED", "UNSCHEDULED") or changed is None or result.clock is None:
        return False
    return result.clock.timestamp() - changed / 1000 > PLANNED.total_seconds()


def wait(scope: Scope, sync: Sync, job: str, seconds: float = JOB.seconds) -> Steps[Job]:
    """Look at a job until it has ended, or the time is up.

    :returns: as it was seen last.
    """
    waited, number = 0.0, 0
    while True:
        found = yield from look(scope, sync, job)
        if found.state not in (JobState.RUNNING, JobState.UNKNOWN) or waited >= seconds:
            return found
        step = min(PAUSES[min(number, len(PAUSES) - 1)], seconds - waited)
        yield from pause(step, f"job {job} of sync {sync.name} is {found.said or found.state.value}")
        waited, number = waited + step, number + 1
