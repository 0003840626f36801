"""A Unisphere that answers what a test has written down, for procedures without HTTP.

It knows one source and one target group, snapshots and links, jobs, and a picture that lags behind. What it
does to a link is what a test needs, and no simulation of an array.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from clones.asking.slots import GiveBack
from clones.asking.steps import (
    Command,
    Finished,
    Note,
    Pause,
    Request,
    Result,
    Steps,
    T,
    Together,
    answer,
)
from clones.config.scope import Scope
from clones.decide.ledger import Ledger
from clones.services_yaml.file import scope_from

SYMID = "000120000099"
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
SOURCE, TARGET = "prod_data", "pp_data"


class Killed(BaseException):
    """The worker died right there."""


@dataclass
class Snapshot:
    """One snapshot; `links` are by target (source, group, percent, since)."""

    name: str
    snapid: int
    at: datetime
    sources: list[int]
    links: dict[int, tuple[int, str, int, datetime]] = field(default_factory=dict)
    expired: bool = False
    restored: bool = False
    secure: bool = False


@dataclass
class Job:
    """One job; what it does is done when it ends."""

    ends: datetime
    status: str
    work: Callable[[], None] | None
    said: str = ""


@dataclass
class Unisphere:
    """:param lag: seconds from a change to its showing.
    :param job_seconds: that a change takes; 0: it is done at once and answered with 200.
    :param planned: since when a job stands in its list that somebody has planned for later.
    :param answer: seconds that an answer may take.
    :param faults: by the number of a change, counted from 1: `before` and `after` (lost, not carried out or
        carried out), `kill before`, `kill after`, a status with a message, or `job STATUS`.
    """

    clock: datetime = NOON
    groups: dict[str, list[int]] = field(
        default_factory=lambda: {SOURCE: [0x1234, 0x1235], TARGET: [0x4321, 0x4322]}
    )
    snapshots: list[Snapshot] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    lag: float = 0.0
    job_seconds: float = 0.0
    copies_at_once: bool = True
    answer: float = 60.0
    faults: dict[int, str | tuple[int, str]] = field(default_factory=dict)
    sent: list[Request] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    lose_jobs: bool = False
    planned: datetime | None = None
    given_back: list[str] = field(default_factory=list)
    shown: list[tuple[datetime, list[Snapshot]]] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    numbers: int = 1000

    def add(self, name: str, at: datetime, *, linked: bool = False, **options: Any) -> Snapshot:
        """A snapshot that is there already."""
        self.numbers += 1
        one = Snapshot(name, self.numbers, at, list(self.groups[SOURCE]), **options)
        self.snapshots.append(one)
        if linked:
            self.link(one, since=at)
        return one

    def link(self, one: Snapshot, since: datetime | None = None) -> None:
        """Link the target group by position in place of what it is linked to."""
        for other in self.snapshots:
            for target in self.groups[TARGET]:
                other.links.pop(target, None)
        percent = 100 if self.copies_at_once else 0
        for source, target in zip(self.groups[SOURCE], self.groups[TARGET], strict=False):
            one.links[target] = (source, TARGET, percent, since or self.clock)

    def changes(self) -> list[str]:
        """The changes that were sent, in short."""
        return [f"{r.method} {r.path.rsplit('/', 1)[-1]} {r.body}".strip() for r in self.sent if r.changes]

    def names(self) -> list[str]:
        return [one.name for one in self.snapshots]

    def linked(self) -> set[str]:
        return {one.name for one in self.snapshots if one.links}

    def picture(self) -> list[Snapshot]:
        """What it shows now."""
        self.work()
        seen = [state for at, state in self.shown if at + timedelta(seconds=self.lag) <= self.clock]
        if self.lag == 0 or not self.shown:
            return self.snapshots
        return seen[-1] if seen else self.shown[0][1]

    def keep_picture(self) -> None:
        self.shown.append((self.clock, copy.deepcopy(self.snapshots)))

    def work(self) -> None:
        """Carry out what jobs have to do by now."""
        for job in self.jobs.values():
            if job.work is not None and job.ends <= self.clock:
                work, job.work = job.work, None
                if job.status == "SUCCEEDED":
                    work()
                    self.shown.append((job.ends, copy.deepcopy(self.snapshots)))

    def result(self, request: Request) -> Result:
        """Answer one request, with its fault.

        :raises Killed: the worker dies there.
        """
        self.sent.append(request)
        self.order.append(request.method)
        if not request.changes:
            return self._said(request, *self._get(request))
        fault = self.faults.pop(sum(one.changes for one in self.sent), "")
        if fault == "kill before":
            raise Killed
        if fault == "before":
            return Result(request, None, lost="no answer in 60 s")
        if isinstance(fault, tuple):
            return self._said(
                request, fault[0], fault[1] if fault[1].startswith("<") else {"message": fault[1]}
            )
        if not self.shown:
            self.keep_picture()
        status, body = self._change(request, fault.removeprefix("job ") if fault.startswith("job") else "")
        if fault == "kill after":
            raise Killed
        if fault == "after":
            return Result(request, None, lost="no answer in 60 s")
        return self._said(request, status, body)

    def _said(self, request: Request, status: int, body: Any) -> Result:
        text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
        return Result(request, status, stdout=text, clock=self.clock)

    def _change(self, request: Request, job_status: str) -> tuple[int, Any]:
        parts = request.path.split("/")
        body = json.loads(request.body) if request.body else {}
        if request.method == "POST":
            self.numbers += 1
            number, name = self.numbers, body["snapshotName"]
            at = self.clock

            def take() -> None:
                self.snapshots.append(Snapshot(name, number, at, list(self.groups[SOURCE])))

            return self._do(take, job_status)
        one = self._find(parts[-3], int(parts[-1]), self.snapshots)
        if one is None:
            return 500, {"message": "A problem occurred: No snapshot was found"}
        if request.method == "DELETE":
            if one.links:
                return 500, {"message": "The snapshot is linked"}
            self.snapshots.remove(one)
            self.keep_picture()
            return 204, None
        if body["action"] == "Unlink":
            return self._do(one.links.clear, job_status)
        return self._do(lambda: self.link(one), job_status)

    def _do(self, work: Callable[[], None], job_status: str) -> tuple[int, Any]:
        if not self.job_seconds and not job_status:
            work()
            self.keep_picture()
            return 200, {}
        number = str(len(self.jobs) + 1)
        ends = self.clock + timedelta(seconds=self.job_seconds)
        self.jobs[number] = Job(ends, job_status or "SUCCEEDED", work)
        return 202, {"jobId": number, "status": "RUNNING"}

    @staticmethod
    def _find(name: str, snapid: int, among: Sequence[Snapshot]) -> Snapshot | None:
        return next((one for one in among if (one.name, one.snapid) == (name, snapid)), None)

    def _get(self, request: Request) -> tuple[int, Any]:
        parts = request.path.split("/")
        picture = self.picture()
        if parts[-2] == "symmetrix":
            return 200, {"symmetrixId": parts[-1], "local": True}
        if parts[-1] == "job":
            more = ["planned"] if self.planned else []
            return 200, {"jobId": [] if self.lose_jobs else [*self.jobs, *more]}
        if parts[-1] == "planned" and self.planned:
            changed = int(self.planned.timestamp() * 1000)
            about = {"status": "SCHEDULED", "last_modified_date_milliseconds": changed}
            return 200, {"jobId": "planned", **about}
        if "job" in parts:
            job = self.jobs.get(parts[-1])
            if job is None or self.lose_jobs:
                return 404, {"message": "no such job"}
            status = job.status if job.ends <= self.clock else "RUNNING"
            return 200, {"jobId": parts[-1], "status": status, "result": job.said}
        if "sloprovisioning" in parts:
            return self._volumes(request, parts)
        if parts[-1] == "snapshot":
            return 200, {"name": [one.name for one in picture], "sl_snapshot_name": []}
        if parts[-1] == "snapid":
            return 200, {"snapids": [one.snapid for one in picture if one.name == parts[-2]]}
        if parts[-2] == "snapid":
            one = self._find(parts[-3], int(parts[-1]), picture)
            return (200, self.detail(one)) if one else (404, {"message": "No snapshot was found"})
        group = self.groups.get(parts[-1])
        if group is None:
            return 404, {"message": "Cannot find Storage Group"}
        linked = any(target in one.links for one in picture for target in group)
        return 200, {"name": parts[-1], "numDevicesNonGk": len(group), "isLinkTarget": linked}

    def _volumes(self, request: Request, parts: list[str]) -> tuple[int, Any]:
        if parts[-1] == "volume":
            held = self.groups.get(request.query[0][1], [])
            rows = [{"volumeId": f"{device:05X}"} for device in held]
            return 200, {
                "count": len(held),
                "id": "it_0",
                "maxPageSize": 1000,
                "resultList": {"result": rows},
            }
        device = int(parts[-1], 16)
        target = any(device in one.links for one in self.snapshots)
        return 200, {"volumeId": parts[-1], "cap_cyl": 547, "snapvx_target": target, "snapvx_source": False}

    def detail(self, one: Snapshot) -> dict[str, Any]:
        """As `GET .../snapid/{snapid}` shows it."""
        links = [
            {
                "name": group,
                "source_volume_name": f"{source:05X}",
                "linked_volume_name": f"{target:05X}",
                "percentageCopied": percent,
                "linkedCreationTimestamp": f"{since:%H:%M:%S %a, %d %b %Y} +0000",
            }
            for target, (source, group, percent, since) in one.links.items()
        ]
        return {
            "name": one.name,
            "snapid": one.snapid,
            "timestamp_utc": int(one.at.timestamp() * 1000),
            "state": ["Established", *(["Restored"] if one.restored else [])],
            "num_source_volumes": len(one.sources),
            "source_volume": [{"name": f"{device:05X}", "capacity": 547} for device in one.sources],
            "num_storage_group_volumes": len(self.groups[SOURCE]),
            "expired": one.expired,
            "linked": bool(links),
            "restored": one.restored,
            **({"secure_expiry_date": "10:58:56 Wed, 10 Jul 2030 +0000"} if one.secure else {}),
            **({"linked_storage_group": links, "linked_storage_group_names": [TARGET]} if links else {}),
        }

    def ledger(self, run: str = "r1") -> Ledger:
        """That of a run; what it keeps outlives a killed worker, as JSON."""

        def keep(plain: dict[str, Any]) -> None:
            self.kept = json.loads(json.dumps(plain))

        return Ledger(("svc", run), lambda: self.clock, keep, lambda: copy.deepcopy(self.kept))


def drive(steps: Steps[T], unisphere: Unisphere, others: Callable[[Command], Result] | None = None) -> T:
    """Run a procedure to its end; its pauses turn the clock."""
    asked = answer(steps)
    while not isinstance(asked, Finished):
        if isinstance(asked, Note):
            unisphere.notes.append(asked)
            if isinstance(asked, Pause):
                unisphere.clock += timedelta(seconds=asked.seconds)
            elif asked.kind:
                unisphere.order.append(asked.kind)
            asked = answer(steps)
            continue
        commands = asked.commands if isinstance(asked, Together) else (asked,)
        results = []
        for command in commands:
            if isinstance(command, Request) and command.told is not None:
                command.told(unisphere.answer)
            if command.before_send is not None:
                command.before_send()
            unisphere.clock += timedelta(milliseconds=200)
            if isinstance(command, GiveBack):
                unisphere.given_back.append(command.title)
                results.append(Result(command, 0))
            elif isinstance(command, Request):
                results.append(unisphere.result(command))
            else:
                assert others is not None, command.line()
                results.append(others(command))
        asked = answer(steps, results if isinstance(asked, Together) else results[0])
    return asked.value


def scope(**options: Any) -> Scope:
    """A service of one SnapVX sync with two pairs, of which nobody proves anything.

    :param options: of the sync; those of the service by `service`.
    """
    service = options.pop("service", {})
    sync = {
        "name": "data",
        "backend": "snapvx",
        "symid": SYMID,
        "source_group": SOURCE,
        "target_group": TARGET,
        "pairs": ["01234:04321", "01235:04322"],
        **options,
    }
    return scope_from(
        {
            "name": "svc",
            "control_host": "lockhost",
            "unisphere": "unisphere_prod",
            "sync_max_delay": 1440,
            "resources": [],
            "unattended": True,
            "syncs": [sync],
            **service,
        }
    )
