"""Copies, and their source, as Linux' LVM sees them on one host.

Tried with LVM 2.03.16 on loop devices, the messages too:

* Disks with the same identifiers are duplicates: one of them is chosen, the others are passed over. A group
  that has such disks is neither activated nor changed, whichever was chosen (`vgrename` ends with 0 all the
  same); what is active stays so.
* Two groups with one name and other identifiers: every command that names one of them by it is refused.
* `vgimportclone` gives the disks that it names other identifiers, and no other disks; those of an active
  group it refuses (by its source text). If a group has the name asked for, a number is put behind it. If that
  is the very group of these disks, it waits for a lock of its own for ever; here it fails at once.
* With a devices file LVM sees the disks listed there, and `vgimportclone` finds others only with
  `--importdevices`, which lists them; without such a file the option does nothing.
"""

from __future__ import annotations

from lab.hosts import beside
from lab.hosts.volume_groups import VolumeGroup
from lab.shell.call import Call

DEVICES_FILE = "/etc/lvm/devices/system.devices"


def listed(call: Call, vg: VolumeGroup) -> bool:
    """Whether LVM sees its disks."""
    if not call.files.exists(DEVICES_FILE):
        return True
    listed = call.files.read(DEVICES_FILE, "root").split()
    return all(f"DEVNAME={disk.path}" in listed for disk in vg.disks)


def seen(call: Call) -> list[VolumeGroup]:
    """Every group whose disks LVM sees, also those that it passes over."""
    return [vg for vg in call.host.of("lvm").values() if vg.active or listed(call, vg)]


def unclaimed(call: Call, vg: VolumeGroup) -> bool:
    return not vg.active and beside.is_duplicate(call.host, vg)


def duplicates(call: Call, vg: VolumeGroup) -> list[VolumeGroup]:
    """The other groups whose disks bear the identifiers of this one's: copies that have none of their own,
    and their source."""
    mine = _identity(call, vg)
    return [one for one in seen(call) if one is not vg and _identity(call, one) == mine]


def _identity(call: Call, vg: VolumeGroup) -> tuple[str, bool]:
    """Whose identifiers are on its disks: a group's by its name, and whether that is a copy with its own."""
    if vg.config.copy_of and beside.is_duplicate(call.host, vg):
        return vg.config.copy_of, False
    return vg.name, vg.config.copy_of is not None


def chosen(call: Call) -> list[VolumeGroup]:
    """Of those with the same identifiers the source, or the first."""
    found: list[VolumeGroup] = []
    for vg in seen(call):
        others = duplicates(call, vg)
        if not unclaimed(call, vg) or not any(not unclaimed(call, o) or o in found for o in others):
            found.append(vg)
    return found
