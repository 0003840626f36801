"""`symclone activate [-consistent] [-not_ready]`: all pairs of the command get one point in time."""

from __future__ import annotations

from lab.shell.call import Call
from lab.symcli.options import Options
from lab.symcli.scope import Scope


def part(call: Call, options: Options, scope: Scope) -> None:
    names = (call.host.name, call.host.connection_id)
    fault = call.host.world.faults.control("partial", names, call.record.command)
    if fault:
        call.record.faults.append("partial")
    scope.array.activate(
        scope.pairs,
        force="-force" in options.flags,
        not_ready="-not_ready" in options.flags,
        first=fault.config.pairs if fault else None,
        consistent="-consistent" in options.flags,
    )
    call.host.world.spoil(scope.array, [t for _, t in scope.pairs], "activate")
