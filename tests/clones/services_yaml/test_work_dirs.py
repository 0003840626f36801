"""All that services.yaml says of one connection's `work_dir` must agree."""

from __future__ import annotations

from typing import Any

import pytest

from clones.config import Config
from clones.services_yaml.work_dirs import check_work_dirs

IP = {"ip": {"ipname": "192.0.2.1", "ipdev": "a", "netmask": "24"}}


def on(connection: str, work_dir: str | None = None) -> dict[str, Any]:
    own = {"work_dir": work_dir} if work_dir else {}
    return {"connection": connection, "family": "linux", **own}


def original(*hosts: dict[str, Any]) -> dict[str, Any]:
    return {"production": {"hosts": hosts, "resources": [IP]}}


HOSTS, ORIGINAL = ("hosts", 0, "work_dir"), ("production", "hosts", 0, "work_dir")


@pytest.mark.parametrize(
    ("one", "at"),
    [
        ({}, None),
        ({"hosts": [on("h")]}, None),  # what is left out says nothing
        ({"hosts": [on("h", "/a")]}, None),
        ({"hosts": [on("h", "/b")]}, HOSTS),
        (original(on("h", "/a")), None),
        (original(on("h", "/b")), ORIGINAL),
        ({"hosts": [on("c")]}, None),
        ({"hosts": [on("c", "/work")]}, None),
        ({"hosts": [on("c", "/a")]}, HOSTS),
        (original(on("c", "/a")), ORIGINAL),
        ({"hosts": [on("d", "/other")]}, None),  # its own settings count, not those of all
        ({"hosts": [on("d", "/work")]}, HOSTS),
        ({"hosts": [on("g", "/a")], **original(on("g", "/b"))}, ORIGINAL),
    ],
)
def test_of_one_connection(one: dict[str, Any], at: tuple[Any, ...] | None) -> None:
    """Two services: `first` on the host h alone, with `/a`, `second` with `one` more."""
    sync = {"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}
    fs = {"fs": {"dev": "/dev/sdb", "mnt": "/x", "type": "xfs"}}
    plain = {"control_host": "c", "sync_max_delay": 1, "resources": [fs], "syncs": [sync]}
    services = {
        "first": {**plain, "hosts": [on("h", "/a")]},
        "second": {**plain, "hosts": [on("g")], **one},
        "third": {**plain, "control_host": "d", "hosts": [on("g")]},
    }
    symcli = {"work_dir": "/work", "control_hosts": {"d": {"work_dir": "/other"}}}
    problems = check_work_dirs(Config.model_validate({"symcli": symcli, "services": services}))
    assert [where for where, _ in problems] == ([("services", "second", *at)] if at else [])
    assert all(
        "write the same everywhere" in what or "remove this `work_dir`" in what for _, what in problems
    )
