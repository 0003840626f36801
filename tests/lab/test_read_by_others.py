"""What programs in the field send and look for: the answers hold it, as `lab/tools/coverage.yaml` says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.tables import load_yaml

A, B, PAIR = "000190101234", "000297600001", (0x1234, 0x4321)
SE = "/usr/symcli/bin/"
CASES = load_yaml((Path(__file__).parent / "cases" / "read_by_others.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['line']} | {c.get('find') or c['each']}")
async def test_an_answer_holds_what_is_looked_for(bench: Any, case: dict[str, Any]) -> None:
    if not case.get("groups", True):
        for array in bench.world.arrays.values():
            array.groups.clear()
    status, out, err = await bench.run("symcli01", SE + case["line"])
    assert status == case.get("exit", 0), out + err
    text = err if case.get("stream") == "stderr" else out
    if "each" in case:
        assert _lacking(ElementTree.fromstring(text), case["each"], case["holds"]) == []
        return
    assert re.search(case["find"], text, re.MULTILINE), text
    assert "absent" not in case or not re.search(case["absent"], text), text


def _lacking(root: ElementTree.Element, each: str, holds: dict[str, str | None]) -> list[str]:
    """What a reader of these elements would miss: a path that one of them has not, a value that none has."""
    rows = root.findall(each)
    seen = {path: [row.findtext(path) for row in rows] for path in holds}
    absent = [path for path, texts in seen.items() if not texts or None in texts]
    return absent + [f"{path}: {value}" for path, value in holds.items() if value and value not in seen[path]]


async def test_captured_shapes_of_names(bench: Any) -> None:
    """Element by element, as captured; what the lab leaves out is named here."""

    async def paths(line: str) -> list[str]:
        _, out, _ = await bench.run("symcli01", SE + line)
        found: list[str] = []

        def walk(element: ElementTree.Element, above: str) -> None:
            for child in element:
                path = f"{above}{child.tag}"
                if path not in found:
                    found.append(path)
                walk(child, path + "/")

        walk(ElementTree.fromstring(out), "")
        return found

    device = "Symmetrix/Device/"
    head = ["Symmetrix", "Symmetrix/Symm_Info", "Symmetrix/Symm_Info/symid", "Symmetrix/Device"]
    assert await paths("symdev list -wwn -sid 001 -output xml_e") == [
        *head,
        *(f"{device}{n}" for n in ("symid", "dev_name", "pd_name", "configuration", "flags")),
        *(f"{device}flags/{n}" for n in ("meta", "datadev", "snap_save_device")),
        f"{device}wwn",
    ]
    info = f"{device}Dev_Info"
    assert await paths("symdev list -identifier device_name -sid 001 -devs 1A10 -output xml_e") == [
        *head, info, *(f"{info}/{n}" for n in ("dev_name", "configuration", "dev_ident_name")),
    ]  # fmt: skip
    assert await paths("syminq -pdevfile /dev/sdb -output xml_e") == [
        "Inquiry", "Inquiry/Device",
        *(f"Inquiry/Device/{n}" for n in ("symid", "pd_name", "dev_name", "director", "port")),
    ]  # fmt: skip
    listed = ["dev_name", "pd_name", "configuration", "gatekeeper", "status"]
    found = await paths("symsg -sid 001 list -v -output xml_e")
    listed += ["megabytes", "gigabytes", "terabytes"]
    assert [p.removeprefix("SG/DEVS_List/Device/") for p in found if "Device/" in p] == listed
    assert found == await paths("symsg -sid 001 show SG_LNXPP01 -output xml_e"), "one parser reads both"


async def test_locks_that_stand_are_listed_and_not_used_up(bench: Any) -> None:
    async def shown(line: str) -> list[str]:
        _, out, _ = await bench.run("symcli01", SE + line)
        return [row.split()[-1] for row in out.splitlines() if row.strip().startswith(A)]

    bench.world.faults.add(kind="lock", exit=49)
    assert await shown("symcfg list -lock") == ["Free"]
    assert await shown("symcfg list -lockn all") == ["Free", "Use"]
    bench.world.faults.add(kind="lock", exit=3, seconds=60)
    bench.world.faults.add(kind="lock", exit=3, host="lnxpp01")
    assert await shown("symcfg list -lock") == await shown("symcfg list -lockn 0") == ["Use"]
    await bench.clock.advance(61)
    assert await shown("symcfg list -lock") == ["Free"]
    status, _, err = await bench.run("symcli01", SE + "symclone -g DGCVI recreate -nop")
    assert (status, "Unable to acquire the Symmetrix device lock" in err) == (49, True)
    assert await shown("symcfg list -lockn all") == ["Free", "Free"]


@pytest.mark.may_break(1)
async def test_a_virtual_copy_is_one_after_every_recreate(bench: Any) -> None:
    line = SE + "symclone -g DGCVI {} -nop DEV001 sym ld CLONE001"
    for option in ("-copy", "-precopy"):
        status, _, err = await bench.run("symcli01", line.format(f"create -vse {option}"))
        assert status == 1 and "mutually exclusive" in err
    states = []
    for action in ("terminate", "create -vse", "activate", "recreate -copy", "activate", "establish"):
        status, out, err = await bench.run("symcli01", line.format(action))
        assert status == 0, out + err
        states.append(bench.state(A, "1234", "4321"))
    assert states == ["none", "Created", "CopyOnWrite", "Recreated", "CopyOnWrite", "CopyOnWrite"]
    _, out, _ = await bench.run("symcli01", SE + "symdev -sid 234 list -v -devs 4321 -out xml")
    assert "<vse>Enabled</vse>" in out and "<backgrnd_copy_state>Disabled</backgrnd_copy_state>" in out


@pytest.mark.may_break(1)
@pytest.mark.parametrize("how", ["put by a test", "declared"])
async def test_a_session_found_as_a_virtual_copy_stays_one(make_bench: Any, how: str) -> None:
    session = {"source": "1234", "target": "4321", "state": "CopyOnWrite" if how == "declared" else "Copied"}
    devices = [{"device": d, "megabytes": 100} for d in ("1234", "4321")]
    array = {"symid": A, "copy_rate": 1000, "devices": devices, "sessions": [session]}
    host = {"name": "symcli01", "connection_id": "c", "family": "control", "arrays": [A]}
    bench = make_bench({"arrays": [array], "hosts": [host]})
    if how != "declared":
        bench.world.array(A).put(PAIR, "CopyOnWrite")
    bench.world.host("symcli01").files.put("/tmp/p", "## by hand\n1234 4321\n")
    for action, state in (("recreate", "Recreated"), ("activate", "CopyOnWrite")):
        assert (await bench.run("symcli01", f"{SE}symclone -sid 234 -f /tmp/p {action} -nop"))[0] == 0
        assert bench.state(A, "1234", "4321") == state


@pytest.mark.may_break(1)
async def test_recreate_with_copy_switches_the_background_copy_on(bench: Any) -> None:
    line = SE + "symclone -g DGCVI {} DEV001 SYM LD CLONE001 -nop"
    for words in ("terminate", "-nocopy create", "activate"):
        assert (await bench.run("symcli01", line.format(words)))[0] == 0
    assert bench.state(A, "1234", "4321") == "CopyOnAccess"
    bench.world.array(A).switches.copy_option = "refused"
    status, _, err = await bench.run("symcli01", line.format("-copy recreate"))
    assert status == 1 and "-copy option is not supported" in err
    bench.world.array(A).switches.copy_option = "accepted"
    for words in ("-copy recreate", "activate"):
        assert (await bench.run("symcli01", line.format(words)))[0] == 0
    assert bench.state(A, "1234", "4321") == "CopyInProg"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("## a comment\n  # another\n\n1234 4321\n", ""),
        ("1234 4321 # behind the pair\n", "invalid entry at line 1"),
        ("## only a comment\n", "holds no device pairs"),
    ],
)
async def test_comment_lines_of_a_pair_file(bench: Any, content: str, part: str) -> None:
    bench.world.host("symcli01").files.put("/tmp/p", content)
    status, _, err = await bench.run("symcli01", SE + "symclone -sid 234 -f /tmp/p verify -copied")
    assert (status == 0) is (not part) and part in err
