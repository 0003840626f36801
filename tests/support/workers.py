"""The tests in several processes (pytest-xdist): how many, what stays together, and what begins first.

`--dist loadgroup` of pytest-xdist 3.8 puts the groups into the tests' names, which pytest 9.2 does not take:
each test would be a group of its own (pytest-xdist's issue 1386). So a worker writes the groups into a file,
and the scheduler reads them there.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

MOST = 4
"""More workers gain little: an Airflow of its own takes a gigabyte, and the longest file stays as long."""
PIECE = 10
"""Tests of a file that go to a worker at once: the scheduler counts all groups again for each test."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For `--numprocesses auto`. 0: no worker, for one core, and for tests that are named one by one."""
    cores = min(os.cpu_count() or 1, MOST)
    return 0 if cores == 1 or all("::" in word for word in config.args) else cores


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where it writes its groups."""
    node.workerinput["groups"] = str(_file(node.config))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class OfGroups(LoadScopeScheduling):
        groups: dict[str, str] | None = None

        def _split_scope(self, nodeid: str) -> str:
            if self.groups is None:
                self.groups = json.loads(_file(config).read_text())
                _file(config).unlink()
            return self.groups[nodeid]

    return OfGroups(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker: what starts an Airflow begins first, so that none of it is left alone at the end."""
    if not hasattr(config, "workerinput"):
        return
    together: dict[str, list[pytest.Item]] = defaultdict(list)
    loose: Counter[Path] = Counter()
    for item in items:
        group = _group(item)
        if group is None:
            group = f"{item.path} {loose[item.path] // PIECE}"
            loose[item.path] += 1
        together[group].append(item)

    def rank(name: str) -> tuple[bool, int]:
        starts_airflow = any(item.get_closest_marker("airflow") for item in together[name])
        return not starts_airflow, -len(together[name]) if starts_airflow else 0

    items[:] = [item for name in sorted(together, key=rank) for item in together[name]]
    groups = {item.nodeid: name for name, those in together.items() for item in those}
    path = Path(config.workerinput["groups"])
    part = path.with_suffix(f".{config.workerinput['workerid']}")  # all workers find the same
    part.write_text(json.dumps(groups))
    part.replace(path)


def _group(item: pytest.Item) -> str | None:
    """The tests of one group run one after the other in one worker. None: it may run beside any other.

    A file with a fixture for the whole file stays together. So does tests/real, which counts loop devices.
    """
    if (marker := item.get_closest_marker("xdist_group")) is not None:
        return str(marker.args[0])
    if item.path.parent.name == "real":
        return "real"
    fixtures = item.session._fixturemanager
    asked = (fixtures.getfixturedefs(name, item) or () for name in getattr(item, "fixturenames", ()))
    if any(one.scope == "module" for found in asked for one in found):
        return str(item.path)
    return item.nodeid if item.get_closest_marker("airflow") else None


_FILE = pytest.StashKey[Path]()


def _file(config: pytest.Config) -> Path:
    """In which the groups are, of one run of the tests."""
    if _FILE not in config.stash:
        config.stash[_FILE] = Path(tempfile.mkdtemp(prefix="symclone-workers-")) / "groups.json"
    return config.stash[_FILE]
