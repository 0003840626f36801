"""Jobs: changes that are carried out after they were accepted."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.array.refused import Refused
from lab.config.faults import FaultConfig
from lab.unisphere.call import Call
from lab.unisphere.change import Change
from lab.unisphere.errors import refusal
from lab.unisphere.performing import carry_out

FIRST = 1_580_392_742_209


@dataclass(eq=False)
class Job:
    """`began` and `ended` are lab seconds; `end` is its last state, empty before its end."""

    id: str
    call: Call
    change: Change
    began: float
    fault: FaultConfig | None = None
    ended: float | None = None
    end: str = ""
    result: str = ""
    task: asyncio.Task[None] | None = None
    accepted: tuple[str, float] = ("", 0.0)
    """When, for the journal: lab time as text, and seconds since the epoch."""
    undone: bool = True


class Jobs:
    """Those of one Unisphere since it was started."""

    def __init__(self, unisphere: Any) -> None:
        self.unisphere = unisphere
        self.known: dict[str, Job] = {}
        self._number = FIRST
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, call: Call, change: Change) -> dict[str, Any]:
        """Accept it; gives the job's body."""
        self._number += 1
        job = Job(str(self._number), call, change, self.unisphere.world.clock.now())
        fault = self.unisphere.world.faults.control("job", self.unisphere.names, call.text)
        if fault is not None:
            job.fault = fault.config
            call.faults.append("job")
        job.accepted = (self.unisphere.world.clock.iso(), round(time.time(), 6))
        self.known[job.id] = job
        job.task = asyncio.get_running_loop().create_task(self._run(job))
        self._tasks.add(job.task)
        job.task.add_done_callback(self._tasks.discard)
        return self.view(job)

    async def _run(self, job: Job) -> None:
        world, fault = self.unisphere.world, job.fault
        ends = job.began + self.unisphere.switches.job_seconds
        await world.clock.sleep(ends - world.clock.now(), alone=True)
        end, result = "SUCCEEDED", ""
        if fault is None or fault.work == "first":
            job.undone = False
            try:
                await carry_out(job.call, job.change)
            except Refused as refused:
                end = "FAILED"
                result = refusal(refused, job.call.doing)[1]["message"]
        elif fault.state:
            result = f"{job.change.action} was not executed"
        job.undone = False
        if fault is not None:
            if fault.state is None:
                self._journal(job, None, result)
                return
            end = fault.state
        job.ended, job.end, job.result = world.clock.now(), end, result
        self._journal(job, end, result)

    def _journal(self, job: Job, end: str | None, result: str) -> None:
        """`end` is None for a job that never ends."""
        call, about = job.call, {"result": result} if result else {}
        self.unisphere.world.journal.event(
            "job", at=job.accepted[0], wall=job.accepted[1], seconds=round(time.time() - job.accepted[1], 6),
            host=self.unisphere.name, family="unisphere", login=call.user.login, job=job.id,
            command=call.text, end=end, change=job.change.describe(), **job.change.states(), **about,
        )  # fmt: skip

    def restart(self, *, finish: bool) -> None:
        """Nobody knows of any job any more. :param finish: what was accepted is done all the same."""
        for job in self.known.values():
            if job.task is not None and job.undone and not finish:
                job.task.cancel()
                self._journal(job, None, "not executed: Unisphere was restarted")
        self.known = {}

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def state(self, job: Job) -> str:
        if job.end:
            return job.end
        words: list[str] = self.unisphere.switches.job_states
        passed = self.unisphere.world.clock.now() - job.began
        part = self.unisphere.switches.job_seconds / len(words)
        return words[min(len(words) - 1, int(passed / part) if part else len(words) - 1)]

    def view(self, job: Job) -> dict[str, Any]:
        """As a 202 and as a look at it answer (documented)."""
        last = job.began if job.ended is None else job.ended
        found: dict[str, Any] = {
            "jobId": job.id,
            "symmetrixId": job.change.array.symid,
            "name": f"{job.change.action} {job.change.name} of {job.change.group}",
            "status": self.state(job),
            "username": job.call.user.login,
            "last_modified_date": _moment(last),
            "last_modified_date_milliseconds": int(last * 1000),
            "task": [{"execution_order": 1, "description": f"{job.change.action} [{job.change.name}]"}],
            "links": [],
        }
        if job.ended is not None:
            found["completed_date"] = _moment(job.ended)
            found["completed_date_milliseconds"] = int(job.ended * 1000)
            started, finished = _long(job.began), _long(job.ended)
            spans = f"Started job execution on {started} - Finished job execution on {finished}"
            found["result"] = job.result or spans
        return found


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%b-%d-%Y %H:%M:%S.%f")[:-3]


def _long(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%a %d %b %Y %H:%M:%S GMT")
