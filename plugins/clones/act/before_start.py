"""`before_start` hooks: what must succeed between the disks of a service and its applications.

They make fresh data fit to be used (mask it, above all), so an application that is started without them does
harm. That they have run is told by the copies on which they ran, not by when: an application is started only
on the very copies that every hook has succeeded on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from clones.act.hooks import run_hook
from clones.asking.side_by_side import abreast
from clones.asking.steps import Steps
from clones.config import App, Hook
from clones.config.scope import Scope
from clones.decide.identity import AT_STAKE, require_stamps
from clones.decide.ledger import stamps
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.errors import Refused, Unknown
from clones.observe.proof_down import Row, look
from clones.observe.sync import observe
from clones.resources import drivers
from clones.resources.app import AppDriver
from clones.resources.base import Use
from clones.states import SyncSeen

CopiesRead = Mapping[str, str]
"""By sync, which copy it was: :func:`copies_of`."""

FROM_THE_DISKS = "clear start.disks of this run with Downstream, or run the action `stop`, then `start`"


def run_before_start(scope: Scope, hook: Hook) -> Steps[CopiesRead]:
    """Run one hook, if the disks are up and no application is.

    :returns: the copies that it ran on.
    :raises Refused: a resource before the first application is not up, or an application is; the copies are
        not those that are configured.
    :raises NotDone: its exit code is not 0.
    :raises Unknown: it has no exit status, a resource could not tell, or a pair shows no last action.
    """
    seen = yield from abreast(observe(scope, sync) for sync in scope.service.syncs)
    for sync, shown in zip(scope.service.syncs, seen, strict=True):
        refuse_wrong_pairs(scope.name, sync, shown)
    require_stamps(scope, seen, AT_STAKE)
    rows = yield from _on_first_host(scope)
    what = f"hook {hook.name} (before_start) was not run"
    for number, row in enumerate(rows):
        disk = number < (scope.service.first_app or 0)
        if row.probe.use is Use.UNKNOWN and (disk or is_application(row)):
            raise Unknown(
                f"Service {scope.name}: {what}: {row.label} on {row.host} gave no clear answer (up or down): "
                f"{row.probe.evidence}",
                "run its probe by hand (its command line is in the log) and fix the cause of the unclear "
                "answer",
            )
        if disk and (row.probe.use is not Use.UP or row.probe.at != row.driver.started):
            raise Refused(
                f"Service {scope.name}: {what}: {row.label} on {row.host} is {row.probe.use.value} "
                f"[{row.probe.at}]: {row.probe.evidence}",
                FROM_THE_DISKS,
            )
    refuse_running(scope, rows, what)
    yield from run_hook(scope, hook, "before_start")
    return copies_of(seen)


def refuse_running(scope: Scope, rows: Sequence[Row], what: str) -> None:
    """A hook that must come before the applications cannot come after one.

    :param what: what is not done, for the message.
    :raises Refused: an application is up.
    """
    for row in rows:
        if is_application(row) and row.probe.use is Use.UP:
            raise Refused(
                f"Service {scope.name}: {what}: {row.label} on {row.host} is up, and `before_start` must "
                f"succeed before it starts: {row.probe.evidence}",
                "find out who started it and on which data; run the action `stop`, then `start`",
            )


def applications(scope: Scope) -> Steps[list[Row]]:
    """What each application says on the host where the service is started."""
    return (yield from _on_first_host(scope, only_applications=True))


def is_application(row: Row) -> bool:
    """Whether that resource is an `app`."""
    return isinstance(row.driver, AppDriver) and isinstance(row.driver.app, App)


def copies_of(seen: Sequence[SyncSeen]) -> dict[str, str]:
    """By sync, a digest of the last action of each pair: another one when any pair was acted on since.

    :param seen: each sync, wholly active.
    """
    return {
        shown.name: hashlib.sha256(json.dumps(stamps(shown), sort_keys=True).encode()).hexdigest()
        for shown in seen
    }


def refuse_other_copies(scope: Scope, seen: Sequence[SyncSeen], behind: Mapping[str, CopiesRead]) -> None:
    """Go on only if the copies are those that each hook has succeeded on.

    :param behind: by hook, these copies.
    :raises Refused: naming the hook that is not known to have succeeded, or the sync that was acted on since.
    """
    now = copies_of(seen)
    for hook in scope.service.before_start:
        ran_on = behind.get(hook.name)
        if ran_on is None:
            raise Refused(
                f"Service {scope.name}: no application is started: that hook {hook.name} (before_start) has "
                "succeeded in this run is not known.",
                FROM_THE_DISKS,
            )
        changed = [name for name, copy in now.items() if ran_on.get(name) != copy]
        if changed:
            raise Refused(
                f"Service {scope.name}: no application is started: sync {changed[0]} is not the copy that "
                f"hook {hook.name} (before_start) has succeeded on: it was recreated or activated since.",
                FROM_THE_DISKS,
            )


def _on_first_host(scope: Scope, *, only_applications: bool = False) -> Steps[list[Row]]:
    host = scope.service.hosts[0]
    asked = [
        driver
        for driver, entry in zip(drivers(scope.service, host), scope.service.resources, strict=True)
        if entry.app or not only_applications
    ]
    return (yield from abreast(look(driver, host.connection) for driver in asked))
