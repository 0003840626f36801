"""Which phases of the one chain each action runs (D7)."""

from __future__ import annotations

from clones.config import Service
from clones.errors import ConfigError

STOP, RESYNC, BREAK, START = PHASES = ("stop", "resync", "break", "start")

ACTIONS: dict[str, tuple[str, ...]] = {
    "refresh": (STOP, RESYNC, BREAK, START),
    "update": (RESYNC, BREAK),
    "resync": (RESYNC,),
    "break": (BREAK,),
    "start": (BREAK, START),
    "stop": (STOP,),
}

HELP: dict[str, str] = {
    "refresh": "stop the service, recreate and activate the copies, start it on the fresh data",
    "update": "recreate and activate the copies; the service must be down and stays down",
    "resync": "recreate the copies only; they are not usable until they are activated",
    "break": "activate the copies only: they become usable",
    "start": "activate what is not active yet, and start the service",
    "stop": "stop the service; the copies stay as they are",
}

DEFAULT = "refresh"

OTHER_DAGS: dict[str, str] = {
    "merge_back": "copy the clones back to production; a second person must approve",
    "provision": "make the device groups and the first copies",
    "retire": "end the copies for good; a second person must approve",
}
"""The DAGs that a service has beside its own, by the end of their ids."""


def dags_of(name: str) -> dict[str, str]:
    """What each DAG that a service may have does, by id: of its own the default action, else the ending."""
    return {name: DEFAULT, **{f"{name}_{ending}": ending for ending in OTHER_DAGS}}


def phases_of(service: Service) -> tuple[str, ...]:
    """The phases that a service has: without resources there is nothing to stop and start."""
    return PHASES if service.resources else (RESYNC, BREAK)


def actions_of(service: Service) -> tuple[str, ...]:
    """The actions that its form offers: those with a phase, and no two that do the same."""
    if service.resources:
        return tuple(ACTIONS)
    return ("refresh", "resync", "break")


def phases_run(action: str, service: Service) -> tuple[str, ...]:
    """The phases that one action runs for a service.

    :raises ConfigError: no such action.
    """
    if action not in actions_of(service):
        raise ConfigError(
            f"There is no action {action!r} for this service.",
            f"choose one of: {', '.join(actions_of(service))}",
        )
    return tuple(phase for phase in ACTIONS[action] if phase in phases_of(service))
