"""What an exit code says, classed once.

Sources: 0, 1, 2, 3, 18, 19, 49 and the verify triples are used by field scripts; 126, 127, 255 and no
status at all come from the shell and SSH and are no answer of SYMCLI's. See ``docs/reference/symcli.md``.
"""

from __future__ import annotations

import enum

from clones.asking.steps import Result
from clones.errors import CloneError, Locked, Refused, Unknown

PAIR_FILE_FAILED = 120
"""Ours: the pair file could not be written and read back; nothing was sent to the array."""


class Outcome(enum.Enum):
    """What became of a command."""

    DONE = "done"
    REFUSED = "refused"
    LOCKED = "locked, try again"
    UNKNOWN = "unknown"


_LOCKED = {
    2: "the SYMAPI database is locked by another process",
    3: "the array is locked by another process",
    19: "the gatekeepers are locked",
}
_UNKNOWN = {
    48: "the configuration is locked",
    49: "the devices are locked; a lock that stays needs the storage team (`symcfg list -lockn all`)",
    126: "the program could not be executed",
    127: "the program was not found",
    255: "SSH failed",
}


def classify(exit_code: int | None) -> Outcome:
    """Class the exit code of a control or status command (not of `verify`, which has its own codes).

    18 (already in that state) counts as accepted: the observation that follows decides.
    """
    if exit_code is None:
        return Outcome.UNKNOWN
    if exit_code in (0, 18):
        return Outcome.DONE
    if exit_code in _LOCKED:
        return Outcome.LOCKED
    if exit_code in _UNKNOWN or exit_code >= 128 or exit_code < 0:
        return Outcome.UNKNOWN
    return Outcome.REFUSED


def verified(exit_code: int | None) -> bool | None:
    """The answer of a `verify`: all pairs are so (0), not all or none are, or it could not tell (None).

    Its codes above 49 are not proven, so none of them is told from another.
    """
    if exit_code == 0:
        return True
    if exit_code in (1, PAIR_FILE_FAILED) or classify(exit_code) in (Outcome.LOCKED, Outcome.UNKNOWN):
        return None
    return False


def failure(result: Result, subject: str, *, consequence: str) -> CloneError:
    """The error for a SYMCLI command that was not done.

    :param subject: what it was about: service, sync, action.
    :param consequence: what was or was not changed, as far as it was observed.
    """
    code = result.exit_code
    outcome = classify(code)
    meaning = _LOCKED.get(code or 0) or _UNKNOWN.get(code or 0, "")
    what = (
        f"{subject}: `{result.command.line()}` on {result.command.host} ended with {result.ending()}"
        f"{f' ({meaning})' if meaning else ''}: {result.said()}\n{consequence}"
    )
    if code == PAIR_FILE_FAILED:
        return Refused(
            what,
            f"make room and rights for {result.command.words[4]} on {result.command.host}, then run again",
        )
    if code in (126, 127):
        return Refused(
            what,
            "set `symcli.bin` in services.yaml to the folder of the SYMCLI programs on "
            f"{result.command.host}",
        )
    if outcome is Outcome.LOCKED:
        return Locked(
            what,
            "wait for the retry; if it stays, find out who holds the lock with `symcfg list -lock`, then "
            "clear this task",
        )
    if outcome is Outcome.UNKNOWN:
        return Unknown(what, "wait for the retry, which checks the array first")
    return Refused(what, "read what SYMCLI said; fix it, then clear this task to continue from here")
