"""Linux: systemctl for the declared units, fuser, multipath and sg_turs, sync."""

from __future__ import annotations

from lab.hosts.mounts import unslash
from lab.shell.call import Call, Program
from lab.shell.flags import Usage, read_flags


def systemctl(call: Call) -> int:
    words = [w for w in call.words if w not in ("-q", "--quiet", "--no-pager")]
    quiet = len(words) != len(call.words) and "--no-pager" not in call.words
    if len(words) != 2 or words[0] not in ("is-active", "start", "stop"):
        return call.fail(f"Unknown command verb {words[0] if words else ''}.")
    action, unit = words[0], words[1] if "." in words[1] else f"{words[1]}.service"
    app = next((a for a in call.host.apps.values() if a.config.unit in (unit, words[1])), None)
    if action == "is-active":
        active = app is not None and app.running
        if not quiet:
            call.line("active" if active else "inactive")
        return 0 if active else 3
    if app is None:
        return call.fail(f"Failed to {action} {unit}: Unit {unit} not found.", 5)
    if action == "stop":
        call.host.stop_app(app)
        return 0
    if not call.host.start_app(app):
        return call.fail(
            f"Job for {unit} failed because the control process exited with error code.\n"
            f'See "systemctl status {unit}" and "journalctl -xe" for details.'
        )
    call.host.record_app(app)
    return 0


def fuser(call: Call) -> int:
    """`fuser [-k] -m DIR`: exit 1 when nobody uses it."""
    try:
        found, names = read_flags(call.words, "kmvuc")
    except Usage as fault:
        return call.fail(f"fuser: {fault}")
    if not names:
        return call.fail("No process specification given")
    used = False
    for name in names:
        mounted = call.host.mounted(unslash(name))
        users = call.host.users_of(mounted.directory) if mounted and call.as_root else []
        if users:
            used = True
            call.err(f"{name}: ")
            call.out("".join(f"{p.pid:>6}" for p in users))
            call.err("m" * len(users) + "\n")
        if "k" in found:
            call.host.kill(users)
    return 0 if used else 1


def sg_turs(call: Call) -> int:
    """Test unit ready: exit 2 for a device that is not ready."""
    names = [w for w in call.words if not w.startswith("-")]
    for vg in call.host.groups.values():
        for disk in vg.disks:
            if disk.path in names and not disk.device.ready:
                return call.fail("Completed 1 Test Unit Ready commands with 1 errors", 2)
    return 0


def accept(call: Call) -> int:
    return 0


PROGRAMS: dict[str, Program] = {
    "systemctl": systemctl, "fuser": fuser, "sg_turs": sg_turs, "multipath": accept, "sync": accept,
}  # fmt: skip
