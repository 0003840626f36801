"""`symclone split`: after a restore, source and target go apart. Documented for the REST interface."""

from __future__ import annotations

from lab.shell.call import Call
from lab.symcli.options import Options
from lab.symcli.scope import Scope


def part(call: Call, options: Options, scope: Scope) -> None:
    scope.array.split(scope.pairs, force="-force" in options.flags)
