"""`syminq`: the disks that the control host itself sees: gatekeepers, no data (assumed for the lab's hosts).

The XML was captured; the text is recalled.
"""

from __future__ import annotations

from lab.array import Array
from lab.shell.call import Call
from lab.symcli import lock, scope, xml
from lab.symcli.action import Action
from lab.symcli.layout import layout
from lab.symcli.options import Options

GATEKEEPERS = 3
GATEKEEPER_KB = 2880

HEAD = """
Device                          Product                  Device
---------------------------- --------------------------- ---------------------
Name                    Type Vendor    ID           Rev  Ser Num      Cap (KB)
---------------------------- --------------------------- ---------------------

"""


def _seen(arrays: list[Array]) -> list[tuple[str, Array, int]]:
    """(path, array, device number): gatekeepers have numbers after the array's last declared device."""
    found = [(a, max(a.devices) + n) for a in arrays for n in range(1, GATEKEEPERS + 1)]
    return [(f"/dev/sd{chr(ord('b') + at)}", array, number) for at, (array, number) in enumerate(found)]


async def _run(call: Call, options: Options) -> int:
    as_xml = options.xml
    arrays = call.host.arrays
    if "-sid" in options.values:
        arrays = [scope.array_of(call.host, options.values["-sid"])]
    await lock.acquire(call, control=False)
    if as_xml:
        _xml(call, _seen(arrays))
    else:
        _table(call, _seen(arrays))
    return 0


@layout("syminq: XML")
def _xml(call: Call, seen: list[tuple[str, Array, int]]) -> None:
    found: list[xml.Element] = [
        ("Inquiry", [
            ("Dev_Info", [("pd_name", path), ("dev_name", a.name(n)), ("symid", a.symid)]),
            ("Product", [("vendor", "EMC")]),
        ])
        for path, a, n in seen
    ]  # fmt: skip
    call.out(xml.render(("SymCLI_ML", found)))


@layout("syminq: text")
def _table(call: Call, seen: list[tuple[str, Array, int]]) -> None:
    call.out(HEAD)
    for path, a, number in seen:
        serial = f"{a.symid[-2:]}{a.name(number, 5)}000"
        call.line(
            f"{path:<23} GK   {'EMC':<9} {'SYMMETRIX':<11} {a.config.microcode:>5}"
            f" {serial:<12} {GATEKEEPER_KB:>8}"
        )
    call.line()


ACTIONS = {"": Action(frozenset(), frozenset({"-sid", "-output"}), _run)}
