"""A service's refresh by the product's operators, in the order of its DAG, without an Airflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hooks.configuration import load
from operators.service import ServiceStartOperator, ServiceStopOperator
from operators.source_hooks import SourceAfterActivateOperator, SourceBeforeActivateOperator, Window
from operators.symclone import SymcloneActivateOperator, SymcloneRecreateOperator
from tests.conftest import new_context


class Service:
    """:param config: path of `services.yaml`."""

    def __init__(self, name: str, config: Path) -> None:
        self.about: dict[str, Any] = {"service": name, "config": str(config)}
        self.syncs = load(config, only=name).services[name].syncs
        self.context = new_context()
        ti = self.context["ti"]
        ti.get_task_states = lambda **_: {ti.run_id: {ti.task_id: "running"}}

    def _do(self, kind: Any, task_id: str, **words: Any) -> Any:
        return kind(task_id=task_id, **self.about, **words).execute(self.context)

    def stop(self) -> None:
        self._do(ServiceStopOperator, "stop")

    def start(self) -> None:
        self._do(ServiceStartOperator, "start")

    def recreate(self, sync: str) -> None:
        self._do(SymcloneRecreateOperator, "recreate", sync=sync)

    def activate(self, sync: str) -> None:
        """With the hooks around it."""
        found = next(s for s in self.syncs if s.name == sync)
        before = tuple(f"before.{hook.name}" for hook in found.before_activate)
        after = tuple(f"after.{hook.name}" for hook in found.after_activate)
        window = Window(before, "activate", after)
        for hook, task in zip(found.before_activate, before, strict=True):
            self._do(SourceBeforeActivateOperator, task, sync=sync, hook=hook.name, window=window)
        self._do(SymcloneActivateOperator, "activate", sync=sync, window=window)
        for hook, task in zip(found.after_activate, after, strict=True):
            self._do(SourceAfterActivateOperator, task, sync=sync, hook=hook.name, window=window)

    def update(self) -> None:
        for sync in self.syncs:
            self.recreate(sync.name)
        for sync in self.syncs:
            self.activate(sync.name)

    def refresh(self) -> None:
        self.stop()
        self.update()
        self.start()
