"""`syminq [-sym] [-identifier device_name]`, `syminq -pdevfile [PATH]`: the disks that the control host sees.

These are gatekeepers, no data (assumed for the lab's hosts). The XML was captured; the text is recalled. Of
the text of -pdevfile, that the array comes first and the device third is relied on.
"""

from __future__ import annotations

from lab.array.array import Array
from lab.array.refused import Refused
from lab.shell.call import Call
from lab.symcli import identifiers, lock, scope, xml
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


Seen = list[tuple[str, Array, int]]


def _seen(arrays: list[Array]) -> Seen:
    """(path, array, device number): gatekeepers have numbers after the array's last declared device."""
    found = [(a, max(a.devices) + n) for a in arrays for n in range(1, GATEKEEPERS + 1)]
    return [(f"/dev/sd{chr(ord('b') + at)}", array, number) for at, (array, number) in enumerate(found)]


async def _run(call: Call, options: Options) -> int:
    """`-sym` leaves nothing out: the hosts have no disks of others. Gatekeepers have no names."""
    as_xml = options.xml
    paths = options.words[1:]
    pdevfile = "-pdevfile" in options.flags
    if len(paths) > pdevfile:
        raise Refused("extra_word", command=call.name, word=paths[-1])
    if options.values.get("-identifier", identifiers.NAMES).lower() != identifiers.NAMES:
        value = options.values["-identifier"]
        raise Refused("bad_value", command=call.name, option="-identifier", value=value)
    if pdevfile and "-identifier" in options.values:
        raise Refused("options_exclusive", one="-pdevfile", other="-identifier")
    arrays = call.host.arrays
    if "-sid" in options.values:
        arrays = [scope.array_of(call.host.arrays, options.values["-sid"])]
    await lock.acquire(call, control=False)
    seen = [one for one in _seen(arrays) if not paths or one[0] == paths[0]]
    if not seen:
        raise Refused("no_devices")
    if pdevfile:
        _pdevfile(call, seen, as_xml)
    elif as_xml:
        _xml(call, seen)
    else:
        _table(call, seen, "-identifier" in options.values)
    return 0


@layout("syminq -pdevfile: text", "syminq -pdevfile: XML")
def _pdevfile(call: Call, seen: Seen, as_xml: bool) -> None:
    if as_xml:
        found: list[xml.Element] = [
            ("Device", [
                ("symid", a.symid), ("pd_name", path), ("dev_name", a.name(n)), ("director", "7H"),
                ("port", 0),
            ])
            for path, a, n in seen
        ]  # fmt: skip
        call.out(xml.render(("SymCLI_ML", [("Inquiry", found)])))
        return
    for path, a, n in seen:
        call.line(f"{a.symid} {path:<30} {a.name(n)} 7H 0")


@layout("syminq: XML")
def _xml(call: Call, seen: Seen) -> None:
    found: list[xml.Element] = [
        ("Inquiry", [
            ("Dev_Info", [("pd_name", path), ("dev_name", a.name(n)), ("symid", a.symid)]),
            ("Product", [("vendor", "EMC")]),
        ])
        for path, a, n in seen
    ]  # fmt: skip
    call.out(xml.render(("SymCLI_ML", found)))


@layout("syminq: text")
def _table(call: Call, seen: Seen, named: bool) -> None:
    """With -identifier a column more, which is assumed."""
    call.out(HEAD)
    for path, a, number in seen:
        call.line(
            f"{path:<23} GK   {'EMC':<9} {'SYMMETRIX':<11} {a.config.microcode:>5}"
            f" {a.serial(number):<12} {GATEKEEPER_KB:>8}{' N/A' if named else ''}"
        )
    call.line()


ACTIONS = {
    "": Action(
        frozenset({"-pdevfile", "-sym"}), frozenset({"-sid", "-output", "-identifier"}), _run, words=None
    )
}
