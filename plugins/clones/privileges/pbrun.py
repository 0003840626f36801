"""What a host must allow, as words of a policy of pbrun.

Nobody has tried them: whoever keeps the policy server takes over what they say.

===================================================================  =================================
Fact                                                                 How sure
===================================================================  =================================
a request is held against a policy file on another host              documented: pbmasterd
``user``, ``argc``, ``argv``, ``runuser``, ``keepenv``, ``accept``   documented: policy language guide
mean what they are used for here; indices of lists begin with 0
in double quotes, with ``\\`` before ``"`` and ``\\``, a word is       assumed
taken as it is
the account cannot ask what it may run                               assumed: pbrun has no such option
===================================================================  =================================
"""

from __future__ import annotations

from collections.abc import Sequence

from clones.privileges.allowed import Allowed, one_line

CHECKED = "cannot be checked: the policy lies on another host, and pbrun has no option that only asks it"


def policy(account: str, allowed: Sequence[Allowed], keep: Sequence[str]) -> str:
    """The words, a comment before each rule.

    :param account: the SSH account's name.
    :param keep: names of variables that the commands need.
    """
    lines = ["# Words for the policy of pbrun, assumed: nobody has tried them.", f"# This {CHECKED}."]
    kept = ", ".join(map(_quoted, keep))
    for one in allowed:
        lines.append(f"# {one_line(one.why)}")
        if not one.fixed or any("\n" in word for word in one.words):
            lines.append(f"# write a rule for it by hand, for a word is another each time: {one.line}")
            continue
        wanted = [f"user == {_quoted(account)}", f"argc == {len(one.words)}"]
        wanted += [f"argv[{at}] == {_quoted(word)}" for at, word in enumerate(one.words)]
        lines.append(f'if ({" && ".join(wanted)}) {{ runuser = "root"; keepenv({kept}); accept; }}')
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
