"""`symcfg [-v] list`, `list -lock`, `list -lockn all`, `verify`, `discover`, `-db`, `-version`.

Text of the list captured with SE 7.x, XML with SE 10.1. Relied on: names in the XML of `-v list`, the
sentence of `verify`, the path of the database, and that the other forms exist; what these print is assumed.
"""

from __future__ import annotations

from lab.array.array import Array
from lab.array.refused import Refused
from lab.shell.call import Call
from lab.symcli import lock, messages, scope, xml
from lab.symcli.action import Action
from lab.symcli.banner import BANNER
from lab.symcli.layout import layout
from lab.symcli.options import Options, given

HEAD = """
                                S Y M M E T R I X

                                       Mcode    Cache      Num Phys  Num Symm
    SymmID       Attachment  Model     Version  Size (MB)  Devices   Devices

"""
LOCKS_HEAD = """
                          S Y M M E T R I X   L O C K S

    SymmID       Lock Number  Lock Type            Status

"""
# Exit code that a lock of the lab has -> how it is listed, which is assumed.
LOCKS = {3: ("0", "Array"), 49: ("15", "Device")}


def _arrays(call: Call, options: Options) -> list[Array]:
    if "-sid" in options.values:
        return [scope.array_of(call.host.arrays, options.values["-sid"])]
    arrays: list[Array] = call.host.arrays
    return arrays


async def _list(call: Call, options: Options) -> int:
    as_xml = options.xml
    await lock.acquire(call, control=False)
    arrays = _arrays(call, options)
    if "-lock" in options.flags or "-lockn" in options.values:
        _locks(call, arrays, _chosen_locks(call, options))
    elif "-v" in options.flags:
        (_verbose_xml if as_xml else _pages)(call, arrays)
    elif as_xml:
        _xml(call, arrays)
    else:
        _table(call, arrays)
    return 0


def _chosen_locks(call: Call, options: Options) -> list[int]:
    """-lock is the lock of the array, -lockn one by its number, or all of them."""
    if {"-output", "-v"} & given(call):
        raise Refused("options_exclusive", one="-lock", other="-output, -v")
    number = options.values.get("-lockn", "0").lower()
    chosen = [code for code, (lockn, _) in LOCKS.items() if number in (lockn, "all")]
    if not chosen:
        raise Refused("bad_value", command=call.name, option="-lockn", value=number)
    return chosen


@layout("symcfg list -lock: text")
def _locks(call: Call, arrays: list[Array], chosen: list[int]) -> None:
    held = call.host.world.faults.locks((call.host.name, call.host.connection_id))
    call.out(LOCKS_HEAD)
    for a in arrays:
        for code in chosen:
            number, what = LOCKS[code]
            call.line(f"    {a.symid} {number:>11}  {what:<20} {'In Use' if code in held else 'Free'}")
    call.line()


@layout("symcfg list: XML")
def _xml(call: Call, arrays: list[Array]) -> None:
    found: list[xml.Element] = [
        ("Symmetrix", [("Symm_Info", [
            ("symid", a.symid), ("attachment", "Local"), ("model", a.config.model),
            ("microcode_version", a.config.microcode), ("cache_megabytes", a.config.cache_megabytes),
            ("devices", len(a.devices)), ("physical_devices", 3),
        ])])
        for a in arrays
    ]  # fmt: skip
    call.out(xml.render(("SymCLI_ML", found)))


@layout("symcfg list -v: XML")
def _verbose_xml(call: Call, arrays: list[Array]) -> None:
    """Names that two programs read, one of them the vendor's monitoring; how many disks, is chosen here."""
    found: list[xml.Element] = [
        ("Symmetrix", [
            ("Symm_Info", [
                ("symid", a.symid), ("attachment", "Local"), ("product_model", a.config.model),
                ("devices", len(a.devices)), ("disks", 16), ("hot_spares", 0), ("unconfigured_disks", 0),
            ]),
            ("Cache", [("megabytes", a.config.cache_megabytes)]),
            ("Enginuity", [("patch_level", a.config.microcode)]),
            ("Flags", [("raid_5", "N/A"), ("raid_6", "N/A")]),
        ])
        for a in arrays
    ]  # fmt: skip
    call.out(xml.render(("SymCLI_ML", found)))


@layout("symcfg list -v: text")
def _pages(call: Call, arrays: list[Array]) -> None:
    for a in arrays:
        page = {
            "Attachment": "Local",
            "Product Model": a.config.model,
            "Microcode Version (Number)": a.config.microcode,
            "Cache Size (Mirrored)": f"{a.config.cache_megabytes} (MB)",
            "Number of Symmetrix Devices": len(a.devices),
        }
        call.out(f"\nSymmetrix ID: {a.symid} (Local)\n\n")
        for label, value in page.items():
            call.line(f"    {label:<34}: {value}")
        call.line()


@layout("symcfg list: text")
def _table(call: Call, arrays: list[Array]) -> None:
    call.out(HEAD)
    for a in arrays:
        config = a.config
        call.line(
            f"    {a.symid} {'Local':<11} {config.model:<9} {config.microcode:<7} {config.cache_megabytes:>8}"
            f" {3:>9} {len(a.devices):>9}"
        )
    call.line()


async def _discover(call: Call, options: Options) -> int:
    _arrays(call, options)
    await lock.acquire(call, control=False)
    call.out(messages.text("discover"))
    return 0


async def _verify(call: Call, options: Options) -> int:
    """The lab's database is never behind its arrays."""
    arrays = _arrays(call, options)
    await lock.acquire(call, control=False)
    for _ in arrays:
        call.out(messages.text("in_sync"))
    return 0


async def _about(call: Call, options: Options) -> int:
    if options.flags == {"-version"}:
        call.out(BANNER)
    elif options.flags == {"-db"}:
        await lock.acquire(call, control=False)
        call.out(messages.text("database"))
    else:
        raise Refused("action_needed", command=call.name)
    return 0


ACTIONS = {
    "": Action(frozenset({"-db", "-version"}), frozenset(), _about),
    "list": Action(frozenset({"-v", "-lock"}), frozenset({"-sid", "-output", "-lockn"}), _list),
    "discover": Action(frozenset(), frozenset({"-sid"}), _discover),
    "verify": Action(frozenset(), frozenset({"-sid"}), _verify),
}
