"""PostgreSQL on real blocks, data and archived WAL on two devices: refreshed while production writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from clones.errors import NotDone
from demo.real.ledger import Writer, database
from demo.real.proof import moved, noted, prove
from demo.real.site import PRODUCTION, RIGHT, WRONG, Site, device_mapper, inside, make_production
from lab import Lab
from tests.conftest import Log, connect
from tests.real.by_operators import Service
from tests.support.site import until
from tests.support.tables import load_yaml

REFRESHES = 3


@pytest.fixture
def site() -> Site:
    return Site(device_mapper())


@pytest.fixture
def config(site: Site, tmp_path: Path) -> Path:
    path = tmp_path / "services.yaml"
    path.write_text(yaml.safe_dump(site.services(), sort_keys=False))
    return path


@pytest.fixture
def lab(site: Site, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with Lab(site.lab(), directory=tmp_path / "lab", services=config) as running:
        connect(monkeypatch, running.connections)
        make_production(running)
        yield running


@pytest.fixture
def writer(lab: Lab) -> Iterator[Writer]:
    with Writer(database(lab, PRODUCTION)) as running:
        until(lambda: len(running.committed) > 100, 30, lambda: f"production does not write: {running.error}")
        yield running


def seq(lab: Lab) -> int:
    return int(lab.journal[-1]["seq"])


def test_every_transaction_is_there_after_each_refresh(
    lab: Lab, site: Site, config: Path, writer: Writer, log: Log, report: list[str]
) -> None:
    service = Service(RIGHT.name, config)
    promised = 0
    for number in range(REFRESHES):
        since = seq(lab)
        service.refresh()
        proof = prove(lab, RIGHT, writer, since)
        assert proof.problems() == []
        # Production wrote all the time: also between the two points in time, and since.
        assert promised < proof.by_data < proof.promised < proof.committed
        assert proof.held and proof.promised <= proof.held.last
        assert proof.replayed > 0
        promised = proof.promised
        tracks = moved(lab, RIGHT, since)
        assert [t.frozen for t in tracks.values()] == [["/srv/prod/data"], ["/srv/prod/archive"]]
        assert tracks["data"].point_in_time < noted(lab, "switch") < tracks["archivelogs"].point_in_time
        for sync in tracks.values():
            # The first time all that is not empty, then what was written since.
            assert 0 < sync.recreate + sync.activate < sync.total / (4 if number == 0 else 10)
        counts = ", ".join(f"{n} {t.recreate} + {t.activate} of {t.total}" for n, t in tracks.items())
        report.append(
            f"refresh {number + 1}: tracks moved at recreate + activate: {counts}; "
            f"{proof.replayed} transactions by archived WAL alone, "
            f"{proof.promised - proof.lost} of {proof.promised} proven"
        )
    service.stop()
    if not site.lvm:
        said = log.text
        for what, check in (("data", "e2fsck -fn"), ("archive", "xfs_repair -n")):
            inside(lab, RIGHT.name, *check.split(), f"/srv/array/{RIGHT.targets[what]}")
        for command in (
            "/usr/sbin/e2fsck -p /srv/array/2003",
            "/usr/bin/mount -t ext4 -w /srv/array/2003 /srv/test/data",
            "/usr/bin/mount -t xfs -w -o nouuid /srv/array/2004 /srv/test/archive",
        ):
            assert said.count(f"{command}  [exit code 0") == REFRESHES


@pytest.mark.may_break(4)  # at its end, against the order that the lab was told
def test_the_wrong_order_loses_data(
    lab: Lab, site: Site, config: Path, writer: Writer, report: list[str]
) -> None:
    """The archived WAL ends before the data's backup begins. In the right order the same service is whole."""
    service = Service(WRONG.name, config)
    assert [sync.name for sync in service.syncs] == ["archivelogs", "data"]
    since = seq(lab)
    service.stop()
    service.update()
    with pytest.raises(NotDone, match="PANIC:  could not locate a valid checkpoint record"):
        service.start()
    proof = prove(lab, WRONG, writer, since, runs=False)
    assert 100 < proof.lost == proof.promised < proof.by_data

    # Opened by force, it lacks what it is dated after: no WAL brings the data to its point in time.
    site.force(lab, WRONG)
    proof = prove(lab, WRONG, writer, since)
    assert proof.held and 0 < proof.held.last < proof.by_data and proof.behind > 0
    report.append(
        f"wrong order: {proof.promised} of {proof.promised} transactions refused; opened by force, "
        f"{proof.behind} of {proof.by_data} are lost"
    )

    path = config.with_name("fixed.yaml")
    mended = load_yaml(config.read_text())
    mended["services"][WRONG.name]["syncs"].reverse()
    path.write_text(yaml.safe_dump(mended))
    since = seq(lab)
    Service(WRONG.name, path).refresh()
    assert prove(lab, WRONG, writer, since).problems() == []
