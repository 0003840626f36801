"""The fuzz itself: what it plays again is the same, it keeps what must be kept, and it finds what is wrong.

It plugs the lab into the product's modules, so each is a process of its own.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

from fuzz.cases import ACTIONS, KINDS, WAYS, Case, drawn, every
from tests.conftest import ROOT

HERE = Path(__file__).parent
THRICE = (
    "lnxts refresh overlap+hooks+consistent+retries0 "
    "215:killed-after,241:killed-after,271:killed-after trigger 0"
)
"""The start on the other set dies, so does the way back to the former one, and so does the rewind that is
then asked for."""
UNLIKE = "aastmphpux refresh overlap+consistent+retries0 22:admin-start trigger 0"
"""Somebody mounts the file system by hand when the service was stopped, before its disks are resynced."""


def fuzz(*arguments: str, program: tuple[str, ...] = ("-m", "fuzz")) -> tuple[int, str]:
    """Its exit code, and what it printed."""
    ended = subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    return ended.returncode, ended.stdout + ended.stderr


def fifty(_: Case) -> int:
    return 50


def test_a_seed_draws_the_same_cases_and_each_can_be_written_down() -> None:
    first, second = ([drawn(random.Random(7), fifty)] for _ in range(2))
    assert first == second
    chance = random.Random(8)
    cases = [drawn(chance, fifty) for _ in range(2000)]
    assert [Case.read(str(case)) for case in cases] == cases
    assert {fault.kind for case in cases for fault in case.faults} == set(KINDS)
    assert {case.way for case in cases} == set(WAYS) and {case.service for case in cases} == set(ACTIONS)
    assert {len(case.faults) for case in cases} == {1, 2}


def test_all_of_a_service_is_every_fault_at_every_command() -> None:
    cases = list(every("lnxpp", fifty))
    assert len(set(map(str, cases))) == len(ACTIONS["lnxpp"]) * 50 * len(KINDS) * len(WAYS)


def test_what_is_known_to_be_kept_is_kept() -> None:
    code, printed = fuzz("--file", str(HERE / "kept.txt"), "--seconds", "600")
    lines = [line for line in (HERE / "kept.txt").read_text().splitlines() if re.match(r"\w", line)]
    assert code == 0, printed
    assert re.search(rf"fuzz: {len(lines)} cases, \d+ runs, \d+ faults, 0 breaches", printed), printed


def test_a_service_with_target_sets_is_killed_on_its_way() -> None:
    """All of it: `scripts/fuzz --all lnxts --kinds killed`."""
    code, printed = fuzz(
        *("--all", "lnxts", "--actions", "refresh|rewind", "--kinds", "killed-after"),
        *("--ways", "trigger", "--step", "7", "--seconds", "600"),
    )
    assert code == 0, printed
    found = re.search(r"fuzz: (\d+) cases, \d+ runs, (\d+) faults, 0 breaches", printed)
    assert found and found[1] == found[2] and int(found[1]) > 40, printed


def test_a_case_is_told_command_by_command() -> None:
    code, printed = fuzz("--case", UNLIKE)
    assert code == 0, printed
    assert "22:admin-start at stop.service" in printed and "Service aastmphpux is not down" in printed
    line = r"^ +\d+ [\d:]+ #\d+ symcli01\$ \(fence\) .*/symclone .* -noprompt recreate .*-> 0 .*PreCopy"
    assert re.search(line, printed, re.M), printed


def test_a_product_that_does_not_mask_is_found_out() -> None:
    case = "lnxpp refresh overlap+hooks+consistent+retries0 5:killed-after trigger 0"
    code, printed = fuzz("--case", case, program=(str(HERE / "without_mask.py"),))
    assert code == 1 and "an application is started on data that is not masked" in printed, printed


def test_a_product_that_does_not_look_is_found_out(tmp_path: Path) -> None:
    cases = tmp_path / "cases.txt"
    cases.write_text(UNLIKE + "\n")
    program = (str(HERE / "without_proof.py"),)
    code, printed = fuzz("--file", str(cases), program=program)
    assert code == 1, printed
    assert f"--case '{UNLIKE}'" in printed
    assert re.search(r"invariant 1, line \d+: recreate of .* while aastmphpux uses it", printed), printed
    assert printed.splitlines()[-1].startswith("fuzz: 1 cases,") and ", 1 breaches" in printed


def test_a_product_that_does_what_its_plan_leaves_out_is_found_out(tmp_path: Path) -> None:
    """Ended from outside, and cleared as it says itself: the first task that is not green was left out."""
    case = "lnxts rewind overlap+consistent+retries0 70:killed-after outside 0"
    cases = tmp_path / "cases.txt"
    cases.write_text(case + "\n")
    code, printed = fuzz("--file", str(cases))
    assert code == 0, printed
    code, printed = fuzz("--file", str(cases), program=(str(HERE / "without_phases.py"),))
    assert code == 1 and "of a run with the action rewind: recreate" in printed, printed


def test_a_product_that_forgets_the_good_set_is_found_out(tmp_path: Path) -> None:
    cases = tmp_path / "cases.txt"
    cases.write_text(THRICE + "\n")
    code, printed = fuzz("--file", str(cases), program=(str(HERE / "without_good_set.py"),))
    assert code == 1 and f"--case '{THRICE}'" in printed, printed
    said = r"invariant 12, line \d+: .* well on no other copy than that of set a, and .*:0C01>0D01 is overwr"
    assert re.search(said, printed), printed
