"""A service as it is to be with two target sets: what the agent drove is set a, set b is to be filled in.

The agent had one copy of a service. What a second one needs, only the storage team and the host know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

from clones.config.placeholders import fill_in, still_to_fill_in
from opensvc.fields import entries
from opensvc.writing import Block, Entry

FIRST, SECOND = "a", "b"


def with_two_sets(service: tuple[Entry, ...], families: Collection[str]) -> tuple[Entry, ...]:
    """The keys of a service that has resources, with `targets` and `by_set` in their places.

    Two copies of a pool of ZFS or of a btrfs cannot be on one host: there each set gets hosts of its own, and
    nothing else differs.

    :param families: of the hosts; empty: not known.
    """
    apart = any(_key(vg, "manager") == "zfs" for vg in _of_kind(service, "vg"))
    apart = apart or any(_key(fs, "type") == "btrfs" for fs in _of_kind(service, "fs"))
    changes: dict[str, Callable[[Block], Block]] = {"syncs": _sync}
    if not apart:
        changes["resources"] = partial(_resource, prefix=f"fs{SECOND}" if "aix" in families else None)
    made = [
        replace(entry, value=[changes[entry.key](block) for block in _blocks(entry)])
        if entry.key in changes
        else entry
        for entry in service
    ]
    return tuple(_hosts(entry) if apart and entry.key == "hosts" else entry for entry in made)


def _blocks(entry: Entry) -> list[Block]:
    values = entry.value if isinstance(entry.value, Sequence) and not isinstance(entry.value, str) else ()
    return [value for value in values if isinstance(value, Block)]


def _of_kind(service: tuple[Entry, ...], kind: str) -> list[Block]:
    """The resources of that kind."""
    every = [block for entry in service if entry.key == "resources" for block in _blocks(entry)]
    found = [entry.value for block in every for entry in block.entries if entry.key == kind]
    return [value for value in found if isinstance(value, Block)]


def _key(block: Block, key: str) -> str:
    value = next((entry.value for entry in block.entries if entry.key == key), "")
    return value if isinstance(value, str) else ""


def _sync(sync: Block) -> Block:
    def split(entry: Entry) -> Entry:
        if entry.key != "pairs" or isinstance(entry.value, str | int | Block):
            return entry
        pairs = [str(pair) for pair in entry.value]
        second = [fill_in(f"SOURCE:TARGET of set {SECOND}, {_like(pair)}") for pair in pairs]
        return Entry("targets", Block((Entry(FIRST, pairs), Entry(SECOND, second))), entry.comment)

    return Block(tuple(map(split, sync.entries)))


def _like(pair: str) -> str:
    """Which source it is to have."""
    source = pair.partition(":")[0]
    return f"with another target of {source}" if still_to_fill_in(pair) is None else "as above"


def _resource(block: Block, prefix: str | None) -> Block:
    """:param prefix: of the names of set b's logical volumes, where they are unique on a host."""
    (entry,) = block.entries
    if entry.key not in ("vg", "fs") or not isinstance(entry.value, Block):
        return block
    of = entry.value
    return Block((replace(entry, value=Block((*_more(entry.key, of), _by_set(entry.key, of, prefix)))),))


def _more(kind: str, of: Block) -> tuple[Entry, ...]:
    """What it says already, and what a disk group of VxVM needs where two copies of it are seen."""
    if kind == "fs" or _key(of, "manager") != "vxvm":
        return of.entries
    source = fill_in("the disk group's name on the source; on each set its `name` must be another one")
    return (*of.entries, *entries(same_host_as_source=True, source_name=source))


def _by_set(kind: str, of: Block, prefix: str | None) -> Entry:
    if kind == "fs":
        differs = entries(dev=fill_in(f"its device on set {SECOND}; on set {FIRST}: {_shown(of, 'dev')}"))
    else:
        maps = any(entry.key == "map_file" for entry in of.entries)
        differs = entries(
            name=fill_in(f"the group's name on set {SECOND}, another one than {_shown(of, 'name')}"),
            devices=[fill_in(f"its disks on set {SECOND}, as the host names them")],
            map_file=fill_in(f"its map file on set {SECOND}") if maps else None,
            lv_prefix=prefix,
        )
    return Entry("by_set", Block((Entry(SECOND, Block(differs)),)))


def _shown(of: Block, key: str) -> str:
    value = _key(of, key)
    return f"that of set {FIRST}" if still_to_fill_in(value) is not None else value


def _hosts(entry: Entry) -> Entry:
    first = [Block((*block.entries, Entry("sets", [FIRST]))) for block in _blocks(entry)]
    connection = fill_in(
        f"the Airflow connection of the host of set {SECOND}: two copies of its kind cannot be on one"
    )
    second = entries(connection=connection, family=_key(_blocks(entry)[0], "family"), sets=[SECOND])
    return replace(entry, value=[*first, Block(second)])
