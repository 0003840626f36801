"""What a host must allow, as a rights profile of SunOS for pfexec: exec_attr, prof_attr and user_attr.

===================================================================  =================================
Fact                                                                 How sure
===================================================================  =================================
a profile names programs, never their arguments                      documented: exec_attr(4)
``NAME:solaris:cmd:::PROGRAM:uid=0``; before Solaris 10 ``suser``    documented
what no profile names, pfexec runs with the account's own rights     documented: pfexec(1)
``profiles -l`` lists each program with what it is run as            documented: profiles(1)
===================================================================  =================================

So a profile lets the account call each program with any arguments: `mount` on any disk. Only the gate
(docs/decisions/0039-the-gate.md) holds it to the words.
"""

from __future__ import annotations

from collections.abc import Sequence

from clones.privileges.allowed import Allowed, one_line, programs

PROFILE = "Copied Disks"
CHECKED = f"`profiles -l ACCOUNT` lists, below {PROFILE}, each of these programs with `uid=0`"


def profile(account: str, allowed: Sequence[Allowed]) -> str:
    """The lines of the three files, each with its comment.

    :param account: the SSH account's name.
    """
    lines = [
        "# A profile names programs, no arguments: the account may call each of these with any.",
        "# Only a gate holds it to the words that are sent.",
        f"# Check: {CHECKED}.",
        "# /etc/security/prof_attr",
        f"{PROFILE}:::Programs that start and stop services on copied disks:",
        "# /etc/user_attr: add the profile in front of those that the account has; or run",
        f'# usermod -P "{PROFILE}" {one_line(account)}',
        f"{account}::::profiles={PROFILE}",
        "# /etc/security/exec_attr",
    ]
    for program, reasons in programs(allowed).items():
        lines += [f"# {one_line(reason)}" for reason in reasons]
        if any(sign in program for sign in ":\\\n"):
            lines.append(f"# no line: exec_attr cannot hold this path: {one_line(program)}")
        else:
            lines.append(f"{PROFILE}:solaris:cmd:::{program}:uid=0")
    return "\n".join(lines) + "\n"
