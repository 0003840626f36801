"""What a completed run leaves of how fast it copied."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clones.config_file import load
from clones.estimates import Pace
from clones.scope import Scope
from operators.completed import keep_paces, paces
from tests.conftest import SERVICES


class Left:
    """A running task that reads what others have left."""

    def __init__(self, xcoms: dict[str, Any]) -> None:
        self.xcoms = xcoms

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.xcoms.get(task_ids)


def seen(clock: str, last_action: str) -> dict[str, Any]:
    return {"clock": f"2026-11-23T{clock}", "pairs": [{"last_action": f"2026-11-23T{last_action}"}]}


@pytest.mark.parametrize("as_text", [False, True], ids=["a worker ended it", "the triggerer ended it"])
def test_the_pace_is_kept_however_the_wait_ended(context: dict[str, Any], as_text: bool) -> None:
    config = load(SERVICES)
    scope = Scope("aastmphpux", config.services["aastmphpux"], config.symcli)
    copied = seen("10:01:40", "10:00:30")
    context["ti"] = Left(
        {
            "resync.data.recreate": seen("10:00:05", "10:00:00"),
            "break.data.wait_copied": json.dumps(copied) if as_text else copied,
        }
    )
    guesses = {"data": {"tracks": 500}, "archivelogs": {"tracks": 7}}
    keep_paces(context, scope, guesses)  # type: ignore[arg-type]
    assert paces(context, scope) == {"data": Pace(500, 100.0), "archivelogs": None}  # type: ignore[arg-type]
