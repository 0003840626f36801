"""Whether the array shows the configured pairs (D4)."""

from __future__ import annotations

import copy
import json

import pytest

from clones.config import Pair
from clones.decide.right_pairs import refuse_wrong_pairs, see_pair
from clones.errors import Refused
from clones.observe.estimates import pair_key
from clones.states import Device, DeviceNumber, PairSeen, Session, State, SyncSeen, device_text
from tests.clones.seeing import NOON, seen, sync

SOURCE, TARGET, OTHER = 0x1234, 0x4321, 0x1111
PAIR = Pair(source="DEV001", target="CLONE001", source_device=SOURCE, target_device=TARGET)


def devices(
    *sessions: tuple[int, int], sizes: tuple[int | None, int | None] = (100, 100)
) -> dict[int, Device]:
    made = [Session(source, target, State.COPIED, "Copied") for source, target in sessions]
    return {
        number: Device(number, size=size, sessions=tuple(s for s in made if number in (s.source, s.target)))
        for number, size in ((SOURCE, sizes[0]), (TARGET, sizes[1]))
    }


@pytest.mark.parametrize(
    ("source", "target", "shown", "wrong"),
    [
        (SOURCE, TARGET, devices((SOURCE, TARGET)), ""),
        (SOURCE, TARGET, devices(), ""),
        (SOURCE, TARGET, devices((SOURCE, TARGET), (SOURCE, OTHER)), ""),
        (None, TARGET, devices((SOURCE, TARGET)), "DEV001 is not in the device group"),
        (SOURCE, None, devices((SOURCE, TARGET)), "CLONE001 is not in the device group"),
        (OTHER, TARGET, devices((SOURCE, TARGET)), "is device 1111"),
        (SOURCE, TARGET, {SOURCE: Device(SOURCE)}, "shows no device 4321"),
        (SOURCE, TARGET, devices((OTHER, TARGET)), "target of source 1111, not of 1234"),
        (SOURCE, TARGET, devices((TARGET, SOURCE)), "the wrong way round"),
        (
            SOURCE,
            TARGET,
            devices((SOURCE, TARGET), (TARGET, OTHER)),
            "itself the source of a copy on to 1111",
        ),
        (SOURCE, TARGET, devices((SOURCE, TARGET), sizes=(101, 100)), "less than the source's 101 MB"),
        (SOURCE, TARGET, devices((SOURCE, TARGET), sizes=(100, 101)), ""),
        (SOURCE, TARGET, devices((SOURCE, TARGET), sizes=(None, 100)), ""),
    ],
)
def test_pair(source: int | None, target: int | None, shown: dict[int, Device], wrong: str) -> None:
    pair = see_pair(PAIR, source, target, shown)
    assert bool(pair.wrong) == bool(wrong)
    assert wrong in pair.wrong
    if not wrong and shown[TARGET].sessions:
        assert pair.session is not None and (pair.session.source, pair.session.target) == (SOURCE, TARGET)


def test_a_session_of_the_source_with_another_target_is_not_the_pair() -> None:
    assert see_pair(PAIR, SOURCE, TARGET, devices((SOURCE, OTHER))).state is State.NONE


def test_two_sessions_of_one_pair_are_refused() -> None:
    both = tuple(Session(SOURCE, TARGET, state, str(state)) for state in (State.COPIED, State.FAILED))
    shown = {SOURCE: Device(SOURCE, sessions=both), TARGET: Device(TARGET, sessions=both)}
    assert "more than one session" in see_pair(PAIR, SOURCE, TARGET, shown).wrong


def test_refusal_names_service_sync_and_pair() -> None:
    with pytest.raises(Refused) as raised:
        refuse_wrong_pairs("billing", sync(2), seen("Copied", "wrong source"))
    assert "Service billing, sync data" in str(raised.value)
    assert "1001:2001" not in str(raised.value) and "1001 -> 2001: wrong source" in str(raised.value)
    assert "Nothing was sent" in str(raised.value)


@pytest.mark.parametrize("target", ["2000", "0000"])
def test_a_target_of_two_pairs_is_refused_whatever_its_number(target: str) -> None:
    pairs = [f"1000:{target}", f"1001:{target}"]
    configured = sync(pairs=pairs)
    both = tuple(
        PairSeen(pair, pair.source_device, pair.target_device, None, source_size=1, target_size=1)
        for pair in configured.pairs
    )
    with pytest.raises(Refused, match="also a source or a target of another pair"):
        refuse_wrong_pairs("billing", configured, SyncSeen("data", "000190101234", NOON, both))


def test_a_target_that_is_the_source_of_another_pair_is_refused() -> None:
    configured = sync(pairs=["1000:2000", "2000:3000"])
    both = tuple(PairSeen(pair, pair.source_device, pair.target_device, None) for pair in configured.pairs)
    with pytest.raises(Refused, match="1000 -> 2000: its target is also a source"):
        refuse_wrong_pairs("billing", configured, SyncSeen("data", "000190101234", NOON, both))


@pytest.mark.parametrize("printed", ["1a10", "01A10", "001A10"])
def test_a_number_keeps_the_zeros_that_its_array_prints(printed: str) -> None:
    """A device is compared by its number, and shown as whoever looks for it finds it."""
    number = DeviceNumber(printed)
    assert number == 0x1A10 and {0x1A10: "x"}[number] == "x" and json.dumps(number) == "6672"
    assert device_text(number) == device_text(copy.deepcopy(number)) == printed.upper()
    assert device_text(0x1A10) == "1A10" and device_text(None) == "?"
    assert pair_key(printed.upper(), "01AB4") == pair_key("1A10", "1AB4")
