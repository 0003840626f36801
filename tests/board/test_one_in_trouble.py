"""One service that cannot be shown or measured hides no other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from board.database import Stored
from board.fleet import Facts, fleet, row
from board.metrics import exposition
from hooks.configuration import load
from tests.conftest import SERVICES

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
UP = {
    "status": "up",
    "why": "4 h old",
    "press": "",
    "last_action": "2026-11-28T08:00:00",
    "point_in_time": "2026-11-28T08:00:00+00:00",
}


def facts() -> Facts:
    """The record of `lnxpp` is none that a sweep of this release has left."""
    services = dict(load(SERVICES).services)
    records: dict[str, Any] = {
        name: {**UP, "since": NOW.isoformat(), "syncs": {sync.name: UP for sync in service.syncs}}
        for name, service in services.items()
    }
    records["lnxpp"]["syncs"]["data"] = {**UP, "status": "sideways"}
    records["clone_status"] = {"at": NOW.isoformat(), "services": sorted(services)}
    swept = {name: Stored(record, NOW) for name, record in records.items()}
    return Facts(now=NOW, services=services, every_minutes=5, swept=swept, dags={})


def test_the_others_are_shown() -> None:
    rows = {one["service"]: one for one in fleet(facts(), "")["services"]}
    assert {name: one["status"] for name, one in rows.items()} == {
        "aastmphpux": "up",
        "lnxpp": "unknown",
        "reporting_copies": "up",
    }
    assert rows["lnxpp"]["why"] == "it cannot be shown: KeyError: 'SIDEWAYS'"
    assert set(rows["lnxpp"]) == set(row(facts(), "aastmphpux", {})), "a row has every key"


def test_the_others_are_measured() -> None:
    text = exposition(facts(), "")[0].decode()
    assert 'symclone_service_status{service="lnxpp"} 3.0' in text
    assert 'symclone_service_status{service="aastmphpux"} 0.0' in text
    assert 'symclone_copy_age_seconds{service="reporting_copies",sync="warehouse"} 14400.0' in text
