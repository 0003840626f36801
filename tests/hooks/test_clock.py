"""How old this process is, by the clock that goes on while the machine is suspended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hooks import clock


def stat(name: str, start: int) -> str:
    return f"12 ({name}) S {' '.join(['0'] * 18)} {start} 0 0\n"


@pytest.mark.parametrize("name", ["python", "a ) b (c"])
def test_by_the_ticks_of_its_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    monkeypatch.setattr(clock, "awake", lambda: 1000.5)
    monkeypatch.setattr(Path, "read_text", lambda path: stat(name, 1000 * ticks))
    assert clock.process_age() == pytest.approx(0.5)


@pytest.mark.parametrize("text", ["", "12 (x) S 1 2", stat("x", 0).replace(" 0 0 0\n", " new 0 0\n")])
def test_what_cannot_be_read_is_no_age(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(Path, "read_text", lambda path: text)
    assert clock.process_age() is None


def test_a_start_in_the_future_is_no_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "awake", lambda: 1.0)
    assert clock.process_age() is None


def test_a_system_without_such_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: Path) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    assert clock.process_age() is None


def test_of_this_process() -> None:
    """It grows with the clock, and is not that of the machine."""
    first = clock.process_age()
    assert first is not None and 0 < first < clock.awake()
    second = clock.process_age()
    assert second is not None and second >= first
