"""How this Airflow is named in the locks, when several tasks find no name at the same moment."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from clones.lock import INSTANCE
from operators import base


def test_the_name_that_was_written_last_counts_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    variables: dict[str, str] = {}
    store = SimpleNamespace(
        get=lambda key, default=None: variables.get(key, default),
        set=lambda key, value, description: variables.update({key: value}),
    )

    def meanwhile(seconds: float) -> None:
        assert seconds == base.SETTLE_SECONDS
        variables[INSTANCE] = "another"

    monkeypatch.setattr(base, "Variable", store)
    monkeypatch.setattr(time, "sleep", meanwhile)
    context: Any = {"dag_run": SimpleNamespace(dag_id="S", run_id="r")}
    assert base.owner(context).instance == "another"
    monkeypatch.setattr(time, "sleep", None)
    assert base.owner(context).instance == "another"
