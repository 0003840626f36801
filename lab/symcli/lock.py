"""Locks: what a SYMCLI command does when the database, the array, a gatekeeper or a device is taken."""

from __future__ import annotations

from lab.array.refused import Refused
from lab.shell.call import Call

WAITS = {2: "SYMCLI_WAIT_ON_DB", 19: "SYMCLI_WAIT_ON_GK"}
DEFAULT_INTERVAL = 10.0  # seconds; recalled


async def acquire(
    call: Call,
    *,
    control: bool,
    interval: int | None = None,
    count: int | None = None,
    default: float = DEFAULT_INTERVAL,
) -> None:
    """Return when nothing is locked; refuse with 2, 3, 19 or 49 otherwise.

    `interval` (lab seconds) and `count` are -i and -c of a control action: try again so often. Either alone
    works too: -i without -c has no limit. `default` is the interval of -c alone.
    """
    names = (call.host.name, call.host.connection_id)
    faults = call.host.world.faults
    retries = 0
    limit = count if count is not None else (None if interval is not None else 0)
    while True:
        fault = faults.lock(names, call.record.command, control)
        if fault is None:
            return
        call.record.faults.append(f"lock {fault.exit}")
        until = fault.held_until()
        if until is not None and call.env.get(WAITS.get(fault.exit, ""), "0") not in ("", "0"):
            await call.host.clock.sleep(until - call.host.clock.now())
            continue
        if limit is not None and retries >= limit:
            raise Refused(f"lock_{fault.exit}", fault.exit)
        retries += 1
        await call.host.clock.sleep(interval or default)
