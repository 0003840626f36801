"""Airflow's own database, for `dag.test()`."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def database() -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.utils.db import initdb

    initdb()
    DagBundlesManager().sync_bundles_to_db()
