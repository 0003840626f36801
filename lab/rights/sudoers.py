"""A sudoers file as text: who may run what as root (documented: sudoers(5) of sudo 1.9).

Read are aliases, `Defaults` for `env_keep` and `secure_path`, and rules for a user. A command's words are
compared as sudo does: joined by blanks, by fnmatch without regard to slashes, or by a regular expression that
`^` and `$` enclose. A command without words may have any, one with `""` none. The last rule that fits counts.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

_TAGS = {"NOPASSWD", "PASSWD", "SETENV", "NOSETENV", "EXEC", "NOEXEC", "LOG_INPUT", "NOLOG_INPUT"}
_TAGS |= {"LOG_OUTPUT", "NOLOG_OUTPUT", "MAIL", "NOMAIL", "FOLLOW", "NOFOLLOW"}
_ALIAS = re.compile(r"(User|Runas|Host|Cmnd|Cmd)_Alias\s+(.*)", re.S)
_SETTING = re.compile(r"\s*(!?\w+)\s*(?:(\+?=|-=)\s*(.*?))?\s*", re.S)
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_PLAIN = re.compile(r"[^\\\[*?^]*")
"""A pattern that only itself fits."""
SECURE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class SudoersError(ValueError):
    """The text is no sudoers file that the lab can read."""


@dataclass(frozen=True)
class Command:
    """A command of a rule: `words` None lets any pass, "" none."""

    path: str
    words: str | None = None

    def fits(self, argv: list[str]) -> bool:
        return _fits(self.path, argv[0]) and (self.words is None or _fits(self.words, " ".join(argv[1:])))


@dataclass(frozen=True)
class Rule:
    """`end` is the last second of the epoch in which it counts; None: it always does."""

    users: tuple[str, ...]
    command: Command
    denies: bool
    no_password: bool
    end: float | None = None


@dataclass
class Sudoers:
    rules: list[Rule] = field(default_factory=list)
    kept: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    """Whose environment keeps which variables: a command's path, a user behind a colon, or nothing: all."""
    secure_path: str = SECURE_PATH

    def asks_nothing(self, user: str, argv: list[str] | None = None, now: float = 0) -> bool:
        """Whether the user may run that as root without a password; without words: anything at all.

        :param now: by the host's clock, seconds of the epoch.
        """
        found, whose = False, {user, "ALL", f"%{user}"}
        for rule in self.rules:
            if whose.isdisjoint(rule.users) or (rule.end is not None and now > rule.end):
                continue
            if argv is None:
                found = found or (rule.no_password and not rule.denies)
            elif rule.command.path == "ALL" or rule.command.fits(argv):
                found = rule.no_password and not rule.denies
        return found

    def environment(self, user: str, argv: list[str], given: dict[str, str]) -> dict[str, str]:
        """What the command finds in its environment: nothing of the account's own but what is kept."""
        kept: set[str] = {"TERM", "TZ", "LANG"}
        for whose, names in self.kept:
            if whose in ("", f":{user}", argv[0]):
                kept |= names
        new = {n: v for n, v in given.items() if any(fnmatch.fnmatchcase(n, pattern) for pattern in kept)}
        return new | {
            "PATH": self.secure_path, "HOME": "/root", "LOGNAME": "root", "USER": "root",
            "SHELL": "/bin/sh", "SUDO_USER": user, "SUDO_COMMAND": " ".join(argv),
        }  # fmt: skip


def parse(text: str) -> Sudoers:
    """:raises SudoersError: a line is none that the lab can read."""
    found = Sudoers()
    aliases: dict[str, list[str]] = {}
    for line in _lines(text):
        alias = _ALIAS.fullmatch(line)
        if alias:
            for one in _split(alias[2], ":"):
                name, _, members = one.partition("=")
                aliases[name.strip()] = [m.strip() for m in _split(members, ",")]
        elif line.startswith("Defaults"):
            _default(found, line.removeprefix("Defaults"), aliases)
        else:
            found.rules += _rules(line, aliases)
    return found


def _lines(text: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", " ", text)
    # A `#` in front of digits is a user's number, which the lab's hosts know none of.
    lines = (re.sub(r"(?<!\\)#(?!\d).*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def _split(text: str, by: str) -> list[str]:
    """At each of these characters that no backslash stands before and no regular expression holds."""
    parts: list[str] = []
    part, at, regex = "", 0, False
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            part, at = part + text[at : at + 2], at + 2
            continue
        if text[at] == "^" and not part.strip().endswith("["):
            regex = not part or part[-1].isspace() or regex
        elif text[at] == "$" and (at + 1 == len(text) or text[at + 1] in f" {by}"):
            regex = False
        if text[at] == by and not regex:
            parts, part = [*parts, part], ""
        else:
            part += text[at]
        at += 1
    return [*parts, part]


def _default(found: Sudoers, rest: str, aliases: dict[str, list[str]]) -> None:
    whose, _, settings = rest.partition(" ")
    of = _members(whose[1:], aliases) if whose[:1] in ("!", ":") else [whose]
    for setting in re.findall(r'(?:[^,"]|"[^"]*")+', settings):
        read = _SETTING.fullmatch(setting)
        if not read:
            raise SudoersError(f"no setting of sudoers: {setting}")
        name, operator, value = read[1], read[2], (read[3] or "").strip('"')
        if name == "secure_path":
            found.secure_path = value
        elif name == "env_keep" and operator in ("=", "+="):
            for one in of:
                key = f":{one}" if whose.startswith(":") else _unescaped(one.split(" ", 1)[0])
                found.kept.append((key, frozenset(value.split())))


def _rules(line: str, aliases: dict[str, list[str]]) -> list[Rule]:
    who, equals, rest = line.partition("=")
    users, _, host = who.strip().rpartition(" ")
    if not equals or not users or not host:
        raise SudoersError(f"no rule of sudoers: {line}")
    found: list[Rule] = []
    no_password = False
    end: float | None = None
    for one in _split(rest, ","):
        text = one.strip()
        runas = re.match(r"\(([^)]*)\)\s*", text)
        if runas:
            text = text[runas.end() :]
            if not {"root", "ALL"} & {name.strip() for name in re.split(r"[,:]", runas[1])}:
                continue
        ended = re.match(r"NOTAFTER=(\d{14})Z\s+", text)
        if ended:
            text = text[ended.end() :]
            end = datetime.strptime(f"{ended[1]}+0000", "%Y%m%d%H%M%S%z").timestamp()
        while (tag := re.match(r"([A-Z_]+)\s*:\s*", text)) and tag[1] in _TAGS:
            no_password = {"NOPASSWD": True, "PASSWD": False}.get(tag[1], no_password)
            text = text[tag.end() :]
        denies = text.startswith("!")
        for command in _members(text.lstrip("! "), aliases):
            names = tuple(u for name in users.split(",") for u in _members(name.strip(), aliases))
            found.append(Rule(names, _command(command), denies, no_password, end))
    return found


def _members(name: str, aliases: dict[str, list[str]]) -> list[str]:
    if _NAME.fullmatch(name) and name in aliases:
        return [m for member in aliases[name] for m in _members(member, aliases)]
    return [name]


def _command(text: str) -> Command:
    if text == "ALL":
        return Command("ALL")
    path, blank, words = text.partition(" ")
    if not path.startswith(("/", "^/")):
        raise SudoersError(f"no absolute path: {text}")
    return Command(path, ("" if words.strip() == '""' else words.strip()) if blank else None)


def _fits(pattern: str, text: str) -> bool:
    if _PLAIN.fullmatch(pattern):
        return pattern == text
    return _compiled(pattern).search(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    """To be searched for: a regular expression as it is, a pattern of fnmatch as the whole text."""
    if pattern.startswith("^"):
        return re.compile(pattern.replace("[[:alnum:]]", "[A-Za-z0-9]"))
    return re.compile(rf"\A(?:{_translated(pattern)})\Z", re.S)


def _translated(pattern: str) -> str:
    """A pattern of fnmatch(3), whose backslash hides the next character, as a regular expression."""
    found, at = "", 0
    while at < len(pattern):
        letter = pattern[at]
        bracket = re.compile(r"\[([!^]?)(\]?[^\]]*)\]").match(pattern, at)
        if letter == "\\" and at + 1 < len(pattern):
            found, at = found + re.escape(pattern[at + 1]), at + 2
        elif letter == "[" and bracket:
            inside = bracket[2].replace("\\", r"\\").replace("[", r"\[").replace("]", r"\]")
            found, at = found + f"[{'^' if bracket[1] else ''}{inside}]", bracket.end()
        else:
            found, at = found + {"*": ".*", "?": "."}.get(letter, re.escape(letter)), at + 1
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
