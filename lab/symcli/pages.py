"""A device as a page of labels, and as XML: what `symdev` and `symld -v` share."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from lab.array.array import Array
from lab.array.session import Device, Session
from lab.shell.call import Call
from lab.symcli import xml
from lab.symcli.layout import layout

RDF = "RDF1_OR_RDF2_Capable"
CYLINDER = 15  # tracks: 177494 cylinders were 2662410 tracks


def cylinders(device: Device) -> int:
    return math.ceil(device.tracks / CYLINDER)


def action_time(call: Call, array: Array, at: float) -> str:
    """`Thu Feb 25 10:20:56 2010`, the control host's local time (assumed), the day padded with a blank."""
    zone = call.host.timezone if array.switches.last_action_zone == "control_host" else "UTC"
    moment = datetime.fromtimestamp(at, ZoneInfo(zone))
    return f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S %Y}"


def changed(array: Array, tracks: float) -> int:
    """Modified tracks are shown only where counting them is switched on (its default is off)."""
    return math.floor(tracks) if array.switches.modified_tracks_counted else 0


LABEL = 25
"""Width of the label column: a reader wants no blank between `SCSI-3 Persistent Reserve` and `:`."""


@layout("device page: text")
def device_page(call: Call, array: Array, device: Device, ld: str = "N/A", group: str = "N/A") -> None:
    """Labels, their column and the two blanks after the configuration are relied on by device readers.

    The order of the labels is assumed, and so are the right half of `State of Session`, the percentage, and
    the row of a path: the lab's arrays show each device on one port.
    """

    def row(label: str, value: str | int, level: int = 4, width: int = LABEL) -> None:
        call.line(" " * level + f"{label:<{width}}: {value}")

    ready = "Ready           (RW)" if device.ready else "Not Ready       (NR)"
    call.line()
    row("Device Physical Name", "Not Visible")
    call.line()
    row("Device Symmetrix Name", array.name(device))
    row("Device Serial ID", array.serial(device))
    row("Symmetrix ID", array.symid)
    call.line()
    row("Device Group Name", group)
    row("Device Logical Name", ld)
    call.line()
    row("Vendor ID", "EMC")
    row("Product ID", "SYMMETRIX")
    row("Product Revision", array.config.microcode)
    row("Device WWN", array.wwn(device))
    row("Device Emulation Type", "FBA")
    call.line()
    call.line("    Device Capacity\n        {")
    row("Cylinders", f"{cylinders(device):>10}", 8, LABEL - 4)
    row("Tracks", f"{device.tracks:>10}", 8, LABEL - 4)
    row("512-byte Blocks", f"{device.megabytes * 2048:>10}", 8, LABEL - 4)
    row("MegaBytes", f"{device.megabytes:>10}", 8, LABEL - 4)
    row("KiloBytes", f"{device.megabytes * 1024:>10}", 8, LABEL - 4)
    call.line("        }\n")
    row("Device Configuration", f"{device.configuration}  ")
    call.line()
    row("SCSI-3 Persistent Reserve", "Enabled")
    row("Dynamic RDF Capability", RDF)
    call.line()
    row("Device Status", ready)
    row("Device SA Status", ready)
    call.line()
    call.line("    Front Director Paths (1):\n        {")
    call.line("        FA  07H:0  " + ("RW" if device.ready else "NR"))
    call.line("        }")
    for session in array.sessions_of(device):
        call.line("\n    Clone Device Information\n        {")
        row("Source (SRC) Device Symmetrix Name", array.name(session.source), 8, 38)
        row("Target (TGT) Device Symmetrix Name", array.name(session.target), 8, 38)
        row("State of Session (SRC ====> TGT)", session.state, 8, 38)
        row("Percent Copied", f"{session.percent}%", 8, 38)
        row("Time of Last Clone Action", action_time(call, array, session.last_action), 8, 38)
        row("Changed Tracks for SRC Device", changed(array, session.changed), 8, 38)
        row("Changed Tracks for TGT Device", changed(array, session.changed_target), 8, 38)
        call.line("        }")
    call.line()


@layout("CLONE_Device element")
def clone_element(call: Call, array: Array, session: Session) -> xml.Element:
    """One CLONE_Device. Names are relied on by two parsers, values of the flags are assumed."""
    yes, no = array.switches.clone_flag_values.split("/")
    flags = {
        "backgrnd_copy_state": session.background_copy,
        "differential_state": session.differential,
        "vse": session.vse,
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
    """A Device of `list -v` and `show`: envelope captured with SE 10.1, shortened to what clones and
    inventories read. Which of pool and SRP an older array names is assumed."""
    groups = array.groups_of(device)
    info: list[xml.Element] = [
        ("pd_name", "Not Visible"),
        ("dev_name", array.name(device)),
        ("configuration", device.configuration),
    ]
    if groups:
        info += [("device_group", groups[0][0]), ("ld_name", groups[0][1])]
    new, now = array.track_kb == 128, array.clock.now()
    info += [
        ("encapsulated", "No"),
        ("encapsulated_wwn", "N/A"),
        ("encapsulated_array_id", "N/A"),
        ("encapsulated_device_name", "N/A"),
        ("emulation", "FBA"),
        ("status", status(device)),
        ("sa_status", status(device)),
        ("snapvx_source", str(any(s.there(now) for s in array.snapshots.of_source(device.number)))),
        ("snapvx_target", str(bool(array.links.of_target(device.number)))),
        ("thin_pool_name", "N/A" if new else "TP_1"),
        ("SRP_name", "SRP_1" if new else "N/A"),
    ]
    content: list[xml.Element] = [
        ("Dev_Info", info),
        ("Product", [
            ("vendor", "EMC"), ("name", "SYMMETRIX"), ("revision", array.config.microcode),
            ("serial_id", array.serial(device)), ("symid", array.symid), ("wwn", array.wwn(device)),
        ]),
        ("Flags", [
            ("dynamic_rdf_capability", RDF), ("scsi3_persist_res", "Enabled"), ("aclx", "False"),
            ("gatekeeper", "False"), ("datadev", "False"), ("meta", "None"), ("encap_dev_flag", "None"),
        ]),
    ]  # fmt: skip
    if array.switches.verbose_capacity:
        content.append(("Capacity", [
            ("block_size", 512), ("cylinders", cylinders(device)), ("tracks", device.tracks),
            ("blocks", device.megabytes * 2048), ("megabytes", device.megabytes),
            ("kilobytes", device.megabytes * 1024), ("gigabytes", f"{device.megabytes / 1024:.1f}"),
            ("terabytes", f"{device.megabytes / 1024 / 1024:.2f}"),
        ]))  # fmt: skip
    content.append(("Device_External_Identity", [("wwn", array.wwn(device))]))
    content += [clone_element(call, array, s) for s in array.sessions_of(device)]
    return ("Device", content)
