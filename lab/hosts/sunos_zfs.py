"""SunOS: zpool import, export, list, status; zfs list, get, mount, umount."""

from __future__ import annotations

import zlib

from lab.config.hosts import LogicalVolumeConfig
from lab.hosts.mounts import unslash
from lab.hosts.volume_groups import VolumeGroup
from lab.shell.call import Call, Program
from lab.shell.flags import Usage, read_flags


def _pools(call: Call) -> dict[str, VolumeGroup]:
    return {n: g for n, g in call.host.of("zpool").items() if g.known}


def _size(megabytes: float) -> str:
    return f"{megabytes / 1024:.1f}G" if megabytes >= 1024 else f"{megabytes:.0f}M"


def _health(pool: VolumeGroup) -> str:
    return "UNAVAIL" if pool.missing else "ONLINE"


def zpool(call: Call) -> int:
    action, *words = call.words or [""]
    bodies = {"import": _import, "export": _export, "list": _list, "status": _status}
    if action not in bodies:
        return call.fail(f"unrecognized command '{action}'\nusage: zpool command args ...", 2)
    return bodies[action](call, words)


def _import(call: Call, words: list[str]) -> int:
    """`zpool import [-f] [-N] [-o PROPERTY=VALUE] [-d DIR] [POOL]`: it mounts the data sets."""
    try:
        found, names = read_flags(words, "fNa", "odR")
    except Usage as fault:
        return call.fail(f"{fault}\nusage:\n\timport [-d dir] [-D]", 2)
    host = call.host
    if not names:
        return _importable(call)
    name = names[0]
    pool: VolumeGroup | None = host.of("zpool").get(name)
    if pool is not None and pool.known:
        return call.fail(
            f"cannot import '{name}': a pool with that name is already created/imported,\n"
            "and no additional pools with that name were found"
        )
    if pool is None or len(pool.missing) == len(pool.disks):
        return call.fail(f"cannot import '{name}': no such pool available")
    if pool.missing:
        return call.fail(f"cannot import '{name}': one or more devices is currently unavailable")
    if host.foreign(pool) and "f" not in found:
        return call.fail(
            f"cannot import '{name}': pool may be in use from other system\nuse '-f' to import anyway"
        )
    if any([host.torn(pool, lv, "activation") for lv in pool.volumes]):
        return call.fail(
            f"cannot import '{name}': I/O error\n\tDestroy and re-create the pool from\n\ta backup source."
        )
    pool.known = True
    host.activate(pool)
    status = 0
    if "N" not in found:
        for lv in pool.volumes.values():
            status = _mount(call, pool, lv) or status
    return status


def _importable(call: Call) -> int:
    for pool in call.host.of("zpool").values():
        if pool.known or len(pool.missing) == len(pool.disks):
            continue
        call.line(
            f"  pool: {pool.name}\n    id: {zlib.crc32(pool.name.encode()):020d}\n state: {_health(pool)}"
        )
        call.line("action: The pool can be imported using its name or numeric identifier.")
        call.line(f"config:\n\n\t{pool.name}")
        for disk in pool.disks:
            call.line(f"\t  {disk.path.rsplit('/', 1)[-1]}  {'ONLINE' if disk.device.ready else 'UNAVAIL'}")
    return 0


def _export(call: Call, words: list[str]) -> int:
    try:
        found, names = read_flags(words, "f")
    except Usage as fault:
        return call.fail(f"{fault}\nusage:\n\texport [-f] <pool> ...", 2)
    if not names:
        return call.fail("missing pool argument\nusage:\n\texport [-f] <pool> ...", 2)
    host = call.host
    for name in names:
        pool = _pools(call).get(name)
        if pool is None:
            return call.fail(f"cannot open '{name}': no such pool")
        for mount in host.mounts_of(pool):
            if host.busy(mount):
                if "f" not in found:
                    return call.fail(f"cannot unmount '{mount.directory}': Device busy")
                host.kill(host.users_of(mount.directory))
            host.detach(mount)
        host.deactivate(pool)
        pool.known, pool.left = False, host.clock.now()
    return 0


def _list(call: Call, words: list[str]) -> int:
    try:
        found, names = read_flags(words, "H", "o")
    except Usage as fault:
        return call.fail(f"{fault}\nusage:\n\tlist [-H] [-o property[,...]] [pool] ...", 2)
    columns = found.get("o", "name,size,alloc,free,cap,health,altroot").split(",")
    pools = _pools(call)
    status, rows = 0, []
    for name in names or list(pools):
        pool = pools.get(name)
        if pool is None:
            status = call.fail(f"cannot open '{name}': no such pool")
            continue
        used = sum(v.megabytes for v in pool.volumes.values())
        values = {
            "name": name, "size": _size(pool.megabytes), "alloc": _size(used),
            "free": _size(pool.megabytes - used),
            "cap": f"{used * 100 // pool.megabytes}%", "health": _health(pool), "altroot": "-",
        }  # fmt: skip
        if any(c not in values for c in columns):
            return call.fail(f"bad property list: invalid property '{columns[0]}'", 2)
        rows.append([values[c] for c in columns])
    if not rows and not names:
        call.line("no pools available")
        return 0
    _table(call, columns, rows, "H" in found)
    return status


def _status(call: Call, words: list[str]) -> int:
    if words:
        return call.fail(f"zpool status: the lab knows no {' '.join(words)}", 2)
    if not _pools(call):
        call.line("no pools available")
    for pool in _pools(call).values():
        call.line(f"  pool: {pool.name}\n state: {_health(pool)}\n scan: none requested\nconfig:\n")
        rows = [(pool.name, _health(pool))]
        rows += [
            (f"  {d.path.rsplit('/', 1)[-1]}", "ONLINE" if d.device.ready else "UNAVAIL") for d in pool.disks
        ]
        call.line(f"\t{'NAME':<20}{'STATE':<10} READ WRITE CKSUM")
        for name, state in rows:
            call.line(f"\t{name:<20}{state:<10}    0     0     0")
        call.line("\nerrors: No known data errors\n")
    return 0


def _table(call: Call, columns: list[str], rows: list[list[str]], scripted: bool) -> None:
    if scripted:
        for row in rows:
            call.line("\t".join(row))
        return
    if rows:
        lines = [[c.upper() for c in columns], *rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
        for line in lines:
            call.line("  ".join(v.ljust(w) for v, w in zip(line, widths, strict=True)).rstrip())


# data sets


def _dataset(call: Call, name: str) -> tuple[VolumeGroup, LogicalVolumeConfig] | None:
    for pool in _pools(call).values():
        for lv in pool.volumes.values():
            if name in (f"{pool.name}/{lv.name}", lv.mountpoint):
                return pool, lv
    return None


def _mount(call: Call, pool: VolumeGroup, lv: LogicalVolumeConfig) -> int:
    host, name = call.host, f"{pool.name}/{lv.name}"
    if lv.mountpoint is None:
        return 0
    if pool.unready(lv.name):
        return call.fail(f"cannot mount '{name}': I/O error")
    host.files.add_directory(lv.mountpoint)
    if host.mounted(lv.mountpoint):
        return call.fail(f"cannot mount '{lv.mountpoint}': mountpoint or dataset is busy")
    host.attach(name, lv.mountpoint, "zfs", host.default_options("zfs"))
    return 0


def zfs(call: Call) -> int:
    action, *words = call.words or [""]
    host = call.host
    if action == "mount" and not words:
        for mount in host.mounts:
            if mount.fs == "zfs":
                call.line(f"{mount.device:<30}  {mount.directory}")
        return 0
    if action in ("mount", "umount", "unmount"):
        force = words[:1] == ["-f"]
        words = words[1:] if force else words
        if len(words) != 1:
            return call.fail(f"missing filesystem argument\nusage:\n\t{action} <filesystem>", 2)
        return (_mount_by_name if action == "mount" else _unmount)(call, unslash(words[0]), force)
    if action in ("list", "get"):
        return (_list_sets if action == "list" else _get)(call, words)
    return call.fail(f"unrecognized command '{action}'\nusage: zfs command args ...", 2)


def _mount_by_name(call: Call, name: str, force: bool) -> int:
    found = _dataset(call, name)
    if found is None or name.startswith("/"):
        return call.fail(f"cannot open '{name}': dataset does not exist")
    pool, lv = found
    if call.host.mounted(f"{pool.name}/{lv.name}"):
        return call.fail(f"cannot mount '{name}': filesystem already mounted")
    if lv.mountpoint is None:
        return call.fail(f"cannot mount '{name}': legacy mountpoint\nuse mount(1M) to mount this filesystem")
    if call.host.torn(pool, lv.name, "mount"):
        return call.fail(f"cannot mount '{name}': I/O error")
    return _mount(call, pool, lv)


def _unmount(call: Call, name: str, force: bool) -> int:
    host = call.host
    mount = host.mounted(name)
    if _dataset(call, name) is None:
        return call.fail(f"cannot open '{name}': dataset does not exist")
    if mount is None:
        return call.fail(f"cannot unmount '{name}': not currently mounted")
    if host.busy(mount):
        if not force:
            return call.fail(f"cannot unmount '{mount.directory}': Device busy")
        host.kill(host.users_of(mount.directory))
    host.detach(mount)
    return 0


def _values(call: Call, pool: VolumeGroup, lv: LogicalVolumeConfig) -> dict[str, str]:
    name = f"{pool.name}/{lv.name}"
    return {
        "name": name, "used": _size(lv.megabytes), "avail": _size(pool.megabytes - lv.megabytes),
        "refer": _size(lv.megabytes), "mountpoint": lv.mountpoint or "legacy",
        "mounted": "yes" if call.host.mounted(name) else "no", "canmount": "on", "type": "filesystem",
    }  # fmt: skip


def _list_sets(call: Call, words: list[str]) -> int:
    try:
        found, names = read_flags(words, "Hr", "ot")
    except Usage as fault:
        return call.fail(f"{fault}\nusage:\n\tlist [-rH] [-o property[,...]] [filesystem] ...", 2)
    columns = found.get("o", "name,used,avail,refer,mountpoint").split(",")
    rows, status = [], 0
    every = [f"{p.name}/{v}" for p in _pools(call).values() for v in p.volumes]
    for name in names or every:
        one = _dataset(call, name)
        if one is None:
            status = call.fail(f"cannot open '{name}': dataset does not exist")
            continue
        values = _values(call, *one)
        if any(c not in values for c in columns):
            return call.fail(f"bad property list: invalid property '{columns[0]}'", 2)
        rows.append([values[c] for c in columns])
    _table(call, columns, rows, "H" in found)
    return status


def _get(call: Call, words: list[str]) -> int:
    """`zfs get [-H] [-o FIELDS] PROPERTY[,...] DATASET`."""
    try:
        found, rest = read_flags(words, "Hp", "o")
    except Usage as fault:
        return call.fail(f"{fault}\nusage:\n\tget [-Hp] [-o field[,...]] <property> <filesystem>", 2)
    if len(rest) != 2:
        return call.fail("missing property=value argument\nusage:\n\tget [-Hp] <property> <filesystem>", 2)
    one = _dataset(call, rest[1])
    if one is None:
        return call.fail(f"cannot open '{rest[1]}': dataset does not exist")
    values = _values(call, *one)
    columns = found.get("o", "name,property,value,source").split(",")
    rows = []
    for word in rest[0].split(","):
        if word not in values:
            return call.fail(f"bad property list: invalid property '{word}'", 2)
        fields = {"name": rest[1], "property": word, "value": values[word], "source": "-"}
        rows.append([fields.get(c, "-") for c in columns])
    _table(call, columns, rows, "H" in found)
    return 0


PROGRAMS: dict[str, Program] = {"zpool": zpool, "zfs": zfs}
