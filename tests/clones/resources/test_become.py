"""`become` of a host before the commands of its resources: which, and how the shell calls them.

Each command is run by a real shell, with a program in the place of sudo that only writes down its words.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clones.asking.steps import Command
from clones.config import Host
from clones.resources import drivers
from clones.resources.base import Driver
from clones.resources.reading import BECOME
from tests.clones.cases_in_tables import CASES
from tests.clones.host_answers import shows_its_end
from tests.clones.resources.test_resources import FILES, HOST, service
from tests.support.tables import load_yaml

LOOKS: dict[str, list[str]] = load_yaml((CASES / "as_root.yaml").read_text())["looks"]
STEMS = [stem for stem in FILES if not stem.startswith("linux-")]
SITES = ("app", "command")
ANSWERS = (("0", ""), ("0", "5"), ("0", "${1##*/}"), ("1", ""), ("32", ""))
"""Exit code and what is printed: so that each way through a text is gone."""


def made(data: dict[str, Any], entry: dict[str, Any], become: str) -> Driver:
    kind, fields = next(iter(entry.get("resource", data["resource"]).items()))
    more = {"become": True} if kind in SITES else {}
    what = service({kind: {**fields, **more}}, *entry.get("beside", []), family=data["family"])
    host = Host(connection=HOST, family=data["family"], become=become)
    return drivers(what.model_copy(update={"hosts": (host,)}), host)[0]


def sent(data: dict[str, Any], become: str) -> Iterator[Command]:
    """Every command of the resource of a case file, each once."""
    for entry in ({}, *data.get("commands", [])):
        it = made(data, entry, become)
        at = entry.get("at", "")
        yield from (it.probe(), *it.start(at), *it.stop(at))


def is_text(command: Command) -> bool:
    """Whether it is a fixed text that takes `become` as its first parameter."""
    return any(word.startswith(BECOME) for word in command.words)


@pytest.mark.parametrize("stem", STEMS)
def test_what_is_run_as_root(stem: str) -> None:
    for plain, command in zip(sent(FILES[stem], "none"), sent(FILES[stem], "doas"), strict=True):
        assert plain.as_root == ()
        words = ["/usr/bin/doas -n" if word == "" else word for word in plain.words]
        for root in command.as_root:
            assert root[0].startswith("/") and root[0].rsplit("/", 1)[-1] not in (
                "sh",
                "env",
                "find",
                "xargs",
            )
        if command.as_root and not is_text(command):
            (root,) = command.as_root
            words[len(words) - len(root) :] = ["/usr/bin/doas", "-n", *root]
        assert list(command.words) == words
        assert bool(command.as_root) or not command.changes, command.line()


@pytest.mark.parametrize("stem", [stem for stem in STEMS if stem not in SITES])
def test_which_looks_are_taken_as_root(stem: str) -> None:
    probe = made(FILES[stem], {}, "sudo").probe()
    assert [shlex.join(words) for words in probe.as_root] == LOOKS.get(stem, [])


@pytest.mark.parametrize("kind", SITES)
def test_a_site_s_own_commands_are_run_as_root_only_where_it_says_so(kind: str) -> None:
    what = service(FILES[kind]["resource"], family="linux")
    host = Host(connection=HOST, family="linux", become="sudo")
    (it,) = drivers(what.model_copy(update={"hosts": (host,)}), host)
    for command in (it.probe(), *it.start(it.stopped), *it.stop(it.started)):
        assert command.as_root == () and "/usr/bin/sudo" not in command.words


@pytest.fixture
def sudo(tmp_path: Path) -> Path:
    """Writes down what it is given, and answers as :data:`ANSWERS`."""
    program = tmp_path / "sudo"
    program.write_text(
        '#!/bin/sh\nhere=${0%/*}; test "$1" = -n || exit 99; shift\n'
        """for word in "$@"; do printf '%s\\037' "$word"; done >> "$here/log"; echo >> "$here/log"\n"""
        '. "$here/answer"\n'
    )
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("stem", STEMS)
def test_a_shell_gives_become_these_very_commands(stem: str, sudo: Path) -> None:
    data = FILES[stem]
    if "map_file" in data["resource"].get("vg", {}):
        data = {**data, "commands": []}
    for command in sent(data, str(sudo)):
        if command.as_root:
            assert given(command, sudo) == set(command.as_root)


def test_the_map_is_read_and_moved_as_root(sudo: Path) -> None:
    """What vgexport has written may be root's alone."""
    map_file = sudo.with_name("map")
    for path in (map_file, sudo.with_name("map.new")):
        path.write_text("1 lv\n")
    resource = {"vg": {"name": "vgCVI", "map_file": str(map_file)}}
    for command in made(FILES["hpux-vg"], {"resource": resource}, str(sudo)).stop("active"):
        assert given(command, sudo) == set(command.as_root)
    assert map_file.read_text() == "1 lv\n"


def given(command: Command, sudo: Path) -> set[tuple[str, ...]]:
    """What a shell gives the program, whichever way the command goes."""
    log = sudo.with_name("log")
    log.unlink(missing_ok=True)
    # No moment passes, and a file system of zfs is mounted.
    words = [
        word.replace("sleep 1", ":").replace("/usr/sbin/zfs get", "echo yes; :") for word in command.words
    ]
    for code, printed in ANSWERS:
        sudo.with_name("answer").write_text(f'echo "{printed}"; exit {code}\n')
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode in (0, int(code)) or not shows_its_end(command), done
    return {tuple(line.split("\037")[:-1]) for line in log.read_text().splitlines()}
