"""Which phases an action runs, and how a run is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from clones.actions import actions_of, phases_run
from clones.config_file import load
from clones.errors import ConfigError
from clones.run_result import judge

SERVICES = load(Path(__file__).parents[2] / "config" / "services.yaml").services


@pytest.mark.parametrize(
    ("action", "phases"),
    [
        ("refresh", "stop resync break start"),
        ("update", "resync break"),
        ("resync", "resync"),
        ("break", "break"),
        ("start", "break start"),
        ("stop", "stop"),
    ],
)
def test_phases(action: str, phases: str) -> None:
    assert " ".join(phases_run(action, SERVICES["aastmphpux"])) == phases


def test_a_service_of_syncs_only_offers_no_stop_and_start() -> None:
    assert actions_of(SERVICES["reporting_copies"]) == ("refresh", "resync", "break")
    assert phases_run("refresh", SERVICES["reporting_copies"]) == ("resync", "break")
    with pytest.raises(ConfigError, match="choose one of"):
        phases_run("stop", SERVICES["reporting_copies"])


@pytest.mark.parametrize(
    ("states", "result", "at"),
    [
        (
            {"plan": "success", "resync.data.recreate": "success", "start.on_old_copies": "skipped"},
            "done",
            "",
        ),
        ({"plan": "success", "stop.service": "skipped"}, "done", ""),
        ({"plan": "failed", "stop.service": "upstream_failed"}, "unchanged", "plan"),
        ({"stop.service": "failed", "start.on_old_copies": "restarted"}, "unchanged", "stop.service"),
        (
            {"resync.data.recreate": "failed", "start.on_old_copies": "restarted"},
            "unchanged",
            "resync.data.recreate",
        ),
        (
            {"break.data.activate": "failed", "start.on_old_copies": "skipped"},
            "stopped",
            "break.data.activate",
        ),
        (
            {"start.on_old_copies": "failed", "resync.data.recreate": "failed"},
            "stopped",
            "resync.data.recreate",
        ),
        ({"start.service": "failed"}, "stopped", "start.service"),
        ({"start.on_old_copies": "failed", "start.service": "failed"}, "stopped", "start.service"),
        # A hook that ends what was begun fails along with what failed before it.
        (
            {"break.data.activate": "failed", "break.data.after_activate.a": "failed"},
            "stopped",
            "break.data.activate",
        ),
        ({"stop.before_stop.drain": "failed"}, "unchanged", "stop.before_stop.drain"),
        (
            {"stop.before_stop.drain": "failed", "start.on_old_copies": "restarted"},
            "unchanged",
            "stop.before_stop.drain",
        ),
        ({"start.service": "success", "start.probes.web": "failed"}, "stopped", "start.probes.web"),
    ],
)
def test_judgement(states: dict[str, str], result: str, at: str) -> None:
    restarted = states.get("start.on_old_copies") == "restarted"
    judged = judge({t: "failed" if s == "restarted" else s for t, s in states.items()}, restarted=restarted)
    assert (judged.result, judged.at) == (result, at)
    assert judged.ok == (result == "done")
    if at:
        assert at in judged.text() and "What to do:" in judged.text()
        again = (
            "trigger the action again"
            if states.get("start.on_old_copies") == "restarted"
            else "Only failed tasks"
        )
        assert again in judged.text()
