"""`python -m hooks.needs`: whether this Python has what the project needs of packages. It changes nothing.

Run it with the Python of each worker, triggerer, scheduler, DAG processor and API server. It says of each
package: there, missing, or of another version than was tried; and whether another folder hides one of the
project's own. Exit codes: 0 all is there, 1 something is missing or hidden.

This is the one place that knows it. The DAG files load without these packages, so that a missing one takes
no DAG away: tasks, waits and scripts ask here before they load what needs one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from pkgutil import extend_path

from clones.errors import ConfigError
from clones.observe.findings import Finding, Level, count, table

PLUGINS = Path(__file__).parents[1]
OURS = ("board", "cli", "clones", "hooks", "opensvc", "operators", "reporting", "sensors", "triggers")
"""The project's own packages, as they are imported."""


@dataclass(frozen=True)
class Need:
    """One package.

    :param module: what is imported of it.
    :param requirement: what pip is told, with the range that was tried.
    :param purpose: what cannot be done without it.
    :param for_runs: whether runs need it; else all but `purpose` works without.
    """

    module: str
    requirement: str
    purpose: str
    for_runs: bool = True

    @property
    def missing(self) -> bool:
        try:
            return not _is_there(self.module)
        except ModuleNotFoundError:  # of the package that it is in
            return True

    @property
    def remedy(self) -> str:
        return install([self])


NEEDS = (
    Need("airflow.sdk", "apache-airflow-core>=3.3.1,<3.4", "everything"),
    Need("airflow.providers.ssh", "apache-airflow-providers-ssh>=6.1.0,<8", "connections of the kind SSH"),
    Need("asyncssh", "asyncssh", "the way to control hosts and service hosts"),
    Need("defusedxml", "defusedxml", "reading what SYMCLI prints"),
    Need("httpx", "httpx", "the way to Unisphere's REST API"),
    Need("croniter", "croniter", "reading schedules"),
    Need("pydantic", "pydantic", "reading services.yaml"),
    Need("yaml", "PyYAML", "reading services.yaml"),
    Need("prometheus_client", "prometheus-client", "the board's /metrics", for_runs=False),
)
"""As ``requirements.in`` has them."""


def _is_there(module: str) -> bool:
    """A package inside another one is found without loading that one, which `find_spec` would."""
    above, *rest = module.split(".")
    if not rest or above in sys.modules:
        return find_spec(module) is not None
    package = find_spec(above)
    places = list(package.submodule_search_locations or ()) if package else []
    return any(Path(place, *rest).is_dir() for place in extend_path(places, above))


def require(*modules: str) -> None:
    """See that packages are there.

    :param modules: as they are imported; by default all that runs need.
    :raises ConfigError: naming those that are missing.
    """
    lacking = [
        need for need in NEEDS if (need.module in modules if modules else need.for_runs) and need.missing
    ]
    if lacking:
        raise ConfigError(
            " ".join(f"Package {name(need)} is missing; needed for {need.purpose}." for need in lacking)
            + f" Looked for in {sys.prefix}. Nothing was changed.",
            install(lacking),
        )


def install(needs: Sequence[Need]) -> str:
    """How to get packages."""
    packages = " ".join(f"'{need.requirement}'" for need in needs)
    return (
        f"run `{sys.executable} -m pip install {packages}`, or add that to the image, on every machine with "
        "a part of this Airflow; then start that part again"
    )


def name(need: Need) -> str:
    """The package's name for pip, without a version."""
    return need.requirement.split(">")[0]


def findings() -> list[Finding]:
    """What is there and what is missing, for preflight."""
    return [_look_at(need) for need in NEEDS] + [found for one in OURS if (found := _hidden(one))]


def _look_at(need: Need) -> Finding:
    where = f"package {name(need)}"
    if need.missing:
        level = Level.ERROR if need.for_runs else Level.WARNING
        return Finding(level, where, f"missing in {sys.prefix}; needed for {need.purpose}", need.remedy)
    try:
        version = metadata.version(name(need))
    except metadata.PackageNotFoundError:
        return Finding(Level.OK, where, "there, without a version")
    # Airflow brings it; this module itself is to load with nothing but the standard library.
    from packaging.requirements import Requirement

    if not Requirement(need.requirement).specifier.contains(version, prereleases=True):
        tried = f"take a version of `{need.requirement}`, or try a refresh on the lab first"
        return Finding(Level.WARNING, where, f"{version}, which was not tried", tried)
    return Finding(Level.OK, where, version)


def _hidden(package: str) -> Finding | None:
    """Whether another folder of this name comes first."""
    spec = find_spec(package)
    places = [Path(place).resolve() for place in (spec and spec.submodule_search_locations) or ()]
    if PLUGINS.resolve() / package in places:
        return None
    found = ", ".join(str(place) for place in places) or (spec.origin if spec else None) or "nothing"
    return Finding(
        Level.ERROR,
        f"folder {package}",
        f"`import {package}` finds {found}, not {PLUGINS / package}",
        "put the files of both folders into one (docs/how-to/deploy.md, An Airflow that is there already), "
        "or rename yours",
    )


def main() -> int:
    """Print one line for each package."""
    parser = argparse.ArgumentParser(
        prog="python -m hooks.needs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    found = findings()
    for line in table(found):
        print(line)
    return 1 if count(found, Level.ERROR) else 0


if __name__ == "__main__":
    sys.exit(main())
