"""What a gate on a host says when it lets a command not through (docs/decisions/0039-the-gate.md).

=====================================================  =============================================
Exit code and standard error                           Reading
=====================================================  =============================================
119, and a line ``symclone-gate: refused: WHY...``     refused: the command was not run
the same, ``the policy cannot be used: ...``           not run, and tried again: it may be being copied
119 without such a line                                the command's own exit code
such a line with another exit code                     what the command says, whatever it means
=====================================================  =============================================

It is told once, where a procedure gets the result that it asked for (:func:`clones.asking.steps.run`): no
reader of exit codes ever sees it, for a site's own command may mean anything by 119.
"""

from __future__ import annotations

import re

from clones.clean import one_line
from clones.errors import CloneError, Refused, TryAgain

PROGRAM = "symclone-gate"
FILE = "/etc/symclone-gate.policy"
REFUSED = 119
NO_POLICY = "the policy cannot be used"
_SAID = re.compile(
    rf"^{PROGRAM}: refused: (?P<why>.*?)(?:; (?:policy of (?P<made>\S+) \(\S+\)|no policy): .*)?$",
    re.MULTILINE,
)
LONGEST = 300
"""Characters of what a gate says, in a message."""


def remedy(connection: str) -> str:
    """What to copy where, so that a gate lets through what services.yaml says now."""
    return (
        f"make its policy anew (`scripts/gate {connection} > gate.policy`; for a provision, a retirement or "
        f"a merge-back with `--with` and `--until`), copy it to {connection} as {FILE}, owner root, mode 0644"
    )


def has_refused(exit_code: int | None, stderr: str) -> bool:
    """Whether a gate has kept the command from being run."""
    return exit_code == REFUSED and _SAID.search(stderr) is not None


def refusal(connection: str, shown: str, stderr: str) -> CloneError:
    """The error of a command that a gate has not let through.

    A policy that cannot be read may be one that is being copied: that is tried again.

    :param shown: the command as a message names it.
    :param stderr: what came back.
    """
    said = _SAID.search(stderr)
    why = one_line(said["why"]) if said else ""
    of = f" (policy of {one_line(said['made'])})" if said and said["made"] else ""
    what = f"The gate of {connection} does not let `{shown}` through{of}: {why[:LONGEST]}. It was not run."
    if why.startswith(NO_POLICY):
        return TryAgain(what, f"wait for the retry; if it stays so, {remedy(connection)}")
    return Refused(
        what,
        f"{remedy(connection)}. If services.yaml does not ask for that command, find out who sends it",
    )
