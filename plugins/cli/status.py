"""`python -m cli.status`: how fresh each copy is now, seen by itself over SSH, without Airflow's scheduler.

Worst first: a line a service with its reason and what to do, then a line a sync with its point in time, its
age of what `sync_max_delay` allows, and how far it is copied while it moves. Of a service with target sets
the hosts are asked which one is in use: its copies count, and the others stand below it.

Exit codes, as monitoring systems expect them: 0 up, 1 warn, 2 down, 3 unknown. Of several services the
gravest counts: down, then unknown, then warn. A configuration that cannot be used is unknown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import traceback
from typing import NoReturn

from cli.options import add_options, as_script, level_of
from clones.decide.freshness import Status
from clones.errors import ConfigError
from clones.fleet import status
from clones.fleet.status import ServiceStatus
from clones.runs.advice import at_command_line
from hooks.whole_site import look_at_copies


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Words that mean nothing are no status: argparse would end with 2, which is down."""
        self.exit(Status.UNKNOWN.exit_code, f"{self.format_usage()}{self.prog}: {message}\n")


def main() -> int:
    """Print the table; why something could not be told goes to stderr too."""
    parser = _Parser(
        prog="scripts/status", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--service", help="only this one; by default all")
    add_options(parser)
    arguments = parser.parse_args()
    services: list[ServiceStatus] = []
    worst, said = Status.UP, ""
    with contextlib.redirect_stdout(sys.stderr):
        try:
            services = [
                status.with_advice(service, at_command_line)
                for service in look_at_copies(arguments.config, arguments.service, level=level_of(arguments))
            ]
            worst = max((service.status for service in services), default=Status.UNKNOWN)
            said = status.summary(services)
        except ConfigError as error:
            worst, said = Status.UNKNOWN, str(error)
        except Exception as error:  # Python would end with 1, which is warn
            traceback.print_exc()
            worst, said = Status.UNKNOWN, f"{type(error).__name__}: {error}"
    if arguments.json:
        plain = [status.to_plain(service) for service in services]
        print(
            json.dumps(
                {"code": worst.exit_code, "status": str(worst), "said": said, "services": plain}, indent=2
            )
        )
        return worst.exit_code
    for line in (f"{str(worst).upper()}: {said}", *status.table(services)):
        print(line)
    return worst.exit_code


if __name__ == "__main__":
    as_script()
    sys.exit(main())
