"""The record of a run: what its tasks keep, and how it reads (`cases/run_record.md`)."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clones.asking.steps import PROOF, Command, Note, Result, in_a_row
from clones.observe.sync import to_plain
from clones.runs.record import TaskRecord, assemble, markdown
from clones.runs.result import RunResult
from tests.clones.seeing import NOON, seen

GOLDEN = Path(__file__).parents[1] / "cases" / "run_record.md"
RECREATE = Command("symcli_demo", ("/usr/symcli/bin/symclone", "recreate", "a|b"), 60, True)
LOOK = Command("symcli_demo", ("symdev", "list"), title="symdev list")


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 11, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def test_how_it_reads() -> None:
    clock, kept = Clock(), []
    killed = TaskRecord([], 1, clock, lambda tries: kept.append([dict(one) for one in tries]))
    killed.noted(Note("What service S uses now", ("down host fs /a",)))
    killed.noted(Note("Proven: service S is down", ("down host fs /a",), kind=PROOF))
    killed.sent(LOOK)
    killed.came_back(Result(LOOK, 0, seconds=0.1))
    assert not kept, "what only looks is not worth a write"
    killed.sent(RECREATE)
    second = TaskRecord(kept[-1], 2, clock, lambda tries: None)
    second.sent(RECREATE)
    second.came_back(Result(RECREATE, 1, stderr="not permitted", seconds=2.25))
    second.ended("Service S, sync data: recreate is refused.\nWhat to do: ask.")
    record = assemble(
        run={
            "dag": "S",
            "id": "manual__1",
            "type": "manual",
            "asked_by": "anna",
            "reason": "new | release",
            "began": "2026-11-23 11:00:00+00:00",
            "ended": "2026-11-23 11:05:00+00:00",
        },
        service="S",
        plan={
            "action": "refresh",
            "phases": ["resync", "break"],
            "syncs": [to_plain(seen("Copied", "Split"))],
        },
        tasks={"resync.data.recreate": second.tries},
        after=[seen("Recreated", "Split")],
        sync_max_delay=60,
        result=RunResult("stopped", "resync.data.recreate"),
    )
    assert markdown(record) == GOLDEN.read_text()


def test_a_try_that_was_killed_before_it_changed_anything() -> None:
    clock, kept = Clock(), []
    TaskRecord([], 1, clock, kept.append)
    assert not kept
    second = TaskRecord([], 2, clock, kept.append)
    written = [(one["try"], bool(one["ended"])) for one in second.placed()]
    assert written == [(1, False), (2, True)], "a record that a try writes is not of one that was killed"
    second.ended("")
    second.keep()
    assert [(one["try"], bool(one["ended"])) for one in second.tries] == [(1, False), (2, True)]
    third = TaskRecord(kept[-1], 4, clock, kept.append)
    assert [one["try"] for one in third.tries] == [1, 2, 3, 4]
    run: dict[str, Any] = dict.fromkeys(("dag", "id", "type", "asked_by", "reason", "began", "ended"), "")
    tasks = {"stop.service": second.tries}
    record = assemble(
        run=run, service="S", plan=None, tasks=tasks, after=[], sync_max_delay=1, result=RunResult("done")
    )
    said = "* `stop.service`, try 1: It left no record: it ended before it changed anything, or"
    assert said in markdown(record)


CHANGES = [Command("host", (f"/usr/sbin/{name}",), 60, True) for name in ("vgchange", "vgexport", "umount")]
LOCK = Command("symcli_demo", ("/bin/sh", "lock"), 60, True, secret=True, of_lock=True, title="lock: take")


def endings(tries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["line"], event["ended"]) for event in tries[-1]["events"] if "line" in event]


def test_changes_in_a_row_are_told_of_at_once() -> None:
    """The record stands before each of them, by one write; killed between, it says what is not known."""
    kept: list[Any] = []
    record = TaskRecord([], 1, Clock(), lambda tries: kept.append(deepcopy(tries)))
    first, second, _ = in_a_row(CHANGES)
    record.sent(first)
    lost, unsent = "its end is not known", "its end is not known, nor whether it was sent"
    names = [command.line() for command in CHANGES]
    assert endings(kept[-1]) == [*zip(names, (lost, unsent, unsent), strict=True)]
    record.came_back(Result(first, 0))
    record.sent(second)
    assert len(kept) == 1
    assert endings(record.tries) == [*zip(names, ("exit code 0", lost, unsent), strict=True)]
    record.came_back(Result(second, 5))
    record.ended("vgexport failed")
    assert endings(record.tries) == [*zip(names[:2], ("exit code 0", "exit code 5"), strict=True)]
    assert len(kept) == 1
    record.keep()
    assert endings(kept[-1]) == endings(record.tries)


def test_what_was_told_of_and_not_sent_is_told_of_again() -> None:
    kept: list[Any] = []
    record = TaskRecord([], 1, Clock(), lambda tries: kept.append(deepcopy(tries)))
    first, second, _ = in_a_row(CHANGES)
    record.sent(first)
    record.came_back(Result(first, 0))
    record.sent(LOOK)
    record.came_back(Result(LOOK, 0))
    record.sent(second)
    assert len(kept) == 2 and endings(kept[-1])[-1] == (second.line(), "its end is not known")
    record.not_sent()
    assert endings(record.tries)[-1] == (second.line(), "it was not sent")


def test_the_lock_names_who_took_it_and_is_kept_with_what_comes_next() -> None:
    kept: list[Any] = []
    record = TaskRecord([], 1, Clock(), lambda tries: kept.append(deepcopy(tries)))
    record.sent(LOCK)
    record.came_back(Result(LOCK, 0))
    assert not kept
    record.sent(RECREATE)
    assert [line for line, _ in endings(kept[-1])] == ["lock: take", RECREATE.line()]


def test_a_run_that_ended_with_its_plan() -> None:
    run: dict[str, Any] = dict.fromkeys(("dag", "id", "type", "asked_by", "reason", "began", "ended"), "")
    record = assemble(
        run=run, service="S", plan=None, tasks={}, after=[], sync_max_delay=1, result=RunResult("superseded")
    )
    text = markdown(record)
    assert (
        "superseded" in text and "Nothing was changed" in text and "No command that changes anything" in text
    )


def test_nothing_that_is_quoted_becomes_markup() -> None:
    """What a user, a host and an array say is quoted all over a record."""
    link = "[press](https://example.com) <b>here</b>"
    keys = ("dag", "id", "type", "asked_by", "reason", "began", "ended")
    record = assemble(
        run=dict.fromkeys(keys, "x") | {"asked_by": link, "reason": link},
        service="s",
        plan={"action": "refresh", "phases": [], "syncs": []},
        tasks={"plan": [{"try": 1, "began": "", "ended": "", "error": f"{link}\n{link}", "events": []}]},
        after=[],
        sync_max_delay=1,
        result=RunResult("stopped", "finish", why=link, remedy=link),
    )
    text = markdown(record)
    assert "](" not in text and " <b>" not in text and text.count("example.com") == 6


def on_sets(plan: dict[str, Any] | None, in_use: str | None) -> dict[str, Any]:
    """The record of a run on set b, whose copy is 3 h old; that of set a is 30 h old, 60 min are allowed."""
    old, new = (seen("Copied", times=[NOON - timedelta(hours=hours)]) for hours in (30, 3))
    run = dict.fromkeys(("dag", "id", "type", "asked_by", "reason", "began", "ended"), "x")
    return assemble(
        run=run,
        service="S",
        plan=plan,
        tasks={},
        after=[new],
        sync_max_delay=60,
        result=RunResult("done"),
        target_set="b",
        others={"a": [old]},
        in_use=in_use,
    )


@pytest.mark.parametrize(
    ("first", "last", "in_use", "said"),
    [
        ("a", "b", "b", "from a to b; in use at the end: b"),
        ("a", "b", "", "from a to b; in use at the end: none, or not known"),
        ("a", "b", None, "from a to b"),
        ("", "b", "b", "to b; in use at the end: b"),
        ("b", "b", "b", "b; in use at the end: b"),
    ],
)
def test_it_names_the_target_sets(first: str, last: str, in_use: str | None, said: str) -> None:
    record = on_sets({"action": "refresh", "from_set": first, "to_set": last}, in_use)
    assert record["sets"] == {"from": first, "to": last, "in_use": in_use}
    assert f"| Target set | {said} |" in markdown(record)


def test_the_dags_for_one_set_name_that_one() -> None:
    assert "| Target set | b; in use at the end: a |" in markdown(on_sets({"action": "provision"}, "a"))


def test_without_a_plan_no_set_was_chosen() -> None:
    record = on_sets(None, None)
    assert "sets" not in record and "Target set" not in markdown(record)


@pytest.mark.parametrize(("in_use", "warned"), [("b", ["b"]), ("a", ["a"]), ("", [])])
def test_only_the_copy_in_use_can_be_too_old(in_use: str, warned: list[str]) -> None:
    record = on_sets({"action": "refresh", "from_set": "a", "to_set": "b"}, in_use)
    assert [copy["set"] for copy in record["copies"]] == ["b", "a"]
    assert [copy["set"] for copy in record["copies"] if copy["status"] == "warn"] == warned
    assert "| Set | Sync | Status | Point in time |  |" in markdown(record)
