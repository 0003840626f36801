"""Drives the domain's procedures: sends what they ask for, keeps record and log, and holds changes back.

How a command comes to its host is of :class:`hooks.symcli.SymcliHook`, how a request comes to its server of
:class:`hooks.servers.Servers`. What must be so before either changes anything is here (D15): a newer try has
not taken over, and what the change rests on was not seen too long ago.

A host checks the first of these in the command itself (:mod:`clones.asking.fence`). The management server of
an array cannot. So before a changing request its connection is opened, then the host with the service's lock
is asked (:mod:`clones.asking.slots`), and then the request is written. Whatever keeps this process from
writing it within :data:`clones.time_limits.CHECKED` keeps it from being sent.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

from clones.asking import slots
from clones.asking.fence import Fence
from clones.asking.one_trip import Turns, as_one, take_apart
from clones.asking.slots import GiveBack
from clones.asking.steps import (
    ESTIMATE,
    Command,
    Finished,
    Note,
    Pause,
    Request,
    Result,
    Steps,
    Together,
    answer,
)
from clones.errors import CloneError, Locked, Refused, Stale
from clones.runs.record import TaskRecord
from clones.time_limits import CHECKED, INTENT, SLOT_TURN
from hooks import clock as clocks
from hooks.early import Early
from hooks.servers import Servers
from hooks.task_log import log_note, log_result
from hooks.without_airflow import base_hook

if TYPE_CHECKING:
    from airflow.sdk import BaseHook

    from hooks.unisphere import Opened
else:
    BaseHook = base_hook()

T = TypeVar("T")

NONCE_BYTES = 8
TURN_SECONDS = 2.0
"""Between two tries to take a slot."""


class Driver(BaseHook):
    """What :class:`hooks.symcli.SymcliHook` does with what procedures ask for; parameters as there."""

    servers: Servers

    def __init__(
        self,
        *,
        record: TaskRecord | None,
        level: int,
        look_limit: float | None,
        must_fence: bool,
        clock: Callable[[], float] | None,
        logger_name: str | None,
    ) -> None:
        super().__init__(logger_name)
        self.level = level
        self.look_limit = look_limit
        self.must_fence = must_fence
        self.clock = clock or clocks.awake
        self.pause: Callable[[float], None] = clocks.pause
        self.fence: Fence | None = None
        self._oldest_look: float | None = None
        self._acted = False
        self._early: Early | None = None
        self.commands = 0
        self.record = record
        self.trips = 0
        self.under_way: tuple[Command, ...] = ()
        self._holding: list[Request] = []
        """Changes whose end was not in their answer, with the slots that they still have."""

    @abstractmethod
    def _client(self, host: str) -> Any:
        """The host's connection, opened if need be; errors as :meth:`execute`."""

    @abstractmethod
    def _execute(self, client: Any, command: Command, turns: Turns) -> Result:
        """Run one command by a connection."""

    @abstractmethod
    def _begin(self, commands: Sequence[Command]) -> None:
        """Begin looks that come soon."""

    def run(self, steps: Steps[T]) -> T:
        """Drive a procedure to its end, logging each command and note.

        :raises CloneError: the procedure's own errors; Refused or Unknown when a host cannot be reached;
            Fenced when a newer try works there; Stale when what a change rests on was seen too long ago.
        """
        asked = answer(steps)
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                self._write(asked)
                if isinstance(asked, Pause):
                    self.pause(asked.seconds)
                asked = answer(steps)
                continue
            try:
                if isinstance(asked, Together):
                    results = self.execute_together(asked.commands)
                else:
                    results = [self.execute(asked)]
                if self.record:
                    self.record.came_back(*results)
                for result in results:
                    log_result(self.log, result, self.level)
                    if self.fence and result.command.changes and not isinstance(result.command, Request):
                        self.fence.refuse_if_over(result)
            except CloneError as error:
                asked = answer(steps, error=error)
                continue
            asked = answer(steps, results if isinstance(asked, Together) else results[0])
        return asked.value

    def _write(self, note: Note) -> None:
        log_note(self.log, note, self._level_of(note))
        if self.record:
            self.record.noted(note)

    def _level_of(self, note: Note) -> int:
        if note.warning:
            return logging.WARNING
        return logging.INFO if note.kind == ESTIMATE else self.level

    def execute_together(self, commands: tuple[Command, ...]) -> list[Result]:
        """Run commands that only look at one host, in one round trip (:mod:`clones.asking.one_trip`).

        Requests are sent side by side.

        :returns: a result a command, in their order; errors as :meth:`execute`.
        """
        requests = [one for one in commands if isinstance(one, Request)]
        if requests:
            return self._look(requests)
        nonce = token_hex(NONCE_BYTES)
        return take_apart(commands, nonce, self.execute(as_one(commands, nonce), Turns(commands, nonce)))

    def execute(self, command: Command, turns: Turns | None = None) -> Result:
        """Run one command.

        :param turns: the commands that it is made of, each with its own time limit.
        :raises Refused: the connection is not defined, not trusted or not allowed in. Nothing was sent.
        :raises Unknown: the host cannot be reached. Nothing was sent.
        :raises Stale: it changes something, and rests on a look that is too old. Nothing was sent.
        :raises Fenced: it is a request, and a newer try has taken over. Nothing was sent.
        :raises Locked: it is a request, and others change that array. Nothing was sent.
        """
        if command.soon and self.look_limit is None:
            self._begin(command.soon)
        early = self._early.result(command) if self._early and turns is None else None
        if early is not None:
            if not isinstance(command, Request):
                self.commands += 1
                self.trips += 1
            if self.record:
                self.record.sent(command)
            return early
        if isinstance(command, Request):
            return self._change(command) if command.changes else self._look([command])[0]
        if isinstance(command, GiveBack):
            self._holding = [one for one in self._holding if slots.given_back(one) != command]
            if self.fence is None:
                return Result(command, 0)  # nor were they taken
        client = self._client(command.host)
        turns = turns or Turns((command,))
        acts = command.changes and command.fenced
        sent = self._as_sent(command)
        if acts:
            self._refuse_old_looks(command)
        else:
            self._looks_now()
        if self.record:
            self.record.sent(*turns.commands)
        take_back = None
        try:
            take_back = command.before_send() if command.before_send else None
            if acts:
                self._refuse_old_looks(command)  # to keep the record may have taken long
        except CloneError:
            if take_back:
                take_back()
            if self.record:
                self.record.not_sent()
            raise
        self.commands += len(turns.commands)
        self.trips += 1
        self.under_way = turns.commands
        result = replace(self._execute(client, sent, turns), command=command)
        self.under_way = ()
        if acts:
            # Where no look stands between two changes, the second rests on the end of the first.
            self._oldest_look, self._acted = self.clock(), True
        if take_back and (result.kept_out or (self.fence and self.fence.has_refused(result))):
            take_back()
        return result

    def _looks_now(self) -> None:
        if self._oldest_look is None or self._acted:
            self._oldest_look, self._acted = self.clock(), False

    def _look(self, requests: Sequence[Request]) -> list[Result]:
        """Ask one server for these."""
        self._looks_now()
        if self.record:
            self.record.sent(*requests)
        self.under_way = tuple(requests)
        try:
            results = self.servers.answers(requests)
        except CloneError:
            self.under_way = ()
            if self.record:
                self.record.not_sent()
            raise
        self.under_way = ()
        return results

    def _change(self, request: Request) -> Result:
        """Send a changing request, with its slots, as the newest try; errors as :meth:`execute`."""
        self._refuse_without_fence(request)
        if self.record:
            self.record.sent(request)
        try:
            result = self._in_turn(request)
        except CloneError:
            self.under_way = ()
            if self.record:
                self.record.not_sent()
            raise
        self.under_way = ()
        self._oldest_look, self._acted = self.clock(), True
        if slots.has_ended(result):
            self._give_back(request)
        else:
            self._holding.append(request)
        return result

    def _in_turn(self, request: Request) -> Result:
        """Send it. While others have its slots this waits a while; each time all is made ready anew."""
        end = self.clock() + SLOT_TURN.seconds
        while True:
            self._refuse_old_looks(request)
            try:
                return self._kept_and_sent(request)
            except Locked:
                if self.clock() + TURN_SECONDS > end:
                    raise
                self.pause(TURN_SECONDS)

    def _kept_and_sent(self, request: Request) -> Result:
        if request.told:
            request.told(self.servers.answer_seconds(request))
        kept = self.clock()
        take_back = request.before_send() if request.before_send else None
        try:
            opened = self._opened(request, kept)
            self.under_way = (request,)
            try:
                return self._send(opened)
            except CloneError:
                self._give_back(request)
                raise
        except CloneError:
            if take_back:
                take_back()
            raise

    def _send(self, opened: Opened) -> Result:
        return self.servers.send(opened)

    def _opened(self, request: Request, kept: float) -> Opened:
        """Its connection, with nothing left to do but to write.

        :param kept: when what it is to do was kept.
        """
        checked = 0.0

        def still() -> None:
            self._refuse_old_looks(request)
            for since, limit, what in (
                (kept, INTENT, "its intent was kept"),
                (checked, CHECKED, "it was seen that no newer try has taken over"),
            ):
                if self.clock() - since > limit.seconds:
                    raise Stale(
                        f"`{request.shown()}` was not sent to {request.host}: {self.clock() - since:.0f} s "
                        f"have passed since {what} (allowed: {limit.seconds:.0f} s).",
                        "do nothing: everything is checked again",
                    )

        opened = self.servers.open(request, still)
        checked = self.clock()
        try:
            if self.fence is not None:
                self._aside(slots.take(self.fence, request))
        except BaseException:
            self.servers.drop(opened)
            raise
        return opened

    def give_back_slots(self) -> None:
        """Give back the slots of all changes: whatever this task did, it has seen the end of it."""
        while self._holding:
            self._give_back(self._holding.pop())

    def _give_back(self, request: Request) -> None:
        """Another try takes over what cannot be given back."""
        if self.fence is not None:
            self._aside(slots.give_back(request))

    def _aside(self, steps: Steps[T]) -> T:
        """Drive what belongs to a request. The record has the request."""
        asked = answer(steps)
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                self._write(asked)
                asked = answer(steps)
                continue
            assert isinstance(asked, Command)
            try:
                client = self._client(asked.host)
                self.commands += 1
                self.trips += 1
                result = replace(self._execute(client, self._as_sent(asked), Turns((asked,))), command=asked)
            except CloneError as error:
                asked = answer(steps, error=error)
                continue
            log_result(self.log, result, self.level)
            asked = answer(steps, result)
        return asked.value

    def _as_sent(self, command: Command) -> Command:
        """The command as its host gets it; errors as :meth:`_behind_fence`."""
        if isinstance(command, GiveBack) and self.fence is not None:
            return slots.around(self.fence, command)
        return self._behind_fence(command) if command.changes and command.fenced else command

    def _behind_fence(self, command: Command) -> Command:
        """:raises Refused: it may only go through a fence, and there is none."""
        if self.fence is not None:
            return self.fence.around(command)
        self._refuse_without_fence(command)
        return command

    def _refuse_without_fence(self, command: Command) -> None:
        """:raises Refused: it may only be sent by the newest try, and this is none."""
        if self.must_fence and self.fence is None:
            raise Refused(
                f"`{command.shown()}` is not sent to {command.host}: it would change something, and this "
                "task does not hold the service's lock.",
                "leave `hold_lock` of the operator at its default, true",
            )

    def _refuse_old_looks(self, command: Command) -> None:
        """:raises Stale: the oldest look since the last change, or its end, is longer ago than the limit."""
        if self.look_limit is None or self._oldest_look is None:
            return
        age = self.clock() - self._oldest_look
        if age > self.look_limit:
            self._oldest_look = None
            raise Stale(
                f"`{command.shown()}` was not sent to {command.host}: its last check was {age:.0f} s ago "
                f"and may be outdated (allowed: {self.look_limit:.0f} s).",
                "do nothing: everything is checked again. If it stays so, find out what makes the checks "
                "slow, or raise Airflow's `[scheduler] task_instance_heartbeat_timeout`: half of it "
                "counts",
            )
