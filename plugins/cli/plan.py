"""`python -m cli.plan SERVICE ACTION`: what an action would send, without Airflow's scheduler.

Exit codes: 0 it would do that, 1 it would be refused or have to wait, 2 it could not be told.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable
from functools import partial

from cli.options import add_options, as_script, level_of
from clones.actions import ACTIONS
from clones.asking.steps import Steps
from clones.config.scope import Scope
from clones.errors import CloneError, ConfigError, MustWait, Refused
from clones.runs import provision, retire
from clones.runs.advice import text_at_command_line
from clones.runs.plan_only import foresee
from clones.runs.planned import Step, listed, plain
from hooks.configuration import load
from hooks.hosts import open_hosts

PLANS: dict[str, Callable[[Scope], Steps[list[Step]]]] = {
    **{action: partial(foresee, action=action) for action in ACTIONS},
    "provision": provision.plan,
    "retire": retire.plan,
}


def main() -> int:
    """Print what would be sent, or why nothing is; warnings go to stderr, with `--verbose` every look."""
    parser = argparse.ArgumentParser(prog="scripts/plan", description=__doc__)
    parser.add_argument("service")
    parser.add_argument("action", choices=PLANS)
    add_options(parser)
    arguments = parser.parse_args()
    said, code, steps = "", 0, []
    with contextlib.redirect_stdout(sys.stderr):
        try:
            config = load(arguments.config)
            if arguments.service not in config.services:
                known = ", ".join(config.services)
                raise ConfigError(f"There is no service {arguments.service!r}.", f"name one of: {known}")
            scope = Scope(arguments.service, config.services[arguments.service], config.symcli)
            with open_hosts(level=level_of(arguments)) as hosts:
                steps = hosts.run(PLANS[arguments.action](scope))
        except CloneError as error:
            said = text_at_command_line(str(error))
            code = 1 if isinstance(error, Refused | ConfigError | MustWait) else 2
    lines = plain(steps)
    if arguments.json:
        print(json.dumps({"code": code, "said": said, "commands": lines}, indent=2))
        return code
    for line in listed(steps):
        print(line)
    if said:
        print(("WOULD NOT BE DONE: " if code == 1 else "NOT KNOWN: ") + said)
    return code


if __name__ == "__main__":
    as_script()
    sys.exit(main())
