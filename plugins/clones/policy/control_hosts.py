"""What a control host gets: locks and tokens, slots of changes, and SYMCLI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clones.act import lock
from clones.act.lock import Owner
from clones.asking import fence, slots
from clones.asking.fence import Fence, Token
from clones.asking.processes import list_processes
from clones.asking.steps import Command, Request
from clones.backends.snapvx import requests
from clones.backends.symclone import commands
from clones.backends.symclone.output import Group
from clones.config import Sync
from clones.config.scope import Scope
from clones.policy.sent import TOKEN, TOKEN_BEFORE, Part, Sent
from clones.states import PairSeen, device_text

OWNER = Owner("dag9sample", "run9sample", "site9sample", "7c7c7c7c7c7c7c7c", "task9sample", 90909091)
BEFORE = Owner("dag8sample", "run8sample", "site8sample", "8d8d8d8d8d8d8d8d", "task8sample", 80808081)
BEFORE_UPGRADE = Owner("dag7sample", "run7sample", "site7sample")
FLOOR = 70707071
DEVICES = "9DEV1CES"
_RUN, _TRY = "<name>@<name>@<name>", "<hex16>@<name>@<number>"
OF_OWNERS = {
    **dict.fromkeys((str(BEFORE), str(OWNER)), f"{_RUN}@{_TRY}"),
    **dict.fromkeys((str(BEFORE_UPGRADE), OWNER.run), _RUN),
    OWNER.own: _TRY,
    OWNER.task_id: "<name>",
    str(OWNER.number): "<number>",
    str(FLOOR): "<number>",
}
"""Samples of the lock. That there is an @ keeps a word from being a folder's `..`."""


def of_service(scope: Scope, groups: Mapping[str, Group]) -> Iterator[Sent]:
    """All that a service, on one of its target sets, sends to its control host as such.

    :param groups: as of :func:`clones.policy.catalogue.sent_to`.
    """
    name = scope.name
    for before in (BEFORE, BEFORE_UPGRADE):
        for command in lock.every_command(scope, OWNER, before, FLOOR):
            yield Sent(command, name, f"the lock of service {name}", free=_used(command, OF_OWNERS))
    yield Sent(list_processes(scope.control_host), name, "looks what still runs here")
    yield from _slots(scope)
    symclone = [sync for sync in scope.service.syncs if sync.backend == "symclone"]
    if symclone:
        for made in (commands.version, commands.list_arrays):
            yield Sent(made(scope.symcli, scope.control_host), name, "preflight looks at SYMCLI")
    for sync in symclone:
        if sync.symdg is not None:
            yield from _group(scope, sync, sync.symdg, groups.get(sync.symdg))
        symid, pairs = ends(sync, groups)
        if symid is not None:
            yield from _devices(scope, sync, symid, pairs, groups.get(sync.symdg or ""))
            if is_known(sync, groups):
                yield from _pairs(scope, sync, symid, pairs)


def ends(sync: Sync, groups: Mapping[str, Group]) -> tuple[str | None, list[PairSeen]]:
    """The array and the devices of a sync, None where they are not known.

    Pinned names need no group to be read: where the group says another device, nothing is sent.
    """
    group = groups.get(sync.symdg) if sync.symdg is not None else None
    held = {} if group is None else group.devices
    pairs = [
        PairSeen(
            pair,
            held.get(pair.source) if pair.source_device is None else pair.source_device,
            held.get(pair.target) if pair.target_device is None else pair.target_device,
            None,
        )
        for pair in sync.pairs
    ]
    return sync.symid or (group.symid if group else None), pairs


def is_known(sync: Sync, groups: Mapping[str, Group]) -> bool:
    """Whether every device of a sync is known, and its array."""
    symid, pairs = ends(sync, groups)
    return symid is not None and all(None not in (pair.source, pair.target) for pair in pairs)


def _slots(scope: Scope) -> Iterator[Sent]:
    """What a change to an array's management server takes on the host of the lock."""
    token = Token.read(TOKEN)
    assert token is not None
    held = Fence(scope.name, token, {scope.control_host: fence.folder(scope.symcli.work_dir, scope.name)})
    for sync in scope.service.syncs:
        if sync.backend != "snapvx":
            continue
        request: Request = requests.delete(scope, sync, "sample", 1)
        reason = f"whose turn it is on array {sync.symid}"
        lefts = [
            [f"{slot}/{TOKEN_BEFORE}@left"] * n for slot, count in request.slots for n in range(1, count + 1)
        ]
        for left in ([], *lefts):
            command = slots.to_take(held, request, left)
            free = {entry: f"{entry.partition('/')[0]}/<token>@<name>@<number>" for entry in left}
            yield Sent(command, scope.name, reason, free={**free, TOKEN: "<token>"})
        back = slots.around(held, slots.given_back(request))
        yield Sent(back, scope.name, reason, free={TOKEN: "<token>"})


def _group(scope: Scope, sync: Sync, name: str, group: Group | None) -> Iterator[Sent]:
    """The device group of a sync: to look at it, to fill and to empty it."""
    symcli, host = scope.symcli, scope.control_host
    where = f"device group {name}"
    for command in (commands.list_group(symcli, host, name), commands.list_groups(symcli, host)):
        yield Sent(command, scope.name, f"looks at {where}")
    yield Sent(commands.create_group(symcli, host, name), scope.name, f"makes {where}", Part.PROVISION)
    symid = sync.symid or (group.symid if group else None)
    for pair in sync.pairs:
        for logical, number, target in (
            (pair.source, pair.source_device, False),
            (pair.target, pair.target_device, True),
        ):
            if number is not None and symid is not None:
                command = commands.add_device(symcli, host, name, (symid, logical, number), target=target)
                yield Sent(command, scope.name, f"fills {where}", Part.PROVISION)
            command = commands.remove_name(symcli, host, name, logical)
            yield Sent(command, scope.name, f"empties {where}", Part.RETIRE)
    yield Sent(commands.delete_group(symcli, host, name), scope.name, f"deletes {where}", Part.RETIRE)


def _where(scope: Scope, sync: Sync) -> str:
    return f"sync {sync.name}" + (f", set {scope.target_set}" if scope.target_set else "")


def _devices(
    scope: Scope, sync: Sync, symid: str, pairs: list[PairSeen], group: Group | None
) -> Iterator[Sent]:
    """The look at the devices of a sync.

    :param group: a name in it that does not stand for the device that it is pinned to is looked at, too.
    """
    name, numbers = f"devices-{symid}", _written(sync, pairs, group)
    if numbers:
        command = commands.list_devices(scope.symcli, scope.control_host, symid, [DEVICES])
        reason = f"looks at the devices of {_where(scope, sync)}"
        yield Sent(command, scope.name, reason, free={DEVICES: f"<list:{name}>"}, sets={name: numbers})


def _pairs(scope: Scope, sync: Sync, symid: str, pairs: list[PairSeen]) -> Iterator[Sent]:
    """What is sent of a sync by a file of its pairs."""
    set_of, where = f"-{scope.target_set}" if scope.target_set else "", _where(scope, sync)
    for made, part, why in (
        (commands.query, Part.NORMAL, "looks at the tracks of"),
        (commands.verify_precopied, Part.NORMAL, "asks whether all is precopied of"),
        (commands.recreate, Part.NORMAL, "recreates"),
        (commands.activate, Part.NORMAL, "activates"),
        (commands.create, Part.PROVISION, "makes the sessions of"),
        (commands.terminate, Part.RETIRE, "ends the sessions of"),
        (commands.restore, Part.MERGE_BACK, "copies back to its sources"),
        (commands.end_restored, Part.MERGE_BACK, "ends the restore of"),
    ):
        command = made(scope, sync, symid, pairs)
        name = f"pairs.{scope.name}.{sync.name}{set_of}"  # no name holds both signs: no two are one
        yield _with_pairs(command, scope.name, f"{why} {where}", part, name)


def _with_pairs(command: Command, service: str, reason: str, part: Part, name: str) -> Sent:
    """A command behind its file of pairs, which may be some of them."""
    if command.words[2:3] != (commands.WITH_PAIR_FILE,):
        return Sent(command, service, reason, part)
    at = next(number for number, word in enumerate(command.words) if word.endswith(".pairs"))
    path, content = command.words[at : at + 2]
    digest = path.removesuffix(".pairs").rpartition("-")[2]
    free = {digest: "<hex16>", content: f"<lines:{name}>"}
    return Sent(command, service, reason, part, free, {name: tuple(content.splitlines())})


def _written(sync: Sync, pairs: list[PairSeen], group: Group | None) -> tuple[str, ...]:
    """Every form in which these devices may be asked for: a group's are written as the array prints them."""
    if not sync.grouped:
        return tuple(dict.fromkeys(text for one in pairs for text in (one.pair.source, one.pair.target)))
    names = [name for one in pairs for name in (one.pair.source, one.pair.target)]
    held = [group.devices[name] for name in names if name in group.devices] if group else []
    found: dict[str, None] = {}
    for number in (*(end for one in pairs for end in (one.source, one.target)), *held):
        if number is not None:
            found |= dict.fromkeys((device_text(number), device_text(int(number)), f"{int(number):05X}"))
    return tuple(found)


def _used(command: Command, free: Mapping[str, str]) -> dict[str, str]:
    """The samples that a command holds."""
    return {sample: kind for sample, kind in free.items() if any(sample in word for word in command.words)}
