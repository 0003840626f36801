"""A device as a page of labels, and as XML: what `symdev` and `symld -v` share."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from lab.array import Array
from lab.session import Device, Session
from lab.shell.call import Call
from lab.symcli import xml
from lab.symcli.layout import layout


def action_time(call: Call, array: Array, at: float) -> str:
    """`Thu Feb 25 10:20:56 2010`, the control host's local time (assumed), the day padded with a blank."""
    zone = call.host.timezone if array.switches.last_action_zone == "control_host" else "UTC"
    moment = datetime.fromtimestamp(at, ZoneInfo(zone))
    return f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S %Y}"


def changed(array: Array, tracks: float) -> int:
    """Modified tracks are shown only where counting them is switched on (its default is off)."""
    return math.floor(tracks) if array.switches.modified_tracks_counted else 0


@layout("device page: text")
def device_page(call: Call, array: Array, device: Device, ld: str = "N/A", group: str = "N/A") -> None:
    """Labels relied on by field code; their order and indentation are assumed."""

    def row(label: str, value: str | int, level: int = 4) -> None:
        call.line(" " * level + f"{label:<{54 - level}}: {value}")

    call.line()
    row("Device Physical Name", "Not Visible")
    call.line()
    row("Device Symmetrix Name", array.name(device))
    row("Device Serial ID", "N/A")
    row("Symmetrix ID", array.symid)
    row("Device Logical Name", ld)
    row("Device Group Name", group)
    row("Device Configuration", device.configuration)
    row("Device Status", "Ready           (RW)" if device.ready else "Not Ready       (NR)")
    row("Product Revision", array.config.microcode)
    row("Device Capacity (MB)", device.megabytes)
    row("Device Capacity (Tracks)", device.tracks)
    for session in array.sessions_of(device):
        call.line("\n    Clone Device Information\n        {")
        row("Source (SRC) Device Symmetrix Name", array.name(session.source), 8)
        row("Target (TGT) Device Symmetrix Name", array.name(session.target), 8)
        row("State of Session", session.state, 8)
        row("Percent Copied", f"{session.percent}%", 8)
        row("Time of Last Clone Action", action_time(call, array, session.last_action), 8)
        row("Changed Tracks for SRC Device", changed(array, session.changed), 8)
        row("Changed Tracks for TGT Device", changed(array, session.changed_target), 8)
        call.line("        }")
    call.line()


@layout("CLONE_Device element")
def clone_element(call: Call, array: Array, session: Session) -> xml.Element:
    """One CLONE_Device. Names are relied on by two parsers, values of the flags are assumed."""
    yes, no = array.switches.clone_flag_values.split("/")
    flags = {
        "backgrnd_copy_state": session.background_copy,
        "differential_state": session.differential,
        "vse": False,
        "vpsnap": False,
    }
    return ("CLONE_Device", [
        ("state", session.state),
        ("last_action", action_time(call, array, session.last_action)),
        ("percent_copied", f"{session.percent}{'%' if array.switches.percent_sign else ''}"),
        ("clone_state_flags", [(name, yes if value else no) for name, value in flags.items()]),
        ("SRC", [("dev_name", array.name(session.source))]),
        ("TGT", [("dev_name", array.name(session.target))]),
    ])  # fmt: skip


def status(device: Device) -> str:
    return "Ready" if device.ready else "Not Ready"


@layout("device page: XML")
def device_element(call: Call, array: Array, device: Device) -> xml.Element:
    """A Device of `list -v` and `show`: envelope captured with SE 10.1, shortened to what clones need."""
    groups = array.groups_of(device)
    info: list[xml.Element] = [
        ("pd_name", "Not Visible"),
        ("dev_name", array.name(device)),
        ("configuration", device.configuration),
    ]
    if groups:
        info += [("device_group", groups[0][0]), ("ld_name", groups[0][1])]
    info += [
        ("emulation", "FBA"),
        ("status", status(device)),
        ("snapvx_source", "False"),
        ("snapvx_target", "False"),
    ]
    cylinder = 15  # tracks of a cylinder: 177494 cylinders were 2662410 tracks
    content: list[xml.Element] = [
        ("Dev_Info", info),
        ("Product", [
            ("vendor", "EMC"), ("name", "SYMMETRIX"), ("revision", array.config.microcode),
            ("symid", array.symid),
        ]),
    ]  # fmt: skip
    if array.switches.verbose_capacity:
        content.append(("Capacity", [
            ("block_size", 512), ("cylinders", math.ceil(device.tracks / cylinder)),
            ("tracks", device.tracks),
            ("blocks", device.megabytes * 2048), ("megabytes", device.megabytes),
            ("kilobytes", device.megabytes * 1024), ("gigabytes", f"{device.megabytes / 1024:.1f}"),
            ("terabytes", f"{device.megabytes / 1024 / 1024:.2f}"),
        ]))  # fmt: skip
    content += [clone_element(call, array, s) for s in array.sessions_of(device)]
    return ("Device", content)
