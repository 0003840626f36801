"""Rules of doas, pfexec and pbrun as texts: what an account may run as root through them.

* doas.conf: `permit nopass [setenv {...}] USER as root cmd PATH [args WORD...]`; the last line that fits
  counts (documented: doas.conf(5))
* exec_attr: `PROFILE:POLICY:cmd:::PATH:uid=0`; it knows paths, no words (documented: exec_attr(4))
* pbrun: lines of words, each a pattern of fnmatch (assumed: its policies are programs)
"""

from __future__ import annotations

import fnmatch
import re
import shlex

_OPTIONS = ("nopass", "persist", "keepenv", "nolog", "setenv")


def doas(text: str, user: str, argv: list[str]) -> bool | None:
    """Whether it runs without a password; None: it is not permitted at all.

    :raises ValueError: a line is no rule that the lab can read.
    """
    found: bool | None = None
    for line in re.sub(r"\\\n", " ", text).splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        action, words, no_password = words[0], words[1:], False
        while words and words[0] in _OPTIONS:
            option = words.pop(0)
            no_password = no_password or option == "nopass"
            if option == "setenv":
                del words[: words.index("}") + 1]
        who, words = words[0], words[1:]
        as_root = words[:1] != ["as"] or words[1] == "root"
        words = words[2:] if words[:1] == ["as"] else words
        fits = not words or (words[1] == argv[0] and (words[2:3] != ["args"] or words[3:] == argv[1:]))
        if who in (user, f":{user}") and as_root and fits:
            found = no_password if action == "permit" else None
    return found


def pfexec(text: str, argv: list[str]) -> bool:
    """Whether a rights profile of the account runs it as root; otherwise it has the account's rights."""
    for line in text.splitlines():
        parts = line.split(":", 6)
        if len(parts) == 7 and parts[2] == "cmd" and parts[5] == argv[0]:
            return bool(re.search(r"\b(?:e?uid=0|privs=)", parts[6]))
    return False


def pbrun(text: str, argv: list[str]) -> bool:
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if len(words) == len(argv) and all(map(fnmatch.fnmatchcase, argv, words)):
            return True
    return False
