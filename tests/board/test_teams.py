"""The board with Airflow's FAB login: a team that may do all with its own service's DAG sees no other."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from private_airflow.instance import LocalAirflow
from private_airflow.rest import RestError
from tests.board.routes import Asker, paths
from tests.conftest import MIGRATED, ROOT, SERVICES

pytestmark = pytest.mark.airflow

FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
USERS = ("boss:Admin", "guest:Viewer", "stranger:Public", "team:only-lnxpp")
"""``only-lnxpp``: a role that may read and edit one DAG, and see and make the runs of what it sees."""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """Its API server alone, which knows the DAGs of the example configuration."""
    env = {"AIRFLOW__CORE__AUTH_MANAGER": FAB, "SYMCLONE_CONFIG": str(SERVICES)}
    home = tmp_path_factory.mktemp("fab")
    airflow = LocalAirflow(home, dags=ROOT / "dags", plugins=ROOT / "plugins", env=env, template=MIGRATED)
    airflow.prepare()
    airflow.run("dags", "reserialize")
    command = [sys.executable, str(Path(__file__).with_name("users.py")), airflow.password, *USERS]
    subprocess.run(command, env=airflow.env, check=True, capture_output=True)
    try:
        airflow.start_component("api-server")
        end = time.monotonic() + 180
        while True:
            try:
                airflow.client().health()
                break
            except RestError:
                assert airflow.exit_codes()["api-server"] is None and time.monotonic() < end
                time.sleep(0.2)
        yield airflow
    finally:
        airflow.stop()


def asker(airflow: LocalAirflow, user: str) -> Asker:
    rest = SimpleNamespace(url=airflow.url, token=airflow.client(user).token)
    return Asker.logged_in(rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("user", "sees", "triggers"),
    [
        ("boss", {"aastmphpux", "lnxpp", "reporting_copies"}, {"aastmphpux", "lnxpp", "reporting_copies"}),
        ("guest", {"aastmphpux", "lnxpp", "reporting_copies"}, set()),
        ("team", {"lnxpp"}, {"lnxpp"}),
        ("stranger", set(), set()),
    ],
)
def test_who_sees_what(airflow: LocalAirflow, user: str, sees: set[str], triggers: set[str]) -> None:
    ask = asker(airflow, user)
    fleet = ask.fleet()
    assert set(fleet) == sees
    assert {name for name, row in fleet.items() if row["may_trigger"]} == triggers
    metrics = ask.get("/clones/metrics").text
    for service in ("aastmphpux", "lnxpp", "reporting_copies"):
        assert (f'service="{service}"' in metrics) is (service in sees)
        answer = ask.get(f"/clones/api/services/{service}")
        assert answer.status_code == (200 if service in sees else 404)
        if service in sees:
            allowed = {one["action"] for one in answer.json()["actions"] if one["allowed"]}
            assert ("refresh" in allowed) is (service in triggers)


def test_another_team_s_service_is_as_if_it_were_not_there(airflow: LocalAirflow) -> None:
    """Not even the words differ, nor does anything else that is shown name it."""
    ask = asker(airflow, "team")
    for path in paths("aastmphpux"):
        answer = ask.get(path)
        assert answer.status_code == (404 if "aastmphpux" in path else 200), path
        if "json" in answer.headers["content-type"]:
            said = answer.text.replace("aastmphpux", "nosuch")
            if "aastmphpux" in path:
                assert said == ask.get(path.replace("aastmphpux", "nosuch")).text
            else:
                assert "aastmphpux" not in answer.text


def test_without_a_login(airflow: LocalAirflow) -> None:
    for path in paths():
        assert Asker(airflow.url).get(path).status_code == 401
