"""`symclone restore`: the clone's changes go back on to the source, whoever uses that."""

from __future__ import annotations

from lab.shell.call import Call
from lab.symcli.options import Options
from lab.symcli.scope import Scope


def part(call: Call, options: Options, scope: Scope) -> None:
    not_ready = "-not_ready" in options.flags
    scope.array.restore(scope.pairs, force="-force" in options.flags, not_ready=not_ready)
    call.host.world.spoil(scope.array, [s for s, _ in scope.pairs], "restore")
    if not_ready:
        call.host.world.spoil(scope.array, [t for _, t in scope.pairs], "restore")
