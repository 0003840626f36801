"""Control commands of an earlier try that may still be carried out.

A command outlives the SSH session that it was sent over: killed or cut off, it can go on retrying while the
array is locked, for `-i` times `-c` seconds. Coming through later, it would hit a service that runs by then.
"""

from __future__ import annotations

from collections.abc import Sequence

from clones.config import Sync
from clones.errors import Locked, Unknown
from clones.scope import Scope
from clones.steps import Result, Steps, run
from clones.symcli import commands
from clones.symcli.output import still_running


def nothing_still_runs(scope: Scope, syncs: Sequence[Sync], action: str) -> Steps[None]:
    """Go on only if no control command on these syncs still runs on the control host.

    :param action: what is about to be done, for the message.
    :raises Locked: one does.
    :raises Unknown: it could not be told.
    """
    refuse_leftovers(scope, (yield from list_running(scope)), syncs, action)


def list_running(scope: Scope) -> Steps[Result]:
    """What runs on the control host; it is judged by :func:`refuse_leftovers` once it is known what to do.

    It is to be asked for *before* the look at the array that decides. The other way round, a command of an
    earlier try that comes through after the look and ends before the list is in neither, and is sent again.
    """
    return (yield from run(commands.list_processes(scope.control_host)))


def refuse_leftovers(scope: Scope, listed: Result, syncs: Sequence[Sync], action: str) -> None:
    """:raises Locked, Unknown: as :func:`nothing_still_runs`."""
    if listed.exit_code != 0:
        raise Unknown(
            f"Service {scope.name}: {action} is not done, for what still runs on {scope.control_host} could "
            f"not be listed: {listed.ending()}: {listed.said()}",
            "see that the account may run `/usr/bin/ps -ef` there; it is tried again",
        )
    for sync in syncs:
        try:
            running = still_running(listed.stdout, sync)
        except Unknown as error:
            raise Unknown(
                f"{scope.subject(sync)}: {action} is not done. {error.what}", error.remedy
            ) from None
        if running:
            raise Locked(
                f"{scope.subject(sync)}: {action} is not done, for on {scope.control_host} there still runs "
                f"`{running[0]}`, of an earlier try or of somebody else.",
                "it is tried again until that command has ended; it gives up by itself after its `-i` times "
                "`-c` seconds",
            )
