"""Text to commands. Unknown grammar is a `SyntaxFault`, never skipped."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

RESERVED = frozenset(
    {"if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "function",
     "{", "}", "!", "[[", "]]", "select"}
)  # fmt: skip
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


class SyntaxFault(Exception):
    """`token` is what was not expected, `line` counts from 1."""

    def __init__(self, token: str, line: int) -> None:
        super().__init__(f"line {line}: unexpected {token}")
        self.token = token
        self.line = line


@dataclass
class Part:
    """A piece of a word. kind: `text`, `var` (value is its name) or `command` (script is what to run)."""

    kind: str
    value: str = ""
    quoted: bool = False
    script: Script | None = None


Word = list[Part]


@dataclass
class Redirect:
    """fd, operator (`>`, `>|`, `>>`, `<`, `>&`) and where to."""

    fd: int
    operator: str
    target: Word


@dataclass
class Command:
    assignments: list[tuple[str, Word]] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)


@dataclass
class Loop:
    """`while condition; do body; done`."""

    condition: Script
    body: Script


@dataclass
class For:
    """`for name in words; do body; done`."""

    name: str
    words: list[Word]
    body: Script


@dataclass
class Group:
    """`{ body; }`, without redirections."""

    body: Script


@dataclass
class Pipe:
    """`a | b`: at least two, each in a shell of its own."""

    commands: list[Compound]


Compound = Command | Loop | For | Group


@dataclass
class AndOr:
    """`links` are the operators between the commands: `&&` or `||`."""

    commands: list[Compound | Pipe]
    links: list[str]


@dataclass
class Script:
    lists: list[AndOr]


PLAIN = re.compile(r"""[^ \t\n;&|<>()'"\\$`~]+""")
"""Text without quotes in which no letter says anything."""
PLAIN_INSIDE = re.compile(r"""[^"\\$`]+""")


@lru_cache(maxsize=1024)
def parse(text: str) -> Script:
    """The same text gives the same object, which nobody changes.

    :raises SyntaxFault: where a shell would say so.
    """
    parser = _Parser(text)
    script = parser.script()
    if parser.at < len(text):
        raise parser.fault(parser.text[parser.at])
    return script


def literal_words(script: Script) -> list[str] | None:
    """The words of a single command without assignments, redirections and expansions; else None."""
    if len(script.lists) != 1 or len(script.lists[0].commands) != 1:
        return None
    command = script.lists[0].commands[0]
    if not isinstance(command, Command) or command.assignments or command.redirects:
        return None
    words = [literal(word) for word in command.words]
    return None if any(w is None for w in words) else [w for w in words if w is not None]


def literal(word: Word) -> str | None:
    """The text of a word that nothing is expanded in; else None."""
    for part in word:
        if part.kind != "text" or (not part.quoted and re.search(r"[*?\[~]", part.value)):
            return None
    return "".join(part.value for part in word)


def hands_lines_on(text: str) -> bool:
    """Whether a command is `sh -c SCRIPT ...`, and the script again gives lines to `sh -c`."""
    try:
        words = literal_words(parse(text)) or []
        return words[1:2] == ["-c"] and _is_sh(words[0]) and _calls_sh(parse(words[2]))
    except (SyntaxFault, IndexError):
        return False


def _is_sh(name: str | None) -> bool:
    return name is not None and name.rsplit("/", 1)[-1] == "sh"


def _calls_sh(script: Script) -> bool:
    every = [command for one in script.lists for command in one.commands]
    parts = [part for one in every for part in (one.commands if isinstance(one, Pipe) else [one])]
    for command in parts:
        if isinstance(command, Loop):
            if _calls_sh(command.condition) or _calls_sh(command.body):
                return True
        elif isinstance(command, (For, Group)):
            if _calls_sh(command.body):
                return True
        elif (
            len(command.words) > 2 and _is_sh(literal(command.words[0])) and literal(command.words[1]) == "-c"
        ):
            return True
    return False


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fault(self, token: str) -> SyntaxFault:
        shown = "newline" if token in ("", "\n") else token
        return SyntaxFault(shown, self.text.count("\n", 0, self.at) + 1)

    def peek(self, length: int = 1) -> str:
        return self.text[self.at : self.at + length]

    def blanks(self, newlines: bool = False) -> None:
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in " \t" or (newlines and char == "\n"):
                self.at += 1
            elif self.peek(2) == "\\\n":
                self.at += 2
            elif char == "#":
                while self.at < len(self.text) and self.text[self.at] != "\n":
                    self.at += 1
            else:
                return

    def script(self, closing: str = "", until: str = "") -> Script:
        """Commands up to the end of the text, to `closing`, which is left there, or past the word `until`."""
        lists: list[AndOr] = []
        while True:
            self.blanks(newlines=True)
            if until and lists and self.reserved(until):
                return Script(lists)
            if until and self.at >= len(self.text):
                raise self.fault("")  # that word is missing
            if self.at >= len(self.text) or (closing and self.peek() == closing):
                return Script(lists)
            lists.append(self.and_or())
            self.blanks()
            if (self.at >= len(self.text) and not until) or (closing and self.peek() == closing):
                return Script(lists)
            if self.peek() not in (";", "\n"):
                raise self.fault(self.operator())
            if self.peek(2) == ";;":
                raise self.fault(";;")
            self.at += 1

    def reserved(self, word: str) -> bool:
        """Whether that word comes next; it is then passed."""
        if not re.compile(rf"{word}(?=[\s;&|<>()]|$)").match(self.text, self.at):
            return False
        self.at += len(word)
        return True

    def operator(self) -> str:
        for length in (2, 1):
            if self.peek(length) in ("&&", "||", "|", "&", "(", ")", ";;", "`"):
                return self.peek(length)
        return self.peek()

    def and_or(self) -> AndOr:
        found = AndOr([self.pipe()], [])
        while True:
            self.blanks()
            link = self.peek(2)
            if link not in ("&&", "||"):
                return found
            self.at += 2
            self.blanks(newlines=True)
            found.links.append(link)
            found.commands.append(self.pipe())

    def pipe(self) -> Compound | Pipe:
        commands = [self.command()]
        self.blanks()
        while self.peek() == "|" and self.peek(2) != "||":
            self.at += 1
            self.blanks(newlines=True)
            commands.append(self.command())
            self.blanks()
        return Pipe(commands) if len(commands) > 1 else commands[0]

    def command(self) -> Compound:
        self.blanks()
        if self.reserved("{"):
            return Group(self.script(until="}"))
        if self.reserved("while"):
            return Loop(self.script(until="do"), self.script(until="done"))
        if self.reserved("for"):
            return self.loop_over()
        command = Command()
        while True:
            self.blanks()
            char = self.peek()
            if char == "" or char in ";\n)&|":
                break
            if char in "(`":
                raise self.fault(char)
            redirect = self.redirect()
            if redirect:
                command.redirects.append(redirect)
                continue
            assigned = None if command.words else ASSIGNMENT.match(self.text, self.at)
            if assigned:
                self.at = assigned.end()
                command.assignments.append((assigned.group()[:-1], self.word(empty=True)))
                continue
            start = self.at
            word = self.word()
            if not command.words and not command.assignments and self.text[start : self.at] in RESERVED:
                raise self.fault(self.text[start : self.at])
            command.words.append(word)
        if not (command.words or command.assignments or command.redirects):
            raise self.fault(self.operator())
        return command

    def loop_over(self) -> For:
        """What follows `for`."""
        self.blanks()
        name = NAME.match(self.text, self.at)
        if not name:
            raise self.fault(self.peek())
        self.at = name.end()
        self.blanks()
        if not self.reserved("in"):
            raise self.fault(self.peek())
        words: list[Word] = []
        self.blanks()
        while self.peek() not in (";", "\n", ""):
            words.append(self.word())
            self.blanks()
        self.at += 1
        self.blanks(newlines=True)
        if not self.reserved("do"):
            raise self.fault(self.peek())
        return For(name.group(), words, self.script(until="done"))

    def redirect(self) -> Redirect | None:
        match = re.compile(r"(\d*)(>>|>&|>\||<<|<&|<>|>|<)").match(self.text, self.at)
        if not match:
            return None
        number, operator = match.groups()
        if operator in ("<<", "<&", "<>"):
            raise self.fault(operator)
        self.at = match.end()
        self.blanks()
        target = self.word()
        fd = int(number) if number else (0 if operator == "<" else 1)
        if fd > 9 or (operator == "<") != (fd == 0):
            raise self.fault(match.group())
        return Redirect(fd, operator, target)

    def word(self, empty: bool = False) -> Word:
        parts: Word = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in " \t\n;&|<>)":
                break
            if char == "'":
                end = self.text.find("'", self.at + 1)
                if end < 0:
                    raise self.fault("unexpected EOF while looking for matching `''")
                parts.append(Part("text", self.text[self.at + 1 : end], quoted=True))
                self.at = end + 1
            elif char == '"':
                self.at += 1
                self.quoted(parts)
            elif char == "\\":
                if self.peek(2) == "\\\n":
                    self.at += 2
                    continue
                if self.at + 1 >= len(self.text):
                    parts.append(Part("text", "\\", quoted=True))
                    self.at += 1
                    continue
                parts.append(Part("text", self.text[self.at + 1], quoted=True))
                self.at += 2
            elif char == "$":
                parts.append(self.dollar(quoted=False))
            elif char in "`(":
                raise self.fault(char)
            elif char == "~" and not parts:
                following = self.text[self.at + 1 : self.at + 2]
                if following and following not in "/ \t\n;&|<>)":
                    raise self.fault("~" + following)
                parts.append(Part("var", "HOME", quoted=True))
                self.at += 1
            else:
                plain = PLAIN.match(self.text, self.at)
                text = plain.group() if plain else char
                parts.append(Part("text", text))
                self.at += len(text)
        if not parts and not empty:
            raise self.fault(self.peek())
        return parts

    def quoted(self, parts: Word) -> None:
        parts.append(Part("text", "", quoted=True))
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                return
            if char == "\\":
                following = self.text[self.at + 1 : self.at + 2]
                if following == "\n":
                    pass
                elif following and following in '$`"\\':
                    parts.append(Part("text", following, quoted=True))
                else:
                    parts.append(Part("text", "\\" + following, quoted=True))
                self.at += 2
            elif char == "$":
                parts.append(self.dollar(quoted=True))
            elif char == "`":
                raise self.fault("`")
            else:
                inside = PLAIN_INSIDE.match(self.text, self.at)
                text = inside.group() if inside else char
                parts.append(Part("text", text, quoted=True))
                self.at += len(text)
        raise self.fault("unexpected EOF while looking for matching `\"'")

    def dollar(self, quoted: bool) -> Part:
        rest = self.text[self.at + 1 :]
        if rest.startswith("(("):
            raise self.fault("$((")
        if rest.startswith("("):
            self.at += 2
            inner = self.script(closing=")")
            if self.peek() != ")":
                raise self.fault("unexpected EOF while looking for matching `)'")
            self.at += 1
            return Part("command", quoted=quoted, script=inner)
        if rest.startswith("{"):
            braced = re.match(r"\{([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!])\}", rest)
            if not braced or braced.group(1) == "!":
                raise self.fault("${")
            self.at += 1 + braced.end()
            return Part("var", braced.group(1), quoted)
        plain = NAME.match(rest)
        if plain:
            self.at += 1 + plain.end()
            return Part("var", plain.group(), quoted)
        if rest[:1] and rest[0] in "0123456789@*#?$":
            self.at += 2
            return Part("var", rest[0], quoted)
        if rest[:1] in ("'", "!", "-"):
            raise self.fault("$" + rest[0])
        self.at += 1
        return Part("text", "$", quoted)
