"""`symclone recreate [-precopy]`: what was written on the target is lost, only changed tracks are copied."""

from __future__ import annotations

from lab.shell.call import Call
from lab.symcli.options import Options
from lab.symcli.scope import Scope


def part(call: Call, options: Options, scope: Scope) -> None:
    scope.array.recreate(scope.pairs, precopy="-precopy" in options.flags, force="-force" in options.flags)
    call.host.world.spoil(scope.array, [t for _, t in scope.pairs], "recreate")
