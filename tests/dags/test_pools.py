"""`scripts/pools` on a real metadata database."""

from __future__ import annotations

from pathlib import Path

import pytest

from hooks.pools import main
from tests.conftest import SERVICES


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
