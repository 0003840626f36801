"""PostgreSQL on real blocks: data and archived WAL on two devices, refreshed by the operators while it writes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from clones.errors import NotDone
from demo.airflow_environment import free_port
from demo.real.ledger import Writer
from demo.real.proof import moved, prove
from demo.real.site import (
    PRODUCTION,
    RIGHT,
    WRONG,
    Site,
    device_mapper,
    inside,
    make_production,
)
from lab import Lab
from tests.conftest import connect
from tests.real.by_operators import Service


@pytest.fixture
def site() -> Site:
    return Site({name: free_port() for name in (PRODUCTION, RIGHT.name, WRONG.name)}, device_mapper())


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


def seq(lab: Lab) -> int:
    return int(lab.journal[-1]["seq"])


def test_every_transaction_is_there_after_each_refresh(lab: Lab, site: Site, config: Path) -> None:
    service = Service(RIGHT.name, config)
    with Writer(site.ports[PRODUCTION]) as writer:
        time.sleep(0.5)
        for number in range(1, 4):
            since, t = seq(lab), time.time()
            service.refresh()
            proof = prove(lab, site, RIGHT, writer, since)
            tracks = moved(lab, RIGHT, since)
            print(
                number,
                round(time.time() - t, 2),
                proof.promised,
                proof.by_data,
                proof.committed,
                proof.held,
                proof.replayed,
                tracks,
            )
            assert proof.problems() == []


def test_the_wrong_order(lab: Lab, site: Site, config: Path) -> None:
    service = Service(WRONG.name, config)
    with Writer(site.ports[PRODUCTION]) as writer:
        time.sleep(0.5)
        since = seq(lab)
        service.stop()
        service.update()
        with pytest.raises(NotDone, match="could not locate a valid checkpoint record") as e:
            service.start()
        print(e.value)
        print(prove(lab, site, WRONG, writer, since, runs=False))
        service.stop()
        service.recreate("archivelogs")
        service.activate("archivelogs")
        service.start()
        proof = prove(lab, site, WRONG, writer, since)
        print(proof.promised, proof.by_data, proof.held)
        assert proof.problems() == []
    print(inside(lab, PRODUCTION, "cat", "/srv/notes"))
