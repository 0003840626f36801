"""Whether an account may run a command as root, asked without running it.

======================================  ===========================================  =====================
Asked                                   Reading                                      How sure
======================================  ===========================================  =====================
``sudo -n -l COMMAND``                  0: it may; 1: it may not, or each of its     documented; tried with
                                        rules asks for a password                    1.9.13
``doas -C /etc/doas.conf COMMAND``      ``permit nopass``: it may; ``permit``,       documented; tried with
                                        ``deny``: it may not                         6.8.2 of OpenDoas
``pfexec``, ``pbrun``                   cannot be asked                              documented; assumed
anything else                           not known                                    by decision
======================================  ===========================================  =====================

Where one rule of the account needs no password, sudo also lists a command that needs one, with 0 (documented:
`listpw`; tried): such a rule beside those that are printed shows only when the command is run.
"""

from __future__ import annotations

from collections.abc import Sequence

from clones.asking.steps import Command, Result
from clones.become import Become, Free


def may_run(host: str, become: Become, words: Sequence[str]) -> Command | None:
    """The look that tells; None where none does.

    :param words: behind `become`; of what is free in them an example is asked for.
    """
    asked = tuple(word.example if isinstance(word, Free) else word for word in words)
    match become.kind:
        case "sudo":
            sent = (*become.words, "-l", *asked)
        case "doas":
            sent = (become.words[0], "-C", "/etc/doas.conf", *asked)
        case _:
            return None
    return Command(host, sent)


def says_yes(become: Become, result: Result) -> bool | None:
    """Whether it may; None: that is not known."""
    if become.kind == "sudo":
        return {0: True, 1: False}.get(result.exit_code) if result.exit_code is not None else None
    return {"permit nopass": True, "permit": False, "deny": False}.get(result.stdout.strip())
