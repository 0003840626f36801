"""The rules of sudo, as a file of /etc/sudoers.d.

=========================================================  ==================================================
Fact                                                       How sure
=========================================================  ==================================================
a rule's arguments are compared with those given, joined   documented (sudoers(5)); tried with 1.9.13
by blanks, as of fnmatch(3); ``""`` allows none
``*`` and ``?`` match blanks and slashes there: no rule    documented; tried
has one
``[0-9]`` matches one character                            documented; tried
arguments between ``^`` and ``$`` are a regular            documented of 1.9.10 and later; tried with 1.9.13.
expression                                                 An older sudo allows nothing by them (assumed)
``, : =``, blanks and backslashes are written behind a     documented; tried
backslash
``NOTAFTER``                                               documented of 1.8.20 and later; tried with 1.9.13
variables not in ``env_keep`` or ``env_check`` are         documented; tried
taken away
=========================================================  ==================================================
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from clones.backends.symclone.commands import ENVIRONMENT
from clones.become import Free
from clones.policy.sent import Part
from clones.privileges.allowed import one_line
from clones.privileges.needs import Asked, Need, Written

FILE = "/etc/sudoers.d/symclone"
_UNSAYABLE = re.compile(r"[\\#\"\x00-\x1f\x7f]")


class Unsayable(ValueError):
    """A command that no rule of sudo can mean alone; the text says why, with what to do."""


def write(asked: Asked) -> Written:
    """The file for an account."""
    account = asked.account
    text = [
        f"# What the account {account} may run as root on {asked.connection}; made by scripts/privileges",
        f"# from services.yaml, {asked.made:%Y-%m-%dT%H:%M:%SZ}. Owner root, mode 0440.",
        "# Check it before it is copied: visudo -cf FILE",
        "# Programs and their folders must be root's, and nobody else may write to them.",
        "# No terminal is there.",
        f"Defaults:{account} !requiretty",
        "# Answers are read in the locale C.",
        f'Defaults:{account} env_keep += "LC_ALL"',
    ]
    if asked.of_symcli:
        names = " ".join(setting.partition("=")[0] for setting in ENVIRONMENT)
        text += [
            "# SYMCLI waits for a locked database and for gatekeepers. sudo does not see which devices a",
            "# file of pairs names: only the gate does.",
            *(f'Defaults!{_escaped(program)} env_keep += "{names}"' for program in asked.of_symcli),
        ]
    left_out: list[str] = []
    rules: dict[str, list[str]] = {}
    for one in asked.needs:
        try:
            commands = list(_commands(one))
        except Unsayable as error:
            left_out.append(f"`{one.line}` ({one.why}): {error}")
            continue
        extra = one.part is not Part.NORMAL
        end = f"NOTAFTER={asked.until:%Y%m%d%H%M%SZ} " if extra and asked.until else ""
        about = f"{one.part.value}: {one.why}" if extra else one.why
        rules.setdefault(one_line(about), []).extend(_rule(account, command, end) for command in commands)
    for about, written in rules.items():
        text += ["", f"# {about}", *dict.fromkeys(written)]
    place = f"Copy it to {asked.connection} as {FILE}: owner root, mode 0440; `visudo -cf FILE` checks it."
    return Written("\n".join(text) + "\n", place, tuple(left_out))


def lines(account: str, one: Need) -> list[str]:
    """The rules of one command; none where there can be none."""
    try:
        return [_rule(account, command) for command in _commands(one)]
    except Unsayable:
        return []


def _rule(account: str, command: str, end: str = "") -> str:
    return f"{account} ALL=(root) {end}NOPASSWD: {command}"


def _commands(one: Need) -> Iterator[str]:
    """A rule's command for each pattern of what is free in it.

    :raises Unsayable: it cannot be written down so that it means this command alone.
    """
    if one.refused:
        raise Unsayable(one.refused)
    program, *arguments = one.words
    if any(isinstance(word, Free) and word.expression for word in arguments):
        yield f"{_escaped(program)} {_expression(arguments)}"
        return
    if arguments[:1] and arguments[0].startswith("^"):
        raise Unsayable(_not_writable("the sign '^' at the beginning"))
    for words in itertools.product(*map(_patterns, arguments)):
        yield " ".join((_escaped(program), *(words or ('""',))))


def _patterns(word: str) -> tuple[str, ...]:
    if not isinstance(word, Free):
        return (_escaped(word),)
    if not word.patterns:
        raise Unsayable(f"no pattern of sudo says {word}: report this")
    return tuple(map(_sign, word.patterns))


def _expression(arguments: Sequence[str]) -> str:
    """All arguments as one regular expression."""
    written = []
    for word in arguments:
        if isinstance(word, Free) and word.expression:
            written.append(word.expression)
        elif isinstance(word, Free):
            written.append("|".join(_patterns(word)).join("()"))
        else:
            _check(word)
            written.append(re.sub(r"([.+*?(){}|\[\]$])", r"\\\1", word))
    return f"^{' '.join(written)}$"


def _escaped(word: str) -> str:
    """A word in which nothing is a pattern."""
    _check(word)
    return _sign(re.sub(r"([*?\[\]])", r"\\\1", word))


def _sign(pattern: str) -> str:
    return re.sub(r"([,:= ])", r"\\\1", pattern)


def _check(word: str) -> None:
    """:raises Unsayable: as :func:`_commands`."""
    found = _UNSAYABLE.search(word)
    if found or not word or word != word.strip(" "):
        what = "a blank at the end of a word" if word else "an empty word"
        what = f"the sign {found[0]!r} in a word" if found else what
        raise Unsayable(_not_writable(what))


def _not_writable(what: str) -> str:
    return (
        f"{what} cannot be written down for every release of sudo: put the command into a file that root "
        "owns, and name that in services.yaml"
    )
