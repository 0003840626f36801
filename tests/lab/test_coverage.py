"""The coverage table and what the lab does agree, both ways."""

from __future__ import annotations

from typing import Any

import pytest

from lab import states
from lab.__main__ import main
from lab.tools import coverage

A, PAIR = "000190101234", (0x1234, 0x4321)
TABLE = coverage.table()
ANSWERS = coverage.answers()


def test_the_page_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", "--check"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("section", sorted(ANSWERS))
def test_nothing_is_left_out_and_nothing_is_invented(section: str) -> None:
    entries = set(getattr(TABLE, section))
    optional = coverage.special_options() if section == "options" else set()
    assert ANSWERS[section] - entries == set(), "answered without an entry"
    assert entries - ANSWERS[section] - optional == set(), "entries of nothing"


def test_every_source_is_used_and_known() -> None:
    used = {f.source for f in TABLE.forms} | {x.source for s in TABLE.switches.values() for x in s.settings}
    for section in coverage.ENTRIES:
        used |= {e.source for e in getattr(TABLE, section).values()}
    assert used == set(TABLE.sources)


@pytest.mark.parametrize("name", sorted(TABLE.switches))
def test_every_setting_of_a_switch_is_there(name: str) -> None:
    listed = [x.set for x in TABLE.switches[name].settings]
    every = coverage.settings_of(name)
    assert every is None or sorted(map(str, listed)) == sorted(map(str, every))
    coverage.Switches.model_validate({name: listed[-1]})
    assert getattr(coverage.Switches(), name) in listed, "the default"


@pytest.mark.parametrize("form", TABLE.forms, ids=lambda f: f.line)
@pytest.mark.may_break(1, 6)
async def test_forms_end_as_the_table_says(bench: Any, form: coverage.Form) -> None:
    array = bench.world.array("001")
    if "/tmp/new" in form.line:
        array.remove((0x1A12, 0x1AB6))
    files = bench.world.host("symcli01").files
    files.put("/tmp/pairs", "01A10 01AB4\n01A11 01AB5\n", "symcli")
    files.put("/tmp/commented", "## made for lnxpp\n01A10 01AB4\n\n## the end\n", "symcli")
    files.put("/tmp/new", "01A12 01AB6\n", "symcli")
    status, out, err = await bench.run("symcli01", "/usr/symcli/bin/" + form.line, form.stdin)
    assert status == form.exit, out + err


@pytest.mark.parametrize("key", sorted(TABLE.transitions))
@pytest.mark.may_break(1, 3)
async def test_transitions_end_as_the_table_says(bench: Any, key: str) -> None:
    action, _, before = key.partition(": ")
    array = bench.world.array(A)
    if before == states.NONE:
        array.remove(PAIR)
    else:
        array.put(PAIR, before, 13000 if before in states.MOVING else None)
    if action == "by itself":
        if before in (states.CREATE_IN_PROG, states.TERMINATE_IN_PROG):
            array.switches.create_seconds = array.switches.terminate_seconds = 5
            array.put(PAIR, "Copied")
            array.remove(PAIR) if before == states.CREATE_IN_PROG else None
            start = "create" if before == states.CREATE_IN_PROG else "terminate"
            await bench.run("symcli01", f"/usr/symcli/bin/symclone -g DGCVI -tgt {start} -nop")
            assert bench.state(A, "1234", "4321") == before
        await bench.clock.advance(60)
    else:
        line = f"/usr/symcli/bin/symclone -g DGCVI {action} -nop DEV001 sym ld CLONE001"
        status, _, err = await bench.run("symcli01", line)
        assert status == 0, err
    assert bench.state(A, "1234", "4321") == TABLE.transitions[key].to


@pytest.mark.parametrize("key", sorted(TABLE.again))
@pytest.mark.may_break(6)
async def test_again_is_18_and_changes_nothing(bench: Any, key: str) -> None:
    action, _, state = key.partition(": ")
    bench.world.array(A).put(PAIR, state, 1e5)
    line = f"/usr/symcli/bin/symclone -g DGCVI {action} -nop DEV001 sym ld CLONE001"
    assert (await bench.run("symcli01", line))[0] == 18
    assert bench.state(A, "1234", "4321") == state


def _not_taken() -> list[tuple[str, str]]:
    return [
        (action, state)
        for action, taken in states.TAKEN_FROM.items()
        for state in sorted(set(states.ALL) - taken - states.LEADS_TO.get(action, frozenset()))
    ]


@pytest.mark.parametrize(("action", "state"), _not_taken())
@pytest.mark.may_break(6)
async def test_any_other_state_is_refused(bench: Any, action: str, state: str) -> None:
    bench.world.array(A).put(PAIR, state, 1e5)
    line = f"/usr/symcli/bin/symclone -g DGCVI {action} -nop DEV001 sym ld CLONE001"
    status, _, err = await bench.run("symcli01", line)
    assert status in (1, 23) and f"'{state}' state" in err
    assert bench.state(A, "1234", "4321") == state


def test_usage() -> None:
    assert main(["coverage", "more"]) == 2
