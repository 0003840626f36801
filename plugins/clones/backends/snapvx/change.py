"""Sending a change, and seeing what came of it.

What the server answers says whether it was accepted; only the look says that it worked. Its picture of the
array lags some seconds behind: one look that does not show a change proves nothing, so it is looked again for
a while. Nothing is sent twice: what is not known after that is left to the next try, which waits out whatever
may be pending before it looks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from clones.asking.slots import give_back, has_ended
from clones.asking.steps import Request, Result, Steps, note, pause, run
from clones.backends.snapvx import jobs
from clones.backends.snapvx.answers import job_of
from clones.backends.snapvx.intents import Intent, What, kept_intent
from clones.backends.snapvx.jobs import Job, JobState
from clones.backends.snapvx.outcomes import Outcome, classify, failure, meaning_of
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.ledger import Ledger
from clones.errors import CloneError, Locked, NotDone, Refused, Torn, TryAgain, Unknown
from clones.time_limits import CHECKED, JOB, LATE_LINK, REST, REST_WRITE, SETTLE

T = TypeVar("T")

FIRST_PAUSE = 4.0
"""Seconds from an accepted change to the first look at it: shorter than that it seldom shows."""
PAUSES = (2.0, 3.0, 5.0)
"""Seconds between further looks; the last one goes on."""
CHECKS_FIRST = "wait for the retry, which checks the array first"

_SURE = frozenset({Outcome.REFUSED, Outcome.DENIED, Outcome.GONE, Outcome.LOCKED})
"""The server has said no: nothing of it is pending."""


@dataclass(frozen=True)
class Sent:
    """A request and what is known of its end."""

    result: Result
    outcome: Outcome
    job: str = ""


def need(scope: Scope, sync: Sync, ledger: Ledger | None) -> Ledger:
    """:raises Refused: nothing can be kept of what this task sends."""
    if ledger is None or not ledger.lasting:
        raise Refused(
            f"{scope.subject(sync)}: this task has no place where it can keep what it sends, and no array "
            "shuts out an earlier try of it. Nothing was sent to the array.",
            "give the operator `service` and `sync` as plain names, and no template",
        )
    return ledger


def wait_out(scope: Scope, sync: Sync, ledger: Ledger | None) -> Steps[None]:
    """Wait until nothing that an earlier try has sent can be pending any more.

    :raises Locked: its job is still running.
    :raises TryAgain: it could not be told which jobs there are.
    """
    kept = kept_intent(ledger)
    if ledger is None or kept is None or kept.ended:
        return
    yield from note(
        f"An earlier request for sync {sync.name} may be pending: {kept.what} of {kept.name}, sent by run "
        f"{kept.run[1]} at {kept.sent:%Y-%m-%d %H:%M:%S %Z}",
        warning=True,
    )
    if kept.job:
        found = yield from jobs.wait(scope, sync, kept.job)
        if found.state in (JobState.RUNNING, JobState.UNKNOWN):
            raise _still_running(scope, sync, kept.job, found)
        yield from note(f"Job {kept.job} is {found.state.value}: {found.said}")
        # What it has done may not show yet, and what does not show would be sent again.
        yield from pause(SETTLE.seconds, f"until Unisphere shows what job {kept.job} has done")
        if found.state is not JobState.LOST:
            ledger.know(replace(kept, ended=True).to_plain())
            return
    may_take = kept.answer or REST.seconds
    if kept.what is not What.SNAPSHOT:
        may_take = max(may_take, LATE_LINK.seconds)
    longest = timedelta(seconds=may_take + SETTLE.seconds)
    # The clock that said when it was sent may be another worker's. Since this try's token stands, a request
    # of an earlier one is sent, and arrives, within this.
    least = timedelta(seconds=CHECKED.seconds + REST_WRITE.seconds)
    left = max(min(kept.sent + longest - ledger.now(), longest), least)
    yield from pause(left.total_seconds(), f"until that request of sync {sync.name} has ended")
    # The server may have made a job of it, and the answer that names it may be what was lost.
    others = yield from jobs.unfinished(scope, sync)
    for job in others:
        found = yield from jobs.wait(scope, sync, job)
        if found.state in (JobState.RUNNING, JobState.UNKNOWN):
            raise _still_running(scope, sync, job, found, perhaps=True)
    if others:
        yield from pause(SETTLE.seconds, f"until Unisphere shows what job {', '.join(others)} has done")
    ledger.know(replace(kept, ended=True).to_plain())


def send(request: Request, ledger: Ledger, begin: Callable[[], Callable[[], None]]) -> Steps[Sent]:
    """Send a change. That it is sent is kept before, and its job as soon as it is known.

    :param begin: keeps the intent; what it returns takes that back when nothing was sent.
    """
    result = yield from run(replace(request, before_send=begin, told=ledger.told))
    outcome = classify(result)
    job = job_of(result) if outcome is Outcome.RUNNING else ""
    kept = kept_intent(ledger)
    if job and kept is not None:
        ledger.know(replace(kept, job=job).to_plain())
    return Sent(result, outcome, job)


def settle(
    scope: Scope,
    sync: Sync,
    ledger: Ledger,
    sent: Sent,
    action: str,
    look: Callable[[], Steps[T | None]],
    consequence: Callable[[], Steps[str]],
    *,
    only_by_this: bool = False,
) -> Steps[T]:
    """Look until the change shows, or cannot come any more.

    :param look: what is there once the change is made; None as long as it does not show.
    :param consequence: looks, and says what was changed.
    :param only_by_this: nothing else can have made what shows. Else it may have been another request, and the
        job of this one is still to come: what follows would not be safe from it.
    :raises Refused: the array or the server said no, and nothing shows.
    :raises TryAgain: it is not known, or is still in progress.
    """
    subject = f"{scope.subject(sync)}: {action}"
    trouble, job = "", Job(JobState.RUNNING)
    waited, limit, number = 0.0, JOB.seconds if sent.job else SETTLE.seconds, 0
    if sent.outcome not in _SURE:
        yield from pause(FIRST_PAUSE, f"until Unisphere shows the {action} of sync {sync.name}")
        waited = FIRST_PAUSE
    while True:
        try:
            found = yield from look()
            trouble = ""
        except TryAgain as error:
            found, trouble = None, error.what
        if found is not None:
            if sent.job and not only_by_this and job.state in (JobState.RUNNING, JobState.UNKNOWN):
                job = yield from jobs.wait(scope, sync, sent.job)
                if job.state in (JobState.RUNNING, JobState.UNKNOWN):
                    raise _still_running(scope, sync, sent.job, job)
            yield from _over(ledger, sent)
            if sent.outcome not in (Outcome.DONE, Outcome.RUNNING) or job.state is JobState.FAILED:
                yield from note(f"{action} ended with {sent.result.ending()}, but is done", warning=True)
            return found
        if sent.outcome in _SURE or job.state is JobState.FAILED:
            break
        if sent.job and job.state in (JobState.RUNNING, JobState.UNKNOWN):
            job = yield from jobs.look(scope, sync, sent.job)
            if job.state in (JobState.SUCCEEDED, JobState.LOST):
                limit = waited + SETTLE.seconds
        if waited >= limit:
            break
        step = min(PAUSES[min(number, len(PAUSES) - 1)], limit - waited)
        yield from pause(step, f"until Unisphere shows the {action} of sync {sync.name}")
        waited, number = waited + step, number + 1
    if trouble:
        raise Unknown(
            f"{subject} ended with {sent.result.ending()}: {sent.result.said()[:200]}\nThe result is not "
            f"known: {trouble}",
            CHECKS_FIRST,
        )
    if sent.outcome in _SURE or job.state is JobState.FAILED:
        yield from _over(ledger, sent)
    try:
        changed = yield from consequence()
    except Torn:
        raise
    except CloneError as error:
        raise Unknown(f"{subject}: the result is not known: {error.what}", CHECKS_FIRST) from error
    if sent.outcome in _SURE or job.state is JobState.FAILED:
        ledger.was_refused()
    raise _not_seen(scope, sync, sent, job, action, changed)


def _not_seen(scope: Scope, sync: Sync, sent: Sent, job: Job, action: str, changed: str) -> CloneError:
    subject = f"{scope.subject(sync)}: {action}"
    if sent.outcome in _SURE:
        return failure(sent.result, subject, consequence=changed)
    if job.state is JobState.FAILED:
        return job_failure(f"{subject}: job {sent.job}", job, changed)
    if sent.job and job.state in (JobState.RUNNING, JobState.UNKNOWN):
        return _still_running(scope, sync, sent.job, job)
    if sent.outcome is Outcome.UNKNOWN:
        return failure(sent.result, subject, consequence=f"{changed} It may still come.")
    return NotDone(
        f"{subject} was accepted ({sent.result.ending()}), but Unisphere does not show it.\n{changed}",
        CHECKS_FIRST,
    )


def job_failure(subject: str, job: Job, changed: str) -> CloneError:
    """The error for a job that has failed: by what it says, as that of a refusal."""
    row = meaning_of(job.said)
    what = f"{subject} has failed{f' ({row.meaning})' if row else ''}: {job.said}\n{changed}"
    if row is not None and row.outcome is Outcome.LOCKED:
        return Locked(what, row.remedy)
    if row is not None and row.outcome in _SURE:
        return Refused(what, row.remedy)
    return NotDone(what, CHECKS_FIRST)


def _still_running(scope: Scope, sync: Sync, job: str, found: Job, *, perhaps: bool = False) -> Locked:
    which = ", which may be that of a request whose answer was lost," if perhaps else ""
    return Locked(
        f"{scope.subject(sync)}: job {job} of Unisphere{which} has not ended: "
        f"{found.said or found.state.value}. Nothing more is sent before it has.",
        "wait for the retry, which asks for the job first; if it never ends, find out in Unisphere why",
    )


def _over(ledger: Ledger, sent: Sent) -> Steps[None]:
    """Nothing of a request is pending: that is kept, and its slots are given back."""
    kept = kept_intent(ledger)
    if kept is not None and not kept.ended:
        ledger.know(replace(kept, ended=True).to_plain())
    request = sent.result.command
    if isinstance(request, Request) and not has_ended(sent.result):
        yield from give_back(request)


def intent_of(ledger: Ledger, made: Intent) -> Callable[[], Callable[[], None]]:
    """Keeps an intent that is no activation."""
    return lambda: ledger.intend(made.to_plain())
