"""Runs on a PowerMax whose Unisphere fails, at any request: nothing is sent twice, and a rerun is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import Lab
from tests.conftest import connect
from tests.support.powermax import POWERMAX, SERVICES, UNISPHERE, Runs
from tests.support.without_ssh import connect_directly

pytestmark = pytest.mark.same_for_hosts
HTML = "<html><body>Service Unavailable</body></html>"
FAULTS: dict[str, dict[str, Any]] = {
    "lost before": {"kind": "cut_before"},
    "lost after": {"kind": "cut_after"},
    "cut in the answer": {"kind": "cut_bytes", "bytes": 20},
    "goes on alone": {"kind": "cut_running", "seconds": 40},
    "401": {"kind": "http", "status": 401, "body": '{"message": "Unauthorized"}'},
    "403": {"kind": "http", "status": 403, "body": '{"message": "Forbidden"}'},
    "404 of the array": {
        "kind": "http", "status": 404, "body": '{"message": "Symmetrix 000297600001 cannot be found"}',
    },
    "409": {"kind": "http", "status": 409, "body": '{"message": "busy"}'},
    "500 of a lock": {
        "kind": "http", "status": 500,
        "body": '{"message": "A problem occurred: Unable to acquire the Symmetrix device lock"}',
    },
    "500 with work": {"kind": "http", "status": 500, "body": '{"message": "strange"}', "work": "first"},
    "502 with work": {"kind": "http", "status": 502, "type": "text/html", "body": HTML, "work": "first"},
    "503": {"kind": "http", "status": 503, "type": "text/html", "body": HTML},
    "HTML in place of JSON": {"kind": "http", "status": 200, "type": "text/html", "body": HTML},
    "HTML with work": {"kind": "http", "status": 200, "type": "text/html", "body": HTML, "work": "first"},
    "late": {"kind": "late", "seconds": 130},
    "a job that never ends": {"kind": "job"},
    "a job that never ends, and does": {"kind": "job", "work": "first"},
    "a job that fails": {"kind": "job", "state": "FAILED"},
    "a job that says so, and does": {"kind": "job", "state": "FAILED", "work": "first"},
    "restarted": {"kind": "restart"},
    "restarted, work goes on": {"kind": "restart", "work": "last"},
    "some pairs only": {"kind": "partial", "pairs": 1},
}  # fmt: skip
CALLS = {
    "snapshot": r"^POST .*prod_data_sg/snapshot",
    "relink": r"^PUT .*prod_data_sg.*Relink",
    "the second relink": r"^PUT .*prod_arch_sg.*Relink",
    "deletion": r"^DELETE ",
    "a job": r"^GET .*/job/",
    "a detail": r"^GET .*/snapid/",
    "a list": r"^GET .*/snapshot$",
    "the version": r"^GET /version",
}
ONLY_CHANGES = {"a job that never ends", "a job that never ends, and does", "a job that fails",
                "a job that says so, and does", "some pairs only", "500 with work", "502 with work",
                "HTML with work", "goes on alone"}  # fmt: skip


BY_THE_CLOCK = {"late", "goes on alone"}
"""In memory nobody would turn the clock on meanwhile."""


def _cases() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each fault, with the requests at which it comes, one after the other on one lab."""
    for fault in FAULTS:
        calls = [
            call for call, match in CALLS.items() if fault not in ONLY_CHANGES or not match.startswith("^GET")
        ]
        for alone in ("relink", *(("snapshot",) if fault.endswith("and does") else ())):
            calls.remove(alone)
            yield fault, (alone,)
        yield fault, tuple(calls)


CASES = list(_cases())


def hasty(connection: dict[str, Any]) -> dict[str, Any]:
    """The connection of a client that waits for no answer longer than a moment."""
    return {**connection, "extra": {**connection["extra"], "answer_timeout": 2}}


@pytest.fixture
def pm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, calls: tuple[str, ...]) -> Iterator[Runs]:
    """By HTTPS where the target is relinked, else in memory, which takes a third of the time."""
    https = calls == ("relink",) or fault in BY_THE_CLOCK
    with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual", services=SERVICES, ports=https) as lab:
        if https:
            connect(monkeypatch, {**lab.connections, UNISPHERE: hasty(lab.connections[UNISPHERE])})
        else:
            connect_directly(monkeypatch, lab)
        yield Runs(lab, monkeypatch)


@pytest.mark.parametrize(("fault", "calls"), CASES, ids=[f"{fault}: {calls[0]}" for fault, calls in CASES])
def test_a_fault_at_one_request(
    pm: Runs, request: pytest.FixtureRequest, fault: str, calls: tuple[str, ...]
) -> None:
    """The lab's journal is judged at the end: nothing twice, nothing under a mounted file system."""
    if fault.endswith("and does") and calls == ("snapshot",):
        # What shows counts, and it shows: the lab takes such a job for a failure.
        request.applymarker(pytest.mark.may_break(4))
    assert pm.run("refresh").result == "done"
    for call in calls:
        pm.lab.advance(3600)
        pm.lab.fault(**FAULTS[fault], match=CALLS[call], count=1)
        run = pm.run("refresh")
        for _ in range(3):
            if run.result == "done":
                break
            assert run.errors, (call, "it says why")
            pm.lab.advance(600)
            pm.lab.clear_faults()
            if "has not ended" in " ".join(run.errors.values()):
                pm.lab.restart_unisphere("unisphere01")  # nothing else ends such a job
            # As its messages say: a new run where the service runs again, else the failed tasks.
            again = "trigger the action again" in " ".join(run.errors.values())
            run = pm.run("refresh") if again else pm.clear(run)
        assert run.result == "done", (call, run.errors)
        assert pm.lab.host("lnxpm01").mounts()
        pm.lab.clear_faults()
