"""`symdev list -wwn` and `-identifier device_name`: names of devices. XML captured with SE 10.1."""

from __future__ import annotations

from lab.array.array import Array
from lab.array.refused import Refused
from lab.array.session import Device
from lab.shell.call import Call
from lab.symcli import xml
from lab.symcli.layout import layout
from lab.symcli.options import Options

NAMES = "device_name"


def asked(options: Options) -> str | None:
    """`wwn`, `device_name`, or None for an ordinary list."""
    value = options.values.get("-identifier")
    if value is not None and value.lower() != NAMES:
        raise Refused("bad_value", command=options.command, option="-identifier", value=value)
    if value is not None and "-wwn" in options.flags:
        raise Refused("options_exclusive", one="-wwn", other="-identifier")
    return NAMES if value is not None else "wwn" if "-wwn" in options.flags else None


def show(call: Call, chosen: list[tuple[Array, list[Device]]], named: str, as_xml: bool) -> None:
    if as_xml:
        make = _named_element if named == NAMES else _wwn_element
        found: list[xml.Element] = [
            ("Symmetrix", [("Symm_Info", [("symid", array.symid)]), *(make(array, d) for d in devices)])
            for array, devices in chosen
        ]
        call.out(xml.render(("SymCLI_ML", found)))
        return
    for array, devices in chosen:
        _table(call, array, devices, named)


@layout("symdev list -wwn: XML")
def _wwn_element(array: Array, device: Device) -> xml.Element:
    return ("Device", [
        ("symid", array.symid), ("dev_name", array.name(device)), ("pd_name", "Not Visible"),
        ("configuration", device.configuration),
        ("flags", [("meta", "None"), ("datadev", "False"), ("snap_save_device", "False")]),
        ("wwn", array.wwn(device)),
    ])  # fmt: skip


@layout("symdev list -identifier: XML")
def _named_element(array: Array, device: Device) -> xml.Element:
    info: list[xml.Element] = [("dev_name", array.name(device)), ("configuration", device.configuration)]
    if device.identifier is not None:
        info.append(("dev_ident_name", device.identifier))
    return ("Device", [("Dev_Info", info)])


@layout("symdev list -wwn: text", "symdev list -identifier: text")
def _table(call: Call, array: Array, devices: list[Device], named: str) -> None:
    call.out(f"\nSymmetrix ID: {array.symid}\n\n")
    for device in devices:
        name = (device.identifier or "N/A") if named == NAMES else array.wwn(device)
        call.line(f"{array.name(device)} {'Not Visible':<22} {device.configuration:<13} {name}")
    call.line()
