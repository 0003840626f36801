"""When a run kept a service down, read from the logs of its tasks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.real.downtime import down, not_before


def log(run: Path, task: str, *records: tuple[float, str], attempt: int = 1) -> None:
    """Records as Airflow writes them: the second of the day, and the text."""
    path = run / f"task_id={task}" / f"attempt={attempt}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        {"timestamp": datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z"), "event": text}
        for at, text in records
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def command(line: str, seconds: float, together: str = "") -> str:
    return f"::group::pgsets$ {line}  [exit code 0, {seconds:.2f} s{together}]"


def test_from_the_first_stop_to_the_end_of_the_last_start(tmp_path: Path) -> None:
    log(
        tmp_path,
        "stop.service",
        (10.0, command("/srv/bin/database check", 0.5)),
        (14.0, command("/srv/bin/database stop", 1.5)),
        (15.0, command("/usr/bin/umount /srv/test/data", 0.5)),
    )
    log(tmp_path, "start.service", (20.0, command("/srv/bin/database start", 3.0)))
    assert down(tmp_path).seconds == 7.5
    log(
        tmp_path,
        "start.on_former_set",
        (30.0, "Service pgsets: back from set b to set a\n    ..."),
        (31.0, command("/usr/bin/cat /proc/self/mounts", 0.1, " for 2 together")),
        (31.5, command("/usr/sbin/e2fsck -p /srv/array/2003", 0.1)),
        (32.0, command("/usr/bin/mount -t ext4 -w /srv/array/2003 /srv/test/data", 0.1)),
        (34.0, command("/srv/bin/database start", 1.0)),
    )
    assert down(tmp_path).seconds == 21.5
    assert not_before(tmp_path, ["2003", "2004"]) == 31.0


def test_a_run_that_stopped_nothing_has_no_time(tmp_path: Path) -> None:
    log(tmp_path, "start.service", (20.0, command("/srv/bin/database start", 3.0)))
    with pytest.raises(LookupError, match="stops the service"):
        down(tmp_path)
    with pytest.raises(LookupError, match="/srv/array/2003"):
        not_before(tmp_path, ["2003"])
