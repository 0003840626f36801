"""Tracks, rates and changed tracks, on an array of its own for each case."""

from __future__ import annotations

from typing import Any

import pytest

from lab.array.array import Array
from lab.clock import Clock
from lab.config.arrays import ArrayConfig

START = 1_767_607_200.0
ONE = (0x10, 0x20)
TWO = (0x11, 0x21)
SECOND_TARGET = (0x10, 0x22)


def make(sessions: Any = (), **words: Any) -> tuple[Array, Clock]:
    clock = Clock(manual=True, start=START)
    devices = [{"device": f"{n:04X}", "megabytes": 1000} for n in (0x10, 0x11, 0x20, 0x21, 0x22)]
    entries = [{"source": "0010", "target": "0020", **s} if "source" not in s else s for s in sessions]
    array = {"symid": "000190109999", "copy_rate": 100, "devices": devices, "sessions": entries, **words}
    return Array(ArrayConfig.model_validate(array), clock), clock


@pytest.mark.parametrize(
    ("track_kb", "megabytes", "tracks"),
    # Captured: 660000 tracks of 64 KB are 41250 MB. 332801 MB showed as 2662410 tracks of 128 KB, for an
    # array allots whole cylinders; the lab's devices are as big as their megabytes.
    [(64, 41250, 660000), (128, 332801, 2662408), (64, 1, 16), (128, 1, 8)],
)
def test_track_sizes(track_kb: int, megabytes: int, tracks: int) -> None:
    array, _ = make(track_kb=track_kb, devices=[{"device": "0010", "megabytes": megabytes}])
    assert array.devices[0x10].tracks == tracks


@pytest.mark.parametrize(
    ("total", "protected", "percent"),
    # The first two are captured; the others follow from rounding down.
    [(330000, 198821, 39), (330000, 191705, 41), (1000, 1, 99), (1000, 0, 100), (1000, 1000, 0)],
)
def test_percent_is_rounded_down(total: int, protected: float, percent: int) -> None:
    array, _ = make()
    array.devices[0x10].tracks = total
    session = array.put(ONE, "CopyInProg", protected)
    assert (session.percent, session.protected_tracks) == (percent, protected)


RATES = {"write_rate": 10, "target_write_rate": 3}


@pytest.mark.parametrize(
    ("state", "words", "source", "target"),
    [
        ("Copied", RATES, 600, 180),
        ("CopyInProg", RATES, 600, 180),
        ("CopyOnAccess", RATES, 600, 180),
        ("CopyOnWrite", RATES, 600, 180),
        ("Split", RATES, 600, 180),
        ("Restored", RATES, 600, 180),
        ("Recreated", RATES, 0, 0),
        ("Created", RATES, 0, 0),
        ("PreCopy", RATES, 0, 0),
        ("Failed", RATES, 0, 0),
        ("Copied", {**RATES, "working_set": 100, "target_working_set": 50}, 100, 50),
        ("Copied", {"write_rate": 1e6, "target_write_rate": 1e6}, 16000, 16000),
    ],
)
async def test_both_sides_are_counted_while_the_copy_is_active(
    state: str, words: dict[str, Any], source: int, target: int
) -> None:
    array, clock = make([{"state": state, **words}])
    await clock.advance(60)
    session = array.session(ONE)
    assert session is not None
    assert (session.changed_tracks, session.changed_target_tracks) == (source, target)


async def test_a_target_that_is_not_ready_is_not_written() -> None:
    array, clock = make([{"state": "Copied", **RATES}])
    array.devices[0x20].ready = False
    await clock.advance(60)
    session = array.session(ONE)
    assert session and (session.changed_tracks, session.changed_target_tracks) == (600, 0)


@pytest.mark.parametrize(
    ("state", "accepted", "owed"),
    [
        ("Copied", "refused", 600 + 180),
        ("Split", "refused", 600 + 180),
        # What was not copied yet is still owed: 16000 tracks, less 60 s of 100 tracks.
        ("CopyInProg", "accepted", 600 + 180 + 16000 - 6000),
        # Without background copy, what was touched has been copied and is changed again.
        ("CopyOnAccess", "refused", 16000),
    ],
)
async def test_a_recreate_owes_what_changed(state: str, accepted: str, owed: int) -> None:
    switches = {"recreate_from_copyinprog": accepted}
    array, clock = make([{"state": state, "protected_tracks": None, **RATES}], switches=switches)
    await clock.advance(60)
    array.recreate([ONE], precopy=False)
    session = array.session(ONE)
    assert session and session.protected_tracks == owed
    assert (session.state, session.changed, session.changed_target) == ("Recreated", 0, 0)
    await clock.advance(10)
    session = array.session(ONE)
    assert session and session.protected_tracks == max(owed, min(16000, owed + 100))
    array.activate([ONE])
    assert session.state == "CopyInProg" and session.changed == 0
    await clock.advance(1000)
    assert array.state(ONE) == "Copied"


async def test_the_rate_is_shared_and_progress_differs() -> None:
    second = {"source": "0011", "target": "0021", "state": "CopyInProg"}
    array, clock = make([{"state": "CopyInProg"}, second])
    await clock.advance(60)
    left = [array.session(p).protected for p in (ONE, TWO)]  # type: ignore[union-attr]
    assert sum(left) == pytest.approx(32000 - 6000)
    assert left[0] != left[1] and all(abs(16000 - x - 3000) < 0.05 * 3000 for x in left)
    array.put(TWO, "Copied")
    await clock.advance(10)
    session = array.session(ONE)
    assert session and session.protected == pytest.approx(left[0] - 1000)


async def test_an_even_share() -> None:
    second = {"source": "0011", "target": "0021", "state": "CopyInProg"}
    array, clock = make([{"state": "CopyInProg"}, second], progress_spread=0)
    await clock.advance(60)
    assert [array.session(p).protected for p in (ONE, TWO)] == [13000, 13000]  # type: ignore[union-attr]


@pytest.mark.parametrize("state", ["CopyOnAccess", "CopyOnWrite"])
async def test_without_background_copy_only_what_is_written_is_copied(state: str) -> None:
    array, clock = make([{"state": state, "background_copy": False, **RATES}])
    await clock.advance(60)
    session = array.session(ONE)
    assert session and (session.state, session.protected_tracks, session.percent) == (state, 15220, 4)
    await clock.advance(10_000)
    assert array.state(ONE) == "Copied"


async def test_activate_of_a_session_without_background_copy() -> None:
    array, clock = make()
    array.create([ONE], precopy=False, copy=False, differential=True)
    array.activate([ONE])
    await clock.advance(1000)
    session = array.session(ONE)
    assert session and (session.state, session.percent) == ("CopyOnAccess", 0)


async def test_a_restore_moves_back_what_changed_on_either_side() -> None:
    other = {"source": "0010", "target": "0022", "state": "Copied"}
    array, clock = make([{"state": "Copied", **RATES}, other])
    await clock.advance(60)
    array.restore([ONE])
    session = array.session(ONE)
    assert session and (session.state, session.protected_tracks) == ("RestInProg", 780)
    # The source's other copy sees those writes.
    assert array.session(SECOND_TARGET).changed_tracks == 780  # type: ignore[union-attr]
    await clock.advance(7.9)
    assert session is array.session(ONE) and session.state == "Restored"
    assert session.percent == 100 and session.changed_tracks <= 1


async def test_reading_looks_at_moving_sessions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.array.session import Session

    devices = [{"device": f"{n:04X}", "megabytes": 1000} for n in range(1000)]
    sessions = [
        {"source": f"{n:04X}", "target": f"{n + 1:04X}", "write_rate": 1,
         "state": "CopyInProg" if n < 20 else "Copied"} for n in range(0, 1000, 2)
    ]  # fmt: skip
    array, clock = make(sessions, devices=devices)
    seen: list[Session] = []
    real = Session.catch_up

    def catch_up(session: Session, now: float, share: float = 0.0) -> None:
        seen.append(session)
        real(session, now, share)

    monkeypatch.setattr(Session, "catch_up", catch_up)
    await clock.advance(1)
    assert array.session((500, 501)).changed_tracks == 1  # type: ignore[union-attr]
    assert len(array.sessions.busy) == 10 and len(seen) <= 11
    assert {s.source.number for s in seen} == {*range(0, 20, 2), 500}
    await clock.advance(1e6)
    assert array.state((0, 1)) == "Copied" and not array.sessions.busy


def test_sessions_are_found_by_source_and_by_target() -> None:
    other = {"source": "0010", "target": "0022", "state": "Copied"}
    array, _ = make([{"state": "Copied"}, other])
    source, target = array.devices[0x10], array.devices[0x22]
    assert [s.target.number for s in array.sessions_of(source)] == [0x20, 0x22]
    assert [s.source.number for s in array.sessions_of(target)] == [0x10]
    array.resource(SECOND_TARGET, 0x11)
    assert [s.target.number for s in array.sessions_of(source)] == [0x20]
    array.remove((0x11, 0x22))
    assert array.sessions_of(target) == [] and list(array.sessions) == [ONE]


def test_groups_of_a_device_follow_the_groups() -> None:
    from lab.array.inventory import GroupMember

    array, _ = make(device_groups=[{"name": "DG", "devices": [{"name": "DEV001", "device": "0010"}]}])
    device = array.devices[0x10]
    assert array.groups_of(device) == [("DG", "DEV001")]
    array.groups["DG2"] = {"X": GroupMember("X", device, "std")}
    assert array.groups_of(device) == [("DG", "DEV001"), ("DG2", "X")]
    array.groups["DG3"] = array.groups.pop("DG2")
    assert array.groups_of(device) == [("DG", "DEV001"), ("DG3", "X")]
    array.groups["DG"].clear()
    assert array.groups_of(device) == [("DG3", "X")]
