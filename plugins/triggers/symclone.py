"""Waiting for a copy's state in the triggerer: no worker is held (D9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from clones.errors import CloneError, TryAgain
from clones.observing import observe, to_plain
from clones.rules import Verdict, decide_wait
from clones.scope import Scope
from hooks.symcli import SymcliHookAsync

LONGEST_BACKOFF = 300.0
"""Seconds between two tries of a host that cannot be asked."""


class SymcloneStateTrigger(BaseTrigger):
    """Looks at a sync until every pair is in the wanted state, or cannot come there, or time is up.

    It can be stopped and started anywhere at any time from its arguments: the deadline is an absolute time.

    :param scope: service as :meth:`clones.scope.Scope.to_plain` writes it.
    :param sync: name of the sync.
    :param wanted: state or group of states, see :func:`clones.states.wanted_states`.
    :param deadline: ISO time with zone after which the wait is over.
    :param poll_interval: seconds between two looks.
    :param ends_task: end the task here with success, without a worker; else the task is resumed.

    Yields one event: ``{"status": "reached" | "refused" | "late", "message": str}``, or the task's success.
    """

    def __init__(
        self,
        *,
        scope: dict[str, Any],
        sync: str,
        wanted: str,
        deadline: str,
        poll_interval: float,
        ends_task: bool,
    ) -> None:
        super().__init__()
        self.scope = scope
        self.sync = sync
        self.wanted = wanted
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.ends_task = ends_task

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = ("scope", "sync", "wanted", "deadline", "poll_interval", "ends_task")
        return "triggers.symclone.SymcloneStateTrigger", {name: getattr(self, name) for name in arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        scope = Scope.from_plain(self.scope)
        sync = scope.service.sync(self.sync)
        deadline = datetime.fromisoformat(self.deadline)
        hosts = SymcliHookAsync()
        said, failures = "", 0
        try:
            while True:
                try:
                    seen = await hosts.run(observe(scope, sync))
                except TryAgain as error:  # not knowing is no end of a wait (D2)
                    failures += 1
                    news = str(error)
                    await hosts.close()
                except CloneError as error:
                    yield TriggerEvent({"status": "refused", "message": str(error)})
                    return
                else:
                    failures = 0
                    decision = decide_wait(seen, self.wanted)
                    if decision.verdict is Verdict.NOTHING:
                        self.log.info("%s: %s", scope.subject(sync), decision.why)
                        if self.ends_task:
                            yield TaskSuccessEvent(xcoms={"seen": to_plain(seen)})
                        else:
                            yield TriggerEvent({"status": "reached", "message": decision.why})
                        return
                    if decision.verdict is Verdict.REFUSE:
                        message = f"{scope.subject(sync)}: {decision.why}\nWhat to do: {decision.remedy}"
                        yield TriggerEvent({"status": "refused", "message": message})
                        return
                    news = f"waiting for {self.wanted}: {'; '.join(seen.lines())}"
                if news != said:
                    self.log.info("%s: %s", scope.subject(sync), news)
                    said = news
                pause = (
                    min(self.poll_interval * 2**failures, LONGEST_BACKOFF) if failures else self.poll_interval
                )
                left = (deadline - datetime.now(UTC)) / timedelta(seconds=1)
                if left <= 0:
                    yield TriggerEvent(
                        {"status": "late", "message": f"{scope.subject(sync)}: time is up; {news}"}
                    )
                    return
                await asyncio.sleep(min(pause, left))
        finally:
            await hosts.close()
