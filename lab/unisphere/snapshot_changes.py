"""Changes of snapshots: they are made, linked, linked to another one, renamed, ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.array.refused import Refused
from lab.array.snapshot import Link, Snapshot
from lab.unisphere import fields, views
from lab.unisphere.call import Call, route
from lab.unisphere.change import Answer, Change
from lab.unisphere.performing import ours, perform
from lab.unisphere.snapshot_looks import BY_GENERATION, BY_SNAPID, GROUP, of_group, of_name, one

DAY, HOUR = 86_400.0, 3_600.0
FORCING = ("force", "symforce", "star")
COMMON = ("force", "star", "executionOption")


def _asynchronous(call: Call) -> bool:
    word = call.body.get("executionOption", "SYNCHRONOUS")
    if word not in ("SYNCHRONOUS", "ASYNCHRONOUS"):
        raise Refused("bad_field", field="executionOption", value=word)
    return bool(word == "ASYNCHRONOUS")


def _forced(*bodies: dict[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in FORCING if any(fields.flag(body, name) for body in bodies))


def _span(body: dict[str, Any], name: str, hours: bool) -> float | None:
    """Lab seconds of so many days, or hours."""
    wanted = fields.number(body, name)
    return None if wanted is None else wanted * (HOUR if hours else DAY)


@route("POST", GROUP + "/snapshot", sure="documented", source="openapi", doing="snapshot_post")
async def establish(call: Call) -> Answer:
    body, group, array = call.body, call.params["group"], call.array
    known = ("snapshotName", "timeToLive", "secure", "timeInHours", "bothsides", "bothSides", *COMMON)
    fields.only(body, known)
    name = fields.text(body, "snapshotName")
    if not call.unisphere.is_snapshot_name(name):
        raise Refused("bad_field", field="snapshotName", value=name)
    snapvx = call.world.snapvx(array)
    snapvx.group(group)
    hours = fields.flag(body, "timeInHours")
    living, secured = _span(body, "timeToLive", hours), _span(body, "secure", hours)
    mine = ours()

    def act(change: Change) -> list[Link]:
        now = call.now
        expires = None if living is None else now + living
        until = None if secured is None else now + secured
        if until is not None:
            expires = until
        change.snapshot = snapvx.establish(group, name, expires=expires, secure_until=until, ours=mine)
        return []

    def answer() -> Answer:
        assert change.snapshot is not None
        status = 201 if call.unisphere.switches.change_status == "by_call" else 200
        return Answer(status, views.of_change(call, group, change.snapshot))

    flags = _forced(body) + (("secure",) if secured is not None else ())
    change = Change("Establish", array, group, act, answer, name=name, flags=flags)
    return await perform(call, change, asynchronous=_asynchronous(call))


Act = Callable[[Change], list[Link]]


def _target(call: Call, body: dict[str, Any], name: str) -> str:
    """The group that is to be linked. One that is not there is made, with new volumes (relied on), or not."""
    return fields.text(body, name)


def _make_missing(call: Call, group: str, target: str) -> None:
    array = call.array
    if target in array.storage_groups:
        return
    if array.config.snapvx.missing_target_group == "refused":
        raise Refused("no_such_target_group", name=target)
    made = array.add_devices([d.megabytes for d in array.storage_groups[group]])
    array.storage_groups[target] = made
    call.world.journal.event(
        "group made", host=call.unisphere.name, symid=array.symid, group=target,
        devices=[array.name(d) for d in made],
    )  # fmt: skip


def _links(call: Call, snapshot: Snapshot, words: dict[str, Any], key: str, relink: bool) -> tuple[Act, str]:
    fields.only(words, (key, "copy", "exact", "remote", "no_compression", "noCompression", *COMMON))
    target = _target(call, words, key)
    copy, exact = fields.flag(words, "copy"), fields.flag(words, "exact")
    group, snapvx = call.params["group"], call.world.snapvx(call.array)
    force = fields.flag(words, "force")

    def act(change: Change) -> list[Link]:
        if relink:
            if target not in call.array.storage_groups:
                raise Refused("no_such_target_group", name=target)
            return snapvx.relink(
                group, snapshot, target, copy=copy, exact=exact, first=change.first, force=force
            )
        _make_missing(call, group, target)
        return snapvx.link(group, snapshot, target, copy=copy, exact=exact, first=change.first)

    return act, target


def _no_links(do: Callable[[], object]) -> Act:
    def act(change: Change) -> list[Link]:
        do()
        return []

    return act


def _act(call: Call, snapshot: Snapshot, action: str, newer: bool) -> tuple[Act, str, dict[str, Any]]:
    """What an action does, the group that it links, its options. `newer`: the names of calls by snapid."""
    snapvx, group, body = call.world.snapvx(call.array), call.params["group"], call.body
    name = (OBJECTS if newer else OLDER_OBJECTS)[action]
    words = fields.inner(body, name)
    fields.only(body, ("action", name, *COMMON))
    target_key = "storage_group_name" if newer else OLDER_TARGETS.get(action, "")
    if action in ("Link", "Relink"):
        act, target = _links(call, snapshot, words, target_key, action == "Relink")
        return act, target, words
    if action == "Unlink":
        fields.only(words, (target_key, "symforce", *COMMON))
        target, symforce = _target(call, words, target_key), fields.flag(words, "symforce")
        return _no_links(lambda: snapvx.unlink(snapshot, target, symforce=symforce)), target, words
    if action == "SetMode":
        fields.only(words, (target_key, "copy", *COMMON))
        target, copy = _target(call, words, target_key), fields.flag(words, "copy")
        return _no_links(lambda: snapvx.set_mode(snapshot, target, copy=copy)), target, words
    if action == "Restore":
        fields.only(words, ("remote", *COMMON))
        force = fields.flag(words, "force")
        return _no_links(lambda: snapvx.restore(group, snapshot, force=force)), "", words
    return _about_itself(call, snapshot, action, words, newer), "", words


def _about_itself(call: Call, snapshot: Snapshot, action: str, words: dict[str, Any], newer: bool) -> Act:
    """Actions that change nothing but the snapshot's own properties."""
    snapvx = call.world.snapvx(call.array)
    if action == "Rename":
        key = "new_snapshot_name" if newer else "newSnapshotName"
        fields.only(words, (key, *COMMON))
        name = fields.text(words, key)
        if not call.unisphere.is_snapshot_name(name):
            raise Refused("bad_field", field=key, value=name)
        return _no_links(lambda: snapvx.rename(snapshot, name))
    if action == "Persist":
        fields.only(words, ("persist", *COMMON))
        on = fields.flag(words, "persist")
        return _no_links(lambda: snapvx.persist(snapshot, on))
    hours = fields.flag(words, "time_in_hours", "timeInHours")
    keys = {"SetTimeToLive": ("time_to_live", "timeToLive"), "SetSecure": ("secure", "secure")}[action]
    fields.only(words, (*keys, "time_in_hours", "timeInHours", *COMMON))
    span = _span(words, keys[0] if newer else keys[1], hours)
    if span is None:
        raise Refused("missing_field", field=keys[0])
    wanted = span
    if action == "SetSecure":
        return _no_links(lambda: snapvx.set_secure(snapshot, call.now + wanted))
    # Documented of SYMCLI: a time to live of none is 0.
    return _no_links(lambda: snapvx.set_expiry(snapshot, call.now + wanted if wanted else None))


OBJECTS = {
    "Link": "link", "Relink": "relink", "Unlink": "unlink", "SetMode": "set_mode", "Rename": "rename",
    "Restore": "restore", "SetTimeToLive": "time_to_live", "SetSecure": "secure", "Persist": "persist",
}  # fmt: skip
"""Action -> the object of the body that has its options."""
OLDER_OBJECTS = {**OBJECTS, "SetMode": "setMode", "SetTimeToLive": "expire"}
OLDER_TARGETS = {
    "Link": "linkStorageGroupName", "Relink": "relinkStorageGroupName", "Unlink": "unlinkStorageGroupName",
    "SetMode": "linkedStorageGroupName",
}  # fmt: skip


def _meant(call: Call) -> Snapshot:
    """The snapshot that a change names. Which ones there are, the array knows; or only what is shown."""
    try:
        found = one(call, call.now)
        if call.unisphere.switches.unseen_snapshot == "refused":
            one(call, call.shown_at)
    except Refused as refused:
        if refused.key == "no_such_snapshot" and call.unisphere.switches.gone_snapshot == "500":
            raise Refused("no_snapshot_information") from None
        raise
    return found


async def _modify(call: Call, *, newer: bool) -> Answer:
    array, group = call.array, call.params["group"]
    action = fields.text(call.body, "action")
    if not newer and call.unisphere.switches.generation_calls == "fails":
        raise Refused("by_generation_refused")
    if action not in OBJECTS:
        raise Refused("bad_field", field="action", value=action)
    call.world.snapvx(array).group(group)
    snapshot = _meant(call)
    act, target, words = _act(call, snapshot, action, newer)
    flags = _forced(call.body, words) + (("secure",) if action == "SetSecure" else ())

    def answer() -> Answer:
        return Answer(200, views.of_change(call, group, snapshot))

    change = Change(action, array, group, act, answer, target, snapshot, snapshot.name, flags)
    if action in ("Link", "Relink"):
        change.linked = _about(call, snapshot)
    return await perform(call, change, asynchronous=_asynchronous(call))


@route("PUT", BY_SNAPID, sure="documented", source="openapi")
async def modify(call: Call) -> Answer:
    return await _modify(call, newer=True)


@route("PUT", BY_GENERATION, sure="documented", source="openapi")
async def modify_by_generation(call: Call) -> Answer:
    return await _modify(call, newer=False)


async def _delete(call: Call) -> Answer:
    array, group = call.array, call.params["group"]
    snapshot = _meant(call)
    snapvx = call.world.snapvx(array)
    flags = _forced({name: call.flag(name) for name in FORCING})

    def act(change: Change) -> list[Link]:
        change.gone = [_about(call, snapshot)]
        change.ended = snapvx.terminate(group, snapshot, force="force" in flags)
        return []

    change = Change("Terminate", array, group, act, lambda: Answer(204), "", snapshot, snapshot.name, flags)
    return await perform(call, change)


def _about(call: Call, snapshot: Snapshot) -> dict[str, Any]:
    """What a checker asks of one that is to end, or to be linked."""
    linked = sorted({link.target_group for link in snapshot.linked(call.now)})
    return {
        "name": snapshot.name, "snapid": snapshot.snapid, "ours": snapshot.ours, "policy": snapshot.policy,
        "secure": snapshot.secure_until is not None, "linked": linked,
        "restored": snapshot.is_restored(call.now), "expired": snapshot.expired(call.now),
    }  # fmt: skip


@route("DELETE", BY_SNAPID, sure="documented", source="openapi", doing="snapid_delete")
async def terminate(call: Call) -> Answer:
    return await _delete(call)


@route("DELETE", BY_GENERATION, sure="documented", source="openapi", doing="snapid_delete")
async def terminate_by_generation(call: Call) -> Answer:
    if call.unisphere.switches.generation_calls == "fails":
        raise Refused("by_generation_refused")
    return await _delete(call)


@route("DELETE", GROUP + "/snapshot", sure="documented", source="openapi", doing="snapid_delete")
async def terminate_many(call: Call) -> Answer:
    """In bulk: all of a name but so many, one and the older ones, or all."""
    array, group = call.array, call.params["group"]
    snapvx = call.world.snapvx(array)
    snapvx.group(group)
    found = of_group(call, call.now)
    if "snapshot_name" in call.query:
        call.params["name"] = call.query["snapshot_name"]
        found = of_name(call, call.now)
    elif not call.flag("terminate_all_snapshots"):
        raise Refused("missing_field", field="snapshot_name")
    if "snapset_id_and_older" in call.query:
        at = [s.at for s in found if str(s.snapid) == call.query["snapset_id_and_older"]]
        found = [s for s in found if at and s.at <= at[0]]
    if call.query.get("keep_count", "").isdigit():
        found = found[int(call.query["keep_count"]) :]
    flags = (*_forced({name: call.flag(name) for name in FORCING}), "bulk")

    def act(change: Change) -> list[Link]:
        change.gone = [_about(call, s) for s in found]
        for snapshot in found:
            snapvx.terminate(group, snapshot, force="force" in flags)
        change.ended = "snapshots"
        return []

    names = ", ".join(dict.fromkeys(s.name for s in found))
    change = Change("Terminate", array, group, act, lambda: Answer(204), "", None, names, flags)
    return await perform(call, change)
