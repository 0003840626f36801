"""Real sudo, a real account: it may run what is sent, and no neighbour of it.

What changes something is only asked for (`sudo -n -l`); what looks is run. SYMCLI is stood in for by a script
of root's that prints its words and variables.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clones.asking.may_run import may_run
from clones.asking.steps import Command, Result
from clones.backends.symclone.commands import ENVIRONMENT
from clones.become import Become, Free
from clones.config import Config
from clones.observe.findings import Level
from clones.policy.catalogue import sent_to
from clones.policy.sent import Part
from clones.preflight.privileges import ACCOUNT, judge
from clones.privileges.needs import Need
from tests.real.account import NAME, Account, account, rules
from tests.support.tables import load_yaml

SUDO = Become.read("sudo")
CASE: dict[str, Any] = load_yaml((Path(__file__).parent / "privileges.yaml").read_text())
WORK = "-work"
"""The end of the name of the folder for locks and pair files, which any account may write to."""
PROGRAMS = ("symcli", "symcfg", "symclone", "symdev", "symdg", "symld")
SCRIPT = '#!/bin/sh\necho "$0 $*"\nexec env\n'


@pytest.fixture(scope="module")
def symcli() -> Iterator[str]:
    """A folder of root's with what stands in for SYMCLI."""
    folder = Path(tempfile.mkdtemp(prefix="symclone-symcli-"))
    folder.chmod(0o755)
    work = Path(f"{folder}{WORK}")
    work.mkdir()
    work.chmod(0o777)
    for name in PROGRAMS:
        (folder / name).write_text(SCRIPT)
        (folder / name).chmod(0o755)
    yield str(folder)
    shutil.rmtree(folder)
    shutil.rmtree(work)


def config(symcli: str) -> Config:
    """One host that is all: control host and service host, with most of what needs root."""
    called = {"bin": symcli, "become": "sudo", "work_dir": f"{symcli}{WORK}"}
    return Config.model_validate({"symcli": called, "services": CASE["services"]})


@pytest.fixture(scope="module")
def made(symcli: str) -> Iterator[Account]:
    text, needed = rules(config(symcli), "host", NAME)
    with account(text, needed) as it:
        yield it


def patterns(one: Need) -> Iterator[list[str]]:
    """The command with an example of each pattern of what is free in it."""
    count = max((len(word.patterns) for word in one.words if isinstance(word, Free)), default=1)
    for number in range(count):
        yield [_example(word, number) if isinstance(word, Free) else word for word in one.words]


def _example(word: Free, number: int) -> str:
    return Free(word, word.patterns[number % len(word.patterns) :]).example


def allows(made: Account, *words: str) -> bool:
    done = made.run("sudo", "-n", "-l", *words)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def there(made: Account) -> list[Need]:
    """What can be asked for here: sudo says of a program that is not there that it may not be run."""
    found = [one for one in made.needs if Path(one.words[0]).exists()]
    lacking = {one.words[0] for one in made.needs} - {one.words[0] for one in found}
    assert {Path(one).name for one in lacking} <= {"arping", "multipath", "sg_turs", "fuser"}, lacking
    return found


def test_each_command_is_allowed(made: Account) -> None:
    assert len(there(made)) > 40
    for one in there(made):
        for words in patterns(one):
            assert allows(made, *words), words


def words_of(line: str, symcli: str) -> list[str]:
    """A line of the cases."""
    pairs = f"{symcli}{WORK}/one.data-0123456789abcdef.pairs"
    return line.replace("SYMCLI", symcli).replace("PAIRS", pairs).split(" ")


def test_no_neighbour_is_allowed(made: Account, symcli: str) -> None:
    assert [line for line in CASE["neighbours"] if allows(made, *words_of(line, symcli))] == []
    assert [line for line in CASE["allowed"] if not allows(made, *words_of(line, symcli))] == []


def test_one_word_more_or_less_is_not_allowed(made: Account) -> None:
    for one in there(made):
        words = next(patterns(one))
        others = [words[:-1], [*words, "x"], [*words, "-f"], [*words, ""], [*words[:-1], f"{words[-1]}x"]]
        others = [other for other in others if other and not _means(other, made.needs)]
        assert [other for other in others if allows(made, *other)] == []


def _means(words: list[str], every: list[Need]) -> bool:
    """Whether it is another one of them."""
    return any(words in [*patterns(one)] for one in every)


def test_looks_are_run(made: Account, symcli: str) -> None:
    """Those of SYMCLI with the variables that it needs, and no others."""
    before = {"LC_ALL": "C", "SYMCLI_CONNECT": "elsewhere", "LD_PRELOAD_X": "x"}
    for sent in sent_to("host", config(symcli)):
        if sent.command.changes or f"{symcli}/" not in sent.command.line() or "-l" in sent.command.words:
            continue
        line = sent.command.line()
        line = line.replace("9DEV1CES", "1234,4321")
        words = [f"{name}={text}" for name, text in before.items()]
        done = made.run("env", *words, "/bin/sh", "-c", line)
        assert done.returncode == 0 and symcli in done.stdout, (line, done)
        variables = set(done.stdout.splitlines())
        assert {*ENVIRONMENT, "LC_ALL=C", f"SUDO_USER={NAME}", "USER=root"} <= variables
        assert not any("SYMCLI_CONNECT" in one or "LD_PRELOAD_X" in one for one in variables)
    done = made.run("sudo", "-n", "/usr/bin/true", "check")
    assert done.returncode == 0 and done.stderr == ""


def judged(made: Account) -> list[tuple[Level, str, str]]:
    """What preflight says of the account."""
    asked = [(one, may_run("host", SUDO, one.words)) for one in there(made)]
    results = []
    for _, command in asked:
        assert isinstance(command, Command)
        done = made.run(*command.words)
        results.append(Result(command, done.returncode, done.stdout, done.stderr))
    found = judge("host", SUDO, [one for one, _ in asked], results)
    return [(one.level, one.what, one.remedy) for one in found]


def test_preflight_says_what_is_missing_and_the_line_to_add(made: Account) -> None:
    ((level, what, _),) = judged(made)
    assert level is Level.OK and "as root that are needed" in what
    text = made.rules.read_text()
    line = next(line for line in text.splitlines() if "/usr/bin/umount /data/y" in line)
    made.rules.write_text(text.replace(f"{line}\n", ""))
    try:
        ((level, what, remedy),) = judged(made)
        assert level is Level.ERROR and "`/usr/bin/umount /data/y` as root: one: stops fs /data/y" in what
        assert f"`{line.replace(NAME, ACCOUNT, 1)}`" in remedy
        made.rules.write_text("# nothing\n")
        assert {level for level, _, _ in judged(made)} == {Level.ERROR}
    finally:
        made.rules.write_text(text)
    assert len(judged(made)) == 1


def test_parts_end(symcli: str, made: Account) -> None:
    """What a merge-back needs is allowed up to its end."""
    text, needed = rules(config(symcli), "host", NAME, (Part.MERGE_BACK,))
    words = next(next(patterns(one)) for one in needed if "restore" in one.words)
    assert not allows(made, *words)
    before = made.rules.read_text()
    try:
        made.rules.write_text(text)
        assert allows(made, *words)
        made.rules.write_text(text.replace("NOTAFTER=21000101000000Z", "NOTAFTER=20200101000000Z"))
        assert not allows(made, *words)
    finally:
        made.rules.write_text(before)
