"""`python -m cli.gate CONNECTION`: the policy of the gate on that host, as services.yaml calls for it.

It prints the policy; on stderr what is to be copied where, and what was left out. The device groups of a
control host are asked of it, but for those that `--group` gives.

Exit codes: 0 it is whole, 1 it could not be made, 2 it was made, and syncs are left out.
"""

from __future__ import annotations

import sys

from cli.one_host import OneHost, options
from cli.options import as_script
from clones.asking import gate
from clones.errors import CloneError
from clones.policy.catalogue import left_out
from clones.policy.make import make


def main() -> int:
    """Print the policy, or why there is none."""
    arguments = options("scripts/gate", __doc__, "let through").parse_args()
    try:
        host = OneHost.read(arguments)
        made = make(host.connection, host.config, host.groups, host.now, host.parts, host.until)
    except CloneError as error:
        print(error, file=sys.stderr)
        return 1
    print(made.text, end="")
    print(f"Copy it to {host.connection} as {gate.FILE}: owner root, mode 0644.", file=sys.stderr)
    missing = left_out(host.connection, host.config, host.groups)
    for sentence in missing:
        print(
            f"LEFT OUT: {sentence}: its changes are refused. What to do: pin its names to devices "
            "(`DEV001=1234`), or give `--group NAME=FILE`",
            file=sys.stderr,
        )
    return 2 if missing else 0


if __name__ == "__main__":
    as_script()
    sys.exit(main())
