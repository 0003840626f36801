"""`symdg [-v] list`, `show`, `-g DG list ld`, `-g DG show ld NAME`; `create`, `delete`, `add dev`, `addall`.

Text of list and show captured with SE 7.x (TGT devices recalled); the XML of `list ld` captured. That
`list ld` also lists targets is assumed. Relied on: a page a group with `-v`, the command `show ld`, and
`No Symmetrix` on stdout where there is no group. The forms of create, delete and addall were captured,
without output; `add dev` is relied on by field code.
"""

from __future__ import annotations

import re
from typing import get_args

from lab.array.array import Array
from lab.array.inventory import GroupMember
from lab.array.refused import Refused
from lab.config.arrays import DeviceGroupConfig
from lab.shell.call import Call
from lab.symcli import lock, messages, scope, xml
from lab.symcli.action import Action
from lab.symcli.layout import layout
from lab.symcli.options import Options
from lab.symcli.pages import device_element, device_page

LIST_HEAD = """
                       D E V I C E      G R O U P S

                                                          Number of
 Name               Type     Valid  Symmetrix ID  Devs   GKs  BCVs  VDEVs

"""
RULE = "        " + "-" * 82 + "\n"
BLOCK_HEAD = (
    "        {\n"
    + RULE
    + "                                                      Sym  Device                     Cap\n"
    + "        LdevName              PdevName                Dev  Config        Att. Sts     (MB)\n"
    + RULE
)
TITLES = {
    "std": "Standard (STD) Devices",
    "bcv": "BCV Devices Locally-associated",
    "tgt": "TGT Devices Locally-associated",
}
# What a logical device is called when no name is given: DEV and BCV captured, TGT recalled.
PREFIXES = {"std": "DEV", "bcv": "BCV", "tgt": "TGT"}


async def _list(call: Call, options: Options) -> int:
    as_xml = options.xml
    rest = [w.lower() for w in options.words[1:]]
    if rest not in ([], ["ld"]):
        raise Refused("extra_word", command=call.name, word=options.words[-1])
    await lock.acquire(call, control=False)
    if not rest:
        return _list_groups(call, as_xml, "-v" in options.flags)
    if "-g" not in options.values:
        raise Refused("scope_needed", command=call.name)
    array, members = scope.group_of(call.host.arrays, options.values["-g"])
    return _list_ld(call, options.values["-g"], array, members, as_xml)


async def _show(call: Call, options: Options) -> int:
    as_xml = options.xml
    rest = options.words[1:]
    one = len(rest) == 2 and rest[0].lower() == "ld"
    if not rest:
        raise Refused("word_needed", command=call.name, action="show")
    if len(rest) > 1 and not one:
        raise Refused("extra_word", command=call.name, word=rest[1])
    await lock.acquire(call, control=False)
    if one:
        return _show_ld(call, options, rest[1], as_xml)
    name = rest[0]
    array, members = scope.group_of(call.host.arrays, name)
    return _show_group(call, name, array, members, as_xml)


async def _create(call: Call, options: Options) -> int:
    """A group is of no array before its first device."""
    name = options.words[1]
    kind = options.values.get("-type", "REGULAR").upper()
    if kind not in get_args(DeviceGroupConfig.model_fields["type"].annotation):
        raise Refused("bad_value", command=call.name, option="-type", value=options.values["-type"])
    if not re.fullmatch(r"[A-Za-z0-9_.][A-Za-z0-9_.\-]*", name):
        raise Refused("bad_value", command=call.name, option="group", value=name)
    await _lock(call, options)
    if any(name in a.groups for a in call.host.world.arrays.values()):
        raise Refused("group_exists", group=name)
    array: Array = call.host.arrays[0]
    array.groups[name] = {}
    array.group_configs[name] = DeviceGroupConfig(name=name, type=kind)
    return 0


async def _delete(call: Call, options: Options) -> int:
    await _lock(call, options)
    name = options.words[1]
    array, members = scope.group_of(call.host.arrays, name)
    if members and "-force" not in options.flags:
        raise Refused("group_not_empty", group=name)
    del array.groups[name], array.group_configs[name]
    return 0


async def _lock(call: Call, options: Options) -> None:
    await lock.acquire(call, control=False, interval=options.number("-i"), count=options.number("-c"))


async def _add(call: Call, options: Options) -> int:
    """`add dev DEVICE [LDNAME]`"""
    rest = options.words[1:]
    if len(rest) not in (2, 3) or rest[0].lower() != "dev":
        raise Refused("word_needed", command=call.name, action="add dev")
    await _lock(call, options)
    name, array, kind = _group_to_fill(call, options)
    _put(array, name, rest[1], kind, rest[2] if len(rest) == 3 else None)
    return 0


async def _addall(call: Call, options: Options) -> int:
    """`addall -devs 0120:0124`"""
    if "-devs" not in options.values:
        raise Refused("option_value", command=call.name, option="-devs")
    await _lock(call, options)
    name, array, kind = _group_to_fill(call, options)
    added = 0
    for piece in options.values["-devs"].split(","):
        match = re.fullmatch(r"([0-9A-Fa-f]{1,5})(?::([0-9A-Fa-f]{1,5}))?", piece)
        if not match:
            raise Refused("bad_value", command=call.name, option="-devs", value=options.values["-devs"])
        first, last = int(match[1], 16), int(match[2] or match[1], 16)
        for number in [n for n in sorted(array.devices) if first <= n <= last]:
            _put(array, name, array.name(number), kind, None)
            added += 1
    if not added:
        raise Refused("no_devices")
    return 0


def _group_to_fill(call: Call, options: Options) -> tuple[str, Array, str]:
    """(group, its array, kind of member). The first device of an empty group says of which array it is."""
    if "-g" not in options.values:
        raise Refused("scope_needed", command=call.name)
    if {"-tgt", "-bcv"} <= options.flags:
        raise Refused("options_exclusive", one="-tgt", other="-bcv")
    name = options.values["-g"]
    array, members = scope.group_of(call.host.arrays, name)
    symid = options.values.get("-sid")
    if symid is None and not members and len(call.host.arrays) > 1:
        raise Refused("symid_needed", command=call.name)
    if symid is not None:
        wanted = scope.array_of(call.host.arrays, symid)
        if wanted is not array and members:
            raise Refused("symid_of_group", group=name, symid=symid)
        if wanted is not array:
            wanted.groups[name], wanted.group_configs[name] = members, array.group_configs[name]
            del array.groups[name], array.group_configs[name]
            array = wanted
    kind = "tgt" if "-tgt" in options.flags else "bcv" if "-bcv" in options.flags else "std"
    return name, array, kind


def _put(array: Array, group: str, device_name: str, kind: str, ld: str | None) -> None:
    members = array.groups[group]
    device = array.device(device_name)
    if any(m.device is device for m in members.values()):
        raise Refused("device_in_group", device=array.name(device), group=group)
    prefix = PREFIXES[kind]
    if ld is None:
        number = 1
        while f"{prefix}{number:03d}" in members:
            number += 1
        ld = f"{prefix}{number:03d}"
    if ld in members:
        raise Refused("ld_exists", name=ld, group=group)
    members[ld] = GroupMember(ld, device, kind)


def _info(name: str, array: Array) -> xml.Element:
    kind = array.group_configs[name].type
    return ("DG_Info", [("name", name), ("type", kind), ("symid", _symid(name, array))])


def _symid(name: str, array: Array) -> str:
    return array.symid if array.groups[name] else "N/A"


@layout("symdg show ld: text", "symdg show ld: XML")
def _show_ld(call: Call, options: Options, ld: str, as_xml: bool) -> int:
    if "-g" not in options.values:
        raise Refused("scope_needed", command=call.name)
    name = options.values["-g"]
    array, members = scope.group_of(call.host.arrays, name)
    if ld not in members:
        raise Refused("no_such_ld", name=ld, group=name)
    device = members[ld].device
    if as_xml:
        call.out(
            xml.render(("SymCLI_ML", [("DG", [_info(name, array), device_element(call, array, device)])]))
        )
    else:
        device_page(call, array, device, ld, name)
    return 0


@layout("symdg list: text", "symdg list: XML")
def _list_groups(call: Call, as_xml: bool, verbose: bool) -> int:
    groups = sorted(((g, a) for a in call.host.arrays for g in a.groups), key=lambda found: found[0])
    if not groups:
        call.out(messages.text("no_groups"))
        arrays: list[Array] = call.host.arrays
        return arrays[0].switches.no_groups_exit if arrays else 1
    if as_xml:
        found: list[xml.Element] = [("DG", [_info(g, a)]) for g, a in groups]
        call.out(xml.render(("SymCLI_ML", found)))
        return 0
    if verbose:
        for name, array in groups:
            _show_group(call, name, array, array.groups[name], False)
        return 0
    call.out(LIST_HEAD)
    for name, array in groups:
        kinds = [m.kind for m in array.groups[name].values()]
        call.line(
            f" {name:<18} {array.group_configs[name].type:<8} {'Yes':<6} {_symid(name, array):<12}"
            f" {kinds.count('std'):>5}"
            f" {0:>5} {kinds.count('bcv'):>5} {0:>6}"
        )
    call.line()
    return 0


@layout("symdg show: text")
def _show_group(call: Call, name: str, array: Array, members: dict[str, GroupMember], as_xml: bool) -> int:
    if as_xml:
        return _list_ld(call, name, array, members, True)
    kinds = [m.kind for m in members.values()]
    head = {
        "Group Type": array.group_configs[name].type,
        "Device Group in GNS": "No",
        "Valid": "Yes",
        "Symmetrix ID": _symid(name, array),
        "Vendor ID": "EMC Corp",
        "Application ID": "SYMCLI",
    }
    counts = {
        "Number of STD Devices in Group": kinds.count("std"),
        "Number of Associated GK's": 0,
        "Number of Locally-associated BCV's": kinds.count("bcv"),
        "Number of Locally-associated VDEV's": 0,
        "Number of Locally-associated TGT's": kinds.count("tgt"),
    }
    call.out(f"\nGroup Name:  {name}\n\n")
    for label, value in head.items():
        call.line(f"    {label:<45}: {value}")
    call.line()
    for label, number in counts.items():
        call.line(f"    {label:<45}: {number:>4}")
    call.line()
    print_blocks(call, array, members)
    return 0


def print_blocks(call: Call, array: Array, members: dict[str, GroupMember]) -> None:
    for kind, title in TITLES.items():
        block(call, array, title, [m for m in members.values() if m.kind == kind])


@layout("device table of a group: text")
def block(call: Call, array: Array, title: str, members: list[GroupMember]) -> None:
    """The device table of a group, with RW or NR in its Sts column (captured)."""
    if not members:
        return
    call.out(f"    {title} ({len(members)}):\n{BLOCK_HEAD}")
    for m in members:
        status = "RW" if m.device.ready else "NR"
        call.line(
            f"        {m.name:<21} {'N/A':<23} {array.name(m.device):<4} {m.device.configuration:<18}"
            f" {status} {m.device.megabytes:>9}"
        )
    call.out("        }\n\n")


@layout("symdg list ld: XML")
def _list_ld(call: Call, name: str, array: Array, members: dict[str, GroupMember], as_xml: bool) -> int:
    if not array.switches.symdg_lists_targets:
        members = {ld: m for ld, m in members.items() if m.kind != "tgt"}
    if not as_xml:
        print_blocks(call, array, members)
        return 0
    width = array.switches.symdg_device_width
    found: list[xml.Element] = [
        ("Device", [
            ("Dev_Info", [
                ("dev_name", array.name(m.device, width)), ("configuration", m.device.configuration),
                ("ld_name", m.name), ("status", "Ready" if m.device.ready else "Not Ready"),
            ]),
            ("Front_End", [("Port", [("pd_name", "Not Visible"), ("director", "07E"), ("port", "1")])]),
        ])
        for m in members.values()
    ]  # fmt: skip
    call.out(
        xml.render(("SymCLI_ML", [("DG", [_info(name, array), *found])]), array.switches.symdg_xml_prolog)
    )
    return 0


RETRY = frozenset({"-i", "-c"})
ADD = Action(frozenset({"-tgt", "-bcv"}), RETRY | {"-g", "-sid"}, _add, words=None)
ACTIONS = {
    "list": Action(frozenset({"-v"}), frozenset({"-g", "-sid", "-output"}), _list, words=None),
    "show": Action(frozenset({"-v"}), frozenset({"-g", "-sid", "-output"}), _show, words=None),
    "create": Action(frozenset(), RETRY | {"-type"}, _create, words=1),
    "delete": Action(frozenset({"-force"}), RETRY, _delete, words=1),
    "add": ADD,
    "addall": Action(frozenset({"-tgt", "-bcv"}), RETRY | {"-g", "-sid", "-devs"}, _addall),
}
