"""`scripts/demo --real`, and with it the same site through a real Airflow."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from demo import __main__ as demo
from demo.real import rotation, show
from tests.conftest import MIGRATED


@pytest.mark.airflow
@pytest.mark.may_break(4)  # the wrong order is configured so, and the journal is judged by what is right
def test_the_demonstration(tmp_path: Path) -> None:
    out = io.StringIO()
    (tmp_path / "airflow-template.db").symlink_to(MIGRATED)  # where the demo has its own
    assert show.run(tmp_path / "real", out, refreshes=1) == 0, out.getvalue()
    text = out.getvalue()
    assert re.search(r"^  LVM: (not )?used", text, re.M)
    assert re.search(r"^Refresh 1 of pgtest, data then archivelogs: success after \d+ s$", text, re.M)
    for pair in ("2001 > 2003", "2002 > 2004", "2002 > 2006", "2001 > 2005"):
        assert re.search(
            rf"^  \w+ +{pair} +\d+ +[1-9]\d* +[1-9]\d* +\d\d:\d\d:\d\d\.\d+ +/srv/prod/", text, re.M
        )
    proven = re.search(r"replayed from archived WAL alone: (\d+); proven: (\d+) of (\d+), none missing", text)
    assert proven and int(proven[1]) > 0 and int(proven[2]) == int(proven[3]) > 100
    assert re.search(r"^Refresh of pgwrong, archivelogs then data: failed", text, re.M)
    assert "PostgreSQL refuses the copy: PANIC:  could not locate a valid checkpoint record" in text
    assert re.search(r"opened by force \(pg_resetwal\) it lacks [1-9]\d* of the \d+ transactions", text)


@pytest.mark.airflow
def test_the_demonstration_on_two_target_sets(tmp_path: Path) -> None:
    out = io.StringIO()
    (tmp_path / "airflow-template.db").symlink_to(MIGRATED)
    assert rotation.run(tmp_path / "real", out) == 0, out.getvalue()
    text = out.getvalue()
    runs = [
        ("The first copy: set a is copied", "success"),
        ("A bad refresh: set b is copied", "failed"),
        ("A refresh: set b is copied once more", "success"),
        ("A rewind: nothing is copied", "success"),
    ]
    assert [
        (found[1], found[2])
        for found in re.finditer(r"^(.*? is copied(?: once more)?).*?: (\w+) after \d+ s$", text, re.M)
    ] == runs
    for pair in ("2001 > 2003", "2002 > 2004"):
        assert len(re.findall(rf"^  \w+ +{pair} +\d+ ", text, re.M)) == 1, "set a is copied once"
    for pair in ("2001 > 2005", "2002 > 2006"):
        assert len(re.findall(rf"^  \w+ +{pair} +\d+ ", text, re.M)) == 2
    assert len(re.findall(r"^  down for \d+\.\d s", text, re.M)) == 3
    proven = re.findall(r"proven: (\d+) of (\d+), none missing", text)
    assert len(proven) == 2 and all(int(held) == int(of) > 100 for held, of in proven)
    assert "Stopped at start.service: the service runs on its former copy of " in text
    assert "FATAL:  could not locate required checkpoint record" in text
    held = re.findall(r"set a holds what it held: (\d+) of (\d+) .* and (\d+) of (\d+) rows", text)
    assert len(held) == 2 and {one[0] for one in held} == {proven[0][0]}, "the time of set a stays"
    assert int(held[1][2]) > int(held[0][2]) > 0, "and what testers wrote on it stays"
    left = dict(re.findall(r"former copy, set (.): checksum (\w+) as the service left it$", text, re.M))
    assert left == dict(re.findall(r"set (.) \d+ s after the service left it: checksum (\w+)$", text, re.M))
    assert set(left) == {"a", "b"}


def test_rotate_goes_with_real(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        demo.main(["--rotate"])
    assert "--rotate goes with --real" in capsys.readouterr().err


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(show, "lacking", lambda: ["root", "/usr/sbin/mkfs.xfs (package xfsprogs)"])
    assert demo.main(["--real"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "",
        "The real demonstration needs:",
        "  root",
        "  /usr/sbin/mkfs.xfs (package xfsprogs)",
    ]
