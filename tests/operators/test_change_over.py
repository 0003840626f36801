"""A service is taken from one target set to another: refresh, rewind, back; and killed anywhere between."""

from __future__ import annotations

from typing import Any

import pytest

from tests.operators.sets import Played


@pytest.fixture
def played(two_sets: Any) -> Played:
    return Played(two_sets)


def mounted(lab: Any, host: str = "lnxts01") -> dict[str, str]:
    return dict(lab.host(host).mounts())


A = {"/lts/data": "/dev/vg_lts_a/lv_data", "/lts/arch": "/dev/vg_ltsarch_a/lv_arch"}
B = {"/lts/data": "/dev/vg_lts_b/lv_data", "/lts/arch": "/dev/vg_ltsarch_b/lv_arch"}


def test_refresh_then_rewind_then_refresh(played: Played) -> None:
    lab = played.lab
    run = played.refresh()
    print("\n".join(played.sent))
    played.sent.clear()
    assert (run.plan["from_set"], run.plan["to_set"], run.plan["up"]) == ("a", "b", True)
    assert mounted(lab) == B
    run = played.refresh("rewind")
    print("\n".join(played.sent))
    played.sent.clear()
    assert mounted(lab) == A
    run = played.refresh()
    print("\n".join(played.sent))
    played.sent.clear()
    assert mounted(lab) == B
