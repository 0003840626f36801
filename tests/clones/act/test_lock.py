"""The lock's protocol, against a directory tree in which only mkdir and rmdir exist."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from clones.act import lock
from clones.act.lock import Owner
from clones.asking.fence import Fence
from clones.asking.steps import Command, Finished, Note, Result, Steps, answer
from clones.config import Symcli
from clones.config.scope import Scope
from clones.errors import ConfigError, Locked, NotMyTurn, Refused, Unknown
from hooks.configuration import load

CONFIG = load(Path(__file__).parents[3] / "config" / "services.yaml")
RUN = "scheduled__2026-11-23T02:30:00+00:00"
A, B = (
    Owner("svc", RUN, "airflow1", "a" * 16, "t", 1),
    Owner("svc", "manual__2", "airflow1", "b" * 16, "t", 1),
)
STRANGER = Owner("svc", "manual__2", "airflow2", "c" * 16, "t", 1)


@pytest.fixture
def scope(tmp_path: Path) -> Scope:
    return Scope("aastmphpux", CONFIG.services["aastmphpux"], Symcli(work_dir=str(tmp_path)))


def drive(steps: Steps[object], before_command: dict[int, str] | None = None) -> tuple[object, list[str]]:
    """Run the real shell commands here; optionally do something else right before the n-th of them."""
    notes, asked, count = [], answer(steps), 0
    while not isinstance(asked, Finished):
        if isinstance(asked, Note):
            notes.append(asked.title)
            asked = answer(steps)
            continue
        assert isinstance(asked, Command)
        if before_command and count in before_command:
            subprocess.run(before_command[count], shell=True, check=True)
        count += 1
        done = subprocess.run(asked.line(), shell=True, capture_output=True, text=True)
        asked = answer(steps, Result(asked, done.returncode, done.stdout, done.stderr))
    return asked.value, notes


def take(scope: Scope, owner: Owner, ended: bool | None = False, **kwargs: object) -> list[str]:
    return drive(lock.take(scope, owner, lambda other: ended), **kwargs)[1]  # type: ignore[arg-type]


def holder(scope: Scope) -> list[str]:
    folder = Path(scope.symcli.work_dir) / "locks" / scope.name
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def test_taken_kept_and_given_back(scope: Scope) -> None:
    assert "Took the lock" in take(scope, A)[0]
    assert holder(scope) == [str(A)]
    assert "holds the lock" in take(scope, A)[0]
    assert drive(lock.give_back(scope, A))[0] is True
    assert holder(scope) == []
    assert drive(lock.give_back(scope, A))[0] is False


def test_a_running_owner_keeps_it(scope: Scope) -> None:
    take(scope, A)
    for ended in (False, None):
        with pytest.raises(Locked, match=r"run scheduled__2026.* works on it"):
            take(scope, B, ended)
    assert drive(lock.give_back(scope, B))[0] is False
    assert holder(scope) == [str(A)]


def test_an_ended_owner_loses_it_and_that_is_said(scope: Scope) -> None:
    take(scope, A)
    assert "Took over" in take(scope, B, True)[0]
    assert holder(scope) == [str(B)]


def test_the_end_of_a_run_keeps_the_lock_that_it_took_before_an_upgrade(scope: Scope) -> None:
    folder = Path(scope.symcli.work_dir) / "locks" / scope.name
    (folder / f"{A.dag_id}@{A.run_id}@before").mkdir(parents=True)
    assert drive(lock.keep(scope, A))[0] is None
    assert drive(lock.keep(scope, B, former=lambda: "before"))[0] is None, "it is of another run"
    assert drive(lock.keep(scope, A, former=lambda: "another"))[0] is None, "and of another Airflow"
    kept, notes = drive(lock.keep(scope, A, former=lambda: "before"))
    assert isinstance(kept, Fence) and any("Took over" in note for note in notes)
    assert holder(scope) == [str(A)]


def test_another_airflows_lock_is_never_taken_over(scope: Scope) -> None:
    take(scope, STRANGER)
    with pytest.raises(Refused, match="not a run of this Airflow") as raised:
        take(scope, A, True)
    assert "rmdir" in str(raised.value)
    assert holder(scope) == [str(STRANGER)]


@pytest.mark.parametrize("stranger", [STRANGER, replace(STRANGER, nonce="")], ids=["now", "before 0.2"])
def test_what_the_refusal_says_frees_that_lock_and_no_other(scope: Scope, stranger: Owner) -> None:
    folder = Path(scope.symcli.work_dir) / "locks" / scope.name
    (folder / str(stranger)).mkdir(parents=True)
    with pytest.raises(Refused, match="not a run of this Airflow") as raised:
        take(scope, A, True)
    told = re.search(r"`(rmdir [^`]+)`", str(raised.value))
    assert told and STRANGER.nonce not in str(raised.value)
    (folder / str(stranger)).rename(folder / str(B))  # somebody has done so, and another run has taken it
    assert subprocess.run(told[1], shell=True).returncode != 0 and holder(scope) == [str(B)]
    (folder / str(B)).rename(folder / str(stranger))
    assert subprocess.run(told[1], shell=True).returncode == 0 and not folder.exists()


def test_a_lock_without_owner_is_cleared_and_taken(scope: Scope) -> None:
    (Path(scope.symcli.work_dir) / "locks" / scope.name).mkdir(parents=True)
    assert "names no owner" in take(scope, A)[0]
    assert holder(scope) == [str(A)]


@pytest.mark.parametrize("other_is_in", [False, True], ids=["cleared", "cleared and taken by another"])
def test_between_its_two_mkdirs_the_lock_may_be_cleared(
    scope: Scope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_is_in: bool
) -> None:
    """Its shell stands still there; who finds the lock empty clears it, and may have taken it by then."""
    place = Path(scope.symcli.work_dir) / "locks" / scope.name
    taken = f'&& /bin/mkdir -p "{place}/{B}" ' if other_is_in else ""
    shim = tmp_path / "bin" / "mkdir"
    shim.parent.mkdir()
    shim.write_text(
        f'#!/bin/sh\n/bin/mkdir "$@" || exit\ntest "$1" != "{place}" || test -e "{tmp_path}/once" || '
        f'{{ : >"{tmp_path}/once"; rmdir "$1" {taken}; }}\n'
    )
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")
    if other_is_in:
        with pytest.raises(NotMyTurn, match="run manual__2"):
            take(scope, A)
    else:
        assert "Took the lock" in take(scope, A)[0]
    assert (tmp_path / "once").exists()
    assert holder(scope) == [str(B) if other_is_in else str(A)]


def test_a_lock_that_goes_while_it_is_listed_is_taken(scope: Scope) -> None:
    take(scope, B)
    place = Path(scope.symcli.work_dir) / "locks" / scope.name

    def as_if(steps: Steps[object]) -> object:
        asked, gone = answer(steps), False
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                asked = answer(steps)
                continue
            assert isinstance(asked, Command)
            if lock.OWNERS in asked.words and not gone:
                gone = True
                subprocess.run(["rmdir", place / str(B), place], check=True)
                asked = answer(steps, Result(asked, 2, "", f"ls: {place}: No such file or directory"))
                continue
            done = subprocess.run(asked.line(), shell=True, capture_output=True, text=True)
            asked = answer(steps, Result(asked, done.returncode, done.stdout, done.stderr))
        return asked.value

    as_if(lock.take(scope, A, lambda other: False))
    assert holder(scope) == [str(A)]


def test_a_lock_that_cannot_be_listed_is_unknown(scope: Scope) -> None:
    take(scope, B)
    steps = lock.take(scope, A, lambda other: False)
    asked = answer(steps)
    with pytest.raises(Unknown, match="Permission denied"):
        while True:
            assert isinstance(asked, Command)
            code = lock.NOT_FREE if lock.TAKE in asked.words else 2
            asked = answer(steps, Result(asked, code, "", "ls: Permission denied"))


def test_of_two_that_take_over_only_one_gets_it(scope: Scope) -> None:
    take(scope, A)
    folder = f"{scope.symcli.work_dir}/locks/{scope.name}"
    # The other one takes over between our look at the owner and our own take-over.
    third = replace(B, run_id="manual__3")
    with pytest.raises(Locked, match=r"changed hands|works on it"):
        drive(
            lock.take(scope, B, lambda other: other == A),
            before_command={2: f"mv '{folder}/{A}' '{folder}/{third}'"},
        )
    assert holder(scope) == [str(third)]


def test_a_folder_that_cannot_be_made_is_refused(scope: Scope, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bad = replace(scope, symcli=Symcli(work_dir=str(tmp_path / "file" / "below")))
    with pytest.raises(Refused, match="could not be made"):
        take(bad, A)


def test_lost_session_is_not_a_lock(scope: Scope) -> None:
    steps = lock.take(scope, A, lambda other: True)
    asked = answer(steps)
    assert isinstance(asked, Command)
    with pytest.raises(Unknown):
        answer(steps, Result(asked, None, lost="cut"))


@pytest.mark.parametrize("run", ["", "a b", "a@b", "../a", "a/b", "-a", ".a", "~a", "+a", ":a", "a\n"])
def test_what_cannot_name_a_run_is_said_before_anything_is_sent(run: str) -> None:
    """A gate lets a name begin with a letter, a digit or `_` only (docs/decisions/0039-the-gate.md)."""
    with pytest.raises(ConfigError, match="cannot name a run"):
        Owner("svc", run, "airflow1", "a" * 16, "t", 1)


def test_an_id_too_long_for_a_directory_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    fits = 255 - len("svc@@airflow1@aaaaaaaaaaaaaaaa@t@1")
    owner = Owner("svc", "r" * fits, "airflow1", "a" * 16, "t", 1)
    (tmp_path / str(owner)).mkdir()
    with pytest.raises(ConfigError, match="is 1 characters too long") as refused:
        Owner("svc", "r" * (fits + 1), "airflow1", "a" * 16, "t", 1)
    assert "shorter run id" in refused.value.remedy
