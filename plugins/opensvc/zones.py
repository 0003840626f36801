"""Mount points of a service whose file systems are mounted into a zone of Solaris.

The agent mounts ``/data`` of a zone on ``ZONEPATH/root/data`` of the host, which is what the host's table
shows: with ``zone = NAME`` in the file system's section, or ``mode = zone`` for the whole service.
"""

from __future__ import annotations

from clones.config.placeholders import fill_in
from clones.names import AbsolutePath
from opensvc.evaluating import Given, View
from opensvc.values import fits, shown


def of_zone(view: View, section: str) -> Given | None:
    """What says that a file system belongs to a zone; None when nothing does."""
    named = view.take(section, "zone")
    if named is not None:
        return named
    mode = view.take("DEFAULT", "mode")
    return mode if mode and mode.text.strip().lower() == "zone" else None


def on_the_host(view: View, section: str, by: Given, mount_point: Given | None) -> str:
    """Where the host sees a mount point of a zone, or a placeholder where the file does not say it.

    :param by: as of :func:`of_zone`.
    """
    path = _zonepath(view, section, by)
    inside = mount_point.text.strip() if mount_point else ""
    view.remark(
        by,
        "its file systems are carried over as the host mounts them, below the zone's root; the zone itself, "
        "its addresses and its applications are not",
        "let the zone be halted before the stop and booted after the start: write a `command` resource",
    )
    if path and mount_point and not path.trouble and not mount_point.trouble:
        root = f"{path.text.strip().rstrip('/')}/root"
        whole = inside if inside.startswith(f"{root}/") else f"{root}/{inside.strip('/')}".rstrip("/")
        if fits(AbsolutePath, whole) is None:
            return whole
    return fill_in(
        f"the mount point as the host shows it, ZONEPATH/root{inside}; the agent had {shown(inside)}"
    )


def _zonepath(view: View, section: str, by: Given) -> Given | None:
    """That of the zone by its name; with ``mode = zone``, the only one."""
    for place in (section, "DEFAULT"):
        given = view.take(place, "zonepath")
        if given:
            return given
    name = by.text.strip() if by.keyword.partition("@")[0] == "zone" else None
    found = []
    for container in view.of_group("container"):
        kind, called = view.peek(container, "type"), view.peek(container, "name")
        if kind and kind.text.strip().lower().rpartition(".")[2] != "zone":
            continue
        if name is None or (called.text.strip() if called else view.name) == name:
            found.append(view.peek(container, "zonepath"))
    return found[0] if len(found) == 1 else None
