"""The commands beside the everyday ones: establish, list, groups, readiness, inquiry, audit, settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

A, B = "000190101234", "000297600001"
SE = "/usr/symcli/bin/"
PAIR = "DEV001 sym ld CLONE001"
CASES = Path(__file__).parent / "cases"


async def ok(bench: Any, *commands: str) -> str:
    text = ""
    for command in commands:
        status, out, err = await bench.run("symcli01", SE + command)
        assert status == 0, f"{command}: {out}{err}"
        text = out + err
    return text


async def refused(bench: Any, command: str, part: str, status: int = 1) -> None:
    got, out, err = await bench.run("symcli01", SE + command)
    assert (got, part in err) == (status, True), out + err


@pytest.mark.may_break(2)
async def test_verbose_create_of_a_group_as_captured(make_bench: Any) -> None:
    bench = make_bench(CASES / "captured.yaml")
    text = (CASES / "create_group_verbose.txt").read_text()
    assert await bench.run("se", SE + "symclone -g clonegp create -v -nop") == (0, "", text)


@pytest.mark.may_break(1)
async def test_establish_is_recreate_and_activate_in_one_step(bench: Any) -> None:
    began = bench.clock.now()
    await ok(bench, f"symclone -g DGCVI establish -nop {PAIR}")
    seen = bench.world.describe(A, "1234", "4321")
    assert (seen["state"], seen["target_ready"], seen["point_in_time"]) == ("CopyInProg", True, began)
    assert seen["protected_tracks"] == 131072, "only what has changed"
    await refused(bench, f"symclone -g DGCVI establish -nop {PAIR}", "'CopyInProg' state")
    await refused(bench, f"symclone -g DGCVI establish -full -nop {PAIR}", "already form a Copy session")
    await refused(bench, f"symclone -g DGCVI establish -diff -nop {PAIR}", "use it with -full")


async def test_establish_full_makes_the_session(bench: Any) -> None:
    await ok(bench, "symclone -g DGREP terminate -nop")
    await ok(bench, "symclone -g DGREP establish -full -nocopy -nodiff -tgt -nop")
    seen = bench.world.describe(A, "1237", "4324")
    assert (seen["state"], seen["protected_tracks"]) == ("CopyOnAccess", 163840)
    assert " .X.. CopyOnAccess " in await ok(bench, "symclone -g DGREP query")
    await refused(bench, "symclone -g DGREP restore -nop", "not a differential session")


@pytest.mark.may_break(1)
async def test_establish_under_a_user_is_corruption(bench: Any) -> None:
    await ok(bench, "symclone -g DGCVI establish -nop")
    assert [e["action"] for e in bench.events("corruption")] == ["establish"]


@pytest.mark.may_break(1)
async def test_establish_does_not_stop_at_a_slow_create(bench: Any) -> None:
    bench.world.array(A).switches.create_seconds = 5
    await ok(bench, "symclone -g DGCVI establish -nop")
    assert bench.state(A, "1234", "4321") == "CopyInProg"


@pytest.mark.parametrize("action", ["activate", "establish", "restore"])
@pytest.mark.may_break(1, 3)
async def test_not_ready_leaves_the_target_so(bench: Any, action: str) -> None:
    if action == "activate":
        await ok(bench, "symclone -g DGCVI recreate -nop")
    await ok(bench, f"symclone -g DGCVI {action} -not_ready -nop")
    assert not bench.world.array(A).devices[0x4321].ready
    await ok(bench, "symdev ready 4321 -sid 234 -nop")
    assert bench.world.array(A).devices[0x4321].ready


@pytest.mark.may_break(2)
async def test_sixteen_sessions_a_source_and_no_more(make_bench: Any) -> None:
    devices = [{"device": f"{n:04X}", "megabytes": 100} for n in range(0x100, 0x112)]
    array = {"symid": A, "copy_rate": 1000, "devices": devices}
    host = {"name": "symcli01", "connection_id": "c", "family": "control", "arrays": [A]}
    bench = make_bench({"arrays": [array], "hosts": [host]})
    files = bench.world.host("symcli01").files
    files.put("/tmp/p", "".join(f"0100 {n:04X}\n" for n in range(0x101, 0x112)))
    await refused(bench, "symclone -sid 234 -f /tmp/p create -nop", "maximum number of Copy sessions")
    assert bench.world.array(A).sessions == {}, "refused as a whole"
    files.put("/tmp/p", "".join(f"0100 {n:04X}\n" for n in range(0x101, 0x111)))
    await ok(bench, "symclone -sid 234 -f /tmp/p create -concurrent -nop")
    files.put("/tmp/one", "0100 0111\n")
    await refused(bench, "symclone -sid 234 -f /tmp/one create -nop", "maximum number of Copy sessions")
    await ok(bench, "symclone -sid 234 -f /tmp/p activate -nop")
    assert (await ok(bench, "symdev -sid 234 list -v -devs 0100 -output xml")).count("<CLONE_Device>") == 16
    assert len((await ok(bench, "symclone list")).splitlines()) == 6 + 1 + 16 + 1


@pytest.mark.may_break(1, 2)
async def test_query_multi_shows_targets_outside_the_group(bench: Any) -> None:
    await ok(bench, "symclone -g DGCVIARCH terminate -nop")
    await bench.run("symcli01", "printf '1234 4322' > /tmp/p")
    await ok(bench, "symclone -sid 234 -f /tmp/p create -nop")
    assert "4322" not in await ok(bench, "symclone -g DGCVI query")
    text = await ok(bench, "symclone -g DGCVI query -multi -gb")
    assert "DEV001    1234         0        0 CLONE001  4321        0 XXX. Copied       100" in text
    assert "DEV001    1234    327680        0 N/A       4322        0 X.X. Created        0" in text
    assert "  GB(s)             20.0" in text


async def test_query_and_list_as_xml(bench: Any) -> None:
    document = ElementTree.fromstring(await ok(bench, "symclone -g DGREP query -output xml_e"))
    pairs = [
        (p.findtext("Source/ld_name"), p.findtext("Target/dev_name"), p.findtext("pair_state"))
        for p in document.iterfind("DG/Clone_Pair")
    ]
    assert pairs == [("DEV001", "4323", "Copied"), ("DEV002", "4324", "Copied")]
    document = ElementTree.fromstring(await ok(bench, "symclone list -output xml_element"))
    assert len(document.findall(".//Source[dev_name='1234']")) == 1
    assert len(document.findall(".//Target[dev_name='01AB4']")) == 1
    await bench.run("symcli01", "printf '01A10 01AB4' > /tmp/p")
    text = await ok(bench, "symclone -sid 001 -f /tmp/p query -output xml")
    assert ElementTree.fromstring(text).findtext("Symmetrix/Symm_Info/symid") == B


@pytest.mark.may_break(1)
async def test_a_group_from_nothing_to_a_copy(bench: Any) -> None:
    await bench.run("symcli01", "printf '01A11 01AB5' > /tmp/p")
    await ok(bench, "symclone -sid 001 -f /tmp/p terminate -nop")
    await ok(bench, "symdg create NEW -type any")
    assert " NEW                ANY      Yes    N/A " in await ok(bench, "symdg list")
    await refused(bench, "symdg create NEW", "exists already")
    await refused(bench, "symdg -g NEW add dev 01A11", "Symmetrix ID is required")
    await ok(bench, "symdg -g NEW -sid 001 addall -devs 1A11", "symdg -g NEW add dev 1AB5 COPY -tgt")
    await refused(bench, "symdg -g NEW add dev 1AB5", "already in device group")
    await refused(bench, "symld -g NEW add dev 1AB6 COPY", "exists already in device group")
    await refused(bench, "symdg -g NEW -sid 234 add dev 1234", "is not on Symmetrix")
    text = await ok(bench, "symdg show NEW")
    assert "DEV001                N/A                     01A11" in text
    assert "TGT Devices Locally-associated (1)" in text
    await ok(bench, "symclone -g NEW create -tgt -nop", "symclone -g NEW activate -tgt -nop")
    assert bench.state(B, "01A11", "01AB5") == "CopyInProg"
    await refused(bench, "symdg delete NEW", "requires the -force option")
    await ok(bench, "symld -g NEW remove DEV001")
    await refused(bench, "symld -g NEW remove DEV001", "does not exist in device group")
    await refused(bench, "symld remove DEV001", "is required")
    assert "(1)" in await ok(bench, "symdg show NEW")
    await ok(bench, "symdg delete NEW -force")
    await refused(bench, "symdg show NEW", "does not exist")


@pytest.mark.may_break(1)
async def test_readiness_of_a_device(bench: Any) -> None:
    await ok(bench, "symclone -g DGCVI recreate -nop")
    assert [e["action"] for e in bench.events("corruption")] == ["recreate"]
    await refused(bench, "symdev ready 4321 -sid 234 -nop", "not activated")
    await refused(bench, "symdev not_ready 4321 -sid 234 -nop", "already in the requested state", 18)
    await ok(bench, "symclone -g DGCVI activate -nop", "symdev not_ready 4321 -sid 234 -nop")
    assert bench.events("corruption")[-1]["action"] == "not_ready", "it was taken from a mounted file system"
    status, _, err = await bench.run("symcli01", SE + "symdev ready 4321 -sid 234")
    assert status == 1 and "(y/[n]) ? " in err and not bench.world.array(A).devices[0x4321].ready
    assert (await bench.run("symcli01", SE + "symdev ready 4321 -sid 234", "y\n"))[0] == 0


@pytest.mark.may_break(1, 3, 6)
async def test_audit_lists_controls_in_order(bench: Any) -> None:
    await ok(bench, "symclone -g DGCVI recreate -nop", "symclone -g DGCVI activate -nop")
    await refused(bench, "symclone -g DGCVI recreate -nop", "'CopyInProg' state")
    lines = (await ok(bench, "symaudit -sid 234 list")).splitlines()
    assert [line.split(" SYMCLI       ")[1] for line in lines if " SYMCLI " in line] == [
        "Recreate group 'DGCVI'",
        "Activate group 'DGCVI'",
    ]
    for date, shown in (("01/05/2026", 2), ("01/05/2026:10:00:01", 0), ("01/06/2026", 0)):
        text = await ok(bench, f"symaudit -sid 234 -start_date {date} list")
        assert text.count(" SYMCLI ") == shown, date
    await refused(bench, "symaudit list", "Symmetrix ID is required")


async def test_settings_in_force(bench: Any) -> None:
    _, out, _ = await bench.run("symcli01", f"SYMCLI_SID=234 {SE}symcli -def")
    assert "SYMCLI_SID                     : 234\n" in out
    await refused(bench, "symcli -version", "invalid option '-version'")
    await refused(bench, "symcli list", "unexpected argument 'list'")


@pytest.mark.may_break(1)
async def test_a_default_of_the_environment_is_only_for_who_knows_it(bench: Any) -> None:
    env = "SYMCLI_SID=234 SYMCLI_DG=DGCVI SYMCLI_NOPROMPT=1 SYMCLI_OUTPUT_MODE=XML_ELEMENT "
    for command in ("symclone verify -copied", "symclone list", "symdg list", "symcli", "symcfg discover",
                    "symld list", "symdev show 1234", "symcfg list -lock", "symaudit show",
                    "symclone recreate"):  # fmt: skip
        status, out, err = await bench.run("symcli01", env + SE + command)
        assert status == 0, command + out + err
    await bench.run("symcli01", "printf '1235 4322' > /tmp/p")
    assert (await bench.run("symcli01", f"{env}{SE}symclone -f /tmp/p recreate"))[0] == 0
    assert bench.state(A, "1235", "4322") == "Recreated"


@pytest.mark.parametrize(
    "line",
    [
        "symclone -g DGCVI query -symforce",
        "symclone -g DGCVI recreate -symforce -nop",
        "symclone -g DGCVI split -not_ready -nop",
        "symclone -g DGCVI create -optimize -nop",
        "symclone list -noprompt",
        "symdg show DGCVI -force",
        "symdg list -tgt",
        "symcfg discover -output xml",
        "syminq -v",
        "symaudit -sid 234 list -i 5",
        "symdev list -noprompt",
        "symld -g DGCVI list -output xml",
    ],
)
async def test_an_option_of_another_action_is_refused(bench: Any, line: str) -> None:
    await refused(bench, line, "invalid option '-")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("symclone -g DGCVI re -nop", "unknown action 're'"),
        ("symclone -g DGCVI recreates -nop", "unknown action 'recreates'"),
        ("symclone -g DGCVI create -copy -nocopy -nop DEV001 sym ld CLONE001", "mutually exclusive"),
        ("symclone -g DGCVI establish -both_sides -nop", "no remote partner"),
        ("symdg show", "requires an argument"),
        ("symdg list ld", "is required"),
        ("symdg -g DGCVI add disk 1234", "requires an argument"),
        ("symdg -g DGCVI addall", "requires a value"),
        ("symdg -g DGCVI addall -devs 9990:9999", "No devices were found"),
        ("symdg create X -type odd", "invalid value 'odd'"),
        ("symdev ready 9999 -sid 234 -nop", "does not exist"),
        ("symcfg list extra", "unexpected argument 'extra'"),
    ],
)
async def test_more_refusals(bench: Any, line: str, part: str) -> None:
    await refused(bench, line, part)


async def test_group_commands_wait_for_the_database(bench: Any) -> None:
    bench.clock.jumping = True
    bench.world.faults.add(kind="lock", exit=2, count=2)
    await refused(bench, "symdg create X", "already locked", 2)
    await ok(bench, "symdg create X -i 15 -c 4")


async def test_inquiry_shows_gatekeepers_and_no_data(bench: Any) -> None:
    document = ElementTree.fromstring(await ok(bench, "syminq -sid 001 -output xml_e"))
    names = [e.text for e in document.iterfind("Inquiry/Dev_Info/dev_name")]
    assert len(names) == 3 and not {int(n or "", 16) for n in names} & set(bench.world.array(B).devices)
    assert (await ok(bench, "syminq")).count("SYMMETRIX") == 6
