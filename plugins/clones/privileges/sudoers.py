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
from collections.abc import Iterator

from clones.backends.symclone.commands import ENVIRONMENT
from clones.become import Free
from clones.policy.sent import Part
from clones.privileges.needs import Asked, Need, Written

FILE = "/etc/sudoers.d/symclone"
_CLASSES = {"<hex16>": "[0-9a-f]" * 16}
"""Of a fixed length, as fnmatch."""
_LIST = re.compile(r"<list:[^>]+>")
_DEVICES = "[0-9A-Fa-f]{3,5}(,[0-9A-Fa-f]{3,5})*"
"""Device numbers with commas between, as a regular expression."""
_UNSAYABLE = re.compile(r"[\\#\"^\x00-\x1f\x7f]")


class Unsayable(ValueError):
    """A command that no rule of sudo can mean alone; the text says why, with what to do."""


def write(asked: Asked) -> Written:
    """The file for an account."""
    lines = [
        f"# What the account {asked.account} may run as root on {asked.connection}; made by scripts/privileges",
        f"# from services.yaml, {asked.made:%Y-%m-%dT%H:%M:%SZ}. Owner root, mode 0440; check with visudo -cf.",
        "# Programs and their folders must be root's, and nobody else may write to them.",
        f"Defaults:{asked.account} !requiretty",
        "# answers are read in the locale C",
        f'Defaults:{asked.account} env_keep += "LC_ALL"',
    ]
    left_out: list[str] = []
    rules: dict[str, list[str]] = {}
    for one in asked.needs:
        try:
            commands = list(_commands(one))
        except Unsayable as error:
            left_out.append(f"`{' '.join(one.words)}` ({one.why}): {error}")
            continue
        end = f"NOTAFTER={asked.until:%Y%m%d%H%M%SZ} " if one.part is not Part.NORMAL and asked.until else ""
        about = one.why if one.part is Part.NORMAL else f"{one.part.value}: {one.why}"
        rules.setdefault(about, [])
        rules[about] += [f"{asked.account} ALL=(root) {end}NOPASSWD: {command}" for command in commands]
    programs = dict.fromkeys(
        one.words[0] for one in asked.needs if one.words[0].startswith(f"{asked.symcli}/")
    )
    if programs:
        names = " ".join(setting.partition("=")[0] for setting in ENVIRONMENT)
        lines += [
            "# SYMCLI waits for a locked database and for gatekeepers. sudo does not see which devices a file of",
            "# pairs names: only the gate does.",
            *(f'Defaults!{_escaped(program)} env_keep += "{names}"' for program in programs),
        ]
    for about, commands in rules.items():
        lines += ["", f"# {_printable(about)}", *dict.fromkeys(commands)]
    place = f"Copy it to {asked.connection} as {FILE}: owner root, mode 0440. Check it with `visudo -cf FILE` before."
    return Written("\n".join(lines) + "\n", place, tuple(left_out))


def _commands(one: Need) -> Iterator[str]:
    """A rule's command for each pattern of what is free in it.

    :raises Unsayable: it cannot be written down so that it means this command alone.
    """
    if one.refused:
        raise Unsayable(one.refused)
    program, *arguments = one.words
    if any(_LIST.search(one.free[sample]) for sample in one.free):
        yield f"{_escaped(program)} {_expression(arguments, one)}"
        return
    choices = [_patterns(word, one) for word in arguments]
    for words in itertools.product(*choices):
        yield " ".join((_escaped(program), *(words or ('""',))))


def _patterns(word: str, one: Need) -> tuple[str, ...]:
    if isinstance(word, Free):
        return tuple(_sign(pattern) for pattern in word.patterns)
    parts = re.split(f"({'|'.join(map(re.escape, one.free)) or '(?!)'})", word)
    return (
        "".join(_class(one.free[part]) if part in one.free else _escaped(part, part=True) for part in parts),
    )


def _class(kind: str) -> str:
    if kind not in _CLASSES:
        raise Unsayable(f"no pattern of sudo says {kind}: report this")
    return _CLASSES[kind]


def _expression(arguments: list[str], one: Need) -> str:
    """All arguments as one regular expression."""
    text = " ".join(arguments)
    parts = re.split(f"({'|'.join(map(re.escape, one.free))})", text)
    written = ""
    for part in parts:
        kind = one.free.get(part, "")
        if not kind:
            _check(part)
            written += re.sub(r"([.+*?(){}|\[\]$])", r"\\\1", part)
        else:
            written += _DEVICES if _LIST.fullmatch(kind) else _class(kind)
    return f"^{written}$"


def _escaped(word: str, *, part: bool = False) -> str:
    """A word in which nothing is a pattern.

    :param part: it may be empty, as a part of a word.
    """
    _check(word)
    if not word and not part:
        raise Unsayable("an empty word cannot be written down: take it out, or put it into a file of its own")
    return _sign(re.sub(r"([*?\[\]])", r"\\\1", word))


def _sign(pattern: str) -> str:
    return re.sub(r"([,:= ])", r"\\\1", pattern)


def _check(word: str) -> None:
    found = _UNSAYABLE.search(word)
    if found:
        raise Unsayable(
            f"the sign {found[0]!r} in a word cannot be written down for every release of sudo: put the command into "
            "a file that root owns, and name that in services.yaml"
        )


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)
