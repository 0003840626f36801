"""All that services.yaml says of how one connection's account becomes root must agree."""

from __future__ import annotations

from typing import Any

import pytest

from clones.become import Become
from clones.config import Config
from clones.services_yaml.becomes import become_of, check_becomes


def config(one: dict[str, Any], *, of_symcli: str = "none") -> Config:
    """Two services: `first` on the host h alone, with sudo, `second` with `one` more."""
    sync = {"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}
    fs = {"fs": {"dev": "/dev/sdb", "mnt": "/x", "type": "xfs"}}
    plain = {"control_host": "c", "sync_max_delay": 1, "resources": [fs], "syncs": [sync]}
    host = {"connection": "h", "family": "linux", "become": "sudo"}
    other = {"connection": "g", "family": "linux"}
    services = {"first": {**plain, "hosts": [host]}, "second": {**plain, "hosts": [other], **one}}
    return Config.model_validate({"symcli": {"become": of_symcli}, "services": services})


HOST = {"connection": "h", "family": "linux"}
HOOK = {"name": "x", "command": ["/x"], "connection": "h"}
SYNC = {"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}
IP = {"ipname": "192.0.2.1", "ipdev": "a", "netmask": "24"}
SUDO, DOAS = {"become": "sudo"}, {"become": "doas"}


@pytest.mark.parametrize(
    ("one", "at"),
    [
        ({}, None),
        ({"hosts": [{**HOST, **SUDO}]}, None),
        ({"hosts": [HOST]}, ("hosts", 0)),
        ({"hosts": [{**HOST, **DOAS}]}, ("hosts", 0)),
        ({"hosts": [{**HOST, "become": "/opt/bin/sudo"}]}, ("hosts", 0)),
        ({"production": {"hosts": [HOST], "resources": [{"ip": IP}]}}, ("production", "hosts", 0)),
        ({"before_stop": [HOOK]}, None),
        ({"before_stop": [{**HOOK, **SUDO}]}, None),
        ({"before_stop": [{**HOOK, **DOAS}]}, ("before_stop", 0)),
        ({"probes": [{**HOOK, **DOAS}]}, ("probes", 0)),
        ({"syncs": [{**SYNC, "after_activate": [{**HOOK, **DOAS}]}]}, ("syncs", 0, "after_activate", 0)),
        ({"down_checks": [HOOK]}, None),
        ({"down_checks": [{**HOOK, **DOAS}]}, ("down_checks", 0)),
    ],
)  # fmt: skip
def test_of_a_host(one: dict[str, Any], at: tuple[Any, ...] | None) -> None:
    """A hook or a check that needs no root says nothing of the host."""
    found = [where for where, _ in check_becomes(config(one))]
    assert found == ([("services", "second", *at)] if at else [])


def test_of_a_control_host_that_is_a_service_host() -> None:
    """SYMCLI that needs no root agrees with all."""
    on_it = {"hosts": [{**HOST, "connection": "c", **SUDO}]}
    assert check_becomes(config(on_it)) == []
    assert check_becomes(config(on_it, of_symcli="sudo")) == []
    ((where, what),) = check_becomes(config(on_it, of_symcli="doas"))
    assert where == ("services", "second", "hosts", 0)
    assert "`become: sudo` of c, and `doas` elsewhere in this file" in what


def test_become_of() -> None:
    site = config({"before_stop": [{**HOOK, "connection": "g", **DOAS}]}, of_symcli="pbrun")
    said = {name: become_of(name, site) for name in ("h", "g", "c", "nobody")}
    assert said == {
        "h": Become.read("sudo"), "g": Become.read("doas"), "c": Become.read("pbrun"), "nobody": Become(),
    }  # fmt: skip
