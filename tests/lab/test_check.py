"""The checker over small journals, which keep and break each of the invariants.

Short forms in the cases: `seq` counts from 1; an entry without `event` is a command; `control: ACTION` is
one of symclone on array 000190101234, with `from` and `to` for the states before and after by SRC>TGT.
`rest: ACTION` is a REST call (with `event: job` what a job did), with `linked` for the snapids before and
after.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from lab import Lab
from lab.__main__ import main
from lab.check import INVARIANTS, findings, read_services
from lab.check.fixture import hold, kept
from lab.check.services import pair_of
from tests.support.tables import load_yaml

__all__ = ["kept"]
FOLDER = Path(__file__).parent / "cases" / "check"
A = "000190101234"


def cases() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        text = load_yaml(path.read_text())
        found += [
            pytest.param(text.get("services"), case, id=f"{path.stem}: {case['name']}")
            for case in text["cases"]
        ]
    return found


def entry(seq: int, short: dict[str, Any]) -> dict[str, Any]:
    long = {"seq": seq, "event": "command", **short}
    if "rest" in long:
        return rest_entry(long)
    if long["event"] != "command":
        return long
    action = long.pop("control", None)
    if action:
        long["command"] = f"/usr/symcli/bin/symclone -g DG -noprompt {action}"
    words = shlex.split(long["command"])
    long = {
        "host": "symcli01", "stdout": "", "stderr": "", "words": words,
        "calls": [{"words": words, "exit": long["exit"]}], **long,
    }  # fmt: skip
    for short_name, name in (("from", "before"), ("to", "after")):
        if short_name in long:
            long[name] = {f"{A}:{k}": v for k, v in long.pop(short_name).items()}
    if "pairs" in long:
        long["pairs"] = [f"{A}:{k}" for k in long["pairs"]]
    return long


def rest_entry(long: dict[str, Any]) -> dict[str, Any]:
    if long["event"] == "command":
        long |= {"event": "request", "answered": long.get("answered", 200)}
    words = {
        name: long.pop(name)
        for name in ("group", "target", "name", "snapid", "flags", "gone")
        if name in long
    }
    long["change"] = {"action": long.pop("rest"), "symid": A, "group": "prod", **words}
    if "linked_to" in long:
        long["change"]["linked"] = long.pop("linked_to")
    linked = long.pop("linked", {})
    for number, part in enumerate(("before", "after")):
        states = long.pop(("from", "to")[number], {pair: "Copied" for pair in linked})
        long[part] = {f"{A}:{pair}": state for pair, state in states.items()}
        long[f"linked_{part}"] = {f"{A}:{k}": ids[number] for k, ids in linked.items() if ids[number]}
    return {"host": "unisphere01", "command": f"PUT {long['change']['action']}", **long}


@pytest.mark.parametrize(("services", "case"), cases())
def test_case(services: Any, case: dict[str, Any]) -> None:
    found = findings([entry(i, e) for i, e in enumerate(case["journal"], 1)], services)
    assert [(f.invariant, f.seq) for f in found] == [(w["invariant"], w["seq"]) for w in case["findings"]], (
        found
    )
    for one, wanted in zip(found, case["findings"], strict=True):
        assert one.host == wanted.get("host") and one.pair == wanted.get("pair"), one
        assert wanted.get("text", "") in one
        assert one.startswith(f"invariant {one.invariant}, line {one.seq}: ")


def test_every_invariant_has_cases_that_keep_and_break_it() -> None:
    broken, kept_by = set(), set()
    for path in FOLDER.glob("*.yaml"):
        for case in load_yaml(path.read_text())["cases"]:
            broken |= {f["invariant"] for f in case["findings"]}
            if not case["findings"]:
                kept_by.add(int(re.match(r"\d+", path.name)[0]))  # type: ignore[index]
    assert broken == kept_by == set(INVARIANTS) == set(range(1, 15))


def test_services_are_read_from_a_file_and_by_logical_names(tmp_path: Path) -> None:
    path = tmp_path / "services.yaml"
    path.write_text(
        "services:\n  cvi:\n    hosts: [{connection: h, family: linux}]\n    syncs:\n"
        f"      - {{name: data, symid: '{A}', symdg: DG,\n"
        "         pairs: ['DEV001:CLONE001', 'D=1235:C=4322', '1236:4323']}\n"
    )
    (service,) = read_services(path, {"DG": {"DEV001": "1234", "CLONE001": "4321"}})
    assert service.name == "cvi" and service.hosts == ("h",)
    assert service.pairs == {pair_of(f"{A}:{p}") for p in ("1234>4321", "1235>4322", "1236>4323")}
    with pytest.raises(ValueError, match="no such logical names"):
        read_services(path)


SERVICES = {
    "cvi": {"hosts": ["aastmphpux"], "syncs": [
        {"name": "data", "symid": A, "symdg": "DGCVI", "pairs": ["DEV001:CLONE001"]},
        {"name": "logs", "symid": A, "symdg": "DGCVIARCH", "pairs": ["DEV001:CLONE001"]},
    ]},
}  # fmt: skip


def test_a_lab_names_services_groups_and_what_tests_set(tmp_path: Path, kept: Any) -> None:
    with Lab(directory=tmp_path, clock="manual", services=SERVICES) as lab:
        kept(lab)
        start = lab.journal[0]
        assert start["services"] == SERVICES
        assert start["groups"]["DGCVI"] == {"DEV001": "1234", "CLONE001": "4321"}
        lab.set_state(A, "1234", "4321", "Failed")
        assert lab.journal[-1]["pairs"] == {f"{A}:1234>4321": "Failed"}
        seq = lab.note("approval", service="cvi")
        assert lab.journal[-1]["note"] == "approval" and lab.journal[-1]["seq"] == seq
        assert findings(lab.journal) == []


def test_hold_says_what_is_wrong_and_what_should_have_been() -> None:
    torn = {"seq": 1, "event": "torn", "host": "h", "volume": "v", "during": "mount", "reason": "x"}
    hold([torn], breaks={5})
    with pytest.raises(AssertionError, match="invariant 5, line 1: h: mount of v"):
        hold([torn])
    with pytest.raises(AssertionError, match="nothing in the journal breaks invariant 5"):
        hold([], breaks={5})


def test_check_takes_services(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_text('{"seq": 1, "event": "command", "command": "ls *", "host": "h", "exit": 0}\n')
    (tmp_path / "services.yaml").write_text("services: {cvi: {syncs: []}}\n")
    assert main(["check", str(journal)]) == 0
    assert main(["check", "--services", str(tmp_path / "services.yaml"), str(journal)]) == 1
    assert "invariant 8, line 1: h: not one command" in capsys.readouterr().out
