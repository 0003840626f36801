"""Which phases of the one chain each action runs (D7); a service with target sets has a chain of its own."""

from __future__ import annotations

from clones.config import Service
from clones.errors import ConfigError

STOP, RESYNC, BREAK, PREPARE, START = PHASES = ("stop", "resync", "break", "prepare", "start")
"""All phases; which of them a service has, and in which order: :func:`phases_of`."""

REWIND = "rewind"

ACTIONS: dict[str, tuple[str, ...]] = {
    "refresh": (STOP, RESYNC, BREAK, START),
    "update": (RESYNC, BREAK),
    "resync": (RESYNC,),
    "break": (BREAK,),
    "start": (BREAK, START),
    "stop": (STOP,),
}

ACTIONS_ON_SETS: dict[str, tuple[str, ...]] = {
    "refresh": (RESYNC, BREAK, PREPARE, STOP, START),
    REWIND: (PREPARE, STOP, START),
    "update": (RESYNC, BREAK),
    "resync": (RESYNC,),
    "break": (BREAK,),
    "start": (PREPARE, START),
    "stop": (STOP,),
}
"""The same of a service with target sets: it runs on one while another is made ready (decision 0036)."""

ACTIONS_WITH_SNAPSHOTS: dict[str, tuple[str, ...]] = {**ACTIONS, REWIND: (STOP, BREAK, START)}
"""The same of a service whose copies are linked to snapshots: former ones are kept (decision 0038)."""

HELP: dict[str, str] = {
    "refresh": "stop the service, recreate and activate the copies, start it on the fresh data",
    "update": "recreate and activate the copies; the service must be down and stays down",
    "resync": "recreate the copies only; they are not usable until they are activated",
    "break": "activate the copies only: they become usable",
    "start": "activate what is not active yet, and start the service",
    "stop": "stop the service; the copies stay as they are",
}

HELP_ON_SETS: dict[str, str] = {
    "refresh": "recreate, activate and prepare the set that is not in use; then stop the service and start "
    "it on that set",
    REWIND: "stop the service and start it on the other set as it is; what was written on the set in use is "
    "no longer seen by the service, and is lost with the next refresh",
    "update": "recreate and activate the set that is not in use; the service goes on running",
    "resync": "recreate the set that is not in use; the service goes on running",
    "break": "activate the set that is not in use; the service goes on running",
    "start": "start the service on the set that it was to run on",
    "stop": "stop the service; the copies stay as they are",
}

HELP_WITH_SNAPSHOTS: dict[str, str] = {
    "refresh": "stop the service, take a snapshot of production, link the copies to it, start the service on "
    "the fresh data",
    REWIND: "stop the service, link the copies to the snapshot before, start it there; what was written on "
    "the copies since they were linked is lost",
    "update": "take a snapshot of production and link the copies to it; the service must be down and stays "
    "down",
    "resync": "take a snapshot of production only; the copies stay as they are, the service goes on running",
    "break": "link the copies to the newest snapshot of theirs; the service must be down",
    "start": "link the copies where they are not linked yet, and start the service",
    "stop": HELP["stop"],
}

DEFAULT = "refresh"

OTHER_DAGS: dict[str, str] = {
    "merge_back": "copy the clones back to production; a second person must approve",
    "provision": "make the device groups and the first copies",
    "retire": "end the copies for good; a second person must approve",
}
"""The DAGs that a service has beside its own, by the end of their ids."""

OTHER_DAGS_WITH_SNAPSHOTS: dict[str, str] = {
    **OTHER_DAGS,
    "provision": "take a snapshot, and make the first link of two storage groups that are there",
    "retire": "end the link and the snapshots for good; a second person must approve",
}


def dags_of(name: str) -> dict[str, str]:
    """What each DAG that a service may have does, by id: of its own the default action, else the ending."""
    return {name: DEFAULT, **{f"{name}_{ending}": ending for ending in OTHER_DAGS}}


def phases_of(service: Service) -> tuple[str, ...]:
    """The phases that a service has, in order: without resources there is nothing to stop and start."""
    if service.sets:
        return (RESYNC, BREAK, PREPARE, STOP, START)
    return (STOP, RESYNC, BREAK, START) if service.resources else (RESYNC, BREAK)


def actions_of(service: Service) -> tuple[str, ...]:
    """The actions that its form offers: those with a phase, and no two that do the same."""
    if service.sets:
        return tuple(ACTIONS_ON_SETS)
    if service.resources:
        return tuple(ACTIONS_WITH_SNAPSHOTS if service.snapshots else ACTIONS)
    return ("refresh", "resync", "break", *((REWIND,) if service.snapshots else ()))


def makes_copies(action: str, service: Service) -> bool:
    """Whether a run makes the copies itself that it starts the service on: a refresh does, and a rewind that
    links them to another snapshot."""
    return RESYNC in ACTIONS.get(action, ()) or (action == REWIND and service.snapshots)


def help_of(action: str, service: Service) -> str:
    """What an action does for a service, for its form."""
    if service.snapshots:
        return HELP_WITH_SNAPSHOTS[action]
    return (HELP_ON_SETS if service.sets else HELP)[action]


def phases_run(action: str, service: Service) -> tuple[str, ...]:
    """The phases that one action runs for a service.

    :param service: with all its target sets, where it has any.
    :raises ConfigError: no such action.
    """
    if action not in actions_of(service):
        raise ConfigError(
            f"There is no action {action!r} for this service.",
            f"choose one of: {', '.join(actions_of(service))}",
        )
    actions = ACTIONS_ON_SETS if service.sets else ACTIONS_WITH_SNAPSHOTS
    return tuple(phase for phase in actions[action] if phase in phases_of(service))
