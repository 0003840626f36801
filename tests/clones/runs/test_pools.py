"""Which pools a configuration needs, and what a missing one is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from clones.config import Limits
from clones.errors import Refused
from clones.observe.findings import Level
from clones.runs.pools import findings, pools_of, require
from hooks.configuration import load
from tests.conftest import SERVICES
from tests.support.hooked import hooked_services

LIMITS = Limits(per_array=4, per_host=2)


def names(limits: Limits = LIMITS) -> list[tuple[str, int]]:
    return [(pool.name, pool.slots) for pool in pools_of(limits, load(SERVICES).services)]


def test_one_an_array_and_a_service_host() -> None:
    assert names() == [
        ("symclone_array_000190101234", 4),
        ("symclone_array_000297600001", 4),
        ("symclone_host_aastmphpux", 2),
        ("symclone_host_lnxpp01", 2),
    ]


def test_no_limit_no_pool() -> None:
    assert names(Limits()) == []
    assert [name for name, _ in names(Limits(per_host=1))] == [name for name, _ in names()[2:]]


def test_where_the_array_is_not_configured_its_control_host_stands_for_it() -> None:
    service = load(SERVICES).services["aastmphpux"]
    syncs = tuple(sync.model_copy(update={"symid": None}) for sync in service.syncs)
    found = pools_of(Limits(per_array=1), {"x": service.model_copy(update={"syncs": syncs})})
    assert [pool.name for pool in found] == ["symclone_control_symcli_demo"]


def test_what_holds_up_production_does_not_queue(tmp_path: Path) -> None:
    service = load(hooked_services(tmp_path / "hooked.yaml")).services["aastmphpux"]
    assert any(sync.before_activate for sync in service.syncs)
    (pool,) = pools_of(Limits(per_host=1), {"x": service})
    assert pool.name == "symclone_host_aastmphpux"


def test_a_missing_pool_is_refused_by_name() -> None:
    require(["a", "b"], ["a", "b", "c"])
    with pytest.raises(Refused, match=r"pool b, d\. A task in it") as raised:
        require(["d", "a", "b"], ["a"])
    assert "scripts/pools" in raised.value.remedy


@pytest.mark.parametrize(
    ("known", "level"),
    [(None, Level.WARNING), ([], Level.ERROR), (["symclone_host_aastmphpux"], Level.ERROR)],
)
def test_the_check_of_a_site_tells_what_is_missing(known: list[str] | None, level: Level) -> None:
    (found,) = findings(pools_of(LIMITS, load(SERVICES).services), known)
    assert found.level is level and "scripts/pools" in found.remedy and "symclone_host_lnxpp01" in found.what


def test_the_check_of_a_site_that_has_them() -> None:
    wanted = pools_of(LIMITS, load(SERVICES).services)
    assert [f.level for f in findings(wanted, [pool.name for pool in wanted])] == [Level.OK]
    assert findings([], None) == []
