"""Outputs byte for byte against what was captured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parent / "cases"
SYMCLONE = "/usr/symcli/bin/symclone "
A = "000190101234"


def text(name: str) -> str:
    return (CASES / name).read_text()


@pytest.fixture
def captured(make_bench: Any) -> Any:
    return make_bench(CASES / "captured.yaml")


async def test_query_of_a_group_that_copies(captured: Any) -> None:
    array = captured.world.array("316")
    for pair, protected in (((0x0E28, 0x1E37), 198821), ((0x0E29, 0x1E38), 191705)):
        array.put(pair, "CopyInProg", protected)
    assert await captured.run("se", SYMCLONE + "-g clonegp query") == (0, text("query_group_copying.txt"), "")


async def test_query_of_one_source(captured: Any) -> None:
    # 33000 tracks of 64 KB: 2062.5 MB, which the array shows as 2063.
    array = captured.world.array("316")
    array.put((0x0120, 0x0121), "Created", 33000)
    array.sessions[(0x0120, 0x0121)].source.tracks = 33000
    assert await captured.run("se", SYMCLONE + "-g clonepg query DEV001") == (
        0,
        text("query_one_source.txt"),
        "",
    )


async def test_query_without_a_session(captured: Any) -> None:
    assert await captured.run("se", SYMCLONE + "-g emptygp query") == (1, "", text("query_no_session.txt"))


@pytest.mark.may_break(1)
async def test_control_messages_are_on_stderr_with_exit_0(bench: Any) -> None:
    pair = "DEV001 sym ld CLONE001"
    command = SYMCLONE + "-g DGCVI -noprompt recreate -precopy -i 20 -c 30 " + pair
    assert await bench.run("symcli01", command) == (0, "", text("recreate_pair.txt"))
    command = SYMCLONE + "-g DGCVI -noprompt activate -i 20 -c 30 " + pair
    assert await bench.run("symcli01", command) == (0, "", text("activate_pair.txt"))


@pytest.mark.may_break(1)
async def test_control_messages_can_be_on_stdout(bench: Any) -> None:
    bench.world.array(A).switches.control_messages_on = "stdout"
    command = SYMCLONE + "-g DGCVI -noprompt recreate DEV001 sym ld CLONE001"
    assert await bench.run("symcli01", command) == (0, text("recreate_pair.txt"), "")


@pytest.mark.may_break(2)
async def test_whole_group_with_its_prompt(captured: Any) -> None:
    assert (await captured.run("se", SYMCLONE + "-g clonegp create -nop"))[0] == 0
    status, out, err = await captured.run("se", SYMCLONE + "-g clonegp activate", "y\n")
    assert (status, out, err) == (0, "", text("activate_group.txt"))


@pytest.mark.may_break(2)
async def test_symdg_show_says_which_target_is_not_ready(captured: Any) -> None:
    await captured.run("se", SYMCLONE + "-g clonepg create DEV001 sym ld DEV002 -nop")
    _, out, _ = await captured.run("se", "/usr/symcli/bin/symdg show clonepg")
    assert text("symdg_show_devices.txt") in out


async def test_symdg_list(captured: Any) -> None:
    _, out, _ = await captured.run("se", "/usr/symcli/bin/symdg list")
    assert out.startswith(text("symdg_list_head.txt"))
    assert " clonegp            ANY      Yes    000190100316     2     0     2      0\n" in out


async def test_symcfg_list(captured: Any) -> None:
    _, out, _ = await captured.run("se", "/usr/symcli/bin/symcfg list")
    assert out == text("symcfg_list_row.txt") + "\n"


@pytest.mark.parametrize("device", ["1234", "4321", "04321"])
async def test_clone_device_on_the_source_and_on_the_target(bench: Any, device: str) -> None:
    command = f"/opt/emc/SYMCLI/bin/symdev -sid {A} list -v -devs {device} -output xml_e"
    status, out, err = await bench.run("symcli01", command)
    assert (status, err) == (0, "")
    assert out.startswith(
        '<?xml version="1.0" standalone="yes" ?>\n<SymCLI_ML>\n  <Symmetrix>\n    <Symm_Info>\n'
    )
    assert text("clone_device.xml.txt") in out
    assert "<megabytes>20480</megabytes>" in out


@pytest.mark.may_break(1)
async def test_symdg_list_ld_as_xml(bench: Any) -> None:
    await bench.run("symcli01", SYMCLONE + "-g DGCVI recreate -nop")
    command = "/usr/symcli/bin/symdg -g DGCVI list ld -output xml_e"
    assert await bench.run("symcli01", command) == (0, text("symdg_list_ld.xml.txt"), "")


async def test_five_digit_devices_widen_the_table(bench: Any) -> None:
    await bench.run("symcli01", "printf '01A10 01AB4\\n' > /tmp/p")
    _, out, _ = await bench.run("symcli01", SYMCLONE + "-sid 001 -f /tmp/p query")
    lines = out.splitlines()
    rules = [line for line in lines if line.startswith("-----")]
    assert [len(part) for part in rules[0].split()] == [34, 29, 12, 4]
    assert "N/A       01A10         0        0 N/A       01AB4        0 X.X. Copied       100" in lines
