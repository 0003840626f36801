"""`symclone establish [-full]`: recreate, or with -full create, and activate in one step.

The action and its options are documented, the incremental form is relied on by field code; which states it
is taken from, and that -full is only for pairs without a session, is assumed.
"""

from __future__ import annotations

from lab.array.refused import Refused
from lab.shell.call import Call
from lab.symcli.options import Options
from lab.symcli.scope import Scope
from lab.symcli.symclone import create

NEW_ONLY = ("-copy", "-nocopy", "-diff", "-nodiff")


def part(call: Call, options: Options, scope: Scope) -> None:
    full = "-full" in options.flags
    copy, differential = create.kind(options, scope)
    if not full:
        for option in NEW_ONLY:
            if option in options.flags:
                raise Refused("full_needed", option=option)
    scope.array.establish(
        scope.pairs,
        full=full,
        copy=copy,
        differential=differential,
        force="-force" in options.flags,
        not_ready="-not_ready" in options.flags,
        concurrent="-concurrent" in options.flags,
    )
    call.host.world.spoil(scope.array, [t for _, t in scope.pairs], "establish")
