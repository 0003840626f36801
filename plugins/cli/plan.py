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
from clones.actions import ACTIONS_ON_SETS, STOP
from clones.asking.steps import Steps
from clones.config import Config
from clones.config.scope import Scope
from clones.decide.target_sets import Recorded
from clones.errors import CloneError, ConfigError, MustWait, Refused
from clones.runs import change_over, provision, retire
from clones.runs.advice import text_at_command_line
from clones.runs.other_services import refuse_shared
from clones.runs.plan_only import foresee, foresee_run
from clones.runs.planned import Step, listed, plain
from hooks.configuration import load, load_if_unpinned
from hooks.hosts import open_hosts

OTHERS: dict[str, Callable[[Scope], Steps[list[Step]]]] = {
    "provision": provision.plan,
    "retire": retire.plan,
}


def planning(name: str, config: Config, action: str, target_set: str) -> Steps[list[Step]]:
    """What shows what an action would send.

    :param target_set: the one that is asked for; empty for none.
    :raises ConfigError: there is no such service or set, or a set must be named.
    """
    if name not in config.services:
        raise ConfigError(f"There is no service {name!r}.", f"name one of: {', '.join(config.services)}")
    about = (name, config.services[name], config.symcli)
    if action in OTHERS:
        return OTHERS[action](Scope.of(*about, target_set))
    scope = Scope.of(*about, target_set, any_set=True)
    if not scope.target_set:
        return foresee(scope, action)
    # What runs have recorded is asked of Airflow only by a run: what is seen, or named, decides here.
    chosen = change_over.plan(scope.all_sets(), action, Recorded(), target_set)
    return foresee_run(scope, action, chosen)


def main() -> int:
    """Print what would be sent, or why nothing is; warnings go to stderr, with `--verbose` every look."""
    parser = argparse.ArgumentParser(prog="scripts/plan", description=__doc__)
    parser.add_argument("service")
    parser.add_argument("action", choices=[*ACTIONS_ON_SETS, *OTHERS])
    parser.add_argument(
        "--set",
        default="",
        help="the target set that the action is to work on, of a service with several; without it what is "
        "seen decides",
    )
    add_options(parser)
    arguments = parser.parse_args()
    said, code, steps = "", 0, []
    with contextlib.redirect_stdout(sys.stderr):
        try:
            config = load(arguments.config)
            found = planning(arguments.service, config, arguments.action, arguments.set)
            with open_hosts(level=level_of(arguments)) as hosts:
                shown = hosts.run(found)
                if arguments.action != STOP and load_if_unpinned(arguments.config):
                    about = (arguments.service, config.services[arguments.service], config.symcli)
                    hosts.run(refuse_shared(Scope.of(*about, any_set=True), config))
                steps = shown
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
