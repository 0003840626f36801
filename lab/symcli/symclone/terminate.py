"""`symclone terminate`: the session ends; with -restored only the restore flag goes."""

from __future__ import annotations

from lab.shell.call import Call
from lab.symcli.options import Options
from lab.symcli.scope import Scope


def part(call: Call, options: Options, scope: Scope) -> None:
    if "-restored" in options.flags:
        scope.array.end_restored(scope.pairs)
        return
    scope.array.terminate(scope.pairs, symforce="-symforce" in options.flags)
    gone = [t for _, t in scope.pairs if not scope.array.devices[t].ready]
    call.host.world.spoil(scope.array, gone, "terminate")
