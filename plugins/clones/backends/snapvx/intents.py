"""What is kept before each request, because no array and no server shuts out a try that is over.

It stands in the ledger beside the newest activation. A try that finds one whose end is not known waits until
nothing of it can be pending any more, looks, and only then goes on.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clones.decide.ledger import Ledger, Run


class What(enum.StrEnum):
    """What a request is for."""

    SNAPSHOT = "snapshot"
    LINK = "link"
    RELINK = "relink"
    REWIND = "rewind"
    UNLINK = "unlink"


MAKES = frozenset({What.SNAPSHOT, What.LINK, What.RELINK})
"""Those whose snapshot was taken for the next link, or is it."""


@dataclass(frozen=True)
class Intent:
    """The newest request for a sync that changes its snapshot or its link.

    :param run: that run.
    :param name: of the snapshot that it is about.
    :param snapid: None as long as the array has not shown it.
    :param target: the storage group that is linked or unlinked; empty for a snapshot.
    :param at: the copy is of this moment or later, with zone.
    :param sent: when the request was about to be sent, with zone, by the clock of Airflow's worker.
    :param answer: seconds that its answer may take, by the connection; None where that is not known.
    :param job: that works on it, as soon as it is known.
    :param ended: nothing of it is pending.
    :param known: by name, the numbers of all snapshots of this sync that are known.
    :param names: of all snapshots of this sync, as they were listed last.
    :param former: of a link: the snapshots of this sync that it takes the place of.
    :param linked: those that the target was linked to when this run took its snapshot, each with its number:
        two may have one name. None where it is not known, which a former release has not kept.
    """

    run: Run
    what: What
    name: str
    snapid: int | None
    target: str
    at: datetime
    sent: datetime
    job: str = ""
    ended: bool = False
    known: Mapping[str, int] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    linked: tuple[tuple[str, int | None], ...] = ()
    answer: float | None = None

    def to_plain(self) -> dict[str, Any]:
        """As JSON; :meth:`read` reads it back."""
        return {
            "run": list(self.run),
            "what": str(self.what),
            "name": self.name,
            "snapid": self.snapid,
            "target": self.target,
            "at": self.at.isoformat(),
            "sent": self.sent.isoformat(),
            "job": self.job,
            "ended": self.ended,
            "known": dict(self.known),
            "names": list(self.names),
            "former": list(self.former),
            "linked": [list(one) for one in self.linked],
            "answer": self.answer,
        }

    @classmethod
    def read(cls, plain: Mapping[str, Any] | None) -> Intent | None:
        """What :meth:`to_plain` wrote, None for nothing."""
        if not plain:
            return None
        dag_id, run_id = plain["run"]
        return cls(
            (dag_id, run_id),
            What(plain["what"]),
            plain["name"],
            plain["snapid"],
            plain["target"],
            datetime.fromisoformat(plain["at"]),
            datetime.fromisoformat(plain["sent"]),
            plain["job"],
            plain["ended"],
            dict(plain["known"]),
            tuple(plain["names"]),
            tuple(plain.get("former", ())),
            tuple(
                (one, None) if isinstance(one, str) else (one[0], one[1]) for one in plain.get("linked", ())
            ),
            plain.get("answer"),
        )


def kept_intent(ledger: Ledger | None) -> Intent | None:
    """The newest intent of a sync, of whichever run; None when there is none."""
    return Intent.read(ledger.intent) if ledger is not None else None


def known_snapshots(plan: Mapping[str, Any] | None, sync: str, ledger: Ledger | None) -> dict[str, int]:
    """Numbers of a sync's snapshots by name, from a run's plan and from what is kept."""
    kept = kept_intent(ledger)
    found = planned_snapshots(plan, sync)
    if kept is not None:
        found |= kept.known
        if kept.snapid is not None:
            found[kept.name] = kept.snapid
    return found


def planned_snapshots(plan: Mapping[str, Any] | None, sync: str) -> dict[str, int]:
    """Those that a run's plan saw."""
    return {
        name: int(snapid)
        for one in (plan or {}).get("syncs", ())
        if one["sync"] == sync
        for name, snapid in one.get("snapshots", {}).items()
    }
