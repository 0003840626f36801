"""Whether the copy under a volume is one point in time, and not behind what it must follow.

The array activates the pairs of one command together. A volume whose disks were activated by two commands
holds two moments: its file system is *torn*. One whose disks are not all active is too. A volume that must
be `after` others (archived logs after the data that they belong to) is *out of order* when its point in
time lies before theirs; a real file system mounts all the same and the database fails to recover, the lab
lets fsck and mount fail so that it is seen (assumed).
"""

from __future__ import annotations

from lab import states
from lab.hosts.volume_groups import Disk, StorageHost, VolumeGroup
from lab.world import World

# Sessions that the configuration starts are made one after the other: real seconds that this may take.
TOGETHER = 0.001
NOT_ACTIVE = frozenset({*states.PREPARED, states.CREATE_IN_PROG, states.FAILED, states.INVALID})


def points(world: World, disks: list[Disk]) -> tuple[list[float], list[str]]:
    """(points in time, devices without one) of what was copied on to these disks; none for no copies."""
    times: list[float] = []
    idle: list[str] = []
    for disk in disks:
        array = world.arrays[disk.symid]
        copies = array.copies_on(disk.device)
        if not copies and disk.device.spoiled:
            idle.append(f"{disk.symid}:{array.name(disk.device)} {disk.device.spoiled}")
        elif not copies and disk.device.left is not None:
            times.append(disk.device.left)
        for session in copies:
            if session.state in NOT_ACTIVE or session.point_in_time is None:
                idle.append(f"{disk.symid}:{array.name(disk.device)} is {session.state}")
            else:
                times.append(session.point_in_time)
    return times, idle


def reason(host: StorageHost, vg: VolumeGroup, lv: str) -> str | None:
    """Why the volume can not be used, or None."""
    together = TOGETHER * max(1.0, host.clock.speed)
    times, idle = points(host.world, vg.disks_of(lv))
    if idle:
        return f"not active: {', '.join(idle)}"
    if times and max(times) - min(times) > together:
        return f"different points in time, {max(times) - min(times):g} s apart"
    for path in vg.volumes[lv].after:
        found = host.volume(path)
        if found and times:
            other, _ = points(host.world, host.groups[found[0]].disks_of(found[1]))
            if other and min(times) < max(other) - together:
                return f"out of order: {max(other) - min(times):g} s older than {path}"
    return None
