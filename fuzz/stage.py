"""A process in which cases are played: an Airflow environment of its own, and the DAGs of every variant."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from fuzz.cases import Case
from fuzz.sites import ROOT, Variant, site_of, written

QUIET = logging.CRITICAL


class Stage:
    """One at most in a process, and before anything else has loaded Airflow.

    :param folder: for the configuration files, and what Airflow calls its home.
    """

    def __init__(self, folder: Path) -> None:
        home = folder / f"airflow-{os.getpid()}"
        (home / "none").mkdir(parents=True)
        os.environ |= {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "none"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "none"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        }
        self._home = home
        self._dags: dict[tuple[Variant, str, str], Any] = {}
        self._counts: dict[tuple[str, str, Variant], int] = {}
        self._quiet()
        self._modules = {
            name: self._file(name)
            for name in ("clone_services", "clone_merge_back", "clone_provision", "clone_retire")
        }
        self._plug_in()

    def play(self, case: Case) -> Any:
        """The outcome of a case."""
        from fuzz.play import Play

        return Play(case, lambda service, action: self.dag(case.variant, service, action)).play()

    def played(self, case: Case) -> tuple[str, int, int, list[str]]:
        """The case, its runs, the faults that were met, and the breaches, as plain data."""
        try:
            outcome = self.play(case)
        except Exception as error:
            return str(case), 0, 0, [f"it could not be played: {error!r}"]
        return str(case), outcome.runs, outcome.met, [str(breach) for breach in outcome.breaches]

    def commands(self, case: Case) -> int:
        """How many commands a run sends that nothing disturbs.

        :raises RuntimeError: even that breaches something.
        """
        key = (case.service, case.action, case.variant)
        if key not in self._counts:
            outcome = self.play(case)
            if outcome.breaches:
                raise RuntimeError(f"undisturbed, {case}: {outcome.breaches} {outcome.story}")
            self._counts[key] = outcome.commands
        return self._counts[key]

    def dag(self, variant: Variant, service: str, action: str) -> Any:
        """The DAG that an action of a service belongs to."""
        from clones.actions import OTHER_DAGS
        from hooks.configuration import load

        of = action if action in OTHER_DAGS else ""
        key = (variant, service, of)
        if key not in self._dags:
            module = self._modules[f"clone_{of or 'services'}"]
            module.CONFIG = str(written(variant, site_of(service), self._home))
            self._dags[key] = module.build(service, load(module.CONFIG).services[service])
        return self._dags[key]

    @staticmethod
    def _file(name: str) -> Any:
        """A file of the DAG folder."""
        spec = importlib.util.spec_from_file_location(name, ROOT / "dags" / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    @staticmethod
    def _quiet() -> None:
        """What the tasks log is for people who read it."""
        import structlog

        logging.disable(logging.CRITICAL)
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(QUIET),
            logger_factory=structlog.ReturnLoggerFactory(),
        )

    @staticmethod
    def _plug_in() -> None:
        """What the product asks of Airflow is answered by the one of the try that acts."""
        import airflow.providers.standard.operators.hitl as hitl

        import fuzz.waits  # noqa: F401  (with what it loads)
        from clones.act import lock
        from clones.runs import pools
        from fuzz.runs import current
        from fuzz.transport import plug_in
        from hooks import configuration, from_airflow
        from operators import newest_try

        variables: dict[str, Any] = {lock.INSTANCE: lambda: None, pools.KNOWN: str}
        read: Any = configuration._load
        for module, name, here in (
            (configuration, "_load", cache(read.__wrapped__)),
            (from_airflow, "variable", lambda key: variables[key]()),
            (newest_try, "variable", lambda key: variables[key]()),
            (newest_try, "this_airflow", lambda: current().run.airflow.instance),
            (hitl, "upsert_hitl_detail", lambda **_: None),
        ):
            setattr(module, name, here)
        plug_in()
