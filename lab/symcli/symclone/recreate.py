"""`symclone recreate [-precopy] [-copy]`: what the target got is lost, changed tracks are copied."""

from __future__ import annotations

from lab.shell.call import Call
from lab.symcli.options import Options
from lab.symcli.scope import Scope
from lab.symcli.symclone import create


def part(call: Call, options: Options, scope: Scope) -> None:
    create.refuse_copy(options, scope)
    scope.array.recreate(
        scope.pairs,
        precopy="-precopy" in options.flags,
        force="-force" in options.flags,
        copy="-copy" in options.flags,
    )
    call.host.world.spoil(scope.array, [t for _, t in scope.pairs], "recreate")
