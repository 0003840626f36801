"""Control commands of an earlier try among the processes of the control host.

==================================================  ====================================  ===========
Row of ``ps -ef``                                   Reading                               How sure
==================================================  ====================================  ===========
``symclone -g G``, ``symclone -sid S -f FILE`` ...  a control command, unless it looks    documented
cut before the verb or the pair file's name         a control command                     by decision
the same behind ``sudo -n`` and the like            the same command, named once          tried of sudo
behind it a program's path, and no more: cut off    a control command                     by decision
before it could be told
==================================================  ====================================  ===========
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from clones.asking.fence import MARK
from clones.asking.processes import may_begin, spoken_row, words_of
from clones.asking.whole_answers import SCRIPT as WHOLE
from clones.backends.symclone.commands import ENVIRONMENT
from clones.become import KINDS
from clones.config import Sync

PROGRAMS = frozenset({"symclone", "symdg", "symld"})
LOOKS = frozenset({"query", "verify", "list", "show"})
CUT = 55
"""Characters from which on a row may be cut off at its end."""
TAKES_VALUE = frozenset({"-g", "-sid", "-f", "-file", "-i", "-c", "-output", "-out", "-type"})


def still_running(rows: Sequence[str], service: str, sync: Sync) -> list[str]:
    """The control commands among processes that may concern a sync or its device group.

    Some systems cut the words of a process (HP-UX after about 60 characters): one whose verb or file of pairs
    is cut off counts when the array is the same or not shown.
    """
    found: list[str] = []
    for row in rows:
        if WHOLE in row:
            continue
        words = row.split()[1:]  # without the account, which may be called as a program is
        at = next((n for n, word in enumerate(words) if word.rsplit("/", 1)[-1] in PROGRAMS), None)
        if at is not None:
            if _concerns(words[at:], service, sync):
                found.append(" ".join(words[at:]))
        elif _begins(row, service):
            found.append(spoken_row(row))
    return _each_once(found)


def _each_once(found: Sequence[str]) -> list[str]:
    """Without what is only the beginning of another one: `become` and the command have a row each."""
    every = dict.fromkeys(found)
    return [one for one in every if not any(two != one and two.startswith(one) for two in every)]


def _begins(row: str, service: str) -> bool:
    if MARK in row:
        return may_begin(row, service)
    if any(setting in row for setting in ENVIRONMENT):
        return not re.search(r"/sym\w+", row)
    words = words_of(row)
    return (
        words[0].rsplit("/", 1)[-1] in KINDS
        and len(" ".join(words)) >= CUT
        and next((word for word in words[1:] if not word.startswith("-")), "") == words[-1]
    )


def _concerns(words: Sequence[str], service: str, sync: Sync) -> bool:
    """Whether that is a control command that may be about this sync."""
    program = words[0].rsplit("/", 1)[-1]
    options: dict[str, str] = {}
    plain: list[str] = []
    left = iter(words[1:])
    for word in left:
        if word.lower() in TAKES_VALUE:
            options[word.lower()] = next(left, "")
        elif not word.startswith("-"):
            plain.append(word)
    if plain and plain[0] in LOOKS:  # the verb is the first plain word, whatever the names are
        return False
    group = options.get("-g") or (plain[1] if len(plain) > 1 and program == "symdg" else None)
    if group is not None:
        cut = group == words[-1] and sync.symdg is not None and sync.symdg.startswith(group)
        return cut or sync.symdg == group
    if program != "symclone":
        return False
    if sync.symid is not None and options.get("-sid", sync.symid) != sync.symid:
        return False
    path = options.get("-f", options.get("-file", ""))
    name = path.rsplit("/", 1)[-1]
    if not path or (path == words[-1] and not name.endswith(".pairs")):
        return True  # cut off before it could be told
    return name.endswith(".pairs") and name.startswith((f"{service}.{sync.name}-", f"{sync.name}-"))
