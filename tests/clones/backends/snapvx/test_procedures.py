"""Snapshots and links by whole procedures, on a Unisphere that answers what is written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from clones.asking.steps import PROOF, Pause, Request, Steps
from clones.backends.snapvx import doing
from clones.backends.snapvx.names import is_ours, key_of, new_name
from clones.backends.snapvx.observe import SnapSeen, observe
from clones.config.scope import Scope
from clones.decide.ledger import Activation
from clones.errors import (
    CloneError,
    Fenced,
    Locked,
    Missing,
    MustWait,
    NotDone,
    Refused,
    Torn,
    TornForNow,
    TryAgain,
    Unknown,
)
from clones.observe.sync import to_plain
from clones.states import PointInTime, State, SyncSeen
from tests.clones.backends.snapvx.written_unisphere import (
    NOON,
    TARGET,
    Killed,
    Snapshot,
    Unisphere,
    drive,
    scope,
)

DAY = timedelta(days=1)
KEY = key_of(scope().service.syncs[0])
BUSY = (
    "A problem occurred: The Target device cannot be manipulated because it is already a Copy session Target "
    "device"
)
LOCK = "A problem occurred: Unable to acquire the Symmetrix device lock"
POST, RELINK, DELETE = "POST", "Relink", "DELETE"


def name(days: float) -> str:
    """Of a snapshot that the sync has taken so many days before noon."""
    return new_name("svc", KEY, NOON - days * DAY, "a try")


@pytest.fixture
def unisphere() -> Unisphere:
    """The target is linked to yesterday's snapshot; that of the day before is kept."""
    made = Unisphere()
    made.add(name(2), NOON - 2 * DAY)
    made.add(name(1), NOON - DAY, linked=True)
    return made


def plan_of(unisphere: Unisphere, of: Scope, **more: Any) -> dict[str, Any]:
    """What a run's plan keeps."""
    seen = drive(observe(of, of.service.syncs[0]), unisphere)
    return {"syncs": [to_plain(seen)], "up": False, "phases": ["resync", "break"], **more}


def resync(of: Scope, unisphere: Unisphere, plan: Any = None, run: str = "r1") -> SyncSeen:
    return drive(doing.resync(of, of.service.syncs[0], plan, unisphere.ledger(run)), unisphere)


def split(of: Scope, unisphere: Unisphere, run: str = "r1", **options: Any) -> SyncSeen:
    steps = doing.split(of, of.service.syncs[0], ledger=unisphere.ledger(run), **options)
    return drive(steps, unisphere)


def kinds(unisphere: Unisphere) -> list[str]:
    """The changes that were sent."""
    found = []
    for request in unisphere.sent:
        if request.changes:
            found.append(
                next(
                    (word for word in ("Relink", "Unlink", "Link") if f'"{word}"' in request.body),
                    request.method,
                )
            )
    return found


@pytest.mark.parametrize(("lag", "job"), [(0, 0), (3, 0), (0, 2), (3, 20), (15, 5)])
def test_a_refresh_takes_links_and_ends_what_is_over(unisphere: Unisphere, lag: float, job: float) -> None:
    of = scope()
    plan = plan_of(unisphere, of)
    unisphere.lag, unisphere.job_seconds = lag, job
    after = resync(of, unisphere, plan)
    assert after.prepared is not None and is_ours("svc", KEY, after.prepared.name)
    assert unisphere.linked() == {name(1)}, "the old copy stays"
    at = after.prepared.at
    linked = split(of, unisphere)
    assert unisphere.linked() == {after.prepared.name}
    assert {pair.session.last_action for pair in linked.pairs if pair.session} == {at}
    assert linked.all_in(frozenset({State.COPIED}))
    assert sorted(unisphere.names()) == [name(1), after.prepared.name], "one former snapshot is kept"
    assert kinds(unisphere) == [POST, RELINK, DELETE]
    kept = Activation.read(unisphere.kept)
    assert kept is not None and kept.run == ("svc", "r1") and kept.made(linked)
    assert kept.at <= linked.clock.replace(tzinfo=NOON.tzinfo), "the copy is of then or later"


def test_the_service_is_proven_down_right_before_the_link_and_not_before_the_snapshot(
    unisphere: Unisphere,
) -> None:
    of = scope()
    resync(of, unisphere)
    assert PROOF not in unisphere.order
    split(of, unisphere)
    at = unisphere.order.index(PROOF)
    assert unisphere.order[at + 1] == "PUT"


def test_requests_of_one_sync_without_lag(unisphere: Unisphere) -> None:
    """Of a run that follows another one: the numbers of all snapshots are known then."""
    of = scope()
    resync(of, unisphere)
    split(of, unisphere)
    unisphere.clock += DAY
    plan = plan_of(unisphere, of)
    unisphere.sent.clear()
    resync(of, unisphere, plan, "r2")
    assert len(unisphere.sent) == 5
    unisphere.sent.clear()
    split(of, unisphere, "r2")
    assert [request.method for request in unisphere.sent] == [
        *["GET"] * 3,
        "PUT",
        "GET",
        "GET",
        "DELETE",
        "GET",
    ]


@pytest.mark.parametrize(
    "fault", ["before", "after", "kill before", "kill after", (503, "<html>busy</html>")]
)
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(("lag", "job"), [(0, 0), (3, 20)])
def test_lost_or_killed_at_each_change_and_run_again(
    unisphere: Unisphere, fault: Any, number: int, lag: float, job: float
) -> None:
    of = scope()
    plan = plan_of(unisphere, of)
    unisphere.lag, unisphere.job_seconds = lag, job
    unisphere.faults[number] = fault
    for work in (lambda: resync(of, unisphere, plan), lambda: split(of, unisphere)):
        until_done(work, unisphere)
    carried_out = fault in ("after", "kill after")
    newest = sorted(unisphere.names())[-1]
    assert unisphere.linked() == {newest} and newest > name(1)
    sent = kinds(unisphere)
    if number == 1:
        assert sent.count(POST) == (1 if carried_out else 2), "made again only where it was not made"
    if number == 2:
        assert sent.count(RELINK) == (1 if carried_out else 2)
    assert len(set(unisphere.names())) == len(unisphere.names()), "no name has two snapshots"


def until_done(work: Any, unisphere: Unisphere, tries: int = 6) -> None:
    """Try again as Airflow does."""
    for _ in range(tries):
        try:
            work()
            return
        except (TryAgain, Killed):
            unisphere.clock += timedelta(seconds=10)
    pytest.fail("it does not end")


def test_a_try_waits_out_what_an_earlier_one_has_sent_before_it_looks(unisphere: Unisphere) -> None:
    of = scope()
    unisphere.faults[1] = "kill before"
    with pytest.raises(Killed):
        resync(of, unisphere)
    before = unisphere.clock
    resync(of, unisphere)
    assert (unisphere.clock - before).total_seconds() > 80, "the answer's time limit, and the lag"
    assert kinds(unisphere) == [POST, POST]


@pytest.mark.parametrize("fault", ["before", "kill before"])
@pytest.mark.parametrize(("answer", "least"), [(60.0, 600), (300.0, 600), (900.0, 900)])
def test_a_link_whose_end_is_not_known_is_waited_for_longer(
    unisphere: Unisphere, fault: str, answer: float, least: float
) -> None:
    """What the site says of an answer counts, and never less than a link was seen to take, and more."""
    of = scope()
    resync(of, unisphere)
    unisphere.answer = answer
    unisphere.faults[len(unisphere.changes()) + 1] = fault
    with pytest.raises((Unknown, Killed)):
        split(of, unisphere)
    sent = datetime.fromisoformat(unisphere.kept["intent"]["sent"])
    before = len(unisphere.notes)
    split(of, unisphere)
    waits = [one for one in unisphere.notes[before:] if isinstance(one, Pause) and "has ended" in one.title]
    assert len(waits) == 1 and kinds(unisphere).count(RELINK) == 2
    again = datetime.fromisoformat(unisphere.kept["intent"]["sent"])
    assert least + 30 <= (again - sent).total_seconds() < least + 60


def test_a_link_whose_job_the_server_has_lost_may_still_be_made(unisphere: Unisphere) -> None:
    """A server that was started anew knows no job, and the array may go on."""
    of = scope()
    resync(of, unisphere)
    unisphere.job_seconds, unisphere.lose_jobs = 400, True
    with pytest.raises(NotDone):
        split(of, unisphere)
    split(of, unisphere)
    assert kinds(unisphere).count(RELINK) == 1 and len(unisphere.linked()) == 1


@pytest.mark.parametrize("said", ["Symmetrix 000120000099 cannot be found", "not found"])
@pytest.mark.parametrize("array", [404, 503])
def test_jobs_that_cannot_be_had_are_not_none(unisphere: Unisphere, said: str, array: int) -> None:
    of = scope()
    unisphere.faults[1] = "before"
    with pytest.raises(Unknown):
        resync(of, unisphere)
    looks = unisphere._get

    def get(request: Request) -> tuple[int, Any]:
        if request.path.endswith("/job"):
            return 404, {"message": said}
        return (array, {"message": "busy"}) if request.holder is None else looks(request)

    unisphere._get = get  # type: ignore[method-assign]
    with pytest.raises(Unknown, match="the jobs of the array"):
        resync(of, unisphere)
    unisphere._get = looks  # type: ignore[method-assign]
    resync(of, unisphere)
    assert kinds(unisphere) == [POST, POST]


def test_a_job_that_runs_on_is_asked_for_and_nothing_is_sent_again(unisphere: Unisphere) -> None:
    of = scope()
    unisphere.job_seconds = 500
    with pytest.raises(Locked, match="has not ended"):
        resync(of, unisphere)
    with pytest.raises(Locked, match="has not ended"):
        resync(of, unisphere)
    unisphere.clock += timedelta(seconds=400)
    after = resync(of, unisphere)
    assert after.prepared is not None and kinds(unisphere) == [POST]


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=1)])
def test_what_may_be_pending_is_waited_for_whatever_the_clocks_say(
    unisphere: Unisphere, ahead: timedelta
) -> None:
    """The worker that goes on may have another clock than the one that was killed."""
    of = scope()
    unisphere.faults[1] = "kill before"
    with pytest.raises(Killed):
        resync(of, unisphere)
    unisphere.clock += ahead
    unisphere.notes.clear()
    resync(of, unisphere)
    waits = [note for note in unisphere.notes if isinstance(note, Pause) and "has ended" in note.title]
    assert [wait.seconds >= 15 for wait in waits] == [True]


@pytest.mark.parametrize("step", [resync, split])
def test_a_long_job_whose_id_was_lost_is_waited_for(unisphere: Unisphere, step: Any) -> None:
    """The answer that names it did not come: it is found among the array's jobs; nothing is sent twice."""
    of = scope()
    if step is split:
        resync(of, unisphere)
    unisphere.job_seconds = 300 if step is resync else 850
    unisphere.faults[len(unisphere.changes()) + 1] = "after"
    before = len(unisphere.changes())
    with pytest.raises(Unknown, match="no answer in 60 s"):
        step(of, unisphere)
    with pytest.raises(
        Locked, match="job 1 of Unisphere, which may be that of a request whose answer was lost"
    ):
        step(of, unisphere)
    step(of, unisphere)
    assert len(unisphere.changes()) == before + (1 if step is resync else 2), "a link ends what is over"
    assert [kind for kind in kinds(unisphere) if kind != DELETE].count(RELINK) == (step is split)


def test_a_job_that_was_planned_long_before_is_not_waited_for(unisphere: Unisphere) -> None:
    of = scope()
    unisphere.planned = NOON - DAY
    unisphere.faults[1] = "before"
    with pytest.raises(Unknown):
        resync(of, unisphere)
    resync(of, unisphere)
    assert kinds(unisphere) == [POST, POST]


def test_a_job_that_the_server_has_lost_is_looked_up_in_the_array(unisphere: Unisphere) -> None:
    of = scope()
    unisphere.job_seconds, unisphere.lose_jobs = 8, True
    after = resync(of, unisphere)
    assert after.prepared is not None and kinds(unisphere) == [POST]


def test_a_job_that_fails_says_why(unisphere: Unisphere) -> None:
    of = scope()
    resync(of, unisphere)
    unisphere.faults[2] = "job FAILED"
    with pytest.raises(NotDone, match="has failed"):
        split(of, unisphere)
    assert unisphere.linked() == {name(1)}
    split(of, unisphere)
    assert unisphere.linked() != {name(1)}


@pytest.mark.parametrize(
    ("status", "said", "kind", "why"),
    [
        (500, BUSY, Refused, "clone session"),
        (500, "A problem occurred: No snapshot was found", Refused, "no such snapshot"),
        (500, LOCK, Locked, "devices are locked"),
        (500, "A problem occurred: something new", Unknown, "something new"),
        (401, "Unauthorized", Refused, "401"),
        (403, "Cannot find role for user", Refused, "no role"),
        (503, "<html>", Unknown, "503"),
    ],
)  # fmt: skip
def test_a_refused_relink_stays_refused(
    unisphere: Unisphere, status: int, said: str, kind: type[CloneError], why: str
) -> None:
    of = scope()
    resync(of, unisphere)
    unisphere.faults[2] = (status, said)
    with pytest.raises(kind, match=why) as raised:
        split(of, unisphere)
    assert name(1) in str(raised.value), "what is linked now is said"
    assert kinds(unisphere) == [POST, RELINK] and unisphere.linked() == {name(1)}


def test_already_so_is_looked_up(unisphere: Unisphere) -> None:
    of = scope()
    resync(of, unisphere)
    unisphere.faults[2] = (500, "The Device(s) is (are) already in the desired state or mode")
    with pytest.raises(NotDone):
        split(of, unisphere)
    assert unisphere.linked() == {name(1)}


def test_another_run_between_look_and_request_is_not_overtaken(unisphere: Unisphere) -> None:
    of = scope()
    resync(of, unisphere)
    mine = unisphere.ledger()
    assert mine.intent
    resync(of, unisphere, run="r2")
    with pytest.raises(Fenced):
        drive(doing.split(of, of.service.syncs[0], ledger=mine), unisphere)


def test_a_second_administrator_who_relinks_is_refused_by_name(unisphere: Unisphere) -> None:
    of = scope()
    plan = plan_of(unisphere, of)
    unisphere.link(unisphere.snapshots[0])
    with pytest.raises(Refused, match="changed, and not by this run"):
        resync(of, unisphere, plan)
    assert kinds(unisphere) == []


@pytest.mark.parametrize("answer", [None, (500, LOCK), "before"], ids=["first try", "refused", "lost"])
@pytest.mark.parametrize("to", ["older", "other", "same name"])
def test_a_link_of_somebody_else_since_this_runs_snapshot_is_refused_at_each_try(
    unisphere: Unisphere, answer: Any, to: str
) -> None:
    """Snapshots of a policy all have one name: the number tells them apart."""
    of = scope()
    if to == "same name":
        unisphere.link(unisphere.add("daily", NOON - timedelta(hours=2)))
    others = {
        "older": unisphere.snapshots[0],
        "other": unisphere.add("by_hand", NOON - DAY),
        "same name": unisphere.add("daily", NOON - timedelta(hours=1)),
    }
    resync(of, unisphere, plan_of(unisphere, of))
    if answer is not None:
        unisphere.faults[2] = answer
        with pytest.raises(TryAgain):
            split(of, unisphere)
    unisphere.link(others[to])
    with pytest.raises(
        Refused, match=rf"{others[to].name} \(number {others[to].snapid}\) since this run took"
    ):
        split(of, unisphere)
    assert {one.snapid for one in unisphere.snapshots if one.links} == {others[to].snapid}


def test_what_a_former_release_has_kept_of_links_is_read(unisphere: Unisphere) -> None:
    of = scope()
    resync(of, unisphere)
    unisphere.kept["intent"]["linked"] = [name(1)]
    split(of, unisphere)
    assert name(1) not in unisphere.linked()


@pytest.mark.parametrize("action", ["rewind", "break"])
@pytest.mark.parametrize("same_name", [False, True])
def test_a_link_of_somebody_else_since_the_plan_is_refused(
    unisphere: Unisphere, action: str, same_name: bool
) -> None:
    of, former = scope(), unisphere.snapshots[1]
    if action == "break":
        unisphere.clock += timedelta(minutes=5)
        resync(of, unisphere, run="r0")
    if same_name:
        unisphere.link(unisphere.add("daily", NOON - DAY / 2))
    plan = plan_of(unisphere, of, phases=[action])
    plan["back_to"] = {"data": PointInTime(name(2), 1001, (NOON - 2 * DAY).replace(tzinfo=None)).to_plain()}
    theirs = unisphere.add("daily", NOON - DAY / 3)
    unisphere.link(theirs, since=NOON if action == "break" else None)
    sent = kinds(unisphere)

    def work() -> SyncSeen:
        if action == "break":
            return split(of, unisphere, plan=plan)
        return drive(doing.rewind(of, of.service.syncs[0], unisphere.ledger(), plan), unisphere)

    with pytest.raises(Refused, match=rf"daily \(number {theirs.snapid}\) since this run's plan"):
        work()
    assert kinds(unisphere) == sent and theirs.links
    if not same_name:
        unisphere.link(former, since=NOON)  # as the plan saw it
        work()
        assert not former.links


@pytest.mark.parametrize("answer", [(500, LOCK), "before"], ids=["refused", "lost"])
def test_nor_does_the_retry_of_a_break_take_the_place_of_such_a_link(
    unisphere: Unisphere, answer: Any
) -> None:
    """A former run took the snapshot; the first relink to it was refused, or its answer was lost."""
    of = scope()
    unisphere.clock += timedelta(minutes=5)
    resync(of, unisphere, run="r0")
    plan = plan_of(unisphere, of, phases=["break"])
    unisphere.faults |= dict.fromkeys(range(1, 8), answer)
    with pytest.raises(TryAgain):
        split(of, unisphere, plan=plan)
    unisphere.faults.clear()
    theirs = unisphere.add("by_hand", NOON - DAY / 3)
    unisphere.link(theirs)
    with pytest.raises(Refused, match="since this run's plan"):
        split(of, unisphere, plan=plan)
    assert theirs.links


def test_a_copy_of_somebody_else_is_taken_over_and_its_snapshot_left(unisphere: Unisphere) -> None:
    of = scope()
    theirs = unisphere.add("by_hand", NOON - 5 * DAY)
    unisphere.link(theirs)
    plan = plan_of(unisphere, of)
    resync(of, unisphere, plan)
    assert any("by_hand" in note.title and note.warning for note in unisphere.notes), "it is said by name"
    split(of, unisphere)
    assert unisphere.linked() == {sorted(one for one in unisphere.names() if one.startswith("SA_"))[-1]}
    assert "by_hand" in unisphere.names()


@pytest.mark.parametrize(
    ("source", "group", "why"),
    [(0x1299, TARGET, "is linked to source 01299"), (None, "tests", "is linked by storage group tests")],
)
def test_a_link_of_somebody_else_that_is_not_the_pairs_is_refused_by_name(
    unisphere: Unisphere, source: int | None, group: str, why: str
) -> None:
    of = scope()
    theirs = unisphere.add("by_hand", NOON - 5 * DAY)
    unisphere.link(theirs)
    theirs.links = {t: (source or s, group, percent, at) for t, (s, _, percent, at) in theirs.links.items()}
    for work in (lambda: resync(of, unisphere), lambda: split(of, unisphere)):
        with pytest.raises(Refused, match=why):
            work()
    assert kinds(unisphere) == []


def test_others_snapshots_and_what_is_restored_or_secure_are_left(unisphere: Unisphere) -> None:
    of = scope(keep=0)
    unisphere.snapshots[0].secure = True
    unisphere.add("weekly", NOON - 3 * DAY)
    restored = unisphere.add(name(4), NOON - 4 * DAY, restored=True)
    other = unisphere.add(new_name("svc", "archivelogs", NOON - 5 * DAY, ""), NOON - 5 * DAY)
    resync(of, unisphere)
    split(of, unisphere)
    left = {"weekly", restored.name, other.name, name(2)}
    assert left <= set(unisphere.names()) and name(1) not in unisphere.names()
    assert kinds(unisphere).count(DELETE) == 1
    said = [note.title for note in unisphere.notes if note.warning]
    assert any("is restored" in title for title in said) and any("is secure" in title for title in said)


def test_a_snapshot_that_is_linked_elsewhere_is_left(unisphere: Unisphere) -> None:
    of = scope(keep=0)
    unisphere.snapshots[0].links = {0x4399: (0x1234, "tests", 100, NOON)}
    resync(of, unisphere)
    split(of, unisphere)
    assert name(2) in unisphere.names()


def test_a_torn_target_is_linked_as_a_whole_to_the_intended_snapshot(unisphere: Unisphere) -> None:
    of = scope()
    after = resync(of, unisphere)
    assert after.prepared is not None
    new = next(one for one in unisphere.snapshots if one.name == after.prepared.name)
    new.links[0x4321] = unisphere.snapshots[1].links.pop(0x4321)
    seen = drive(observe(of, of.service.syncs[0]), unisphere)
    assert seen.torn
    assert resync(of, unisphere).torn, "the snapshot is there already"
    split(of, unisphere)
    assert unisphere.linked() == {new.name} and kinds(unisphere) == [POST, RELINK, DELETE]


def test_a_target_is_torn_between_two_snapshots_of_one_name(unisphere: Unisphere) -> None:
    of = scope()
    first, second = (unisphere.add("daily", NOON - hours * DAY / 24) for hours in (2, 1))
    unisphere.link(first)
    second.links[0x4322] = first.links.pop(0x4322)
    seen = drive(observe(of, of.service.syncs[0]), unisphere)
    assert all(f"linked to snapshot daily, number {one.snapid}" in seen.torn for one in (first, second))
    assert [(one.name, one.snapid) for one in seen.kept if one.linked] == [
        ("daily", second.snapid),
        ("daily", first.snapid),
    ]


def test_a_torn_target_that_no_run_explains_is_refused_by_a_plain_break(unisphere: Unisphere) -> None:
    of = scope()
    unisphere.snapshots[0].links[0x4321] = unisphere.snapshots[1].links.pop(0x4321)
    with pytest.raises(Torn, match="torn"):
        split(of, unisphere)
    resync(of, unisphere)
    split(of, unisphere)
    assert len(unisphere.linked()) == 1


def test_a_relink_of_some_pairs_only_is_torn_and_mended_by_the_next_try(unisphere: Unisphere) -> None:
    of = scope()
    resync(of, unisphere)
    whole = unisphere.link

    def half(one: Snapshot, since: Any = None) -> None:
        unisphere.link = whole  # type: ignore[method-assign]
        one.links[0x4322] = unisphere.snapshots[1].links.pop(0x4322)

    unisphere.link = half  # type: ignore[method-assign]
    with pytest.raises(TornForNow):
        split(of, unisphere)
    split(of, unisphere)
    assert len(unisphere.linked()) == 1


def test_a_new_run_that_mends_a_torn_sync_ends_the_torn_snapshot_and_not_the_one_before(
    unisphere: Unisphere,
) -> None:
    """By what was linked before alone: no run is known to have started the service."""
    of = scope()
    resync(of, unisphere)
    torn = unisphere.snapshots[-1]
    torn.links[0x4322] = unisphere.snapshots[1].links.pop(0x4322)
    resync(of, unisphere, plan_of(unisphere, of), run="r2")
    newest = unisphere.names()[-1]
    split(of, unisphere, run="r2")
    assert sorted(unisphere.names()) == [name(1), newest] and unisphere.linked() == {newest}


@pytest.mark.parametrize("known", ["", "gone", "of somebody else", "silent"])
def test_what_the_service_was_started_on_is_the_newest_that_is_kept(unisphere: Unisphere, known: str) -> None:
    """The linked one is of a refresh that ended before its start. Where that is not known, it is kept."""
    of = scope()
    resync(of, unisphere)
    ledger = unisphere.ledger()
    started = PointInTime(name(2), 1001, (NOON - 2 * DAY).replace(tzinfo=None))
    if known in ("gone", "of somebody else"):
        started = replace(started, name=name(3) if known == "gone" else "by_hand")

    def started_on() -> PointInTime:
        if known == "silent":
            raise Unknown("Airflow's store did not answer", "wait")
        return started

    ledger.started_on = started_on
    drive(doing.split(of, of.service.syncs[0], ledger=ledger), unisphere)
    left = {name(1), name(2)} - {*unisphere.names()}
    assert left == {"": {name(1)}, "silent": set()}.get(known, {name(2)}), "these were ended"
    warned = [note.title for note in unisphere.notes if note.warning and "did not answer" in note.title]
    assert bool(warned) == (known == "silent")


@pytest.mark.parametrize("group", ["prod_data", "pp_data"])
def test_a_group_that_grew_is_refused_before_anything(unisphere: Unisphere, group: str) -> None:
    of = scope()
    unisphere.groups[group].append(0x7777)
    if group == "prod_data":
        with pytest.raises(Refused, match="has 3 devices"):
            resync(of, unisphere)
        assert kinds(unisphere) == []
        return
    resync(of, unisphere)
    with pytest.raises(Refused, match="pp_data also holds 07777"):
        split(of, unisphere)
    assert kinds(unisphere) == [POST]


def test_a_group_that_grew_is_seen_by_the_copy_of_somebody_else(unisphere: Unisphere) -> None:
    """Before the first refresh there is no snapshot of ours to tell it by."""
    of = scope()
    unisphere.snapshots.clear()
    unisphere.link(unisphere.add("by_hand", NOON - 5 * DAY))
    unisphere.groups["prod_data"].append(0x7777)
    with pytest.raises(Refused, match="prod_data has 3 devices"):
        resync(of, unisphere)
    assert kinds(unisphere) == []


def test_an_expired_snapshot_is_not_linked_and_taken_anew(unisphere: Unisphere) -> None:
    of = scope()
    after = resync(of, unisphere)
    unisphere.snapshots[-1].expired = True
    with pytest.raises(Refused, match="has expired"):
        split(of, unisphere)
    again = resync(of, unisphere)
    assert again.prepared and after.prepared and again.prepared.name != after.prepared.name
    split(of, unisphere)
    assert unisphere.linked() == {again.prepared.name}


def test_a_snapshot_that_somebody_ended_is_taken_anew(unisphere: Unisphere) -> None:
    of = scope()
    resync(of, unisphere)
    unisphere.snapshots.pop()
    with pytest.raises(Refused, match="is not there"):
        split(of, unisphere)
    resync(of, unisphere)
    split(of, unisphere)
    assert kinds(unisphere)[:3] == [POST, POST, RELINK]


def test_a_copy_is_waited_for(unisphere: Unisphere) -> None:
    of = scope()
    for target, (source, group, _, since) in unisphere.snapshots[1].links.items():
        unisphere.snapshots[1].links[target] = (source, group, 40, since)
    with pytest.raises(MustWait) as raised:
        resync(of, unisphere)
    assert raised.value.wanted == "settled"


def test_without_copy_nothing_is_waited_for(unisphere: Unisphere) -> None:
    of = scope(copy=False)
    unisphere.copies_at_once = False
    unisphere.link(unisphere.snapshots[1])
    resync(of, unisphere)
    linked = split(of, unisphere)
    assert linked.all_in(frozenset({State.COPY_ON_ACCESS}))
    assert '"copy":false' in next(one.body for one in unisphere.sent if "Relink" in one.body)


def test_a_resync_that_is_run_again_takes_no_second_snapshot(unisphere: Unisphere) -> None:
    of = scope()
    plan = plan_of(unisphere, of)
    resync(of, unisphere, plan)
    resync(of, unisphere, plan)
    split(of, unisphere)
    resync(of, unisphere, plan)
    split(of, unisphere)
    assert kinds(unisphere) == [POST, RELINK, DELETE]


def test_another_run_takes_a_snapshot_of_its_own(unisphere: Unisphere) -> None:
    of = scope()
    resync(of, unisphere)
    resync(of, unisphere, plan_of(unisphere, of), run="r2")
    assert kinds(unisphere) == [POST, POST]
    after = split(of, unisphere, run="r2")
    assert unisphere.linked() == {sorted(unisphere.names())[-1]}
    assert after.prepared is None or after.torn == ""


def test_a_run_that_is_cleared_as_a_whole_takes_a_new_snapshot(unisphere: Unisphere) -> None:
    of = scope()
    resync(of, unisphere, plan_of(unisphere, of))
    resync(of, unisphere, plan_of(unisphere, of))
    assert kinds(unisphere) == [POST, POST]


def test_a_break_of_another_run_links_what_is_prepared(unisphere: Unisphere) -> None:
    of = scope()
    unisphere.clock += timedelta(minutes=5)
    after = resync(of, unisphere)
    split(of, unisphere, run="r2", plan={"up": False, "phases": ["break"], "syncs": []})
    assert after.prepared and unisphere.linked() == {after.prepared.name}


def test_a_service_that_is_up_keeps_its_disks(unisphere: Unisphere) -> None:
    of = scope()
    resync(of, unisphere)
    with pytest.raises(Refused, match="under it"):
        split(of, unisphere, plan={"up": True, "phases": ["break"], "syncs": []})
    assert kinds(unisphere) == [POST]


def test_rewind_links_the_former_one_and_ends_nothing(unisphere: Unisphere) -> None:
    of = scope()
    before = set(unisphere.names())
    steps = doing.rewind(of, of.service.syncs[0], unisphere.ledger())
    after = drive(steps, unisphere)
    assert unisphere.linked() == {name(2)} and set(unisphere.names()) == before
    assert {p.session.last_action for p in after.pairs if p.session} == {
        (NOON - 2 * DAY).replace(tzinfo=None)
    }
    again = drive(doing.rewind(of, of.service.syncs[0], unisphere.ledger()), unisphere)
    assert unisphere.linked() == {name(2)} and again.torn == "", "the same run does not go back twice"
    split(of, unisphere, run="r2", plan={"up": False, "phases": ["break", "start"], "syncs": []})
    assert unisphere.linked() == {name(2)}, "what was left by a rewind is not linked again"
    with pytest.raises(Refused, match="no snapshot is kept that is older"):
        drive(doing.rewind(of, of.service.syncs[0], unisphere.ledger("r3")), unisphere)


def test_rewind_is_proven_down_too(unisphere: Unisphere) -> None:
    of = scope()
    drive(doing.rewind(of, of.service.syncs[0], unisphere.ledger()), unisphere)
    assert unisphere.order[unisphere.order.index(PROOF) + 1] == "PUT"


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("fault", ["", "before", "after", "kill before", "kill after"])
def test_provision_links_by_position_and_can_be_run_again(number: int, fault: str) -> None:
    of, made = scope(), Unisphere(lag=3, job_seconds=2)
    if fault:
        made.faults[number] = fault
    until_done(lambda: drive(doing.create(of, of.service.syncs[0], None, made.ledger()), made), made)
    assert len(made.linked()) == 1
    link = next(one.body for one in made.sent if '"Link"' in one.body)
    assert '"exact":true' in link and '"copy":true' in link
    assert made.order[made.order.index(PROOF) + 1] == "PUT"
    drive(doing.create(of, of.service.syncs[0], None, made.ledger()), made)
    assert len(made.linked()) == 1


@pytest.mark.parametrize(
    ("groups", "why"),
    [
        ({"pp_data": [0x4321, 0x4322, 0x4399]}, "pp_data also holds 04399"),
        ({"pp_data": [0x4321]}, "pp_data does not hold 04322"),
        ({"prod_data": [0x1234, 0x1235, 0x1299]}, "prod_data also holds 01299"),
        ({"pp_data": []}, "is not there|has 0 devices|is empty"),
        ({"pp_data": None}, "no storage group pp_data"),
        ({"prod_data": None}, "no storage group prod_data"),
    ],
)
def test_provision_refuses_other_groups(groups: dict[str, Any], why: str) -> None:
    of, made = scope(), Unisphere()
    for group, devices in groups.items():
        made.groups.pop(group) if devices is None else made.groups.update({group: devices})
    with pytest.raises(Refused, match=why) as raised:
        drive(doing.create(of, of.service.syncs[0], None, made.ledger()), made)
    assert made.changes() == [] and isinstance(raised.value, Refused | Missing)


def test_provision_leaves_what_is_linked_alone(unisphere: Unisphere) -> None:
    of = scope()
    drive(doing.create(of, of.service.syncs[0], None, unisphere.ledger()), unisphere)
    assert unisphere.changes() == []


def test_retire_unlinks_and_ends_each_of_ours_by_number(unisphere: Unisphere) -> None:
    of = scope()
    unisphere.add("weekly", NOON - 3 * DAY)
    sync = of.service.syncs[0]
    drive(doing.end(of, sync, None, unisphere.ledger()), unisphere)
    assert unisphere.linked() == set() and unisphere.order[unisphere.order.index(PROOF) + 1] == "PUT"
    drive(doing.remove(of, sync), unisphere)
    assert unisphere.names() == ["weekly"]
    assert kinds(unisphere) == ["Unlink", DELETE, DELETE]
    drive(doing.end(of, sync, None, unisphere.ledger()), unisphere)
    drive(doing.remove(of, sync), unisphere)
    assert len(kinds(unisphere)) == 3


def test_retire_never_forces(unisphere: Unisphere) -> None:
    of = scope()
    for target, (source, group, _, since) in unisphere.snapshots[1].links.items():
        unisphere.snapshots[1].links[target] = (source, group, 99, since)
    with pytest.raises(Refused, match="CopyInProg"):
        drive(doing.end(of, of.service.syncs[0], None, unisphere.ledger()), unisphere)
    unisphere.snapshots[0].restored = True
    with pytest.raises(Refused, match="is restored"):
        drive(doing.look_to_end(of, of.service.syncs[0], []), unisphere)


def test_nothing_is_sent_where_nothing_can_be_kept(unisphere: Unisphere) -> None:
    of = scope()
    sync = of.service.syncs[0]
    steps: list[Steps[Any]] = [
        doing.resync(of, sync),
        doing.split(of, sync),
        doing.create(of, sync),
        doing.end(of, sync),
        doing.rewind(of, sync),
    ]
    for one in steps:
        with pytest.raises(Refused, match="no place where it can keep"):
            drive(one, unisphere)
    assert unisphere.sent == []


def test_two_snapshots_of_one_name_are_refused(unisphere: Unisphere) -> None:
    of = scope()
    unisphere.add(name(1), NOON - DAY)
    with pytest.raises(Refused, match="there are 2 snapshots"):
        resync(of, unisphere)


def test_no_request_ever_has_a_forbidden_word(unisphere: Unisphere) -> None:
    of = scope()
    resync(of, unisphere)
    split(of, unisphere)
    drive(doing.rewind(of, of.service.syncs[0], unisphere.ledger("r2")), unisphere)
    drive(doing.end(of, of.service.syncs[0], None, unisphere.ledger("r3")), unisphere)
    drive(doing.remove(of, of.service.syncs[0]), unisphere)
    text = " ".join(request.line() for request in unisphere.sent)
    for word in ("force", "symforce", "secure", "Restore", "star", "remote", "terminate_all", "SetMode"):
        assert word not in text
    assert all(request.query == () or request.method == "GET" for request in unisphere.sent)
    assert all(
        request.fence_host == "lockhost" and len(request.slots) == 2
        for request in unisphere.sent
        if request.changes
    )


@pytest.fixture(autouse=True)
def every_note_is_text(unisphere: Unisphere) -> Iterator[None]:
    yield
    assert all(note.title for note in unisphere.notes)


def test_a_look_needs_few_requests(unisphere: Unisphere) -> None:
    of = scope()
    first = drive(observe(of, of.service.syncs[0]), unisphere)
    assert isinstance(first, SnapSeen) and len(unisphere.sent) == 3
    unisphere.sent.clear()
    drive(observe(of, of.service.syncs[0], first), unisphere)
    assert len(unisphere.sent) == 1
    resync(of, unisphere)
    split(of, unisphere)
    kept = Activation.read(unisphere.kept)
    assert kept is not None
    unisphere.sent.clear()
    again = drive(observe(of, of.service.syncs[0], None, kept.snapshots), unisphere)
    assert len(unisphere.sent) == 1 and kept.made(again)
    unisphere.link(unisphere.snapshots[0])
    changed = drive(observe(of, of.service.syncs[0], None, kept.snapshots), unisphere)
    assert not kept.made(changed) and changed.all_in(frozenset({State.COPIED})), "what is kept proves nothing"


def test_names_do_not_repeat() -> None:
    numbers = count()
    names = {new_name("svc", KEY, NOON, f"try {next(numbers)}") for _ in range(20)}
    assert len(names) > 15 and all(len(one) == 31 for one in names)
    assert TARGET not in names
