"""What of an answer is the word of `sudo`, `doas`, `pfexec` or `pbrun`, and none of the command behind it.

They end with 1 when they do not run the command, and with its own exit code when they do. To a check of an
application 1 means down, to fuser that nobody uses a file, to `symclone verify` not yet. So an exit code that
may be theirs is not read when they say something beside it.

==================================================  ===================================  ==================
Line of stderr                                      Reading                              How sure
==================================================  ===================================  ==================
``sudo: a password is required``, ``sudo: C:        not run                              tried with 1.9.13
command not found``
others of its source in the locale C (``Sorry,      not run                              documented
user U is not allowed ...``); see the list below
``sudo: interactive authentication is required``    not run, of sudo-rs                  assumed
what else begins with ``sudo:``, speaks of sudo or  nothing is known: a refusal in       by decision
of the command's path; exit code 1                  another language looks so
``C: words`` of sudo and doas: a script that says   the command's own: none of theirs    assumed
its own name first, as many do                      begins so
``sudo: unable to resolve host ...`` and the like   passed over: the command has run     documented
``doas: Operation not permitted``,                  not run                              tried with 6.8.2
``doas: Authentication required``, ...                                                   of OpenDoas
``C: can't get execution attributes``, ``pfexec:``  not run                              documented of
                                                                                         illumos
none of pfexec                                      the command has run, maybe without   documented of
                                                    privileges; fuser needs none there   illumos
any exit code but 0 and any line, of pbrun; or a    nothing is known: its words and      by decision
line of stdout that speaks of a rejection           codes are those of its policy
pbrun rejects without a word                        never                                assumed
any of these in a text that calls several           nothing is known: the others may     by decision
                                                    have run
==================================================  ===================================  ==================

126 and 127 are unknown to every reader anyway.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clones.become import KINDS

_REFUSALS = tuple(
    re.compile(pattern)
    for pattern in (
        # sudo, as its source has them
        r"sudo: a password is required",
        r"sudo: a terminal is required to (?:read|authenticate)\b.*",
        r"sudo: (?:no tty present|no askpass program specified)\b.*",
        r"sudo: interactive authentication is required",
        r"sudo: sorry, you must have a tty to run sudo",
        r"sudo: '?(?P<program>/\S*?)'?: command not found",
        r"Sorry, user \S+ (?:is not allowed to execute '.*' as .*|may not run sudo on .*)",
        r"\S+ is not (?:allowed to run sudo on|in the sudoers file\b).*",
        r"sudo: (?:effective uid is not 0|\S+ must be (?:owned by uid 0|setuid root)).*",
        r"sudo: (?:The \"no new privileges\" flag is set|no valid sudoers sources found).*",
        r"sudo: (?:unable to initialize policy plugin|fatal error, unable to load plugins).*",
        r"sudo: (?:account validation failure|you do not exist in the|PAM \S+ (?:management )?error).*",
        r"sudo: (?:Account or password is expired|Account expired|Password expired).*",
        r"sudo: (?:illegal|invalid|unknown) option.*",
        # doas
        r"doas: (?:Operation not permitted|Authentication (?:required|failed)|not installed setuid)",
        r"doas: (?:(?P<sought>/\S+): command not found|doas is not enabled, .*|\S+ is not owned by root)",
        r"doas: \S+ is writable by group or other",
        # pfexec
        r"pfexec: can't (?:execute|get real path of) .*",
        r"/\S+: can't (?:get execution attributes|set (?:uid|gid|privileges))",
    )
)
"""Whole lines that are printed only instead of running the command, in the locale C."""
_WARNINGS = re.compile(
    r"sudo: (?:unable to resolve host|setrlimit\(|unable to send audit message|problem with defaults entries"
    r"|ignoring time ?stamp|time ?stamp|unable to (?:open|stat|mkdir) \S*(?:/ts\b|/sudo\b)"
    r"|\S*: unknown defaults entry|unknown defaults entry).*"
)
"""What sudo prints beside a good run, in the locale C."""
_BESIDE = re.compile(r"usage: sudo .*|\[.*\]|This incident .*")
"""What follows a refusal."""
_SPEAKS = re.compile(rf"(?:{'|'.join(KINDS)}): |.*\bsudo(?:ers)?\b", re.I | re.A)

_USER = re.compile(rf"(?:.*: )?(?:{'|'.join(KINDS)}|sudo-rs|su|runuser|ssh): ", re.A)
"""What runs a command as somebody else, and ends with 1 when it does not."""
_GOES_ON = re.compile(r"(?:su|runuser): warning: .*|sudo: unable to change directory to .*")
"""What these print before they run it all the same: the user's home is on the copy."""


@dataclass(frozen=True)
class NotRun:
    """What `become` itself has said.

    :param line: the line that shows it.
    :param certain: the command that it stands before has not been run; else that is not known.
    """

    line: str
    certain: bool


def own_words(
    words: Sequence[str], as_root: Sequence[tuple[str, ...]], exit_code: int | None, stdout: str, stderr: str
) -> NotRun | None:
    """What of an answer is no word of the command, or None when the answer is the command's.

    :param words: what was sent.
    :param as_root: as :attr:`clones.asking.steps.Command.as_root`; empty when nothing in it is run so.
    """
    if not as_root or exit_code is None:
        return None
    alone = len(as_root) == 1 and tuple(words[-len(as_root[0]) :]) == as_root[0]
    if alone and exit_code == 0:
        return None
    said = [line.strip() for line in stderr.splitlines() if line.strip()]
    programs = {one[0] for one in as_root}
    refused = next((line for line in said if _refuses(line, programs)), None)
    if refused is None and not alone:
        refused = next(
            (line.strip() for line in stdout.splitlines() if _refuses(line.strip(), programs)), None
        )
    if refused is not None:
        whole = all(
            _refuses(line, programs) or _WARNINGS.fullmatch(line) or _BESIDE.fullmatch(line) for line in said
        )
        return NotRun(refused, alone and exit_code == 1 and whole and not stdout.strip())
    if exit_code == 0 or (alone and exit_code != 1 and _kind(words) != "pbrun"):
        return None
    if _kind(words) == "pbrun":
        said += [line.strip() for line in stdout.splitlines() if "reject" in line.lower()]
        unclear = next(iter(said), None)
    else:
        if _kind(words) != "pfexec":
            said = [line for line in said if not line.startswith(tuple(f"{one}: " for one in programs))]
        unclear = next((line for line in said if _is_unclear(line, programs)), None)
    return None if unclear is None else NotRun(unclear, False)


def word_of_rights(stderr: str) -> str:
    """A line by which `sudo`, `su` or the like may have refused to run something; empty when there is none.

    For a site's own command, which may call one of them in its words or within a script.
    """
    for line in (line.strip() for line in stderr.splitlines()):
        if any(pattern.fullmatch(line) for pattern in _REFUSALS):
            return line
        if _USER.match(line) and not _WARNINGS.fullmatch(line) and not _GOES_ON.fullmatch(line):
            return line
    return ""


def _refuses(line: str, programs: set[str]) -> bool:
    """Whether a line says that a command was not run; that a program was not found, of one of these alone."""
    for pattern in _REFUSALS:
        if found := pattern.fullmatch(line):
            named = [path for path in found.groupdict().values() if path]
            return not named or named[0] in programs
    return False


def _is_unclear(line: str, programs: set[str]) -> bool:
    if _WARNINGS.fullmatch(line):
        return False
    return bool(_SPEAKS.match(line)) or any(program in line for program in programs)


def _kind(words: Sequence[str]) -> str:
    """Which of them stands in a command; empty when it is not to be seen."""
    names = (word.split(" ")[0].rpartition("/")[2] for word in words if word.startswith("/"))
    return next((name for name in names if name in KINDS), "")
