"""The copy model makes progress whatever the rates and times are, and all copies arrive."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import Lab

SYMID = "000190101234"
PAIRS = (("1234", "4321"), ("1235", "4322"), ("1236", "4323"))


@pytest.mark.parametrize("start", [1795453152.324573, 1e9, 1795453152.9999997])
@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(
    rate=st.floats(0.1, 50_000),
    protected=st.lists(st.floats(1e-7, 1e6), min_size=3, max_size=3),
    steps=st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=12),
)
def test_time_always_passes(start: float, rate: float, protected: list[float], steps: list[float]) -> None:
    with Lab(clock="manual", start=start) as lab:
        lab.set_rate(SYMID, rate)
        for (source, target), tracks in zip(PAIRS, protected, strict=True):
            lab.set_state(SYMID, source, target, "CopyInProg", protected=tracks)
        for step in steps:
            lab.advance(step)
            for source, target in PAIRS:
                assert 0 <= lab.session(SYMID, source, target)["percent"] <= 100
        lab.advance(1e9)
        assert {lab.session(SYMID, source, target)["state"] for source, target in PAIRS} == {"Copied"}
