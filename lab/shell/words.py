"""The words of a command line, and what `printf` and `test` make of theirs."""

from __future__ import annotations

import re
import shlex

from lab.filesystem import FileError, FileSystem

ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "\\": "\\",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    '"': '"',
    "'": "'",
}

_WORD = re.compile(r"""[ \t\r\n]*(?:((?:[^ \t\r\n'"\\]+|'[^']*'|"[^"\\]*")+)|\Z)""")
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")


def split(line: str) -> list[str]:
    """As :func:`shlex.split`, which takes a hundred times as long.

    :raises ValueError: a quote has no end, or nothing stands behind a backslash.
    """
    words: list[str] = []
    at = 0
    while found := _WORD.match(line, at):
        word = found[1]
        if word is None:
            return words
        words.append(_QUOTED.sub(r"\1\2", word) if "'" in word or '"' in word else word)
        at = found.end()
    return shlex.split(line)  # a backslash outside single quotes, or a quote without an end


def _unescape(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] in "01234567":
            return chr(int(code, 8) & 255)
        return ESCAPES.get(code, "\\" + code)

    return re.sub(r"\\([0-7]{1,3}|.)", one, text, flags=re.DOTALL)


def printf(form: str, words: list[str]) -> tuple[str, str]:
    """(text, what was wrong): the format is used again until all words are printed, as POSIX has it."""
    pieces = re.split(r"(%(?:%|[-+ 0#]*\d*(?:\.\d+)?[a-zA-Z]))", form)
    left = list(words)
    out, fault = "", ""
    while True:
        took = False
        for piece in pieces:
            if not piece.startswith("%"):
                out += _unescape(piece)
            elif piece == "%%":
                out += "%"
            else:
                kind = piece[-1]
                word = left.pop(0) if left else ""
                took = True
                if kind == "s":
                    out += piece % word
                elif kind == "b":
                    out += (piece[:-1] + "s") % _unescape(word)
                elif kind == "c":
                    out += word[:1]
                elif kind in "dioxXu":
                    try:
                        number = int(word or "0", 0)
                    except ValueError:
                        number, fault = 0, f"{word}: invalid number"
                    out += (piece[:-1] + ("d" if kind in "iu" else kind)) % number
                else:
                    return out, f"`{kind}': invalid format character"
        if not left or not took:
            return out, fault


def condition(words: list[str], files: FileSystem, cwd: str, login: str) -> bool:
    """`test` with up to four words, as POSIX lists the cases; ValueError when it is none of them."""
    if not words:
        return False
    if len(words) == 1:
        return words[0] != ""
    if words[0] == "!" and len(words) in (2, 3, 4):
        return not condition(words[1:], files, cwd, login)
    if len(words) == 2:
        return _unary(words[0], words[1], files, cwd, login)
    if len(words) == 3:
        return _binary(words[0], words[1], words[2])
    raise ValueError("too many arguments")


def _unary(operator: str, word: str, files: FileSystem, cwd: str, login: str) -> bool:
    if operator == "-n":
        return word != ""
    if operator == "-z":
        return word == ""
    if operator not in ("-e", "-f", "-d", "-r", "-w", "-s", "-x", "-h", "-L"):
        raise ValueError(f"{operator}: unary operator expected")
    try:
        path = files.resolve(word, cwd)
    except FileError:
        return False
    node = files.nodes.get(path)
    if node is None or operator in ("-h", "-L"):
        return False
    answers = {
        "-e": True,
        "-f": not node.directory,
        "-d": node.directory,
        "-s": node.directory or bool(node.read()),
        "-r": files.allowed(path, login, 4),
        "-w": files.allowed(path, login, 2),
        "-x": bool(node.mode & 0o111),
    }
    return answers[operator]


def _binary(left: str, operator: str, right: str) -> bool:
    if operator == "=":
        return left == right
    if operator == "!=":
        return left != right
    if operator not in ("-eq", "-ne", "-gt", "-ge", "-lt", "-le"):
        raise ValueError(f"{operator}: binary operator expected")
    for word in (left, right):
        if not re.fullmatch(r"\s*[-+]?\d+\s*", word):
            raise ValueError(f"{word}: integer expression expected")
    a, b = int(left), int(right)
    return {"-eq": a == b, "-ne": a != b, "-gt": a > b, "-ge": a >= b, "-lt": a < b, "-le": a <= b}[operator]
