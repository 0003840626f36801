"""`python -m cli.privileges CONNECTION`: what that host must allow its SSH account to run as root.

It prints a file in the form of the host's `become` program (a sudoers file for sudo), with a line of reason
each; on stderr where it belongs, and what is not in it. The device groups of a control host are asked of it,
but for those that `--group` gives.

Exit codes: 0 all is in it, 1 it could not be made, 2 it was made, and something is left out.
"""

from __future__ import annotations

import sys

from cli.one_host import OneHost, options
from cli.options import as_script
from clones.errors import CloneError
from clones.policy.catalogue import left_out, sent_to
from clones.policy.sent import refuse_endless
from clones.privileges.forms import FORMS
from clones.privileges.needs import Asked, needs
from clones.services_yaml.becomes import become_of


def main() -> int:
    """Print the rules, or why there are none."""
    parser = options("scripts/privileges", __doc__, "allow")
    parser.add_argument("--account", default="symclone", help="the login name of its SSH account")
    arguments = parser.parse_args()
    try:
        host = OneHost.read(arguments)
        connection = host.connection
        refuse_endless(host.parts, host.until)
        become = become_of(connection, host.config)
        if not become:
            print(f"`become` of {connection} is none: its account needs no rules.", file=sys.stderr)
            return 0
        needed = needs(sent_to(connection, host.config, host.groups), host.parts)
        symcli = host.config.symcli.on(connection).bin
        made = FORMS[become.kind](
            Asked(connection, arguments.account, become, needed, host.now, symcli, host.until)
        )
    except CloneError as error:
        print(error, file=sys.stderr)
        return 1
    print(made.text, end="")
    print(made.place, file=sys.stderr)
    missing = [*left_out(connection, host.config, host.groups), *made.left_out]
    for sentence in missing:
        print(f"LEFT OUT: {sentence}", file=sys.stderr)
    return 2 if missing else 0


if __name__ == "__main__":
    as_script()
    sys.exit(main())
