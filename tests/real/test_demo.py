"""`scripts/demo --real`, and with it the same site through a real Airflow."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from demo import __main__ as demo
from demo.real import show
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


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(show, "lacking", lambda: ["root", "/usr/sbin/mkfs.xfs (package xfsprogs)"])
    assert demo.main(["--real"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "",
        "The real demonstration needs:",
        "  root",
        "  /usr/sbin/mkfs.xfs (package xfsprogs)",
    ]
