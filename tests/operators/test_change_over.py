"""A service is taken from one target set to another: refresh, rewind, back; and killed anywhere between."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from clones.act import change_over
from clones.act.prepare import prepare, release
from clones.backends.symclone.act import resync, split
from clones.decide.target_sets import InUse, Recorded, SetSeen
from clones.errors import NotDone, Refused, Unknown
from clones.observe.proof_down import prove_down
from clones.observe.target_sets import look_at_sets
from clones.runs import change_over as plans
from clones.runs.plan_only import foresee_run
from clones.runs.planned import sent_by
from tests.operators.sets import Played, killed

HOST = "lnxts01"
A = {"/lts/data": "/dev/vg_lts_a/lv_data", "/lts/arch": "/dev/vg_ltsarch_a/lv_arch"}
B = {"/lts/data": "/dev/vg_lts_b/lv_data", "/lts/arch": "/dev/vg_ltsarch_b/lv_arch"}


@pytest.fixture
def played(two_sets: Any) -> Played:
    return Played(two_sets)


def mounted(played: Played, host: str = HOST) -> dict[str, str]:
    return dict(played.lab.host(host).mounts())


def in_use(played: Played) -> list[InUse]:
    return [one.in_use for one in played.do(look_at_sets(played.scopes))]


def where(sent: list[str], part: str) -> int:
    return next(number for number, line in enumerate(sent) if part in line)


def test_refresh_rewind_refresh(played: Played) -> None:
    run = played.begin("refresh").go()
    assert (run.plan["from_set"], run.plan["to_set"], run.plan["up"]) == ("a", "b", True)
    assert mounted(played) == B and in_use(played) == [InUse.UNUSED, InUse.IN_USE]
    sent = played.sent
    ready, begun = where(sent, "e2fsck -p /dev/vg_ltsarch_b/lv_arch"), where(sent, "drain start")
    assert ready < begun, "the service runs while the other set is copied and prepared"
    assert not any(
        " activate " in line or " recreate " in line or "vg_lts_b /" in line for line in sent[begun:]
    )
    run = played.begin("rewind").go()
    assert (run.plan["from_set"], run.plan["to_set"]) == ("b", "a") and mounted(played) == A
    run = played.begin("refresh").go()
    assert (run.plan["from_set"], run.plan["to_set"]) == ("a", "b") and mounted(played) == B


@pytest.mark.parametrize(
    ("name", "hosts", "on_a", "on_b"),
    [
        (
            "hpxts",
            ["hpxts01"],
            [{"/hts/data": "/dev/vgHTSa/lv_data", "/hts/arch": "/dev/vgHTSa/lv_arch"}],
            [{"/hts/data": "/dev/vgHTSb/lv_data", "/hts/arch": "/dev/vgHTSb/lv_arch"}],
        ),
        ("sunts", ["sunts01", "sunts02"], [{"/sts": "stspool/data"}, {}], [{}, {"/sts": "stspool/data"}]),
    ],
)
def test_on_other_families(two_sets: Any, name: str, hosts: list[str], on_a: Any, on_b: Any) -> None:
    played = Played(two_sets, name)
    assert [mounted(played, host) for host in hosts] == on_a
    played.begin("refresh").go()
    assert [mounted(played, host) for host in hosts] == on_b
    played.begin("rewind").go()
    assert [mounted(played, host) for host in hosts] == on_a
    played.begin("update").go()
    assert [mounted(played, host) for host in hosts] == on_a


@pytest.mark.parametrize("action", ["refresh", "rewind", "update", "resync", "stop"])
def test_the_run_sends_what_was_foreseen(played: Played, action: str) -> None:
    planning = plans.plan(played.scopes, action, played.recorded)
    foreseen = sent_by(played.do(foresee_run(played.scopes[1], action, planning)))
    assert played.commands == [] and foreseen
    played.begin(action).go()
    assert [(c.host, c.words) for c in foreseen] == [(c.host, c.words) for c in played.commands]


def test_what_was_prepared_is_released_before_it_is_copied_again(played: Played) -> None:
    b = played.on("b")
    played.do(prepare(b))
    assert in_use(played) == [InUse.IN_USE, InUse.READY] and mounted(played) == A
    already = len(played.commands)
    played.do(prepare(b))
    assert [line for line in played.sent[already:] if "e2fsck" not in line] == []
    with pytest.raises(Refused, match="Set b of service lnxts is not down"):
        played.do(prove_down(b))
    planning = plans.plan(played.scopes, "resync", played.recorded)
    foreseen = sent_by(played.do(foresee_run(b, "resync", planning)))
    already = len(played.commands)
    played.begin("resync").go()
    assert [c.words for c in foreseen] == [c.words for c in played.commands[already:]]
    assert in_use(played) == [InUse.IN_USE, InUse.UNUSED] and mounted(played) == A


def test_a_set_that_is_used_is_not_released_copied_or_activated(played: Played) -> None:
    a = played.on("a")
    sync = a.service.syncs[0]
    with pytest.raises(Refused, match=r"set a: it is in use: fs /lts/data on lnxts01 is up"):
        played.do(release(a))
    with pytest.raises(Refused, match=r"set a: it is in use"):
        played.do(resync(a, sync))
    with pytest.raises(Refused, match=r"Set a of service lnxts is not down:\n  up "):
        played.do(prove_down(a))
    played.begin("resync").go()
    played.do(prove_down(played.on("b")))
    played.lab.host(HOST).use_disk("/dev/mapper/mpathe", "open")
    already = len(played.commands)
    with pytest.raises(Refused, match="mpathe"):
        played.do(split(played.on("b"), played.on("b").service.syncs[0]))
    assert len(played.commands) == already
    played.lab.host(HOST).use_disk("/dev/mapper/mpathe", None)


def test_a_set_that_is_in_use_is_left_as_it_is_by_prepare(played: Played) -> None:
    played.do(prepare(played.on("a")))
    assert played.commands == []


def test_a_set_that_is_not_wholly_active_is_not_prepared(played: Played) -> None:
    played.begin("resync").go()
    already = len(played.commands)
    with pytest.raises(Refused, match="set b: it is not prepared: sync data is not fully active"):
        played.do(prepare(played.on("b")))
    with pytest.raises(Refused, match="set b: rewind is refused: sync data is not fully active"):
        played.begin("rewind").go()
    assert len(played.commands) == already and mounted(played) == A


def test_what_the_start_would_refuse_is_refused_while_the_service_runs(played: Played) -> None:
    run = played.begin("refresh")
    steps = run._steps

    def acted_on(phases: Any) -> Any:
        for name, do in steps(phases):
            if name == "prepare":
                played.lab.advance(60)
                played.lab.set_last_action("000190107777", "0C03", "0E03", 0)
            yield name, do

    run._steps = acted_on  # type: ignore[method-assign]
    with pytest.raises(Refused, match="set b: it is not prepared: sync archivelogs: it was acted on since"):
        run.go()
    assert mounted(played) == A and run.done[-1] == "break.archivelogs"


def test_the_service_is_not_stopped_on_a_set_that_it_is_not_on(played: Played) -> None:
    with pytest.raises(Refused, match="set b: the service is not stopped there: set a is in use"):
        played.do(change_over.stop(played.on("b")))
    with pytest.raises(Refused, match="set b: the service is not started: set a is in use"):
        played.do(change_over.start(played.on("b")))
    assert played.commands == []


def test_an_application_that_is_up_while_nothing_is_mounted_is_no_start(played: Played) -> None:
    played.begin("stop").go()
    played.lab.fault(host=HOST, match="ltsctl status", kind="exit", exit=0, count=2)
    already = len(played.commands)
    with pytest.raises(Refused, match="app lts on lnxts01 is up, and nothing of set a is"):
        played.do(change_over.start(played.on("a")))
    assert len(played.commands) == already
    played.begin("start").go()
    assert mounted(played) == A


def test_what_cannot_be_told_is_not_known(played: Played) -> None:
    played.lab.fault(host=HOST, match="/proc/self/mounts", kind="exit", exit=1)
    for action in ("refresh", "rewind", "update", "start", "stop"):
        with pytest.raises(Unknown, match="it is not known which target set is in use"):
            played.begin(action).go()
    for procedure in (release, prepare, change_over.start):
        with pytest.raises(Unknown, match="it is not known"):
            played.do(procedure(played.on("b")))
    assert played.commands == []


def test_a_start_that_fails_goes_back(played: Played) -> None:
    run = played.begin("refresh")
    played.lab.fault(host=HOST, match="mount -t ext4 .*vg_ltsarch_b", kind="exit", exit=32)
    with pytest.raises(NotDone, match="mount -t ext4"):
        run.go()
    assert mounted(played) == {}
    assert run.back() == "" and mounted(played) == A
    assert played.recorded.last_good == "a"
    # Its start again is refused: the service is up on the former set.
    with pytest.raises(Refused, match="set a is in use"):
        run.go()
    played.lab.clear_faults()
    again = played.begin("refresh").go()
    assert again.plan["to_set"] == "b" and mounted(played) == B


@pytest.mark.parametrize("change", [{"rollback": False}, {}])
def test_when_a_run_does_not_change_back(played: Played, change: dict[str, Any]) -> None:
    run = played.begin("refresh")
    run.done += ["start", "after_start", "probes"]
    with killed(played, 3):
        run.go()
    assert run.back() == "The run failed before it stopped anything: the service is on set a as before."
    run.go()
    before = run.plan["former"][0]["pairs"][0]
    if change:
        played.service = played.service.model_copy(update=change)
        played.scopes = [
            type(one).of(one.name, played.service, one.symcli, one.target_set) for one in played.scopes
        ]
        assert run.back() == "`rollback` is false: the service is left as it is."
    else:
        before["last_action"] = "2026-11-01T00:00:00"
        assert run.back().startswith("The copies of set a are not what they were when the run began")
    assert mounted(played) == {}


POINTS = {
    "recreate": 0,
    "activate": 2,
    "claim": 5,
    "prepared": 10,
    "umount": 13,
    "stopped": 19,
    "mount": 22,
    "up": 25,
}
"""After which command of a refresh the worker is killed."""


@pytest.mark.parametrize("after", POINTS.values(), ids=POINTS)
def test_killed_and_continued(played: Played, after: int) -> None:
    run = played.begin("refresh")
    with killed(played, after):
        run.go()
    already = len(played.commands)
    run.go()
    assert mounted(played) == B and played.recorded.last_good == "b"
    once = [line for line in played.sent if " recreate " in line or " activate " in line]
    assert len(once) == 4, "nothing is sent again that has worked"
    assert len(played.commands) > already


@pytest.mark.parametrize("after", POINTS.values(), ids=POINTS)
def test_killed_and_begun_anew(played: Played, after: int) -> None:
    """A new run goes on from what it sees; what it must not do, it refuses, and its remedy works."""
    with killed(played, after):
        played.begin("refresh").go()
    try:
        played.begin("refresh").go()
    except Refused as error:
        assert "run the action `start`" in error.remedy
        played.begin("start").go()
    assert mounted(played) == B
    assert played.begin("refresh").go().plan["to_set"] == "a" and mounted(played) == A


@pytest.mark.parametrize("after", POINTS.values(), ids=POINTS)
def test_killed_and_gone_back(played: Played, after: int) -> None:
    run = played.begin("refresh")
    with killed(played, after):
        run.go()
    assert bool(run.back()) is (after < POINTS["umount"]), "it has not begun to stop the service"
    assert mounted(played) == A and played.recorded.last_good in ("a", "")


STOPPED = {"refresh": POINTS["stopped"], "rewind": POINTS["stopped"] - 4}
"""After which command the service is down; a rewind recreates and activates nothing."""


def failing_start(played: Played, on: str = "b") -> None:
    played.lab.fault(host=HOST, match=f"mount -t ext4 .*vg_ltsarch_{on}", kind="exit", exit=32)


def interrupted(played: Played, action: str = "refresh") -> None:
    """A change-over is killed between its stop and its start."""
    with killed(played, STOPPED[action]):
        played.begin(action).go()
    assert mounted(played) == {} and played.recorded.interrupted


@pytest.mark.parametrize("first", ["refresh", "rewind"])
def test_a_new_run_goes_back_where_the_killed_one_came_from(played: Played, first: str) -> None:
    interrupted(played, first)
    run = played.begin("refresh")
    failing_start(played)
    with pytest.raises(NotDone, match="mount -t ext4"):
        run.go()
    assert not run.plan["up"] and run.plan["interrupted"]
    assert run.back() == "" and mounted(played) == A
    assert not played.recorded.interrupted, "the service is back"
    played.lab.clear_faults()
    assert played.begin("refresh").go().plan["to_set"] == "b" and mounted(played) == B


def test_a_new_run_does_not_go_back_to_a_set_on_which_the_service_was_never_well(played: Played) -> None:
    interrupted(played)
    run = played.begin("rewind")
    failing_start(played, "a")
    with pytest.raises(NotDone, match="mount -t ext4"):
        run.go()
    assert (run.plan["from_set"], run.plan["to_set"], run.plan["interrupted"]) == ("b", "a", False)
    assert run.back() == "The service was down before this run, and stays as it is."


def test_a_run_that_found_the_service_stopped_on_purpose_does_not_start_it_elsewhere(played: Played) -> None:
    interrupted(played)
    played.begin("stop").go()
    run = played.begin("refresh")
    failing_start(played)
    with pytest.raises(NotDone, match="mount -t ext4"):
        run.go()
    assert run.back() == "The service was down before this run, and stays as it is."


@pytest.mark.parametrize("action", ["refresh", "rewind"])
def test_what_another_airflow_has_changed_over_since_is_left(played: Played, action: str) -> None:
    run = played.begin(action)
    with killed(played, STOPPED[action]):
        run.go()
    # A person gives the lock back by hand; the other Airflow has a store of its own.
    elsewhere = Played(played.lab, recorded=Recorded().started("a", (played.name, "r0"), datetime.now(UTC)))
    other = elsewhere.begin("refresh").go()
    assert other.plan["to_set"] == "b" and mounted(played) == B
    already = len(played.commands)
    why = run.back()
    assert why.startswith("Set b is in use, with other copies than this run's (sync data"), why
    assert why.endswith("the service is left as it is. What to do: open the run that did that.")
    assert len(played.commands) == already and mounted(played) == B


def test_a_third_set_that_is_in_use_by_now_is_left(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    run = played.begin("rewind")
    with killed(played, STOPPED["rewind"]):
        run.go()

    def of_three(scopes: Any) -> Any:
        yield from ()
        return [SetSeen("b", InUse.READY), SetSeen("c", InUse.IN_USE, "fs /lts/data is up")]

    monkeypatch.setattr(change_over, "look_at_sets", of_three)
    assert run.back().startswith("Set c is in use by now (fs /lts/data is up): the service is left as it is.")
    assert mounted(played) == {}


def test_new_copies_of_somebody_else_that_nobody_uses_are_no_reason_to_stay_down(played: Played) -> None:
    run = played.begin("refresh")
    with killed(played, POINTS["stopped"]):
        run.go()
    played.begin("update").go()
    played.recorded = played.recorded.intends("a", "b", (played.name, run.run_id), datetime.now(UTC))
    assert run.back() == "" and mounted(played) == A


@pytest.mark.parametrize("after", range(0, 12, 3))
def test_killed_while_it_went_back(played: Played, after: int) -> None:
    run = played.begin("refresh")
    with killed(played, POINTS["up"]):
        run.go()
    with killed(played, after):
        run.back()
    if after % 2:
        assert run.back() == ""
    else:
        played.begin("rewind" if in_use(played)[1] is not InUse.UNUSED else "start").go()
    assert mounted(played) == A


@pytest.mark.parametrize("at", ["prepare", "stop", "start"])
def test_an_old_run_that_is_cleared_moves_nothing_once_others_have(
    played: Played, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Its set was refreshed, found bad and left since: it would take the service there, and call it good."""
    old = played.begin("refresh")
    fails = {
        "prepare": ("tests.operators.sets.prepare", NotDone("no", "fix it")),
        "stop": ("clones.act.change_over.stop", NotDone("no", "fix it")),
        "start": ("clones.act.change_over.start", NotDone("no", "fix it")),
    }
    with monkeypatch.context() as patch:
        path, error = fails[at]

        def no(*_: Any, **__: Any) -> Any:
            raise error

        patch.setattr(path, no)
        with pytest.raises(NotDone):
            old.go()
    if at != "prepare":
        old.back()
    played.begin("refresh").go()
    played.begin("rewind").go()
    assert mounted(played) == A and played.recorded.last_good == "a"
    before = len(played.sent)
    with pytest.raises(
        Refused, match="run r3 of lnxts has stopped or started the service since this run's plan"
    ):
        old.go()
    assert mounted(played) == A and played.recorded.last_good == "a" and len(played.sent) == before
