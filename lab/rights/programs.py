"""sudo, doas, pfexec and pbrun as programs of a host: they run a command as root when a rule allows it.

* sudo -n CMD: `a password is required`, exit 1, also where no rule fits; what is no program is `command not
  found`, allowed or not: tried
* sudo -n -l CMD: prints it and is 0 when it may be run, else 1 without a word: tried; without rules at all it
  asks for the password: tried
* rows of ps: sudo's and the command's, both root's: tried without a terminal, where `use_pty` has no effect
* doas -n: `Operation not permitted`, `Authentication required`, exit 1: documented in its source
* pfexec runs what no profile names with the account's own rights: documented
* pbrun: `Request rejected`, exit 1: assumed
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

from lab.rights import others
from lab.rights.sudoers import Sudoers
from lab.shell.call import Call, Program

Rules = Callable[[], str]
FOLDERS = ("/usr/bin", "/usr/local/bin", "/opt/freeware/bin", "/usr/local/sbin")


async def _as_root(call: Call, words: list[str], env: dict[str, str], login: str = "root") -> int:
    shell = call.shell.child("sh", env)
    shell.login = login
    shell.fds = {0: call.stdin, 1: call.stdout, 2: call.stderr}
    if call.pid is not None:  # it runs as root itself, and waits for the command
        call.host.running[call.pid] = ("root", " ".join(call.argv))
    return await shell.program(words, {}, env)


def sudo(rules: Callable[[], Sudoers]) -> Program:
    async def program(call: Call) -> int:
        words, lists, asks = list(call.words), False, True
        while words and words[0].startswith("-"):
            option = words.pop(0)
            if option == "--":
                break
            if option not in ("-n", "-l", "-nl", "--non-interactive", "--list"):
                return call.fail(f"sudo: the lab knows no {option}")
            lists = lists or option in ("-l", "-nl", "--list")
            asks = asks and option in ("-l", "--list")
        user, may = call.login, rules()
        if not words and not lists:
            return call.fail("usage: sudo [-nl] command [arg ...]")
        if user == "root":
            return 0 if lists else await _as_root(call, words, {**call.env, "SUDO_USER": "root"})
        if asks:
            return call.fail(
                "sudo: a terminal is required to read the password; either use the -S option to read from"
                " standard input or configure an askpass helper\nsudo: a password is required"
            )
        if lists and not may.asks_nothing(user, now=call.host.now()):
            return call.fail("sudo: a password is required")
        if lists and not words:
            call.line(f"User {user} may run commands on {call.host.name}")
            return 0
        there = call.host.find_program(words[0], may.secure_path) is not None
        if not there and not lists:
            return call.fail(f"sudo: {words[0]}: command not found")
        if not there or not may.asks_nothing(user, words, call.host.now()):
            return 1 if lists else call.fail("sudo: a password is required")
        if lists:
            call.line(shlex.join(words))
            return 0
        return await _as_root(call, words, may.environment(user, words, call.env))

    return program


def doas(rules: Rules) -> Program:
    async def program(call: Call) -> int:
        words = call.words
        if words[:1] != ["-n"] or not words[1:]:
            return call.fail("usage: doas [-n] command [arg ...]")
        words = words[1:]
        found = True if call.login == "root" else others.doas(rules(), call.login, words)
        if not found:
            return call.fail(
                "doas: Operation not permitted" if found is None else "doas: Authentication required"
            )
        env = {n: v for n, v in call.env.items() if n in ("DISPLAY", "TERM")} | {"PATH": "/usr/sbin:/usr/bin"}
        return await _as_root(call, words, env | _set(rules(), words))

    return program


def _set(text: str, words: list[str]) -> dict[str, str]:
    """What `setenv { NAME=VALUE }` of the rule for this program sets."""
    for line in text.splitlines():
        if "setenv {" in line and f"cmd {words[0]}" in line:
            return dict(w.split("=", 1) for w in line.split("{")[1].split("}")[0].split() if "=" in w)
    return {}


def pfexec(rules: Rules) -> Program:
    async def program(call: Call) -> int:
        if not call.words:
            return call.fail("pfexec: usage: pfexec command [arg ...]")
        allowed = call.login == "root" or others.pfexec(rules(), call.words)
        return await _as_root(call, call.words, call.env, "root" if allowed else call.login)

    return program


def pbrun(rules: Rules) -> Program:
    async def program(call: Call) -> int:
        if call.login != "root" and not others.pbrun(rules(), call.words):
            return call.fail("Request rejected by pbmasterd.")
        return await _as_root(call, call.words, call.env)

    return program
