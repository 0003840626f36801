"""Whether a service itself runs, as its resources say. How fresh its copies are is another matter."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from clones.asking.side_by_side import abreast
from clones.asking.steps import Steps
from clones.config.scope import Scope
from clones.decide.target_sets import SERVES, InUse
from clones.errors import CloneError
from clones.observe.proof_down import Row, look_at_all
from clones.observe.target_sets import look_at_sets, serving
from clones.resources.base import Use

MOST_WORDS = 300
"""Characters of a reason that are kept."""


class State(enum.StrEnum):
    """Of a service, over all its hosts."""

    UP = "up"
    PARTLY = "partly up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class OwnState:
    """How a service was seen.

    :param why: which resource it hangs on, or where it runs; empty when it is down.
    :param target_set: the set that it uses, empty when it uses none or that is not known; None for a service
        without target sets.
    """

    state: State
    why: str = ""
    target_set: str | None = None

    def to_plain(self, at: datetime, dag_id: str, run_id: str) -> dict[str, Any]:
        """As JSON, with when it was seen and by which run; of a service with target sets, on which one."""
        plain = {
            "state": self.state.value,
            "why": self.why[:MOST_WORDS],
            "at": at.isoformat(timespec="seconds"),
            "dag_id": dag_id,
            "run_id": run_id,
        }
        if self.target_set is None:
            return plain
        # It is held against when a run began to change over.
        return {**plain, "at": at.isoformat(timespec="milliseconds"), "set": self.target_set}


def key(service: str) -> str:
    """The key of a service's state in the store of asset `clone_status`; no service can be named so."""
    return f"state/{service}"


def look(scope: Scope) -> Steps[OwnState | None]:
    """Ask every resource of the service on every host; None when the service has none.

    One with target sets is asked on which of them it is, whichever the scope is on. What cannot be asked is
    unknown, and is no error.
    """
    if not (scope.service.hosts and scope.service.resources):
        return None
    try:
        if scope.whole is not None:
            return (yield from _look_on_sets(Scope.each_set(scope.name, scope.whole, scope.symcli)))
        return judge((yield from look_at_all(scope)))
    except CloneError as error:
        return OwnState(State.UNKNOWN, error.what, "" if scope.target_set else None)


def _look_on_sets(scopes: Sequence[Scope]) -> Steps[OwnState]:
    seen = yield from look_at_sets(scopes)
    unknown = next((one for one in seen if one.in_use is InUse.UNKNOWN), None)
    if unknown is not None:
        return OwnState(State.UNKNOWN, f"set {unknown.name}: {unknown.why}", "")
    used = [one.name for one in seen if one.in_use in SERVES]
    if len(used) > 1:
        return OwnState(State.PARTLY, f"it uses the sets {' and '.join(used)}", "")
    on = [scope for scope in scopes if scope.target_set in used]
    rows = yield from abreast(look_at_all(scope) for scope in on or scopes)
    # A group that is active with nothing used from it is how a set waits for its start.
    found = judge(rows[0] if on else [row for each in rows for row in serving(each)])
    return replace(found, target_set=used[0] if used else "")


def judge(rows: Sequence[Row]) -> OwnState:
    """Up: every resource of one host is up as configured, and none elsewhere. Not knowing is unknown (D2)."""
    unknown = [row for row in rows if row.probe.use is Use.UNKNOWN]
    if unknown or not rows:
        return OwnState(State.UNKNOWN, _said(unknown[0]) if unknown else "no resource was checked")
    running = [row for row in rows if row.probe.use is Use.UP]
    if not running:
        return OwnState(State.DOWN)
    where = list(dict.fromkeys(row.host for row in running))
    for host in where:
        amiss = [
            row
            for row in rows
            if row.host == host and (row.probe.use is not Use.UP or row.probe.at != row.driver.started)
        ]
        if amiss:
            return OwnState(State.PARTLY, _said(amiss[0]))
    if len(where) > 1:
        return OwnState(State.PARTLY, f"it runs on {' and on '.join(where)}")
    return OwnState(State.UP, f"on {where[0]}")


def _said(row: Row) -> str:
    return f"{row.driver.label} on {row.host} is {row.probe.use.value}: {row.probe.evidence}"
