"""`python -m cli.plan SERVICE ACTION`: what an action would send, without Airflow's scheduler.

Exit codes: 0 it would do that, 1 it would be refused or have to wait, 2 it could not be told.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable

from cli.options import add_options, as_script, level_of
from clones.actions import ACTIONS, ACTIONS_ON_SETS
from clones.asking.steps import Steps
from clones.config import Config
from clones.config.scope import Scope
from clones.decide.target_sets import Recorded
from clones.errors import CloneError, ConfigError, MustWait, Refused
from clones.runs import change_over, provision, retire
from clones.runs.advice import text_at_command_line
from clones.runs.plan_only import foresee, foresee_run
from clones.runs.planned import Step, listed, plain
from hooks.configuration import load
from hooks.hosts import open_hosts

OF_ONE_SET: dict[str, Callable[[Scope], Steps[list[Step]]]] = {
    "provision": provision.plan,
    "retire": retire.plan,
}
"""What is done to one target set, which must be named where there are some."""
RECORDS = (
    "On which set the service last started well is recorded in Airflow, and not read here: a run reads it, "
    "and never overwrites that set."
)


def _plan(config: Config, name: str, action: str, target_set: str) -> Steps[list[Step]]:
    """:raises ConfigError: there is no such service or set, or none is named."""
    if name not in config.services:
        raise ConfigError(f"There is no service {name!r}.", f"name one of: {', '.join(config.services)}")
    service = config.services[name]
    if not service.sets or action in OF_ONE_SET:
        scope = Scope.of(name, service, config.symcli, target_set)
        return OF_ONE_SET[action](scope) if action in OF_ONE_SET else foresee(scope, action)
    print(RECORDS)
    sets = Scope.each_set(name, service, config.symcli)
    return foresee_run(sets[0], action, change_over.plan(sets, action, Recorded(), target_set))


def main() -> int:
    """Print what would be sent, or why nothing is; warnings go to stderr, with `--verbose` every look."""
    parser = argparse.ArgumentParser(prog="scripts/plan", description=__doc__)
    parser.add_argument("service")
    parser.add_argument("action", choices=list(dict.fromkeys([*ACTIONS, *ACTIONS_ON_SETS, *OF_ONE_SET])))
    parser.add_argument(
        "--set", default="", help="the target set that the action is to work on, of a service that has some"
    )
    add_options(parser)
    arguments = parser.parse_args()
    said, code, steps = "", 0, []
    with contextlib.redirect_stdout(sys.stderr):
        try:
            asked = (arguments.service, arguments.action, arguments.set)
            planning = _plan(load(arguments.config), *asked)
            with open_hosts(level=level_of(arguments)) as hosts:
                steps = hosts.run(planning)
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
