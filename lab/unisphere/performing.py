"""How a change is carried out: who may, which locks it takes, at once or by a job."""

from __future__ import annotations

from lab import states
from lab.array.refused import Refused
from lab.array.snapshot import Link
from lab.journal import ACTOR
from lab.unisphere.call import Call
from lab.unisphere.change import Answer, Change


def allowed(call: Call, change: Change) -> None:
    """:raises Refused: the user may not, by role and groups."""
    user = call.user
    bound = user.groups is not None and not {change.group, change.target} - {""} <= set(user.groups)
    if user.role == "Monitor" or (user.role == "LocalRep" and bound):
        refuse_role(call)


def refuse_role(call: Call) -> None:
    key = "forbidden" if call.unisphere.switches.role_refusal == "403" else "forbidden_500"
    raise Refused(key, login=call.user.login)


async def carry_out(call: Call, change: Change) -> None:
    """Do it on the array, however long that takes; its states are known then, also when it is refused.

    :raises Refused: the array does not.
    """
    array, world = change.array, call.world
    if array.config.real:
        raise Refused("no_real_snapshots")
    lock = world.faults.lock(call.unisphere.names, call.text, True)
    if lock is not None:
        call.faults.append(f"lock {lock.exit}")
        raise Refused("symmetrix_lock" if lock.exit == 3 else "device_lock")
    held = change.devices()
    if held & array.held:
        raise Refused("device_lock")
    links = change.action in ("Link", "Relink")
    partial = world.faults.control("partial", call.unisphere.names, call.text) if links else None
    if partial is not None:
        call.faults.append("partial")
        change.first = partial.config.pairs
    change.look(change.before, change.linked_before)
    array.held |= held
    try:
        made = change.act(change)
        _fail_pair(call, made)
        change.looked()
        if array.config.snapvx.change_seconds > 0:
            await world.clock.sleep(array.config.snapvx.change_seconds)
        snapvx = world.snapvx(array)
        snapvx.ready_again(made)
        _ready_when_defined(call, made)
    finally:
        array.held -= held
        change.looked()


def _fail_pair(call: Call, links: list[Link]) -> None:
    fault = call.world.faults.control("fail_pair", call.unisphere.names, call.text) if links else None
    if fault is not None:
        source, _, target = str(fault.config.pair).partition(">")
        for link in links:
            if (link.source.number, link.target.number) == (int(source, 16), int(target, 16)):
                link.enter(states.FAILED, call.now)
                call.faults.append("fail_pair")


def _ready_when_defined(call: Call, links: list[Link]) -> None:
    """Let the targets be ready once they are defined, where they are not before."""
    for link in links:
        if not link.target.ready and link.there(call.now):
            call.unisphere.later(link.defined_at - call.now, lambda link=link: _ready(call, link))


def _ready(call: Call, link: Link) -> None:
    if link.there(call.now):
        link.target.ready = True


async def perform(call: Call, change: Change, *, asynchronous: bool = False) -> Answer:
    """Do it now and answer, or begin a job for it."""
    call.change = change
    allowed(call, change)
    if asynchronous and call.unisphere.switches.execution_option == "honoured":
        return Answer(202, call.unisphere.begin_job(call, change))
    await carry_out(call, change)
    return change.answer()


def ours() -> bool:
    """Whether whoever the lab is there for does it, not a second administrator."""
    return ACTOR.get() is None
