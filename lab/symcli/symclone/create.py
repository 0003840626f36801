"""`symclone create`: the target is not ready from here on. Without options: copy, differential (captured)."""

from __future__ import annotations

from lab.array.refused import Refused
from lab.shell.call import Call
from lab.symcli.options import Options
from lab.symcli.scope import Scope


def part(call: Call, options: Options, scope: Scope) -> None:
    copy, differential = kind(options, scope)
    for other in ("-copy", "-precopy"):
        if {"-vse", other} <= options.flags:
            raise Refused("options_exclusive", one="-vse", other=other)
    scope.array.create(
        scope.pairs,
        precopy="-precopy" in options.flags,
        copy=copy,
        differential=differential,
        concurrent="-concurrent" in options.flags,
        vse="-vse" in options.flags,
    )
    call.host.world.spoil(scope.array, [t for _, t in scope.pairs], "create")


def kind(options: Options, scope: Scope) -> tuple[bool, bool]:
    """(background copy, differential) as the options of create and establish -full have it."""
    for one, other in (("-copy", "-nocopy"), ("-diff", "-nodiff")):
        if {one, other} <= options.flags:
            raise Refused("options_exclusive", one=one, other=other)
    refuse_copy(options, scope)
    return "-nocopy" not in options.flags, "-nodiff" not in options.flags


def refuse_copy(options: Options, scope: Scope) -> None:
    if "-copy" in options.flags and scope.array.switches.copy_option == "refused":
        raise Refused("copy_refused")
