"""What DAG files of a site import from where it was, and what deferred tasks name: for one release more."""

from __future__ import annotations

from importlib import import_module

import pytest


@pytest.mark.parametrize(
    ("former", "name", "now"),
    [
        ("operators.completed", "copy_asset", "reporting.completed"),
        ("operators.completed", "fresh_copies", "reporting.completed"),
        ("operators.seen", "FLEET", "reporting.last_seen"),
        ("operators.seen", "CHANGES", "reporting.last_seen"),
        ("operators.alerts", "run_failed", "reporting.alerts"),
        ("operators.alerts", "deadline", "reporting.alerts"),
        ("operators.source", "SourceBeforeActivateOperator", "operators.source_hooks"),
        ("operators.source", "SourceAfterActivateOperator", "operators.source_hooks"),
        ("operators.run", "RunPlanOperator", "operators.run_plan"),
        ("operators.run", "RunEndOperator", "operators.run_end"),
        ("operators.run", "ProvisionPlanOperator", "operators.provision"),
        ("operators.symclone", "SymcloneProvideGroupOperator", "operators.provision"),
        ("operators.symclone", "SymcloneTerminateOperator", "operators.retire"),
        ("operators.symclone", "SymcloneRemoveGroupOperator", "operators.retire"),
        ("operators.symclone", "RetirePlanOperator", "operators.retire"),
        ("operators.base", "CONFIG", "hooks.configuration"),
        ("operators.base", "retries", "operators.retrying"),
        ("operators.base", "RETRY_POLICY", "operators.retrying"),
        # Where they always were: named in the database by deferred tasks and by retry policies.
        ("triggers.symclone", "SymcloneStateTrigger", "triggers.symclone"),
        ("clones.errors", "Refused", "clones.errors"),
        ("clones.errors", "TornForNow", "clones.errors"),
        ("clones.errors", "ConfigError", "clones.errors"),
        ("clones.errors", "TryAgain", "clones.errors"),
    ],
)
def test_the_same_thing_under_its_former_name(former: str, name: str, now: str) -> None:
    assert getattr(import_module(former), name) is getattr(import_module(now), name)
