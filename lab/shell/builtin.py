"""Commands of the shell itself. `SPECIAL` ones end the shell when a redirection fails (POSIX)."""

from __future__ import annotations

import re

from lab.filesystem import FileError
from lab.shell.call import Call, Program
from lab.shell.process import ExitShell
from lab.shell.words import condition, printf


def true(call: Call) -> int:
    return 0


def false(call: Call) -> int:
    return 1


def leave(call: Call) -> int:
    if not call.words:
        raise ExitShell(call.shell.status)
    if not re.fullmatch(r"\d+", call.words[0]):
        call.err(f"{call.shell.name}: exit: {call.words[0]}: numeric argument required\n")
        raise ExitShell(2)
    raise ExitShell(int(call.words[0]) & 255)


async def execute(call: Call) -> int:
    """`exec` alone keeps its redirections (the interpreter does that); with words it is the last command."""
    if not call.words:
        return 0
    raise ExitShell(await call.shell.program(call.words, {}, call.env, becomes=call.shell.process))


def shift(call: Call) -> int:
    count = int(call.words[0]) if call.words and call.words[0].isdigit() else 1
    if (call.words and not call.words[0].isdigit()) or count > len(call.shell.parameters):
        return call.fail(f"{call.shell.name}: shift: can't shift that many")
    del call.shell.parameters[:count]
    return 0


def set_(call: Call) -> int:
    words = list(call.words)
    while words:
        word = words.pop(0)
        if word == "--":
            call.shell.parameters = words
            return 0
        if re.fullmatch(r"[-+][Ce]+", word):
            for letter in word[1:]:
                (call.shell.options.add if word[0] == "-" else call.shell.options.discard)(letter)
        elif word[0] in "-+":
            return call.fail(f"{call.shell.name}: set: {word}: invalid option", 2)
        else:
            call.shell.parameters = [word, *words]
            return 0
    return 0


def umask(call: Call) -> int:
    if not call.words:
        call.line(f"{call.shell.umask:04o}")
        return 0
    if not re.fullmatch(r"[0-7]{1,4}", call.words[0]):
        return call.fail(f"{call.shell.name}: umask: {call.words[0]}: octal number out of range")
    call.shell.umask = int(call.words[0], 8)
    return 0


def export(call: Call) -> int:
    for word in call.words:
        name, equals, value = word.partition("=")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            return call.fail(f"{call.shell.name}: export: `{word}': not a valid identifier")
        if equals:
            call.shell.variables[name] = value
        call.shell.exported.add(name)
    return 0


def unset(call: Call) -> int:
    for name in call.words:
        call.shell.variables.pop(name, None)
        call.shell.exported.discard(name)
    return 0


def cd(call: Call) -> int:
    try:
        path = call.path(call.words[0] if call.words else call.env.get("HOME", "/"))
        node = call.files.get(path)
    except FileError as error:
        return call.fail(f"{call.shell.name}: cd: {call.words[0]}: {error.text}")
    if not node.directory:
        return call.fail(f"{call.shell.name}: cd: {call.words[0]}: Not a directory")
    call.shell.cwd = path
    return 0


def pwd(call: Call) -> int:
    call.line(call.shell.cwd)
    return 0


def echo(call: Call) -> int:
    words = call.words
    newline = "\n"
    if words and words[0] == "-n":
        words, newline = words[1:], ""
    call.out(" ".join(words) + newline)
    return 0


def print_formatted(call: Call) -> int:
    if not call.words:
        return call.fail("printf: usage: printf format [arguments]", 2)
    text, fault = printf(call.words[0], call.words[1:])
    call.out(text)
    return call.fail(f"{call.shell.name}: printf: {fault}") if fault else 0


def test(call: Call) -> int:
    words = call.words
    if call.argv[0] == "[":
        if not words or words[-1] != "]":
            return call.fail(f"{call.shell.name}: [: missing `]'", 2)
        words = words[:-1]
    try:
        return 0 if condition(words, call.files, call.shell.cwd, call.login) else 1
    except ValueError as error:
        return call.fail(f"{call.shell.name}: {call.argv[0]}: {error}", 2)


SPECIAL = frozenset({":", "exit", "exec", "shift", "set", "export", "unset"})

BUILTINS: dict[str, Program] = {
    ":": true, "true": true, "false": false, "exit": leave, "exec": execute, "shift": shift, "set": set_,
    "umask": umask, "export": export, "unset": unset, "cd": cd, "pwd": pwd, "echo": echo,
    "printf": print_formatted, "test": test, "[": test,
}  # fmt: skip
