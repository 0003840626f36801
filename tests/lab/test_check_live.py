"""What the lab writes is enough for the checker: a refresh done well, and done badly in each way."""

from __future__ import annotations

from typing import Any

import pytest

from lab.check import findings
from lab.check.fixture import hold

A, B = "000190101234", "000297600001"
S = "/usr/symcli/bin/symclone "
HP, LX, SE = "aastmphpux", "lnxpp01", "symcli01"
DOWN = ["umount /aaststcvi", "vgchange -a n vgCVI"]
UP = ["vgchange -a y vgCVI", "mount -F vxfs /dev/vgCVI/lv_CVI /aaststcvi"]
DATA, LOGS = S + "-g DGCVI {} -nop", S + "-g DGCVIARCH {} -nop"
SERVICES = {
    "cvi": {"hosts": [HP], "syncs": [
        {"name": "data", "symid": A, "pairs": ["1234:4321"]},
        {"name": "logs", "symid": A, "pairs": ["1235:4322"]},
    ]},
    "pp": {"hosts": [LX], "syncs": [{"name": "data", "symid": B, "pairs": ["01A10:01AB4", "01A11:01AB5"]}]},
}  # fmt: skip


async def run(bench: Any, host: str, *commands: str) -> None:
    for command in commands:
        await bench.run(host, command)
        await bench.clock.advance(30)


def broken(bench: Any) -> list[int]:
    return sorted({f.invariant for f in findings(bench.journal.entries, SERVICES)})


async def test_a_refresh_keeps_them_all(bench: Any) -> None:
    await run(bench, HP, *DOWN)
    for action in ("recreate", "activate"):
        await run(bench, SE, DATA.format(action), LOGS.format(action))
    await run(bench, HP, *UP)
    hold(bench.journal.entries, SERVICES)
    assert bench.events("use") and bench.events("torn") == []


@pytest.mark.may_break(1)
async def test_recreate_in_use(bench: Any) -> None:
    await run(bench, SE, DATA.format("recreate"))
    assert broken(bench) == [1]


async def test_a_pair_that_no_service_names(bench: Any) -> None:
    await run(bench, SE, S + "-g DGREP recreate -nop")
    assert broken(bench) == [2]


@pytest.mark.may_break(3)
async def test_a_merge_back(bench: Any) -> None:
    await run(bench, HP, *DOWN)
    await run(bench, SE, DATA.format("restore"))
    assert broken(bench) == [3]
    found = findings(bench.journal.entries, SERVICES)
    assert "without an approval" in found[0]
    bench.journal.entries.insert(0, {"seq": 0, "event": "note", "note": "approval", "service": "cvi"})
    hold(bench.journal.entries, SERVICES)


@pytest.mark.may_break(4)
async def test_logs_first(bench: Any) -> None:
    await run(bench, HP, *DOWN)
    await run(bench, SE, DATA.format("recreate"), LOGS.format("recreate"), LOGS.format("activate"))
    assert broken(bench) == [4]
    await run(bench, SE, DATA.format("activate"))
    await run(bench, HP, *UP)
    assert broken(bench) == [4]
    assert bench.events("torn")[0]["reason"].startswith("out of order")


@pytest.mark.parametrize("exit", [2, 3])
async def test_logs_resynced_though_the_data_was_locked(bench: Any, exit: int) -> None:
    await run(bench, HP, *DOWN)
    bench.world.faults.add(kind="lock", exit=exit, match="-g DGCVI ", count=1)
    await run(bench, SE, DATA.format("recreate"), LOGS.format("recreate"))
    assert broken(bench) == [4]


@pytest.mark.may_break(5)
async def test_started_half_active_and_torn(bench: Any) -> None:
    await run(bench, LX, "/opt/pp/bin/ppctl stop", "umount /pp/data", "vgchange -an vg_ppdata")
    for number, line in enumerate(("01A10 01AB4", "01A11 01AB5")):
        bench.world.host(SE).files.put(f"/tmp/{number}", line + "\n", "symcli")
        await run(bench, SE, f"{S}-sid 001 -f /tmp/{number} recreate -nop")
    for number in range(2):
        await run(bench, SE, f"{S}-sid 001 -f /tmp/{number} activate -nop")
    assert broken(bench) == []
    await run(bench, LX, "vgchange -ay vg_ppdata")
    assert broken(bench) == [5]


@pytest.mark.may_break(6)
async def test_recreated_twice(bench: Any) -> None:
    await run(bench, HP, *DOWN)
    await run(bench, SE, DATA.format("recreate"), DATA.format("recr"))
    assert broken(bench) == [6]


async def test_words_that_a_shell_reads(bench: Any) -> None:
    await run(bench, HP, "mount -p; true")
    assert broken(bench) == [8]
