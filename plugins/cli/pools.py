"""`python -m cli.pools`: makes what runs need in Airflow, where it is missing.

That is the pools of the configuration, and the id by which locks on control hosts name this Airflow: a file,
not in the metadata database (:mod:`hooks.installation`). It needs Airflow's metadata database, so it runs
where `airflow db migrate` does. A pool that is there keeps its size, an id is never changed. Exit codes: 0
all is there now, 1 something is missing (with --check), or the configuration or the database is unusable.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from clones.errors import ConfigError
from clones.runs.pools import KNOWN, Pool, pools_of
from hooks import installation
from hooks.configuration import CONFIG, load


def make_missing(wanted: list[Pool], *, only_look: bool) -> set[str]:
    """Make what is missing, and write down for the tasks which pools there are.

    :param only_look: make and write nothing.
    :returns: the names of the pools that were missing.
    :raises ConfigError: the database cannot be reached, or `airflow db migrate` has not made its tables.
    """
    from sqlalchemy.exc import SQLAlchemyError

    _load_airflow()
    _refuse_to_make_a_database()
    try:
        return _make_missing(wanted, only_look=only_look)
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
        raise _unusable(why[0]) from None


def _make_missing(wanted: list[Pool], *, only_look: bool) -> set[str]:
    from airflow.models.pool import Pool as AirflowPool
    from airflow.models.variable import Variable

    there = {pool.pool for pool in AirflowPool.get_pools()}
    missing = {pool.name for pool in wanted} - there
    if not only_look:
        for pool in wanted:
            if pool.name in missing:
                AirflowPool.create_or_update_pool(
                    pool.name, slots=pool.slots, description=pool.description, include_deferred=False
                )
        names = " ".join(pool.name for pool in wanted)
        Variable.set(KNOWN, names, description="Pools that scripts/pools has seen or made")
    return missing


def _load_airflow() -> None:
    """:raises ConfigError: its database's address means nothing to it, or a driver is missing."""
    try:
        import airflow.settings  # noqa: F401
    except Exception as error:  # of Airflow, SQLAlchemy or the driver
        why = " ".join([f"{type(error).__name__}:", *str(error).strip().splitlines()[:1]])
        raise ConfigError(
            f"Airflow cannot be loaded with its settings: {why}. Nothing was made.",
            "check AIRFLOW__DATABASE__SQL_ALCHEMY_CONN, or `sql_alchemy_conn` in airflow.cfg: an address "
            "like postgresql+psycopg2://USER:PASSWORD@HOST/NAME, whose driver is installed here",
        ) from None


def _refuse_to_make_a_database() -> None:
    """SQLite makes the file that it is asked to read; an empty one would be taken for Airflow's.

    :raises ConfigError: there is none.
    """
    from airflow.configuration import conf
    from sqlalchemy.engine import make_url

    url = make_url(conf.get("database", "sql_alchemy_conn"))
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise _unusable("there is no such file")


def _unusable(why: str) -> ConfigError:
    from airflow.configuration import conf
    from sqlalchemy.engine import make_url

    shown = make_url(conf.get("database", "sql_alchemy_conn")).render_as_string(hide_password=True)
    return ConfigError(
        f"Airflow's database {shown} cannot be used: {why}. Nothing was made.",
        "run this where Airflow runs and as its user, with its settings (AIRFLOW_HOME, "
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN); if that is Airflow's database, check that it can be "
        "reached and run `airflow db migrate` first",
    )


def main() -> int:
    """Print one line for each."""
    parser = argparse.ArgumentParser(prog="scripts/pools", description=__doc__)
    parser.add_argument("--config", default=CONFIG, help="services.yaml")
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    arguments = parser.parse_args()
    try:
        config = load(arguments.config)
        wanted = pools_of(config.limits, config.services)
        missing = make_missing(wanted, only_look=arguments.check)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        place, no_id = installation.make_missing(only_look=arguments.check)
    except OSError as error:
        print(
            f"The id of this Airflow cannot be written: {error}\nWhat to do: set {installation.VARIABLE}, or "
            f"{installation.FILE_VARIABLE} to a file that this user may write",
            file=sys.stderr,
        )
        return 1
    sizes = {pool.name: f", {pool.slots} slots" for pool in wanted}
    for name in sizes:
        made = f"made{sizes[name]}"
        print(f"{name}: {'there' if name not in missing else 'missing' if arguments.check else made}")
    said = "there" if not no_id else "missing" if arguments.check else "made"
    print(f"id of this Airflow ({place}): {said}")
    if not wanted:
        print("The configuration has no `limits`: no pools are needed.")
    return 1 if (missing or no_id) and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
