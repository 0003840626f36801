"""`python -m cli.privileges CONNECTION`: what that host must allow its SSH account to run as root.

It prints a file in the form of the host's `become` program (a sudoers file for sudo), with a line of reason
each; on stderr where it belongs, and what is not in it. The device groups of a control host are asked of it,
but for those that `--group` gives.

Exit codes: 0 all is in it, 1 it could not be made, 2 it was made, and something is left out.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from cli.gate import PARTS, asked, end_of, given, parts_of
from cli.options import as_script
from clones.errors import CloneError, ConfigError
from clones.policy.catalogue import by_connection, left_out, sent_to
from clones.privileges.forms import FORMS
from clones.privileges.needs import Asked, needs
from clones.services_yaml.becomes import become_of
from hooks.configuration import CONFIG, load


def main() -> int:
    """Print the rules, or why there are none."""
    parser = argparse.ArgumentParser(
        prog="scripts/privileges", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("connection", help="of a host: its Airflow connection id")
    parser.add_argument("--account", default="symclone", help="the login name of its SSH account")
    parser.add_argument("--with", dest="parts", default="", help=f"allow, too: {', '.join(PARTS)}")
    parser.add_argument("--until", default="", help="the end of what `--with` adds, in UTC")
    parser.add_argument("--group", action="append", default=[], help="NAME=FILE: what symdg said of it")
    parser.add_argument("--offline", action="store_true", help="ask no host")
    parser.add_argument("--config", default=CONFIG, help="services.yaml")
    arguments = parser.parse_args()
    connection, now = arguments.connection, datetime.now(UTC)
    try:
        config = load(arguments.config)
        if connection not in (every := by_connection(config)):
            raise ConfigError(
                f"Nothing is sent to {connection!r}, as services.yaml says.",
                f"name one of: {', '.join(every)}",
            )
        become = become_of(connection, config)
        if not become:
            print(f"`become` of {connection} is none: its account needs no rules.", file=sys.stderr)
            return 0
        parts, until = parts_of(arguments.parts), end_of(arguments.until, now)
        groups = given(arguments.group)
        if not arguments.offline:
            groups |= asked(connection, config, groups)
        needed = needs(sent_to(connection, config, groups), parts)
        symcli = config.symcli.on(connection).bin
        made = FORMS[become.kind](Asked(connection, arguments.account, become, needed, now, symcli, until))
    except CloneError as error:
        print(error, file=sys.stderr)
        return 1
    print(made.text, end="")
    print(made.place, file=sys.stderr)
    missing = [*left_out(connection, config, groups), *made.left_out]
    for sentence in missing:
        print(f"LEFT OUT: {sentence}", file=sys.stderr)
    return 2 if missing else 0


if __name__ == "__main__":
    as_script()
    sys.exit(main())
