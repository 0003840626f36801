"""An Airflow that runs on its own: what of it ends is told, and started again.

On SQLite the scheduler ends when the database stays locked for too long, as a backfill brings about.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from private_airflow.processes import ProcessError

OFTEN = 5
"""Ends of one component in a row, each within :data:`STEADY` of its start, after which it stays ended."""
STEADY = 60.0
"""Seconds after which a component counts as up."""
SQLITE = "With SQLite a backfill does that to the scheduler: for more than one run at a time take PostgreSQL."


class Parts(Protocol):
    """What is watched, as :class:`private_airflow.instance.LocalAirflow` has it."""

    def exit_codes(self) -> dict[str, int | None]:
        """Exit code of each component, None while it runs."""

    def start_component(self, component: str) -> int:
        """Start one again."""

    def log(self, component: str) -> Path:
        """Its log."""


def how(code: int) -> str:
    """How something has ended, in words."""
    return f"killed by signal {-code}" if code < 0 else f"with exit code {code}"


def lab_has_ended(code: int, log: Path) -> str:
    """What is said of a lab that has ended: what it held is gone, so that a new one would be another."""
    return (
        f"The lab has ended, {how(code)}. Its arrays and hosts are gone and are not started again. The end "
        f"of {log} says why. Press Ctrl-C, then start the demonstration again."
    )


class Watch:
    """Looks at the components of an Airflow, and starts again what has ended.

    :param say: is told in one or more sentences what has ended.
    :param clock: seconds, as `time.monotonic` tells them.

    :attr:`given_up` are the components that ended again and again, and stay ended.
    """

    def __init__(self, airflow: Parts, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._airflow, self._say, self._clock = airflow, say, clock
        self._started: dict[str, float] = {}
        self._in_a_row: dict[str, int] = {}
        self.given_up: list[str] = []

    def look(self) -> None:
        """Start again what has ended since the last look, and say so."""
        for component, code in self._airflow.exit_codes().items():
            if code is not None and component not in self.given_up:
                self._again(component, code)

    def _again(self, component: str, code: int) -> None:
        now = self._clock()
        soon = now - self._started.get(component, now - STEADY) < STEADY
        self._in_a_row[component] = self._in_a_row.get(component, 0) + 1 if soon else 1
        said = f"Airflow's {component} has ended, {how(code)}."
        log = f"The end of {self._airflow.log(component)} says why."
        if self._in_a_row[component] >= OFTEN:
            self.given_up.append(component)
            self._say(f"{said} It did so {OFTEN} times in a row and is not started again. {log}")
            return
        self._started[component] = now
        try:
            self._airflow.start_component(component)
        except ProcessError as error:
            self._say(f"{said} It could not be started again: {error}")
            return
        hint = f" {SQLITE}" if component == "scheduler" and code >= 0 else ""
        self._say(f"{said} It is started again. {log}{hint}")
