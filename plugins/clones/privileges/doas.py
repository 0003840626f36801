"""What a host must allow, as lines of doas.conf.

===================================================================  =================================
Fact                                                                 How sure
===================================================================  =================================
a rule's command and arguments are compared word by word; the last   documented: doas.conf(5)
rule that fits decides
it knows no patterns: of a word that is another each time there is   documented
no rule but one without arguments, which would allow every other
a new environment, of which ``setenv { NAME }`` keeps a variable     documented
in double quotes, with ``\\`` before ``"`` and ``\\``, a word is       tried with 6.8.2 of OpenDoas
taken as it is; it cannot hold the end of a line
===================================================================  =================================
"""

from __future__ import annotations

from collections.abc import Sequence

from clones.privileges.allowed import Allowed, one_line

FILE = "/etc/doas.conf"
CHECKED = (
    f"`doas -C {FILE} COMMAND` prints `permit nopass` for a command that is allowed, and runs nothing; "
    f"the account must be able to read {FILE}"
)
"""Documented: doas(1). That it looks at the file with the account's own rights is tried."""


def conf(account: str, allowed: Sequence[Allowed], keep: Sequence[str]) -> str:
    """The lines, a comment before each.

    :param account: the SSH account's name.
    :param keep: names of variables that the commands need.
    """
    lines = [f"# {FILE}: check with `doas -C {FILE}`", f"# {CHECKED}"]
    variables = " ".join(keep)
    for one in allowed:
        lines.append(f"# {one_line(one.why)}")
        if not one.fixed:
            lines.append(f"# no rule: doas knows no patterns, and a word is another each time: {one.line}")
        elif any("\n" in word for word in one.words):
            lines.append(f"# no rule: doas.conf cannot hold a word of several lines: {one.line}")
        else:
            program, *arguments = map(_quoted, one.words)
            rule = f"permit nopass setenv {{ {variables} }} {_quoted(account)} as root cmd {program} args"
            lines.append(" ".join([rule, *arguments]))
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
