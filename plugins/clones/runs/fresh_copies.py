"""When a copy is announced to whoever waits for a fresh one, and with what words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clones.actions import BREAK
from clones.decide.ledger import Activation
from clones.states import SyncSeen

Copy = tuple[SyncSeen, Activation]
"""A copy as a look shows it, with the activation that made it."""


def known_copies(known: Mapping[str, Activation], after: Sequence[SyncSeen]) -> list[Copy]:
    """Of these syncs, those that still are what the newest activation that was kept made of them.

    :param known: by sync, the newest activation that any run has kept.
    """
    return [(seen, known[seen.name]) for seen in after if seen.name in known and known[seen.name].made(seen)]


def own_copies(
    tasks: Mapping[str, Sequence[Mapping[str, Any]]], after: Sequence[SyncSeen]
) -> dict[str, Activation]:
    """By sync, the activation that this run has sent, of those whose copy is seen to be what it made.

    No newer one has been carried out: each leaves other stamps.

    :param tasks: what the run's tasks did, by task id, each with its tries (:mod:`clones.runs.record`).
    """
    said = told(tasks, [seen.name for seen in after])
    return {seen.name: said[seen.name] for seen in after if seen.name in said and said[seen.name].made(seen)}


def told(tasks: Mapping[str, Sequence[Mapping[str, Any]]], syncs: Sequence[str]) -> dict[str, Activation]:
    """By sync, the activation that this run says it has sent.

    :param tasks: as of :func:`own_copies`.
    """
    found = {
        name: Activation.read((tasks.get(f"{BREAK}.{name}.activate") or [{}])[-1].get("activated"))
        for name in syncs
    }
    return {name: one for name, one in found.items() if one is not None}


def last_action(activation: Activation) -> str:
    """By what a copy is known again: its oldest pair's last action, as the array shows it."""
    return min(activation.after.values())


def is_said(activation: Activation, announcements: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a copy is among what was announced: each as of :func:`announcement`."""
    copy = (activation.run[1], last_action(activation))
    return copy in [(one.get("run_id"), one.get("last_action")) for one in announcements]


def announcement(service: str, sync: str, activation: Activation) -> dict[str, Any]:
    """As JSON: when the activation was sent, in UTC by Airflow's clock (the copy is of then or a little
    later), and the copy's last action as the array shows it."""
    return {
        "service": service,
        "sync": sync,
        "point_in_time": activation.at.isoformat(timespec="seconds"),
        "last_action": last_action(activation),
        "run_id": activation.run[1],
    }
