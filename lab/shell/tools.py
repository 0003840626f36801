"""Programs that every host has: files, dates, names, `sh` and `env`."""

from __future__ import annotations

import posixpath
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from lab.filesystem import FileError
from lab.shell.builtin import BUILTINS
from lab.shell.call import Call, Program
from lab.shell.flags import Usage, read_flags

BIN = ("/bin", "/usr/bin")


def _usage(call: Call, fault: Usage) -> int:
    return call.fail(f"{call.name}: {fault}", 2 if call.name in ("ls", "sh") else 1)


async def cat(call: Call) -> int:
    try:
        _, words = read_flags(call.words, "")
    except Usage as fault:
        return _usage(call, fault)
    status = 0
    for word in words or ["-"]:
        if word == "-":
            call.out(await call.stdin.read())
            continue
        try:
            call.out(call.files.read(call.path(word), call.login))
        except FileError as error:
            status = call.fail(call.host.wording.file("cat", word, error.text))
    return status


def mkdir(call: Call) -> int:
    try:
        found, words = read_flags(call.words, "p", "m")
    except Usage as fault:
        return _usage(call, fault)
    if not words:
        return call.fail("mkdir: missing operand")
    if "m" in found and not re.fullmatch(r"[0-7]{1,4}", found["m"]):
        return call.fail(f"mkdir: invalid mode '{found['m']}'")
    mode = int(found["m"], 8) if "m" in found else None
    status = 0
    for word in words:
        try:
            path = call.path(word)
            if "p" in found:
                _make_parents(call, path)
                if call.files.is_directory(path):
                    continue
            call.files.mkdir(path, call.login, call.shell.umask, mode)
        except FileError as error:
            status = call.fail(call.host.wording.file("mkdir", word, error.text))
    return status


def _make_parents(call: Call, path: str) -> None:
    parent = posixpath.dirname(path)
    if call.files.exists(parent):
        return
    _make_parents(call, parent)
    call.files.mkdir(parent, call.login, call.shell.umask)


def rmdir(call: Call) -> int:
    try:
        _, words = read_flags(call.words, "")
    except Usage as fault:
        return _usage(call, fault)
    if not words:
        return call.fail("rmdir: missing operand")
    status = 0
    for word in words:
        try:
            call.files.rmdir(call.path(word), call.login)
        except FileError as error:
            status = call.fail(call.host.wording.file("rmdir", word, error.text))
    return status


def rm(call: Call) -> int:
    try:
        found, words = read_flags(call.words, "frR")
    except Usage as fault:
        return _usage(call, fault)
    if not words and "f" not in found:
        return call.fail("rm: missing operand")
    recursive = "r" in found or "R" in found
    status = 0
    for word in words:
        try:
            path = call.path(word)
            if not call.files.exists(path) and "f" in found:
                continue
            if recursive and path != "/":
                call.files.remove_tree(path, call.login)
            else:
                call.files.remove(path, call.login)
        except FileError as error:
            status = call.fail(call.host.wording.file("rm", word, error.text))
    return status


def mv(call: Call) -> int:
    try:
        _, words = read_flags(call.words, "f")
    except Usage as fault:
        return _usage(call, fault)
    if len(words) < 2:
        return call.fail("mv: missing file operand")
    *olds, new = words
    status = 0
    for old in olds:
        try:
            path, target = call.path(old), call.path(new)
            if call.files.is_directory(target):
                target = posixpath.join(target, posixpath.basename(path))
            elif len(olds) > 1:
                return call.fail(f"mv: target '{new}' is not a directory")
            call.files.rename(path, target, call.login)
        except FileError as error:
            status = call.fail(call.host.wording.file("mv", old, error.text))
    return status


def ls(call: Call) -> int:
    """Names, one a line, as every `ls` does when it does not write on a terminal."""
    try:
        found, words = read_flags(call.words, "a1dL")
    except Usage as fault:
        return _usage(call, fault)
    status = 0
    directories: list[tuple[str, str]] = []
    names: list[tuple[str, str]] = []
    for word in words or ["."]:
        try:
            path = call.path(word)
            node = call.files.get(path)
            (directories if node.directory and "d" not in found else names).append((word, path))
        except FileError as error:
            status = call.fail(call.host.wording.file("ls", word, error.text), 2)
    for word, _ in sorted(names):
        call.line(word)
    for index, (word, path) in enumerate(sorted(directories)):
        if len(directories) + len(names) > 1:
            call.line(("\n" if index or names else "") + f"{word}:")
        children = call.files.children(path)
        hidden = "a" in found
        for child in [".", "..", *children] if hidden else children:
            if hidden or not child.startswith("."):
                call.line(child)
    return status


def date(call: Call) -> int:
    words = list(call.words)
    zone = ZoneInfo(call.host.timezone)
    moment = datetime.fromtimestamp(call.host.now(), zone)
    if words and words[0] == "-u":
        words.pop(0)
        moment = moment.astimezone(UTC)
    if len(words) > 1 or (words and not words[0].startswith("+")):
        return call.fail(f"date: invalid date '{words[0]}'")
    form = words[0][1:] if words else "%a %b %e %H:%M:%S %Z %Y"
    form = form.replace("%s", str(int(call.host.now()))).replace("%e", f"{moment.day:2d}")
    call.line(moment.strftime(form).replace("UTC+00:00", "UTC"))
    return 0


def uname(call: Call) -> int:
    values = call.host.system
    letters = [w[1:] for w in call.words]
    if any(not w.startswith("-") or w[1:] not in (*values, "a") for w in call.words):
        return call.fail(f"uname: illegal option -- {call.words[0].lstrip('-')}")
    if "a" in letters:
        call.line(" ".join(values[k] for k in "snrvm"))
    else:
        call.line(" ".join(values[k] for k in "snrvm" if k in (letters or ["s"])))
    return 0


def hostname(call: Call) -> int:
    if call.words and call.words[0] not in ("-s", "-f"):
        return call.fail("hostname: you must be root to change the host name")
    call.line(call.host.name)
    return 0


def ps(call: Call) -> int:
    """Only `ps -ef`, with POSIX columns; nothing is cut off (HP-UX cuts the words)."""
    if call.words != ["-ef"]:
        return call.fail("ps: only -ef is known here", 2)
    call.line(f"{'UID':8} {'PID':>6} {'PPID':>6}  C {'STIME':8} {'TTY':8} {'TIME':>8} CMD")
    call.line(f"{'root':8} {1:6} {0:6}  0 {'00:00':8} {'?':8} {'00:00:01':>8} init")
    for pid, (login, words) in call.host.running.items():
        call.line(f"{login:8} {pid:6} {1:6}  0 {'00:00':8} {'?':8} {'00:00:00':>8} {words}")
    return 0


def expr(call: Call) -> int:
    """`A + B` and `TEXT : EXPRESSION`, a basic regular expression with at most one group."""
    words = call.words
    if len(words) != 3 or words[1] not in ("+", ":"):
        return call.fail("expr: syntax error", 2)
    left, operator, right = words
    if operator == "+":
        if not (re.fullmatch(r"-?\d+", left) and re.fullmatch(r"-?\d+", right)):
            return call.fail("expr: non-integer argument", 2)
        return _answer(call, str(int(left) + int(right)))
    pattern = right.replace("\\(", "\0").replace("\\)", "\1")
    pattern = re.sub(r"([()+?{}|])", r"\\\1", pattern).replace("\0", "(").replace("\1", ")")
    found = re.match(pattern, left)
    if "(" in pattern and re.search(r"(?<!\\)\(", pattern):
        answer = found[1] if found else ""
    else:
        answer = str(found.end() if found else 0)
    return _answer(call, answer)


def _answer(call: Call, answer: str) -> int:
    """Print it; nothing and zero, with however many digits, are exit 1."""
    call.line(answer)
    return 1 if re.fullmatch(r"(-?0+)?", answer) else 0


def identity(call: Call) -> int:
    number = 0 if call.login == "root" else 1000
    group = "root" if number == 0 else call.login
    answers = {
        (): f"uid={number}({call.login}) gid={number}({group}) groups={number}({group})",
        ("-u",): str(number),
        ("-un",): call.login,
        ("-u", "-n"): call.login,
        ("-g",): str(number),
        ("-gn",): group,
    }
    if tuple(call.words) not in answers:
        return call.fail(f"id: '{call.words[0]}': no such user")
    call.line(answers[tuple(call.words)])
    return 0


async def grep(call: Call) -> int:
    """`grep [-cwFHhq] [-e PATTERN]... [PATTERN] [FILE]...`: basic expressions without marks of their own."""
    letters, patterns, words = "", list[str](), list(call.words)
    while words and words[0].startswith("-") and len(words[0]) > 1:
        option = words.pop(0)[1:]
        if option.endswith("e") and words:
            option, patterns = option[:-1], [*patterns, *words.pop(0).split("\n")]
        letters += option
    if set(letters) - set("cwFHhq"):
        return call.fail(f"grep: the lab knows no {' '.join(call.words)}", 2)
    if not patterns:
        patterns = words.pop(0).split("\n")
    plain = [re.escape(one) if "F" in letters else one for one in patterns]
    wanted = [re.compile(rf"(?<!\w)(?:{one})(?!\w)" if "w" in letters else one) for one in plain]
    status, found = 1, 0
    for name in words or [""]:
        try:
            text = call.files.read(call.path(name), call.login) if name else await call.stdin.read()
        except FileError:
            return call.fail(f"grep: can't open {name}", 2)
        head = f"{name}:" if "H" in letters or (len(words) > 1 and "h" not in letters) else ""
        for line in text.splitlines():
            if any(one.search(line) for one in wanted):
                status, found = 0, found + 1
                if not set("cq") & set(letters):
                    call.line(head + line)
    if "c" in letters:
        call.line(str(found))
    return status


async def tee(call: Call) -> int:
    """`tee FILE...`: each is written anew."""
    text, status = await call.stdin.read(), 0
    for name in call.words:
        path = call.path(name)
        try:
            call.files.open(path, call.login, call.shell.umask)
            call.files.write(path, text)
        except FileError as error:
            status = call.fail(f"tee: {name}: {error.text}")
    call.out(text)
    return status


async def sleep(call: Call) -> int:
    if len(call.words) != 1 or not re.fullmatch(r"\d+(\.\d+)?", call.words[0]):
        return call.fail(f"sleep: invalid time interval '{' '.join(call.words)}'")
    await call.host.clock.sleep(float(call.words[0]))
    return 0


async def env(call: Call) -> int:
    given = dict(call.env)
    words = list(call.words)
    if words and words[0] in ("-i", "-"):
        words.pop(0)
        given = {}
    while words and re.match(r"[A-Za-z_][A-Za-z0-9_]*=", words[0]):
        name, _, value = words.pop(0).partition("=")
        given[name] = value
    if not words:
        for name, value in given.items():
            call.line(f"{name}={value}")
        return 0
    if words[0].startswith("-"):
        return call.fail(f"env: invalid option -- '{words[0][1:]}'", 125)
    found = call.host.find_program(words[0], given.get("PATH", "/usr/bin:/bin"))
    if found is None and words[0] in BUILTINS:
        found = (
            BUILTINS[words[0]]
            if words[0] in ("echo", "printf", "test", "true", "false", "[", "pwd")
            else None
        )
    if found is None:
        return call.fail(f"env: {words[0]}: No such file or directory", 127)
    shell = call.shell.child("sh", given)
    shell.fds = {0: call.stdin, 1: call.stdout, 2: call.stderr}
    if words[0] in BUILTINS:
        answer = found(
            Call(words, given, call.stdin, call.stdout, call.stderr, shell, call.host, call.record)
        )
        return answer if isinstance(answer, int) else await answer
    return await shell.program(words, {}, given, becomes=call.pid)


async def sh(call: Call) -> int:
    """`sh [-eC] -c TEXT [NAME [ARGUMENT ...]]`; without -c the text comes from a file or standard input."""
    words = list(call.words)
    options: set[str] = set()
    command = False
    while words and re.fullmatch(r"-[eC]*c?[eC]*", words[0]) and len(words[0]) > 1:
        letters = words.pop(0)[1:]
        command = command or "c" in letters
        options |= set(letters) - {"c"}
    if words and words[0].startswith("-") and words[0] != "--":
        return call.fail(f"{call.name}: {words[0]}: invalid option", 2)
    if words and words[0] == "--":
        words.pop(0)
    if command and not words:
        return call.fail(f"{call.name}: -c: option requires an argument", 2)
    name, parameters = call.argv[0], []
    if command:
        text = words.pop(0)
        if words:
            name, *parameters = words
    elif words:
        try:
            text = call.files.read(call.path(words[0]), call.login)
        except FileError as error:
            return call.fail(f"{call.name}: {words[0]}: {error.text}", 127)
        name, *parameters = words
    else:
        text = await call.stdin.read()
    shell = call.shell.child(name, call.env)
    shell.process = call.pid
    shell.fds = {0: call.stdin, 1: call.stdout, 2: call.stderr}
    shell.parameters = parameters
    shell.options = options
    if command and call.shell.lines is not None:
        return await call.shell.lines(shell, text)
    shell.lines = call.shell.lines_of_scripts
    return await shell.run(text)


TOOLS: dict[str, Program] = {
    "cat": cat, "mkdir": mkdir, "rmdir": rmdir, "rm": rm, "mv": mv, "ls": ls, "date": date, "uname": uname,
    "hostname": hostname, "expr": expr, "ps": ps, "id": identity, "grep": grep, "sleep": sleep, "env": env,
    "sh": sh, "tee": tee,
}  # fmt: skip
# Some systems want these by path; the shell's own are the same.
TOOLS |= {n: BUILTINS[n] for n in ("true", "false", "echo", "printf", "test", "[", "pwd")}
