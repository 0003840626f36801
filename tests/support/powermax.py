"""Whole runs of services with snapshots by the real operators and DAGs, on the lab's PowerMax.

Airflow's part is played by :mod:`fuzz.airflow`; the product's requests and commands go over real HTTPS and
SSH, or in memory, as the lab is made. Where the product pauses, the lab's clock goes on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import TaskDeferred

from clones.actions import OTHER_DAGS
from fuzz.airflow import Airflow, Came
from fuzz.runs import Run, Try
from fuzz.waits import for_state
from hooks import clock, configuration
from hooks.configuration import load
from hooks.symcli import SymcliHook
from lab import Lab
from tests.conftest import ROOT
from tests.dags.conftest import dags
from triggers.symclone import SymcloneStateTrigger

POWERMAX = ROOT / "lab" / "powermax.yaml"
SERVICES = ROOT / "tests" / "support" / "powermax_services.yaml"
UNISPHERE = "unisphere_demo"
PM = "000297600001"
CHANGES = ("POST", "PUT", "DELETE")
POOLS = " ".join(f"symclone_{name}" for name in (f"array_{PM}", "host_lnxpm01", "host_lnxpm02"))


class Runs:
    """One Airflow on a lab, with the services of a configuration file.

    :param services: the file; the same is given to the lab.
    """

    def __init__(self, lab: Lab, monkeypatch: pytest.MonkeyPatch, services: Path = SERVICES) -> None:
        self.lab = lab
        self.config = services
        self.given_up_by_airflow: list[Try] = []
        monkeypatch.setattr(clock, "pause", lab.advance)
        monkeypatch.setattr(configuration, "CONFIG", str(services))
        monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **_: None)
        monkeypatch.setenv("AIRFLOW_VAR_SYMCLONE_POOLS", POOLS)
        self._dags: dict[tuple[str, str], Any] = {}
        self.airflow = Airflow("first", "of-the-tests", self.dag, self)

    def dag(self, service: str, action: str) -> Any:
        """The DAG that an action belongs to."""
        of = action if action in OTHER_DAGS else "services"
        if (service, of) not in self._dags:
            module = dags(f"clone_{of}")
            module.CONFIG = str(self.config)
            self._dags[service, of] = module.build(service, load(self.config).services[service])
        return self._dags[service, of]

    def run(self, action: str = "refresh", service: str = "pmapp") -> Run:
        """A new run, as far as it comes."""
        run = self.airflow.trigger(service, action)
        self.airflow.go_on(run)
        return run

    def clear(self, run: Run) -> Run:
        """*Clear, Only failed tasks*."""
        run.clear_failed()
        self.airflow.go_on(run)
        return run

    # what was sent

    def calls(self, *methods: str) -> list[str]:
        """The requests of the product, each as `METHOD PATH`, in order."""
        return [
            entry["command"]
            for entry in self.lab.journal
            if entry["event"] == "request"
            and not entry.get("actor")
            and (not methods or entry["command"].startswith(methods))
        ]

    @property
    def changes(self) -> list[str]:
        """Those that change something."""
        return self.calls(*CHANGES)

    # the world of its Airflow

    def now(self) -> float:
        return datetime.now(UTC).timestamp()

    def advance(self, seconds: float) -> None:
        self.lab.advance(seconds)

    def note(self, note: str, **words: Any) -> None:
        """The lab numbers its connections itself: what it journals is of no known try."""

    def given_up(self) -> None:
        """Nothing goes on beside it."""

    def wait(self, one: Try, defer: TaskDeferred) -> Came | None:
        """As the triggerer does it: by looks, between which the lab's clock goes on."""
        if not isinstance(defer.trigger, SymcloneStateTrigger):
            return None
        return for_state(self, one, defer.trigger, SymcliHook)
