"""A service is taken from one target set to another: refresh, rewind, back; and killed anywhere between."""

from __future__ import annotations

from typing import Any

import pytest

from clones.errors import Refused
from tests.operators.sets import Played, killed


@pytest.fixture
def played(two_sets: Any) -> Played:
    return Played(two_sets)


def mounted(lab: Any, host: str = "lnxts01") -> dict[str, str]:
    return dict(lab.host(host).mounts())


A = {"/lts/data": "/dev/vg_lts_a/lv_data", "/lts/arch": "/dev/vg_ltsarch_a/lv_arch"}
B = {"/lts/data": "/dev/vg_lts_b/lv_data", "/lts/arch": "/dev/vg_ltsarch_b/lv_arch"}


def test_refresh_then_rewind_then_refresh(played: Played) -> None:
    lab = played.lab
    run = played.begin("refresh").go()
    assert (run.plan["from_set"], run.plan["to_set"], run.plan["up"]) == ("a", "b", True)
    assert mounted(lab) == B
    run = played.begin("rewind").go()
    assert mounted(lab) == A
    run = played.begin("refresh").go()
    assert mounted(lab) == B


@pytest.mark.parametrize("after", range(36))
def test_dev_clear(played: Played, after: int) -> None:
    run = played.begin("refresh")
    with killed(played, after):
        run.go()
    played.sent.clear()
    run.go()
    assert mounted(played.lab) == B
    assert run.plan["to_set"] == "b"
    assert played.recorded.last_good == "b"


@pytest.mark.parametrize("after", range(36))
def test_dev_new_refresh(played: Played, after: int) -> None:
    run = played.begin("refresh")
    with killed(played, after):
        run.go()
    for action in ("refresh", "start", "refresh"):
        try:
            run = played.begin(action).go()
            print("DONE", after, action, run.plan["from_set"], run.plan["to_set"])
        except Refused as error:
            print("REFUSED", after, action, error)
    assert mounted(played.lab) in (A, B)


@pytest.mark.parametrize("after", range(36))
def test_dev_back(played: Played, after: int) -> None:
    run = played.begin("refresh")
    with killed(played, after):
        run.go()
    if "probes" in run.done:
        return
    print("BACK", after, run.done, run.back())
    assert mounted(played.lab) == A
    run = played.begin("refresh").go()
    assert mounted(played.lab) == B
