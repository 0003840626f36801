"""`symsg -sid SID list [-v]` and `show NAME`: storage groups. XML captured with SE 10.1; text assumed.

That `show` prints what `list -v` does for one group is relied on: one parser reads both.
"""

from __future__ import annotations

from lab.array.array import Array
from lab.array.refused import Refused
from lab.array.session import Device
from lab.shell.call import Call
from lab.symcli import lock, scope, xml
from lab.symcli.action import Action
from lab.symcli.layout import layout
from lab.symcli.options import Options

Groups = dict[str, list[Device]]


async def _array(call: Call, options: Options) -> Array:
    if "-sid" not in options.values:
        raise Refused("symid_needed", command=call.name)
    array = scope.array_of(call.host.arrays, options.values["-sid"])
    await lock.acquire(call, control=False)
    return array


async def _list(call: Call, options: Options) -> int:
    as_xml = options.xml
    array = await _array(call, options)
    if not array.storage_groups:
        raise Refused("no_storage_groups", symid=array.symid)
    _print(call, array, array.storage_groups, "-v" in options.flags, as_xml)
    return 0


async def _show(call: Call, options: Options) -> int:
    as_xml = options.xml
    array = await _array(call, options)
    name = options.words[1]
    if name not in array.storage_groups:
        raise Refused("no_such_storage_group", name=name)
    _print(call, array, {name: array.storage_groups[name]}, True, as_xml)
    return 0


@layout("symsg list: text", "symsg list: XML", "symsg show: text")
def _print(call: Call, array: Array, groups: Groups, verbose: bool, as_xml: bool) -> None:
    if as_xml:
        found = [_element(array, name, devices, verbose) for name, devices in groups.items()]
        call.out(xml.render(("SymCLI_ML", found)))
        return
    if not verbose:
        call.out(f"\nSymmetrix ID: {array.symid}\n\nStorage Group Name                Number of Devices\n")
        for name, devices in groups.items():
            call.line(f"{name:<32}  {len(devices):>17}")
        call.line()
        return
    for name, devices in groups.items():
        call.out(f"\nName: {name}\n\n    Symmetrix ID        : {array.symid}\n")
        call.out(f"    Number of Devices   : {len(devices)}\n\n    Devices:\n        {{\n")
        for d in devices:
            call.line(
                f"        {array.name(d)} {'Not Visible':<22} {d.configuration:<13} {_status(d)}"
                f" {d.megabytes:>7}"
            )
        call.out("        }\n")
    call.line()


def _status(device: Device) -> str:
    return "RW" if device.ready else "NR"


@layout("symsg list -v: XML")
def _element(array: Array, name: str, devices: list[Device], verbose: bool) -> xml.Element:
    """Left out of what was captured: the time of the last change, and the groups of a cascaded group."""
    info: list[xml.Element] = [("name", name), ("symid", array.symid)]
    if not verbose:
        return ("SG", [("SG_Info", [*info, ("num_devs", len(devices))])])
    inner: list[xml.Element] = [
        ("Device", [
            ("dev_name", array.name(d)), ("pd_name", "Not Visible"), ("configuration", d.configuration),
            ("gatekeeper", "False"), ("status", _status(d)), ("megabytes", d.megabytes),
            ("gigabytes", f"{d.megabytes / 1024:.1f}"), ("terabytes", f"{d.megabytes / 1024 / 1024:.2f}"),
        ])
        for d in devices
    ]  # fmt: skip
    return ("SG", [
        ("SG_Info", [
            *info, ("emulation", "FBA"), ("Masking_views", "Yes"), ("FAST_Policy", "N/A"),
            ("FAST_Managed", "No"), ("SLO_name", "none"), ("Workload", "none"), ("SRP_name", "none"),
            ("Compression", "No"), ("vp_saved_percent", "N/A"), ("compression_ratio", "N/A"),
            ("Num_of_GKS", 0), ("HostIOLimit_status", "None"), ("HostIOLimit_max_mb_sec", "N/A"),
            ("HostIOLimit_max_io_sec", "N/A"), ("Dynamic_Distribution", "N/A"),
        ]),
        ("DG_Info", [("count", 0)]),
        ("CG_Info", [("count", 0)]),
        ("Policy_Info", [("policy_count", 0)]),
        ("DEVS_List", inner),
    ])  # fmt: skip


OPTIONS = frozenset({"-sid", "-output"})
ACTIONS = {
    "list": Action(frozenset({"-v"}), OPTIONS, _list),
    "show": Action(frozenset(), OPTIONS, _show, words=1),
}
