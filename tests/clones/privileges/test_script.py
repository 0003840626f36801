"""`scripts/privileges`: what it prints, and how it ends. No host is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import privileges as script
from tests.conftest import ROOT
from tests.support.tables import load_yaml

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The script on the example configuration, with these changes."""

    def run_it(*words: str, become: str = "sudo", app: dict[str, Any] | None = None) -> tuple[int, str, str]:
        written = load_yaml((ROOT / "config" / "services.yaml").read_text())
        written["symcli"] = {**written.get("symcli", {}), "become": become}
        service = written["services"]["lnxpp"]
        service["hosts"][0]["become"] = become
        service["resources"][-1]["app"] |= app or {}
        path = tmp_path / "services.yaml"
        path.write_text(yaml.safe_dump(written))
        monkeypatch.setattr(sys, "argv", ["privileges", *words, "--offline", "--config", str(path)])
        return script.main(), *capsys.readouterr()

    return run_it


def test_a_file_for_sudo(run: Run) -> None:
    code, out, err = run("lnxpp01", "--account", "refresh")
    assert code == 0
    assert "refresh ALL=(root) NOPASSWD: /usr/bin/umount /pp/data" in out.splitlines()
    assert "ppctl" not in out, "the account itself runs it"
    assert err == (
        "Copy it to lnxpp01 as /etc/sudoers.d/symclone: owner root, mode 0440; `visudo -cf FILE` checks it.\n"
    )


@pytest.mark.parametrize(
    ("become", "line"),
    [
        ("doas", 'permit nopass setenv { LC_ALL } "symclone" as root cmd "/usr/bin/umount" args "/pp/data"'),
        ("pfexec", "Copied Disks:solaris:cmd:::/usr/bin/umount:uid=0"),
        ("pbrun", '&& argv[0] == "/usr/bin/umount" && argv[1] == "/pp/data")'),
    ],
)
def test_the_form_of_each_program(run: Run, become: str, line: str) -> None:
    _, out, _ = run("lnxpp01", become=become)
    assert any(line in one for one in out.splitlines())


def test_what_is_left_out_is_named(run: Run) -> None:
    code, out, err = run("lnxpp01", app={"become": True, "start": ["/bin/sh", "-c", "x"]})
    assert code == 2 and "/bin/sh" not in out
    assert "LEFT OUT: `/bin/sh -c x` (lnxpp: starts app pp" in err and "put the command into a file" in err
    assert "NOPASSWD: /opt/pp/bin/ppctl stop" in out


def test_what_needs_an_approval_needs_an_end(run: Run) -> None:
    code, out, _ = run("symcli_demo")
    assert " restore " not in out and " recreate " in out
    code, out, _ = run("symcli_demo", "--with", "merge-back", "--until", "2100-01-31T18:00")
    (rule, *_) = (line for line in out.splitlines() if " restore " in line)
    assert code == 0 and rule.startswith("symclone ALL=(root) NOTAFTER=21000131180000Z NOPASSWD: ")
    code, out, err = run("symcli_demo", "--with", "merge-back")
    assert code == 1 and not out and "--until" in err


def test_a_host_without_become_needs_none(run: Run) -> None:
    code, out, err = run("lnxpp01", become="none")
    assert (code, out) == (0, "") and "`become` of lnxpp01 is none" in err


def test_an_unknown_connection(run: Run) -> None:
    code, out, err = run("elsewhere")
    assert (code, out) == (1, "") and "name one of: " in err and "lnxpp01" in err
