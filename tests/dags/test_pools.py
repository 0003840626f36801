"""`scripts/pools` on a real metadata database."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cli.pools import main
from tests.conftest import ROOT, SERVICES


def test_it_makes_what_is_missing_and_changes_nothing_that_is_there(
    database: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    from airflow.models.pool import Pool
    from airflow.models.variable import Variable

    monkeypatch.delenv("AIRFLOW_VAR_SYMCLONE_POOLS")
    monkeypatch.delenv("SYMCLONE_INSTALLATION_ID")
    file = tmp_path / "made" / "id"
    monkeypatch.setenv("SYMCLONE_INSTALLATION_FILE", str(file))
    Pool.create_or_update_pool("symclone_host_lnxpp01", slots=7, description="ours", include_deferred=False)
    monkeypatch.setattr("sys.argv", ["pools", "--config", str(SERVICES), "--check"])
    assert main() == 1
    said = capsys.readouterr().out
    assert "symclone_array_000190101234: missing" in said and f"id of this Airflow ({file}): missing" in said
    assert Variable.get("symclone_pools", default_var=None) is None, "--check writes nothing"
    assert not file.exists(), "--check writes nothing"
    monkeypatch.setattr("sys.argv", ["pools", "--config", str(SERVICES)])
    assert main() == 0
    said = capsys.readouterr().out
    assert "symclone_array_000190101234: made, 4 slots" in said and "symclone_host_lnxpp01: there" in said
    slots = {pool.pool: pool.slots for pool in Pool.get_pools()}
    assert (slots["symclone_array_000190101234"], slots["symclone_host_lnxpp01"]) == (4, 7)
    assert "symclone_host_lnxpp01" in Variable.get("symclone_pools").split()
    name = file.read_text()
    assert f"id of this Airflow ({file}): made\n" in said
    assert Variable.get("symclone_airflow_instance", default_var=None) is None, "no id in the database"
    assert main() == 0
    assert file.read_text() == name, "it is never changed"
    assert f"id of this Airflow ({file}): there\n" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["pools", "--config", str(SERVICES), "--check"])
    assert main() == 0


@pytest.mark.parametrize("check", [(), ("--check",)], ids=["make", "check"])
@pytest.mark.parametrize("there", ["none", "empty", "old", "unreachable"])
def test_without_a_migrated_database_it_says_so_and_leaves_nothing(
    there: str, check: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "airflow.db"
    if there == "unreachable":
        file.mkdir()
    elif there != "none":
        with sqlite3.connect(file) as made:
            made.execute("CREATE TABLE slot_pool (pool TEXT)" if there == "old" else "VACUUM")
    before = {path.name for path in tmp_path.iterdir()}
    done = pools(tmp_path, f"sqlite:///{file}", *check)
    assert done.returncode == 1
    assert done.stdout == ""
    said = done.stderr[done.stderr.index("Airflow's database") :]
    assert "cannot be used" in said and "Nothing was made.\nWhat to do: " in said, said
    assert "`airflow db migrate`" in said and "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("airflow.db", "ValueError: "),
        ("sqlite:///airflow.db", "Cannot use relative path"),
        ("postgresql+nodriver://u:a-password@db/airflow", "postgresql.nodriver"),
    ],
)
def test_an_address_that_airflow_cannot_take_is_said(address: str, why: str, tmp_path: Path) -> None:
    done = pools(tmp_path, address)
    assert done.returncode == 1 and done.stdout == ""
    assert "Traceback" not in done.stderr and "a-password" not in done.stderr
    said, remedy = done.stderr.splitlines()[-2:]
    assert said.startswith("Airflow cannot be loaded with its settings: ") and why in said
    assert remedy.startswith("What to do: check AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
    assert not [*tmp_path.iterdir()]


def pools(home: Path, address: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`scripts/pools` of an Airflow with this home and address of its database."""
    kept = ("PATH", "HOME")
    environment = {name: value for name, value in os.environ.items() if name in kept} | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home.parent / "logs"),
        "PYTHONPATH": str(ROOT / "plugins"),
    }
    command = [sys.executable, "-m", "cli.pools", "--config", str(SERVICES), *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
