"""What an HTTP status, and the message of a refusal, say: classed once.

The array's refusals come as status 500 with ``{"message": "A problem occurred ...: TEXT"}``: they are read as
TEXT says. The texts were seen in reports about other programs, and in their code; see
``docs/reference/snapvx.md``. What is not in the table is unknown, not refused.

A 404 says that something is not there, and not what: a server that was just started does not know its arrays.
How it says so is not known, and differs between releases. So a look that was answered 404 counts only after
the array was shown and the look was answered 404 once more, and not where the text speaks of the array alone.
"""

from __future__ import annotations

import enum
import json
import re
from dataclasses import dataclass

from clones.asking.steps import Request, Result
from clones.errors import CloneError, Locked, NotDone, Refused, Unknown


class Outcome(enum.Enum):
    """What became of a request."""

    DONE = "done"
    RUNNING = "accepted, and a job works on it"
    ALREADY = "already so"
    GONE = "there is no such thing"
    REFUSED = "refused"
    DENIED = "not allowed"
    LOCKED = "locked, try again"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Text:
    """What a message says.

    :param part: of the message, in lower case.
    :param remedy: begins with a verb.
    """

    part: str
    outcome: Outcome
    meaning: str
    remedy: str


_ASK = "find out who did, and end that"
TEXTS = (
    Text("already in the desired state or mode", Outcome.ALREADY, "it is already so", ""),
    Text(
        "no snapshot",  # "... was found", "... information found", "... named X found"
        Outcome.GONE,
        "there is no such snapshot, or its storage group has gained devices since it was taken",
        "compare the storage group with `pairs`; then run the action `refresh`",
    ),
    Text(
        "already a copy session target device",
        Outcome.REFUSED,
        "a target is linked to another snapshot, or is the target of a clone session",
        f"check the targets in Unisphere for another link or clone; {_ASK}",
    ),
    Text(
        "no link target was found",
        Outcome.REFUSED,
        "the target group is not linked to that snapshot",
        "check the link of the target group in Unisphere",
    ),
    Text(
        "maximum number of sessions has been exceeded",
        Outcome.REFUSED,
        "the source has as many snapshots and links as it can have",
        "end snapshots of these sources that nobody needs, then run it again",
    ),
    Text(
        "unable to acquire the symmetrix device lock",
        Outcome.LOCKED,
        "the devices are locked",
        "wait for the retry; a lock that stays needs the storage team",
    ),
    Text(
        "cannot find role for user",
        Outcome.DENIED,
        "the user has no role on that array",
        "give the user of the connection the role for local replication on both storage groups",
    ),
)
"""The first that fits decides."""

_STATUS = {
    200: Outcome.DONE,
    201: Outcome.DONE,
    202: Outcome.RUNNING,
    204: Outcome.DONE,
    400: Outcome.REFUSED,
    401: Outcome.DENIED,
    403: Outcome.DENIED,
    404: Outcome.GONE,
    405: Outcome.REFUSED,
    409: Outcome.LOCKED,
    423: Outcome.LOCKED,
    429: Outcome.LOCKED,
}
"""All others are unknown: so are 408 and 502 to 504, behind which the change may have been made."""


def message(result: Result) -> str | None:
    """What the server says; None when it is no answer of its own, as the page of a proxy."""
    try:
        body = json.loads(result.stdout)
    except (ValueError, RecursionError):
        return None
    found = body.get("message") if isinstance(body, dict) else None
    return found if isinstance(found, str) else None


def meaning_of(said: str) -> Text | None:
    """The row of the table for a message, also for that of a job."""
    return next((row for row in TEXTS if row.part in said.lower()), None)


def classify(result: Result) -> Outcome:
    """What became of a request. It says nothing of what its job will come to."""
    code = result.exit_code
    if code is None:
        return Outcome.UNKNOWN
    said = message(result)
    if code in (404, 500) and said is None:
        return Outcome.UNKNOWN  # whoever says so is not the server
    if code == 404 and not _is_of_the_thing(result, str(said)):
        return Outcome.UNKNOWN
    row = meaning_of(said) if said is not None and code >= 400 else None
    if row is not None and code not in (401, 403):
        return row.outcome
    return _STATUS.get(code, Outcome.UNKNOWN)


def _is_of_the_thing(result: Result, said: str) -> bool:
    """Whether a 404 is about what a look asks for, and not about its array. Of a change it says that it was
    not made, whatever is missing.
    """
    request = result.command
    if not isinstance(request, Request) or request.holder is None:
        return True
    array, _, below = request.path.partition("/symmetrix/")[2].partition("/")
    asked = _words(" ".join((below, *(value for _, value in request.query))))
    spoken = _words(re.sub(r"\S*/\S*", " ", said))  # a path that is quoted is what was asked
    of_another = "/" in said or spoken & {"array", "symmetrix", array.lower()}
    return result.holder_there and not (of_another and not spoken & asked)


def _words(said: str) -> set[str]:
    return set(re.findall(r"[\w-]+", said.lower()))


def failure(result: Result, subject: str, *, consequence: str) -> CloneError:
    """The error for a request that was not done.

    :param subject: what it was about: service, sync, action.
    :param consequence: what was or was not changed, as far as it was observed.
    """
    outcome, said = classify(result), message(result)
    row = meaning_of(said) if said is not None else None
    shown = result.command.title if isinstance(result.command, Request) else result.command.shown()
    what = (
        f"{subject}: `{shown}` on {result.command.host} ended with {result.ending()}"
        f"{f' ({row.meaning})' if row else ''}: {said or result.said()[:200]}\n{consequence}"
    )
    if outcome is Outcome.DENIED:
        if row is not None and row.outcome is Outcome.DENIED:
            return Refused(what, row.remedy)
        if result.exit_code == 403:
            remedy = (
                f"give the user of the connection {result.command.host} the role for local replication on "
                "both storage groups"
            )
            return Refused(what, remedy)
        return Refused(
            what,
            f"check login and password of the connection {result.command.host}, and the roles of its user",
        )
    if outcome is Outcome.LOCKED:
        return Locked(what, row.remedy if row else "wait for the retry")
    if outcome is Outcome.GONE and row is None and result.command.changes:
        # The thing or its array: the look of the next try tells.
        return NotDone(what, "wait for the retry, which checks the array first")
    if outcome in (Outcome.REFUSED, Outcome.GONE):
        return Refused(
            what,
            row.remedy
            if row
            else "read what Unisphere said; fix it, then clear this task to continue from here",
        )
    return Unknown(what, "wait for the retry, which checks the array first")
