"""Every setting of every switch, seen through the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from lab.tools import coverage

A, B = "000190101234", "000297600001"
ON = "-nop DEV001 sym ld CLONE001"
GROUP = "symclone -g DGCVI "
LOCKED = {"kind": "lock", "exit": 2, "count": 1}
SHOW = "symdev -sid 234 show 4321 -output xml_e"


@dataclass
class Case:
    """`commands` run one after the other from the state `before`.

    `answers` are (setting, exit code, text) of the last command; a text after ! must not be in it.
    """

    commands: list[str]
    answers: list[tuple[Any, int, str]]
    before: str = "Copied"
    fault: dict[str, Any] | None = None


CASES: dict[str, Case] = {
    "recreate_from_copyinprog": Case(
        [GROUP + "recreate " + ON],
        [("refused", 1, "'CopyInProg' state"), ("accepted", 0, "initiated")], "CopyInProg",
    ),
    "recreate_from_copyonaccess": Case(
        [GROUP + "recreate " + ON],
        [("accepted", 0, "initiated"), ("refused", 1, "'CopyOnAccess' state")], "CopyOnAccess",
    ),
    "restore_from_copyinprog": Case(
        [GROUP + "restore " + ON],
        [("accepted", 0, "initiated"), ("refused", 1, "'CopyInProg' state")], "CopyInProg",
    ),
    "copyinprog_needs_symforce": Case(
        [GROUP + "terminate " + ON],
        [(True, 23, "requires the -symforce option"), (False, 0, "executed")], "CopyInProg",
    ),
    "restinprog_needs_symforce": Case(
        [GROUP + "terminate " + ON],
        [(True, 23, "requires the -symforce option"), (False, 0, "executed")], "RestInProg",
    ),
    "control_messages_on": Case(
        [GROUP + "recreate " + ON + " 2>/dev/null"],
        [("stderr", 0, "!initiated"), ("stdout", 0, "successfully initiated")],
    ),
    "already_active_exit": Case([GROUP + "activate " + ON], [(18, 18, "already"), (1, 1, "already")]),
    "already_recreated_exit": Case(
        [GROUP + "recreate " + ON], [(18, 18, "already"), (1, 1, "already")], "Recreated",
    ),
    "not_confirmed_exit": Case(
        [GROUP + "recreate"], [(1, 1, "was not executed"), (0, 0, "was not executed")],
    ),
    "no_session_exit": Case(
        [GROUP + "query"], [(1, 1, "do not form"), (0, 0, "do not form")], "none",
    ),
    "no_groups_exit": Case(
        [*(f"symdg delete {group} -force" for group in ("DGCVI", "DGCVIARCH", "DGREP")), "symdg list"],
        [(1, 1, "No Symmetrix"), (0, 0, "No Symmetrix")],
    ),
    "precopy": Case(
        [GROUP + "recreate -precopy " + ON, GROUP + "query"],
        [("accepted", 0, "PreCopy"), ("refused", 0, "Copied"), ("ignored", 0, "Recreated")],
    ),
    "copy_option": Case(
        [GROUP + "create -copy " + ON],
        [("accepted", 0, "executed"), ("refused", 1, "-copy option is not supported")], "none",
    ),
    "concurrent_needed": Case(
        ["symclone -g DGCVIARCH terminate -nop",
         "printf '1234 4322' > /tmp/p", "symclone -sid 234 -f /tmp/p create -nop"],
        [(False, 0, "executed"), (True, 1, "requires the -concurrent option")],
    ),
    "whole_group_needs_tgt": Case(
        [GROUP + "recreate -nop"], [(False, 0, "initiated"), (True, 1, "do not form a Copy session")],
    ),
    "action_abbreviations": Case(
        [GROUP + "que"], [("accepted", 0, "Copied"), ("refused", 1, "unknown action 'que'")],
    ),
    "verb_not_seen": Case(
        [GROUP + "establish " + ON],
        [("initiated", 0, "successfully initiated"), ("executed", 0, "successfully executed")],
    ),
    "terminate_leaves_target": Case(
        [GROUP + "terminate -symforce " + ON, SHOW],
        [
            ("ready", 0, "<status>Ready<"), ("not_ready", 0, "<status>Not Ready<"),
            ("not_ready_if_unfinished", 0, "<status>Not Ready<"),
        ],
        "CopyInProg",
    ),
    "terminate_restored_leaves": Case(
        [GROUP + "terminate -restored " + ON, GROUP + "query"],
        [("Split", 0, " Split "), ("Copied", 0, " Copied ")], "Restored",
    ),
    "create_seconds": Case(
        [GROUP + "recreate " + ON, GROUP + "query"],
        [(0, 0, " Recreated "), (5, 0, " CreateInProg ")],
    ),
    "terminate_seconds": Case(
        [GROUP + "terminate " + ON, GROUP + "query"],
        [(0, 1, "do not form"), (5, 0, " TermInProg ")],
    ),
    "verify_codes": Case(
        [GROUP + "verify -recreated"],
        [({}, 70, "None of"), ({"recreated": 90, "copied": 92, "precopy": 94}, 91, "None of")],
    ),
    "verify_without_flag": Case(
        [GROUP + "verify"], [("copied", 0, "All"), ("refused", 1, "exactly one state option")],
    ),
    "verify_waits_for_locks": Case(
        [GROUP + "verify -copied -i 1 -c 5"],
        [(False, 2, "already locked"), (True, 0, "All")], fault=LOCKED,
    ),
    "default_interval": Case(
        [GROUP + "recreate -c 2 " + ON, "date +%M:%S"],
        [(10, 0, "00:10"), (30, 0, "00:30")], fault=LOCKED,
    ),
    "clone_flag_values": Case(
        [SHOW],
        [
            ("Enabled/Disabled", 0, "<vse>Disabled<"), ("True/False", 0, "<vse>False<"),
            ("X/.", 0, "<vse>.<"),
        ],
    ),
    "percent_sign": Case(
        [SHOW], [(False, 0, "<percent_copied>100<"), (True, 0, "<percent_copied>100%<")],
    ),
    "last_action_zone": Case(
        [GROUP + "recreate " + ON, SHOW],
        [("control_host", 0, " 05:00:00 2026<"), ("utc", 0, " 10:00:00 2026<")],
    ),
    "verbose_capacity": Case(
        [SHOW], [(True, 0, "<megabytes>"), (False, 0, "!<megabytes>")],
    ),
    "modified_tracks_counted": Case([GROUP + "query"], [(False, 0, " 0 CLONE001"), (True, 0, "131072")]),
    "query_legend": Case(
        [GROUP + "query"], [(True, 0, "Legend:"), (False, 0, "!Legend:")],
    ),
    "symdg_xml_prolog": Case(
        ["symdg -g DGCVI list ld -output xml_e"], [(False, 0, "!<?xml"), (True, 0, "<?xml")],
    ),
    "symdg_device_width": Case(
        ["symdg -g DGCVI list ld -output xml_e"],
        [(None, 0, ">4321<"), (4, 0, ">4321<"), (5, 0, ">04321<")],
    ),
    "symdg_lists_targets": Case(
        ["symdg -g DGCVI list ld -output xml_e"], [(True, 0, "CLONE001"), (False, 0, "!CLONE001")],
    ),
}  # fmt: skip


def test_every_setting_has_a_case() -> None:
    for name, switch in coverage.table().switches.items():
        assert [str(x.set) for x in switch.settings] == [str(a[0]) for a in CASES[name].answers], name
    assert set(CASES) == set(coverage.table().switches)


@pytest.mark.parametrize(
    ("name", "answer"),
    [(name, answer) for name, case in CASES.items() for answer in case.answers],
    ids=lambda v: v if isinstance(v, str) else str(v[0]),
)
@pytest.mark.may_break(1, 2, 3, 6)
async def test_a_setting(make_bench: Callable[..., Any], name: str, answer: tuple[Any, int, str]) -> None:
    from lab.config import load

    case = CASES[name]
    value, status, part = answer
    config = load().model_dump()
    config["arrays"][0]["switches"][name] = value
    config["hosts"][0]["timezone"] = "America/New_York"
    bench = make_bench(config)
    array = bench.world.array(A)
    array.remove((0x1234, 0x4321)) if case.before == "none" else None
    if case.before not in ("none", "Copied"):
        array.put((0x1234, 0x4321), case.before, 1e5)
    if case.fault:
        bench.world.faults.add(**case.fault)
    bench.clock.jumping = True
    for command in case.commands:
        program = command.split()[0]
        folder = "/usr/symcli/bin/" if program.startswith("sym") else ""
        got, out, err = await bench.run("symcli01", folder + command)
    said = out + err
    assert got == status and (part[1:] not in said if part.startswith("!") else part in said), said
