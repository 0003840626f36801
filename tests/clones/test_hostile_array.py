"""Whatever is configured and whatever the array answers: no wrong pair is accepted (D4), and nothing is read
into an answer that does not stand in it (D2).
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clones.asking.processes import processes
from clones.asking.steps import Command, Result, Steps
from clones.backends.symclone import act as resync_and_break
from clones.backends.symclone import output
from clones.backends.symclone.running import still_running
from clones.config import Config
from clones.config.scope import Scope
from clones.errors import CloneError, MustWait, Refused
from clones.runs.copies import refuse_shared_devices
from clones.runs.refresh import plan
from clones.services_yaml.checks import check_pairs_across
from clones.services_yaml.file import scope_from
from clones.states import ACTIVE, PREPARED, Session
from tests.clones.backends.symclone.test_texts import GROUP
from tests.clones.cases_in_tables import CASES
from tests.clones.observe.test_running_commands import WHOLE as PS
from tests.clones.test_hostile import hostile
from tests.clones.written_array import SYMID, Array, Copy, drive
from tests.support.tables import load_yaml

NUMBERS = (0x0000, 0x0001, 0x0002, 0x1234, 0x01A2B, 0xFFFFF)
STATES = ("Copied", "Copied", "PreCopy", "CopyInProg", "Split", "Failed", "SyncInProg")
NOON = datetime(2026, 11, 23, 12)
End = tuple[str, str, int | None]
"""Device group or nothing, name in it or nothing, and the number if one is configured."""

numbers = st.sampled_from(NUMBERS)


@st.composite
def syncs(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A sync by numbers, by names or by pinned names, over few devices, so that they often meet."""
    form = draw(st.sampled_from(("numbers", "names", "pinned")))
    count = 2 * draw(st.integers(1, 2))
    ends = draw(st.lists(numbers, min_size=count, max_size=count, unique=draw(st.booleans())))
    spelt = [f"{end:04X}" for end in ends]
    if form != "numbers":
        names = draw(st.permutations("ABCD"))
        spelt = [one if form == "names" else f"{one}={end}" for one, end in zip(names, spelt, strict=False)]
    made: dict[str, Any] = {
        "name": name,
        "pairs": [":".join(two) for two in zip(spelt[::2], spelt[1::2], strict=True)],
    }
    if form != "numbers":
        made["symdg"] = draw(st.sampled_from(("DG1", "DG2")))
    if form == "numbers" or draw(st.booleans()):
        made["symid"] = SYMID
    return made


@st.composite
def services(draw: st.DrawFn) -> dict[str, Any]:
    app = {"name": "db", "start": ["/opt/db"], "stop": ["/opt/db"], "check": ["/opt/db"]}
    return {
        "control_host": "control",
        "sync_max_delay": 1440,
        "hosts": [{"connection": "host", "family": "linux"}],
        "resources": [{"app": app}],
        "syncs": [draw(syncs(name)) for name in ("data", "archivelogs")[: draw(st.integers(1, 2))]],
    }


def ends_of(sync: dict[str, Any]) -> list[tuple[End, End]]:
    """Source and target of each configured pair, as the configuration has written them."""
    pairs = []
    for text in sync["pairs"]:
        source, target = (end.partition("=") for end in text.split(":"))
        if "symdg" in sync:
            one, two = (
                (sync["symdg"], end[0], int(end[2], 16) if end[2] else None) for end in (source, target)
            )
        else:
            one, two = (("", "", int(end[0], 16)) for end in (source, target))
        pairs.append((one, two))
    return pairs


@st.composite
def arrays(draw: st.DrawFn, service: dict[str, Any]) -> Array:
    """An array on which the configured pairs are as they should be, but for some that are not."""
    array = Array(NOON, {"DG1": {}, "DG2": {}}, dict.fromkeys(NUMBERS, 100))
    for sync in service["syncs"]:
        for pair in ends_of(sync):
            stands = []
            for group, name, number in pair:
                stands.append(number if number is not None else draw(numbers))
                if group:
                    stands[-1] = array.groups[group].setdefault(name, stands[-1])
            array.copies.append(Copy(stands[0], stands[1], draw(st.sampled_from(STATES)), NOON))
    for _ in range(draw(st.integers(0, 2))):
        match draw(st.integers(0, 8)):
            case 0:
                array.copies.append(Copy(draw(numbers), draw(numbers), "Copied", NOON))
            case 1 if array.copies:
                draw(st.sampled_from(array.copies)).source = draw(numbers)
            case 2 if array.copies:
                copy = draw(st.sampled_from(array.copies))
                copy.source, copy.target = copy.target, copy.source
            case 3:
                array.groups[draw(st.sampled_from(("DG1", "DG2")))][draw(st.sampled_from("ABCD"))] = draw(
                    numbers
                )
            case 4:
                array.groups[draw(st.sampled_from(("DG1", "DG2")))].pop(draw(st.sampled_from("ABCD")), None)
            case 5 if array.copies:
                array.sizes.pop(draw(st.sampled_from(array.copies)).source, None)
            case 6 if array.copies:
                array.sizes[draw(st.sampled_from(array.copies)).target] = draw(
                    st.sampled_from((99, 101, None))
                )
            case 7 if array.copies:
                array.copies.remove(draw(st.sampled_from(array.copies)))
            case 8 if array.copies:
                copy = draw(st.sampled_from(array.copies))
                array.copies.append(Copy(copy.source, copy.target, draw(st.sampled_from(STATES)), NOON))
    return array


def faults(sync: dict[str, Any], array: Array) -> tuple[list[str], list[tuple[int, int]]]:
    """What is wrong about a sync's pairs, judged by the array's own records; and their numbers."""
    wrong, found = [], []
    for pair in ends_of(sync):
        stands = [array.groups[group].get(name) if group else number for group, name, number in pair]
        for (_, _, configured), number in zip(pair, stands, strict=True):
            if number is None or number not in array.sizes or configured not in (None, number):
                wrong.append(f"{pair}: no such device")
        source, target = stands
        if source is None or target is None:
            continue
        found.append((source, target))
        small, need = array.sizes.get(target), array.sizes.get(source)
        if small is not None and need is not None and small < need:
            wrong.append(f"{pair}: too small")
        onto = [copy for copy in array.copies if copy.target == target]
        if any(copy.source != source for copy in onto) or any(copy.source == target for copy in array.copies):
            wrong.append(f"{pair}: another copy")
        if len({copy.state for copy in onto}) > 1:
            wrong.append(f"{pair}: in two states")
    return wrong + shared(found), found


def shared(pairs: list[tuple[Any, Any]]) -> list[str]:
    """Targets of two pairs, and targets that are sources."""
    targets = Counter(target for _, target in pairs)
    return [
        f"{device} is overwritten"
        for device, count in targets.items()
        if count > 1 or device in {source for source, _ in pairs}
    ]


NOTHING_RUNS = (
    "UID PID PPID C STIME TTY TIME CMD\nroot 1 0 0 0:0 ? 0:0 init\n"
    "x 8 1 0 0:0 ? 0:0 /usr/bin/ps -ef\nsymclone-end\n"
)


class Sent(Exception):
    """A control command would be sent now."""


def others(command: Command) -> Result | None:
    """The service is down and nothing else runs; nothing is ever changed."""
    if command.changes:
        raise Sent(command.line())
    if command.words == ("/opt/db",):
        return Result(command, 3)
    if command.title == "/usr/bin/ps -ef":
        return Result(command, 0, stdout=NOTHING_RUNS)
    return None


def accepted(scope: Scope, array: Array) -> bool:
    """Whether every action but `stop` would find the pairs right."""

    def look() -> Steps[None]:
        seen = []
        for sync in scope.service.syncs:
            seen.append((yield from resync_and_break.look(scope, sync)))
        refuse_shared_devices(scope, seen)

    try:
        drive(look(), array, others)
    except Refused as error:
        assert error.remedy
        return False
    return True


def test_no_wrong_pair_is_accepted_and_no_right_one_refused() -> None:
    outcomes: Counter[tuple[bool, bool]] = Counter()

    @settings(hostile, max_examples=max(300, hostile.max_examples))  # it counts what it met
    @given(st.data())
    def judge(data: st.DataObject) -> None:
        service = data.draw(services())
        array = data.draw(arrays(service))
        try:
            scope = scope_from({"name": "svc", **service})
        except CloneError:
            return
        judged = [faults(sync, array) for sync in service["syncs"]]
        wrong = [fault for found, _ in judged for fault in found] + shared(
            [p for _, pairs in judged for p in pairs]
        )
        goes_on = accepted(scope, array)
        outcomes[bool(wrong), goes_on] += 1
        assert goes_on == (not wrong), wrong
        for (found, _), sync in zip(judged, scope.service.syncs, strict=True):
            for step in (resync_and_break.create, resync_and_break.resync, resync_and_break.split):
                try:
                    drive(step(scope, sync), array, others)
                except Sent as command:
                    assert not found, f"{command} is sent although {found}"
                except CloneError:
                    pass

    judge()
    assert outcomes[True, False] > 40 and outcomes[False, True] > 40, f"it must meet both: {outcomes}"


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({"A": 1, "B": 2, "C": 2, "D": 4}, "0002 is the source of sync archivelogs"),
        ({"A": 1, "B": 2, "C": 1, "D": 2}, "0002 is the target of sync data"),
        ({"A": 1, "B": 2, "C": 4, "D": 1}, "0001 is itself the source of a copy"),
    ],
)
def test_names_of_two_syncs_that_stand_for_one_device(numbers: dict[str, int], says: str) -> None:
    """Only the array knows; it has the one session that the pairs agree on."""
    syncs = [
        {"name": name, "symdg": "DG", "pairs": [pair]}
        for name, pair in (("data", "A:B"), ("archivelogs", "C:D"))
    ]
    array = Array(NOON, {"DG": numbers}, dict.fromkeys((1, 2, 4), 100), [Copy(1, 2, "Copied", NOON)])
    with pytest.raises(Refused, match=says):
        drive(plan(scope_from({**BY_NUMBERS, "syncs": syncs}), "resync"), array, others)


def test_no_configuration_with_a_device_that_is_overwritten_by_another_service() -> None:
    outcomes: Counter[bool] = Counter()

    @settings(hostile, max_examples=max(200, hostile.max_examples))  # it counts what it met
    @given(st.lists(services(), min_size=1, max_size=3))
    def judge(found: list[dict[str, Any]]) -> None:
        config = Config.model_validate({"services": {f"s{n}": service for n, service in enumerate(found)}})
        every = [sync for service in found for sync in service["syncs"]]
        by_name = [
            tuple(end[:2] for end in pair) for sync in every if "symdg" in sync for pair in ends_of(sync)
        ]
        known = [
            tuple((SYMID, end[2]) for end in pair)
            for sync in every
            for pair in ends_of(sync)
            if None not in (pair[0][2], pair[1][2])
        ]
        wrong = shared(by_name) + shared(known)
        outcomes[bool(wrong)] += 1
        assert bool(check_pairs_across(config)) == bool(wrong), wrong

    judge()
    assert outcomes[True] > 40 and outcomes[False] > 40, f"it must meet both: {outcomes}"


DEVICES = [case["text"] for case in load_yaml((CASES / "symcli" / "devices.yaml").read_text())]
SAMPLES = [*DEVICES, GROUP, PS]
SCRAPS = [
    "",
    "<",
    ">",
    "&",
    "<!-- -->",
    "<![CDATA[Copied]]>",
    "&#67;",
    "<CLONE_Device/>",
    "Copied",
    "-1",
    "²",
    "1" * 5000,
]
SCRAPS += [
    "\x00",
    "\ud800",
    "+01:00",
    "T24:00:00",
    "<!DOCTYPE a [<!ENTITY b SYSTEM '/etc/passwd'>]>&b;",
    "</SymCLI_ML>",
    "0x12",
]


@st.composite
def garbled(draw: st.DrawFn, samples: list[str]) -> str:
    """A sample in which pieces are lost, doubled or replaced."""
    text = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        until = min(len(text), at + draw(st.integers(0, 20)))
        put = draw(st.sampled_from(SCRAPS) | st.text(max_size=5) | st.just(2 * text[at:until]))
        text = text[:at] + put + text[until:]
    return text


def check_sessions(sessions: list[Session], text: str) -> None:
    for session in sessions:
        if session.state in ACTIVE | PREPARED:
            plain = re.sub(r"<!--.*?-->|<!\[CDATA\[|\]\]>", "", text.replace("&#67;", "C"), flags=re.DOTALL)
            assert session.written in plain and session.written.lower() == session.state.value.lower()


@hostile
@given(garbled(SAMPLES) | st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "replace")))
def test_no_answer_is_read_for_more_than_it_says(text: str) -> None:
    with contextlib.suppress(CloneError):
        found = output.read_devices(text)
        check_sessions([one for device in found.devices.values() for one in device.sessions], text)
        assert found.clock.tzinfo is None, "it is compared with times without zone"
    with contextlib.suppress(CloneError):
        assert all(name in text for name in output.read_group(text).devices)
    with contextlib.suppress(CloneError):
        rows = processes(Result(Command("h", ("ps",)), 0, text), "h", "x")
        still_running(rows, "svc", scope_from(BY_NUMBERS).service.syncs[0])


BY_NUMBERS = {
    "name": "svc",
    "control_host": "control",
    "sync_max_delay": 60,
    "resources": [],
    "unattended": True,
    "syncs": [{"name": "data", "symid": SYMID, "pairs": ["1234:4321"]}],
}


@hostile
@given(garbled(DEVICES[:1]), st.sampled_from(("refresh", "resync", "break")))
def test_a_plan_on_a_garbled_answer_ends_in_words(text: str, action: str) -> None:
    """It goes on only where the one session is read as it stands, and at rest."""

    def answers(command: Command) -> Result:
        return Result(command, 0, stdout=text)

    with contextlib.suppress(CloneError):
        found = drive(plan(scope_from(BY_NUMBERS), action), Array(NOON), answers).to_plain()
        (pair,) = found["syncs"][0]["pairs"]
        assert (pair["source"], pair["target"], pair["wrong"]) == (0x1234, 0x4321, "")
        assert pair["state"] in text


def test_the_sample_itself_is_understood() -> None:
    with pytest.raises(MustWait, match="CopyInProg"):
        drive(
            plan(scope_from(BY_NUMBERS), "refresh"),
            Array(NOON),
            lambda command: Result(command, 0, DEVICES[0]),
        )
