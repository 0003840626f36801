from __future__ import annotations

from typing import Any

import pytest

from lab import states

S = "/usr/symcli/bin/symclone "
A, B = "000190101234", "000297600001"
PAIR = "DEV001 sym ld CLONE001"
TRACKS = 327680

# action, state before, exit, state after
TABLE = [
    ("create", "none", 0, "Created"),
    ("create -precopy", "none", 0, "PreCopy"),
    ("create", "Copied", 1, "Copied"),
    ("activate", "Created", 0, "CopyInProg"),
    ("activate", "PreCopy", 0, "CopyInProg"),
    ("activate", "Recreated", 0, "CopyInProg"),
    ("activate", "none", 1, "none"),
    ("activate", "Split", 1, "Split"),
    ("activate", "Failed", 1, "Failed"),
    ("activate", "RestInProg", 1, "RestInProg"),
    ("activate", "Copied", 18, "Copied"),
    ("activate", "CopyInProg", 18, "CopyInProg"),
    ("recreate", "Copied", 0, "Recreated"),
    ("recreate -precopy", "Copied", 0, "PreCopy"),
    ("recreate", "Split", 0, "Recreated"),
    ("recreate", "CopyOnWrite", 0, "Recreated"),
    ("recreate", "CopyOnAccess", 0, "Recreated"),
    ("recreate", "CopyInProg", 1, "CopyInProg"),
    ("recreate", "Recreated", 18, "Recreated"),
    ("recreate -precopy", "PreCopy", 18, "PreCopy"),
    ("recreate", "Created", 1, "Created"),
    ("recreate", "Restored", 1, "Restored"),
    ("recreate", "Invalid", 1, "Invalid"),
    ("recreate", "none", 1, "none"),
    ("restore", "Copied", 0, "RestInProg"),
    ("restore", "CopyInProg", 0, "RestInProg"),
    ("restore", "Created", 1, "Created"),
    ("split", "Restored", 0, "Split"),
    ("split", "Copied", 1, "Copied"),
    ("terminate -restored", "Restored", 0, "Split"),
    ("terminate -restored", "RestInProg", 1, "RestInProg"),
    ("terminate -restored", "Copied", 1, "Copied"),
    ("terminate", "Copied", 0, "none"),
    ("terminate", "Created", 0, "none"),
    ("terminate", "Failed", 0, "none"),
    ("terminate", "CopyInProg", 23, "CopyInProg"),
    ("terminate -symforce", "CopyInProg", 0, "none"),
    ("terminate", "none", 1, "none"),
]


@pytest.mark.parametrize(
    ("action", "before", "status", "after"), TABLE, ids=lambda v: str(v).replace(" ", "")
)
@pytest.mark.may_break(1, 3, 6)
async def test_transition(bench: Any, action: str, before: str, status: int, after: str) -> None:
    array = bench.world.array(A)
    if before == "none":
        array.remove((0x1234, 0x4321))
    else:
        array.put((0x1234, 0x4321), before)
    got, _, err = await bench.run("symcli01", f"{S}-g DGCVI {action} -noprompt {PAIR}")
    assert (got, bench.state(A, "1234", "4321")) == (status, after), err
    entry = bench.journal.entries[-1]
    assert entry["before"] == {f"{A}:1234>4321": before}
    assert entry["after"] == {f"{A}:1234>4321": after}
    if status:
        assert "successfully" not in err


@pytest.mark.parametrize("state", states.ALL)
async def test_verify_codes(bench: Any, state: str) -> None:
    """0 all, k some, k+1 none, for every flag."""
    array = bench.world.array(A)
    other = "Failed" if state != "Failed" else "Copied"
    flag = f"-{state.lower()}"
    if flag not in states.VERIFY:
        pytest.skip("no flag")
    code = states.VERIFY[flag][1]
    for (first, second), expected in {
        (state, state): 0,
        (state, other): code,
        (other, other): code + 1,
    }.items():
        array.put((0x1236, 0x4323), first, 100)
        array.put((0x1237, 0x4324), second, 100)
        status, out, err = await bench.run("symcli01", f"{S}-g DGREP verify {flag}")
        assert (status, err) == (expected, "")
        assert out.splitlines()[0] == "" and out.splitlines()[1].startswith("All") == (expected == 0)


async def test_verify_codes_can_be_switched(bench: Any) -> None:
    bench.world.array(A).switches.verify_codes = {"recreated": 90}
    assert (await bench.run("symcli01", S + "-g DGREP verify -recreated"))[0] == 91


@pytest.mark.may_break(1)
async def test_target_is_not_ready_between_recreate_and_activate(bench: Any) -> None:
    target = bench.world.array(A).devices[0x4321]
    await bench.run("symcli01", f"{S}-g DGCVI recreate -nop {PAIR}")
    assert not target.ready
    await bench.run("symcli01", f"{S}-g DGCVI activate -nop {PAIR}")
    assert target.ready


@pytest.mark.may_break(1)
async def test_only_changed_tracks_are_copied_and_percent_is_rounded_down(bench: Any) -> None:
    array = bench.world.array(A)
    await bench.run("symcli01", f"{S}-g DGCVI recreate -nop {PAIR}")
    await bench.run("symcli01", f"{S}-g DGCVI activate -nop {PAIR}")
    assert bench.world.describe(A, "1234", "4321")["protected_tracks"] == 131072
    await bench.clock.advance(5)
    seen = bench.world.describe(A, "1234", "4321")
    assert seen["protected_tracks"] == 131072 - 5 * 13000
    assert seen["percent"] == (TRACKS - seen["protected_tracks"]) * 100 // TRACKS
    assert array.session((0x1234, 0x4321)).changed_tracks == 5 * 600
    await bench.clock.advance(5.1)
    assert bench.state(A, "1234", "4321") == "Copied"


@pytest.mark.may_break(1)
async def test_moving_sessions_share_the_rate(bench: Any) -> None:
    for group in ("DGCVI", "DGCVIARCH"):
        await bench.run("symcli01", f"{S}-g {group} recreate -nop")
        await bench.run("symcli01", f"{S}-g {group} activate -nop")
    await bench.clock.advance(10)
    left = [
        bench.world.describe(A, s, t)["protected_tracks"] for s, t in (("1234", "4321"), ("1235", "4322"))
    ]
    moved = [131072 - left[0], 114688 - left[1]]
    assert abs(sum(moved) - 130000) <= 1 and all(abs(m - 65000) < 0.06 * 65000 for m in moved)
    # The shorter one is done first, and the other has all of the rate from then on.
    await bench.clock.advance((131072 + 114688) / 13000 - 10 + 0.01)
    assert bench.state(A, "1234", "4321") == bench.state(A, "1235", "4322") == "Copied"


@pytest.mark.may_break(1)
async def test_reading_often_or_seldom_gives_the_same(make_bench: Any) -> None:
    seen = []
    for steps in (1, 97):
        bench = make_bench()
        for group in ("DGCVI", "DGCVIARCH"):
            await bench.run("symcli01", f"{S}-g {group} recreate -precopy -nop")
        for _ in range(steps):
            await bench.clock.advance(15 / steps)
            found = [bench.world.describe(A, s, t) for s, t in (("1234", "4321"), ("1235", "4322"))]
        seen.append([(f["state"], f["percent"]) for f in found])
    assert seen[0] == seen[1]


@pytest.mark.may_break(1)
async def test_precopy_copies_ahead_and_cycles(bench: Any) -> None:
    await bench.run("symcli01", f"{S}-g DGCVI recreate -precopy -nop {PAIR}")
    assert (await bench.run("symcli01", S + "-g DGCVI verify -precopy"))[0] == 0
    assert (await bench.run("symcli01", S + "-g DGCVI verify -precopy -cycled"))[0] == 68
    await bench.clock.advance(60)
    assert (await bench.run("symcli01", S + "-g DGCVI verify -precopy -cycled"))[0] == 0
    assert bench.state(A, "1234", "4321") == "PreCopy"
    assert " XXXX PreCopy " in (await bench.run("symcli01", S + "-g DGCVI query"))[1]


@pytest.mark.may_break(1)
async def test_several_pairs_are_one_point_in_time(bench: Any) -> None:
    await bench.run("symcli01", "printf '%s %s\\n' 01A10 01AB4 01A11 01AB5 > /tmp/pairs")
    for action in ("recreate", "activate -consistent"):
        await bench.clock.advance(100)
        status, _, err = await bench.run("symcli01", f"{S}-sid 0001 -f /tmp/pairs {action} -nop")
        assert status == 0, err
    seen = [bench.world.describe(B, s, t) for s, t in (("01A10", "01AB4"), ("01A11", "01AB5"))]
    assert len({f["last_action"] for f in seen} | {f["point_in_time"] for f in seen}) == 1
    assert "device file\n'/tmp/pairs'. Please wait..." in err


@pytest.mark.may_break(1, 6)
async def test_a_mixed_command_changes_nothing(bench: Any) -> None:
    array = bench.world.array(A)
    array.put((0x1236, 0x4323), "Recreated")
    pairs = "DEV001 SYM LD CLONE001 DEV002 SYM LD CLONE002"
    status, _, err = await bench.run("symcli01", f"{S}-g DGREP activate -nop {pairs}")
    assert status == 1 and "'Copied' state" in err
    assert bench.state(A, "1236", "4323") == "Recreated"


@pytest.mark.parametrize(
    ("switch", "value", "setup", "command", "status", "after"),
    [
        ("recreate_from_copyinprog", "accepted", "CopyInProg", "recreate", 0, "Recreated"),
        ("already_active_exit", 1, "Copied", "activate", 1, "Copied"),
        ("already_recreated_exit", 1, "Recreated", "recreate", 1, "Recreated"),
        ("precopy", "refused", "Copied", "recreate -precopy", 1, "Copied"),
        ("precopy", "ignored", "Copied", "recreate -precopy", 0, "Recreated"),
        ("terminate_restored_leaves", "Copied", "Restored", "terminate -restored", 0, "Copied"),
        ("create_seconds", 5, "Copied", "recreate", 0, "CreateInProg"),
        ("terminate_seconds", 5, "Copied", "terminate", 0, "TermInProg"),
    ],
)
@pytest.mark.may_break(1, 6)
async def test_switches(
    bench: Any, switch: str, value: Any, setup: str, command: str, status: int, after: str
) -> None:
    array = bench.world.array(A)
    setattr(array.switches, switch, value)
    array.put((0x1234, 0x4321), setup)
    assert (await bench.run("symcli01", f"{S}-g DGCVI {command} -nop {PAIR}"))[0] == status
    assert bench.state(A, "1234", "4321") == after
    if value == 5:
        await bench.clock.advance(6)
        assert bench.state(A, "1234", "4321") == {"recreate": "Recreated", "terminate": "none"}[command]


@pytest.mark.may_break(3)
async def test_restore_and_back(bench: Any) -> None:
    assert (await bench.run("symcli01", f"{S}-g DGCVI restore -nop {PAIR}"))[0] == 0
    await bench.clock.advance(60)
    assert (await bench.run("symcli01", S + "-g DGCVI verify -restored -i 10 -c 30"))[0] == 0
    assert (await bench.run("symcli01", f"{S}-g DGCVI terminate -restored -nop {PAIR}"))[0] == 0


async def test_verify_polls_and_query_repeats(bench: Any) -> None:
    bench.clock.jumping = True
    before = bench.clock.now()
    assert (await bench.run("symcli01", S + "-g DGCVI verify -recreated -i 10 -c 3"))[0] == 70
    assert bench.clock.now() - before == 20
    _, out, _ = await bench.run("symcli01", S + "-g DGCVI query -i 5 -c 2")
    assert out.count("Device Group (DG) Name: DGCVI") == 2


REFUSED = [
    ("symclone -g DGCVI recreate -bogus -nop", "invalid option '-bogus'"),
    ("symclone -g DGCVI query -noprompt", "invalid option '-noprompt'"),
    ("symclone -g DGCVI recreate -consistent -nop", "invalid option '-consistent'"),
    ("symclone -g DGCVI recreate -i ten -nop", "invalid value 'ten'"),
    ("symclone -g DGCVI recreate -nop -i", "requires a value"),
    ("symclone -g NONE query", "device group 'NONE' does not exist"),
    ("symclone -g DGCVI activate -nop DEV009 sym ld CLONE001", "'DEV009' does not exist"),
    ("symclone -g DGCVI activate -nop DEV001 CLONE001", "invalid device pair"),
    ("symclone -sid 999 -f /tmp/f query", "Symmetrix ID '999'"),
    ("symclone -f /tmp/f query", "Symmetrix ID is required"),
    ("symclone -sid 001 -f /tmp/none query", "can not be opened"),
    ("symclone -sid 001 query", "is required"),
    ("symclone -sid 001 -g DGCVI query", "is not on Symmetrix"),
    ("symclone -g DGCVI dance", "unknown action 'dance'"),
    ("symclone", "an action is required"),
    ("symclone -g DGCVI verify -copied -created", "exactly one state option"),
    ("symdev -sid 234 list -v -devs 9999", "'9999' does not exist"),
    ("symdev -sid 234 list -v -devs 4321 -output json", "invalid value 'json'"),
    ("symdev list -v -devs 4321", "Symmetrix ID is required"),
    ("symdg show NONE", "does not exist"),
    ("symdg -g DGCVI list ld -x", "invalid option"),
    ("symcfg list -tgt", "invalid option"),
    ("symcfg scan", "unknown action"),
]


@pytest.mark.parametrize(("command", "part"), REFUSED, ids=lambda v: v[:45])
async def test_refused(bench: Any, command: str, part: str) -> None:
    status, out, err = await bench.run("symcli01", "/usr/symcli/bin/" + command)
    assert status != 0 and out == "" and part in err


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("01A10 01AB4 01A11\n", "invalid entry at line 1"),
        ("01A10-01AB4\n", "invalid entry at line 1"),
        ("\n\n", "no device pairs"),
        ("01A10 01AB4\n01A11 01AB4\n", "more than once"),
        ("01A10 01AB5\n", "do not form a Copy session"),
        ("0FFFF 01AB5\n", "does not exist"),
    ],
)
async def test_bad_pair_files(bench: Any, content: str, part: str) -> None:
    bench.world.host("symcli01").files.put("/tmp/p", content)
    status, _, err = await bench.run("symcli01", S + "-sid 001 -f /tmp/p recreate -nop")
    assert status == 1 and part in err


@pytest.mark.may_break(1)
async def test_without_noprompt_the_end_of_input_is_no(bench: Any) -> None:
    status, _, err = await bench.run("symcli01", f"{S}-g DGCVI recreate {PAIR}")
    assert status == 1 and "(y/[n]) ? " in err
    assert bench.state(A, "1234", "4321") == "Copied"
    assert (await bench.run("symcli01", f"{S}-g DGCVI recreate {PAIR}", "y\n"))[0] == 0


@pytest.mark.may_break(1)
async def test_options_in_any_order_and_case(bench: Any) -> None:
    command = f"{S}-NOPROMPT DEV001 sym ld CLONE001 -g DGCVI"
    assert (await bench.run("symcli01", command))[0] == 1
    command = f"{S}-NoPrompt RECREATE -Precopy DEV001 SYM LD CLONE001 -g DGCVI -c 30 -i 20"
    assert (await bench.run("symcli01", command))[0] == 0
    assert bench.state(A, "1234", "4321") == "PreCopy"


@pytest.mark.may_break(1)
async def test_environment(bench: Any) -> None:
    run = bench.run
    assert (await run("symcli01", "env SYMCLI_SID=001 /usr/symcli/bin/symdev list -devs 01A10"))[0] == 0
    _, out, _ = await run("symcli01", "SYMCLI_OUTPUT_MODE=XML /usr/symcli/bin/symcfg list")
    assert out.startswith("<?xml")
    assert (await run("symcli01", f"SYMCLI_NOPROMPT=1 {S} -g DGCVI recreate"))[0] == 0
    assert (await run("symcli01", f"SYMCLI_NOPROMPT=1 SYMCLI_DG=DGCVI {S} query"))[0] == 0


@pytest.mark.may_break(1, 2)
async def test_new_session_and_size(bench: Any) -> None:
    run = bench.run
    await run("symcli01", "printf '1236 4321' > /tmp/p; printf '1234 4323' > /tmp/small")
    assert "already a Copy session Target" in (await run("symcli01", S + "-sid 234 -f /tmp/p create -nop"))[2]
    await run("symcli01", S + "-sid 234 -f /tmp/small create -nop")
    bench.world.array(A).remove((0x1236, 0x4323))
    assert "is smaller" in (await run("symcli01", S + "-sid 234 -f /tmp/small create -nop"))[2]
    bench.world.array(A).remove((0x1234, 0x4321))
    assert (await run("symcli01", S + "-sid 234 -f /tmp/p create -nop"))[0] == 0
    _, out, _ = await run("symcli01", "/usr/symcli/bin/symdev -sid 234 list -v -devs 4321,1236 -output xml")
    assert out.count("<CLONE_Device>") == 2


@pytest.mark.may_break(1)
async def test_time_of_last_action_is_local_to_the_control_host(make_bench: Any) -> None:
    from lab.config import load

    config = load().model_dump()
    config["hosts"][0]["timezone"] = "America/New_York"
    bench = make_bench(config)
    await bench.run("symcli01", S + "-g DGCVI recreate -nop")
    _, out, _ = await bench.run("symcli01", "/usr/symcli/bin/symdev show 4321 -sid 234 -output xml_e")
    assert "<last_action>Mon Jan  5 05:00:00 2026</last_action>" in out
