"""`symdev list [-v] [-devs A,B] [-sg S] [-wwn] [-identifier device_name]`, `show`, `ready`, `not_ready`.

Text of the list captured with SE 7.x, XML with SE 10.1, also of -wwn and -identifier. The form of `ready` was
captured, its messages are assumed; that a target can not be made ready before its activation is assumed too.
"""

from __future__ import annotations

import re

from lab import states
from lab.array.array import Array
from lab.array.refused import Refused
from lab.array.session import Device
from lab.shell.call import Call
from lab.symcli import identifiers, lock, messages, scope, xml
from lab.symcli.action import Action
from lab.symcli.layout import layout
from lab.symcli.options import Options
from lab.symcli.pages import cylinders, device_element, device_page, status

# A target in any other state is not ready for the session's sake.
SETTLED = states.ACTIVE | {states.SPLIT, states.RESTORED, states.REST_IN_PROG}


async def _list(call: Call, options: Options) -> int:
    as_xml = options.xml
    await lock.acquire(call, control=False)
    arrays = call.host.arrays
    if "-sid" in options.values:
        arrays = [scope.array_of(call.host.arrays, options.values["-sid"])]
    elif "-devs" in options.values or "-range" in options.values:
        raise Refused("symid_needed", command=call.name)
    named = identifiers.asked(options)
    chosen = [(a, _wanted(a, options)) for a in arrays]
    if not any(devices for _, devices in chosen):
        raise Refused("no_devices")
    if named is not None:
        identifiers.show(call, chosen, named, as_xml)
        return 0
    return _print(call, chosen, "-v" in options.flags, as_xml, "-cyl" in options.flags)


def _wanted(array: Array, options: Options) -> list[Device]:
    """No device of the lab is reserved or a member of a meta device (assumed of its arrays)."""
    found = _chosen(array, options)
    if "-sg" in options.values:
        inside = array.storage_groups.get(options.values["-sg"], [])
        found = [d for d in found if d in inside]
    if "-tdev" in options.flags:
        found = [d for d in found if "TDEV" in d.configuration]
    return [] if "-resv" in options.flags else found


async def _show(call: Call, options: Options) -> int:
    as_xml = options.xml
    await lock.acquire(call, control=False)
    array, device = _one(call, options)
    return _print(call, [(array, [device])], True, as_xml)


def _one(call: Call, options: Options) -> tuple[Array, Device]:
    if "-sid" not in options.values:
        raise Refused("symid_needed", command=call.name)
    array = scope.array_of(call.host.arrays, options.values["-sid"])
    return array, array.device(options.words[1])


def _readiness(ready: bool) -> Action:
    async def run(call: Call, options: Options) -> int:
        array, device = _one(call, options)
        interval, count = options.number("-i"), options.number("-c")
        switches = array.switches
        stream = call.stdout if switches.control_messages_on == "stdout" else call.stderr
        words = {"action": "Device Ready" if ready else "Device Not Ready", "device": array.name(device)}
        if "-noprompt" not in options.flags:
            stream.write(messages.text("prompt_device", **words))
            if (await call.stdin.readline()).strip().lower() not in ("y", "yes"):
                stream.write(messages.text("not_confirmed"))
                return switches.not_confirmed_exit
        await lock.acquire(
            call, control=True, interval=interval, count=count, default=switches.default_interval
        )
        if device.ready == ready:
            raise Refused("already_in_state", 18)
        if ready and any(s.target is device and s.state not in SETTLED for s in array.sessions_of(device)):
            raise Refused("target_not_settled", device=array.name(device))
        device.ready = ready
        array.audit.append(
            (call.host.clock.now(), call.host.name, call.login, f"{words['action']} {array.name(device)}")
        )
        if not ready:
            call.host.world.spoil(array, [device.number], "not_ready")
        stream.write(messages.text("done_device", **words))
        return 0

    return Action(frozenset({"-noprompt"}), frozenset({"-sid", "-i", "-c"}), run, words=1)


def _chosen(array: Array, opts: Options) -> list[Device]:
    text = opts.values.get("-devs") or opts.values.get("-range")
    if text is None:
        return [array.devices[n] for n in array.numbers]
    found: dict[int, Device] = {}
    for piece in text.split(","):
        match = re.fullmatch(r"([0-9A-Fa-f]{1,5})(?::([0-9A-Fa-f]{1,5}))?", piece)
        if not match:
            raise Refused("bad_value", command=opts.command, option="-devs", value=text)
        first, last = int(match[1], 16), int(match[2] or match[1], 16)
        within = array.within(first, last)
        if not within and not match[2]:
            raise Refused("no_such_device", device=piece, symid=array.symid)
        found |= {d.number: d for d in within}
    return list(found.values())


def _print(
    call: Call, chosen: list[tuple[Array, list[Device]]], verbose: bool, as_xml: bool, cyl: bool = False
) -> int:
    if as_xml:
        found: list[xml.Element] = []
        for array, devices in chosen:
            make = device_element if verbose else _short_element
            inner = [make(call, array, d) for d in devices]
            found.append(("Symmetrix", [("Symm_Info", [("symid", array.symid)]), *inner]))
        call.out(xml.render(("SymCLI_ML", found)))
        return 0
    for array, devices in chosen:
        if verbose:
            for device in devices:
                ld, group = _names(array, device)
                device_page(call, array, device, ld, group)
        else:
            _table(call, array, devices, cyl)
    return 0


def _names(array: Array, device: Device) -> tuple[str, str]:
    for group, ld in array.groups_of(device):
        return ld, group
    return "N/A", "N/A"


@layout("symdev list: XML")
def _short_element(call: Call, array: Array, device: Device) -> xml.Element:
    return ("Device", [
        ("Dev_Info", [
            ("dev_name", array.name(device)), ("configuration", device.configuration),
            ("status", status(device)),
        ]),
        ("Flags", [("worm_protected", "False"), ("aclx", "False"), ("meta", "None")]),
        ("Capacity", [
            ("megabytes", device.megabytes), ("gigabytes", f"{device.megabytes / 1024:.1f}"),
            ("terabytes", f"{device.megabytes / 1024 / 1024:.2f}"),
        ]),
        ("Front_End", [("Port", [("pd_name", "Not Visible"), ("director", "07H"), ("port", 0)])]),
        ("Back_End", [("Disk", [("director", "N/A"), ("interface", "N/A"), ("tid", "N/A")])]),
    ])  # fmt: skip


@layout("symdev list: text")
def _table(call: Call, array: Array, devices: list[Device], cyl: bool) -> None:
    wide = "-" * (array.width - 4)
    blank = " " * (array.width - 4)
    unit = "(CYL)" if cyl else " (MB)"
    call.out(
        f"\nSymmetrix ID: {array.symid}\n\n"
        f"{blank}        Device Name           Directors                  Device\n"
        f"{wide}--------------------------- ------------- -------------------------------------\n"
        f"{blank}                                                                           Cap\n"
        f"Sym{blank}  Physical               SA :P DA :IT  Config        Attribute    Sts   {unit}\n"
        f"{wide}--------------------------- ------------- -------------------------------------\n\n"
    )
    for device in devices:
        grouped = "Grp'd" if _names(array, device)[1] != "N/A" else "N/Grp'd"
        ready = "RW" if device.ready else "NR"
        call.line(
            f"{array.name(device)} {'Not Visible':<22} 07H:0 {'NA :NA':<7} {device.configuration:<13}"
            f" {grouped:<12} {ready} {cylinders(device) if cyl else device.megabytes:>7}"
        )
    call.line()


LIST = frozenset({"-sid", "-devs", "-range", "-output", "-sg", "-identifier"})
LIST_FLAGS = frozenset({"-v", "-cyl", "-wwn", "-tdev", "-nomember", "-resv"})
ACTIONS = {
    "list": Action(LIST_FLAGS, LIST, _list),
    "show": Action(frozenset({"-v"}), frozenset({"-sid", "-output"}), _show, words=1),
    "ready": _readiness(True),
    "not_ready": _readiness(False),
}
