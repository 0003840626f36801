"""The fence, in real shells on real directories."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from clones.act import lock
from clones.act.lock import Owner
from clones.asking import fence
from clones.asking.fence import MARK, NOT_NEWEST, SAID, Fence, Token
from clones.asking.steps import Command, Result, answer
from clones.backends.symclone.running import LOOKS
from clones.config import Host, Production, Symcli
from clones.config.scope import Scope
from clones.errors import Fenced, Refused, Unknown
from hooks.configuration import load
from tests.clones.act.test_lock import drive
from tests.conftest import SERVICES

CONFIG = load(SERVICES)
SHELLS = [shell for shell in ("/bin/sh", "/bin/dash", "/bin/bash") if shutil.which(shell)]
HOST = "aastmphpux"


def token(count: int, letter: str = "a") -> Token:
    return Token(count, letter * 16)


@pytest.fixture
def scope(tmp_path: Path) -> Scope:
    return Scope("aastmphpux", CONFIG.services["aastmphpux"], Symcli(work_dir=str(tmp_path)))


@pytest.fixture
def folder(scope: Scope) -> Path:
    return Path(fence.folder(scope.symcli.work_dir, scope.name))


def put(scope: Scope, number: Token) -> Fence:
    made = Fence(scope.name, number)
    listed, _ = drive(fence.put(scope, made, HOST))
    assert isinstance(listed, Result) and "ps -ef" in listed.stdout
    return made


def run(made: Fence, *words: str, shell: str = "/bin/sh") -> subprocess.CompletedProcess[str]:
    sent = made.around(Command(HOST, words, changes=True))
    return subprocess.run([shell, "-c", sent.line()], capture_output=True, text=True)


@pytest.mark.parametrize("shell", SHELLS)
def test_only_the_newest_try_changes_anything(scope: Scope, tmp_path: Path, shell: str) -> None:
    old, mark = put(scope, token(7)), tmp_path / "changed"
    assert run(old, "/bin/echo", "a b", "$HOME", shell=shell).stdout == "a b $HOME\n"
    new = put(scope, token(8, "b"))
    refused = run(old, "/usr/bin/touch", str(mark), shell=shell)
    assert (refused.returncode, refused.stderr) == (NOT_NEWEST, f"{SAID}\n") and not mark.exists()
    assert run(new, "/usr/bin/touch", str(mark), shell=shell).returncode == 0 and mark.exists()
    command = Command(HOST, ("/usr/bin/touch", str(mark)), changes=True)
    with pytest.raises(Fenced, match="That command changed nothing"):
        old.refuse_if_over(Result(command, refused.returncode, stderr=refused.stderr))
    old.refuse_if_over(Result(command, NOT_NEWEST, stderr="a program of the site's own says 121"))


def test_a_host_without_tokens_carries_nothing_out(scope: Scope, folder: Path, tmp_path: Path) -> None:
    """After a reboot of a host that clears the folder, for instance."""
    made = put(scope, token(7))
    shutil.rmtree(folder)
    assert run(made, "/usr/bin/touch", str(tmp_path / "x")).returncode == NOT_NEWEST
    assert not (tmp_path / "x").exists()


def test_an_older_token_that_comes_late_is_not_the_newest(scope: Scope, folder: Path) -> None:
    new = put(scope, token(12, "b"))
    with pytest.raises(Fenced, match="newest try is number 12, and this one is number 9") as raised:
        put(scope, token(9))
    assert raised.value.count == 12
    assert run(new, "/bin/true").returncode == 0
    put(scope, token(13, "c"))
    assert len(list(folder.iterdir())) <= 2, "what is over is removed"


def test_numbers_are_compared_as_numbers(scope: Scope) -> None:
    put(scope, token(9))
    new = put(scope, token(10))
    assert run(new, "/bin/true").returncode == 0


def test_whoever_removes_what_is_over_never_removes_the_newest(folder: Path) -> None:
    """A newer token comes while it removes: it works on what it has seen before."""
    names = [str(token(n)) for n in (3, 4, 5)]
    for name in names:
        (folder / name).mkdir(parents=True)
    script = fence.PRUNE.format("$1").replace("test -d", f'mkdir "$1/{token(6)}" 2>/dev/null; test -d')
    subprocess.run(["/bin/sh", "-c", script, "prune", folder], check=True)
    assert sorted(p.name for p in folder.iterdir()) == [names[-1], str(token(6))]


def test_the_shell_becomes_the_command(scope: Scope) -> None:
    """So what runs behind a fence is found in a list of processes like any other command."""
    made = put(scope, token(1))
    sent = made.around(Command(HOST, ("/bin/sleep", "60"), changes=True))
    with subprocess.Popen(["/bin/sh", "-c", f"exec {sent.line()}"]) as process:
        try:
            path = Path(f"/proc/{process.pid}/cmdline")
            while not path.read_bytes().startswith(b"/bin/sleep"):
                assert process.poll() is None
            assert path.read_bytes() == b"/bin/sleep\x0060\x00"
        finally:
            process.kill()


def test_before_that_its_first_words_tell() -> None:
    """HP-UX shows about 60 characters, a login shell may stand before them. No word is one of a look's."""
    assert MARK in f"-ksh -c /bin/sh -c '{fence.RUN}'"[:60]
    assert not LOOKS & set(fence.RUN.split())


def test_nothing_is_sent_to_a_host_that_has_no_token(scope: Scope) -> None:
    with pytest.raises(Refused, match=f"is not sent to {HOST}"):
        Fence(scope.name, token(1), {"elsewhere": "/x"}).around(Command(HOST, ("/bin/true",)))


@pytest.mark.parametrize(
    ("code", "stdout"),
    [
        (None, ""),
        (0, ""),
        (0, "000000000001.cut"),
        (1, "{token}\n"),
        (NOT_NEWEST, "{token}\n"),
        (0, "\n{token}\n"),
    ],
)
def test_a_token_that_is_not_seen_there_shuts_nobody_out(scope: Scope, code: int | None, stdout: str) -> None:
    made = Fence(scope.name, token(1))
    steps = fence.put(scope, made, HOST)
    asked = answer(steps)
    assert isinstance(asked, Command) and asked.secret
    with pytest.raises((Unknown, Fenced)):
        answer(steps, Result(asked, code, stdout.format(token=f"/f/{made.token}")))
    assert made.folders == {}


def test_a_folder_that_cannot_be_written(scope: Scope, tmp_path: Path) -> None:
    (tmp_path / "fences").write_text("")
    with pytest.raises(Refused, match=r"fences/aastmphpux on aastmphpux cannot be written"):
        put(scope, token(1))


def taken(scope: Scope, owner: Owner) -> Fence:
    made, _ = drive(lock.take(scope, owner, lambda other: True))
    assert isinstance(made, Fence)
    return made


def with_host(scope: Scope, host: Host, *, production: bool) -> Scope:
    """The same with one more host, or as production's."""
    service, original = scope.service, Production(hosts=(host,), resources=scope.service.resources[:1])
    change = {"production": original} if production else {"hosts": (*service.hosts, host)}
    return Scope(scope.name, service.model_copy(update=change), scope.symcli)


@pytest.mark.parametrize("production", [False, True])
def test_a_control_host_has_one_folder_whatever_else_it_is(
    scope: Scope, tmp_path: Path, production: bool
) -> None:
    """An earlier try was to act on it as a service host too; a later one takes only the lock."""
    other = Host(connection=scope.control_host, family="linux", work_dir=str(tmp_path / "tokens"))
    both = with_host(scope, other, production=production)
    late = taken(both, Owner("d", "r", "airflow1", "a" * 16, "recreate", 1))
    drive(fence.put_on(both, late, [both.control_host]))
    taken(both, Owner("d", "r", "airflow1", "b" * 16, "activate", 1))
    sent = late.around(Command(both.control_host, ("/usr/bin/touch", str(tmp_path / "x")), changes=True))
    assert subprocess.run(sent.line(), shell=True, capture_output=True).returncode == NOT_NEWEST
    assert not (tmp_path / "x").exists() and not (tmp_path / "tokens").exists()
    assert both.work_dir_key(both.control_host) == "`symcli.work_dir`"


@pytest.mark.parametrize("production", [False, True])
def test_a_host_has_the_folder_that_the_file_gives_it(scope: Scope, production: bool) -> None:
    own = with_host(scope, Host(connection="h", family="linux", work_dir="/srv/x"), production=production)
    assert (own.work_dir_on("h"), own.work_dir_key("h")) == ("/srv/x", "`work_dir` of the host")
    assert own.work_dir_key(HOST) == "`work_dir` of the host"
    elsewhere = (own.work_dir_on("of a hook"), own.work_dir_key("of a hook"))
    assert elsewhere == (scope.symcli.work_dir, "`symcli.work_dir`"), "the file has no other setting for it"


def test_the_count_goes_on_when_the_lock_is_given_back(scope: Scope) -> None:
    counts = []
    for letter in "abc":
        owner = Owner("d", f"run_{letter}", "airflow1", letter * 16, "t", 1)
        counts.append(taken(scope, owner).token.count)
        drive(lock.give_back(scope, owner))
    assert counts == [1, 2, 3]


def test_each_try_of_a_run_is_another(scope: Scope) -> None:
    first, second = (Owner("d", "r", "airflow1", letter * 16, "t", 1) for letter in "ab")
    old, new = taken(scope, first), taken(scope, second)
    assert new.token.count == old.token.count + 1
    assert drive(lock.give_back(scope, first))[0] is False, "it is the newer one's"
    host = scope.control_host
    for made, code in ((old, NOT_NEWEST), (new, 0)):
        sent = made.around(Command(host, ("/bin/true",), changes=True))
        assert subprocess.run(sent.line(), shell=True, capture_output=True).returncode == code


@pytest.mark.parametrize(
    ("task", "number", "enters"), [("t", 1, False), ("t", 2, True), ("t", 3, True), ("other", 1, True)]
)
def test_a_try_that_stood_still_is_not_let_in_while_a_later_one_works(
    scope: Scope, task: str, number: int, enters: bool
) -> None:
    """Before it came to the lock, so that it would be the newest."""
    newer = taken(scope, Owner("d", "r", "airflow1", "a" * 16, "t", 2))
    late = Owner("d", "r", "airflow1", "b" * 16, task, number)
    if enters:
        assert taken(scope, late).token.count == newer.token.count + 1
        return
    with pytest.raises(Fenced, match="a later try of t holds the lock: try 1 did not respond"):
        taken(scope, late)
    sent = newer.around(Command(scope.control_host, ("/bin/true",), changes=True))
    assert subprocess.run(sent.line(), shell=True).returncode == 0, "the newer one is not disturbed"


def test_of_two_that_take_a_free_lock_the_one_that_is_cut_off_tries_again(scope: Scope) -> None:
    """Between its two mkdirs another run takes the lock for one without an owner, and clears it."""
    owner = Owner("d", "r", "airflow1", "a" * 16, "t", 1)
    place = f"{scope.symcli.work_dir}/locks/{scope.name}"
    steps = lock.take(scope, owner, lambda other: False)
    asked = answer(steps)
    assert isinstance(asked, Command)
    script = asked.words[2].replace('mkdir "$2/$3@$4"', f'rmdir {place}; mkdir "$2/$3@$4"')
    cut = subprocess.run(["/bin/sh", "-c", script, *asked.words[3:]], capture_output=True, text=True)
    assert cut.returncode == lock.LOST
    asked = answer(steps, Result(asked, cut.returncode, cut.stdout, cut.stderr))
    while isinstance(asked, Command):
        done = subprocess.run(asked.line(), shell=True, capture_output=True, text=True)
        asked = answer(steps, Result(asked, done.returncode, done.stdout, done.stderr))
    assert os.listdir(place) == [str(owner)]


def test_a_control_host_that_has_lost_its_count_goes_on_from_a_service_hosts(scope: Scope) -> None:
    owner = Owner("d", "r", "airflow1", "a" * 16, "t", 1)
    assert taken(scope, owner).token.count == 1
    made, _ = drive(lock.count_on(scope, owner, 41))
    assert isinstance(made, Fence) and made.token.count == 42
    taken(scope, Owner("d", "r", "airflow1", "b" * 16, "t", 1))
    assert drive(lock.count_on(scope, owner, 99))[0] is None, "a newer try holds the lock"


def test_finish_goes_on_only_with_a_lock_that_its_run_holds(scope: Scope) -> None:
    mine, next_try = (Owner("d", "r", "airflow1", letter * 16, "t", 1) for letter in "ab")
    assert drive(lock.keep(scope, mine))[0] is None
    taken(scope, mine)
    assert drive(lock.keep(scope, Owner("d", "other", "airflow1", "c" * 16, "t", 1)))[0] is None
    kept, _ = drive(lock.keep(scope, next_try))
    assert isinstance(kept, Fence) and kept.token.count == 2
    assert drive(lock.give_back(scope, next_try))[0] is True


@pytest.mark.parametrize(
    ("former", "run", "ended", "takes"),
    [
        ("old1", "r", False, True),  # its own run
        ("old1", "other", True, True),
        ("old1", "other", False, False),
        ("old2", "r", True, False),
        (None, "r", True, False),
    ],
)
def test_a_lock_of_the_form_of_before(
    scope: Scope, former: str | None, run: str, ended: bool, takes: bool
) -> None:
    """``DAG@RUN@NAME``, where the name stood in the metadata database."""
    place = Path(scope.symcli.work_dir) / "locks" / scope.name
    (place / f"d@{run}@old1").mkdir(parents=True)
    owner = Owner("d", "r", "airflow1", "a" * 16, "t", 1)
    steps = lock.take(scope, owner, lambda other: ended, former=lambda: former)
    if takes:
        assert isinstance(drive(steps)[0], Fence)
        assert os.listdir(place) == [str(owner)]
    else:
        with pytest.raises((Refused, fence.Unknown, lock.NotMyTurn)):
            drive(steps)
        assert os.listdir(place) == [f"d@{run}@old1"]


def test_the_mark_of_an_airflow_is_not_its_id() -> None:
    mark = lock.installation_mark("secret-of-this-airflow")
    assert mark == lock.installation_mark("secret-of-this-airflow") != lock.installation_mark("another")
    assert "secret" not in mark and len(mark) == 16
