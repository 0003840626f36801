"""`python -m hooks.pools`: makes the Airflow pools that the configuration needs, where they are missing.

It needs Airflow's metadata database, so it runs where `airflow db migrate` does. A pool that is there keeps
its size. Exit codes: 0 all are there now, 1 some are missing (with --check) or the configuration is unusable.
"""

from __future__ import annotations

import argparse
import sys
from uuid import uuid4

from clones.config_file import load
from clones.errors import ConfigError
from clones.lock import INSTANCE
from clones.pools import KNOWN, Pool, pools_of
from operators.base import CONFIG


def make_missing(wanted: list[Pool], *, only_look: bool) -> list[Pool]:
    """Make those that are missing, and write down for the tasks which there are, and how Airflow is named.

    :param only_look: make and write nothing.
    :returns: those that were missing.
    """
    from airflow.models.pool import Pool as AirflowPool
    from airflow.models.variable import Variable

    there = {pool.pool for pool in AirflowPool.get_pools()}
    missing = [pool for pool in wanted if pool.name not in there]
    if not only_look:
        for pool in missing:
            AirflowPool.create_or_update_pool(
                pool.name, slots=pool.slots, description=pool.description, include_deferred=False
            )
        names = " ".join(pool.name for pool in wanted)
        Variable.set(KNOWN, names, description="Pools that scripts/pools has seen or made")
        if Variable.get(INSTANCE, default_var=None) is None:
            name = uuid4().hex[:12]
            Variable.set(INSTANCE, name, description="Names this Airflow in the locks on control hosts")
    return missing


def main() -> int:
    """Print one line a pool."""
    parser = argparse.ArgumentParser(prog="scripts/pools", description=__doc__)
    parser.add_argument("--config", default=CONFIG, help="services.yaml")
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    arguments = parser.parse_args()
    try:
        config = load(arguments.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    wanted = pools_of(config.limits, config.services)
    missing = make_missing(wanted, only_look=arguments.check)
    for pool in wanted:
        said = ("missing" if arguments.check else f"made, {pool.slots} slots") if pool in missing else "there"
        print(f"{pool.name}: {said}")
    if not wanted:
        print("The configuration has no `limits`: no pools are needed.")
    return 1 if missing and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
