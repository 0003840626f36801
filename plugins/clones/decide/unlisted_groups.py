"""File systems whose group nobody proves down.

An unmounted file system leaves its volume group, disk group or pool active, under the copy that comes next,
and other volumes of it may be mounted. So a group is proven down for itself, as a `vg`; or by a `command`,
the site's own words for what no driver knows.
"""

from __future__ import annotations

from clones.config import Production, Service
from clones.config.volumes import group_of


def unlisted_groups(what: Service | Production) -> list[str]:
    """Each file system whose group no `vg` of the same resources is, in words; none with a `command`.

    A device of AIX does not show its group: one `vg` is enough there.
    """
    if any(entry.command for entry in what.resources):
        return []
    listed = {(entry.vg.manager, entry.vg.name) for entry in what.resources if entry.vg}
    aix = any(host.family == "aix" for host in what.hosts)
    found = []
    for fs in (entry.fs for entry in what.resources if entry.fs):
        group = group_of(fs)
        if group and tuple(group) not in listed:
            disk = "; of a disk give the path below /dev/disk" if fs.dev.startswith("/dev/mapper/") else ""
            found.append(f"fs {fs.mnt}: its group {group.name} is not listed as a `vg`{disk}")
        elif aix and not listed and fs.dev.startswith("/dev/"):
            found.append(f"fs {fs.mnt}: the volume group of {fs.dev} is not listed as a `vg`")
    return found
