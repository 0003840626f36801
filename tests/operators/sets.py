"""Runs of a service with target sets by the procedures alone, on the lab; a few lines play Airflow's part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from clones.act import change_over
from clones.act.hooks import run_hooks
from clones.act.prepare import prepare
from clones.actions import BREAK, PREPARE, RESYNC, START, STOP, phases_run
from clones.asking.steps import Command, Steps
from clones.backends.symclone.act import resync, split
from clones.config.scope import Scope
from clones.decide.ledger import Ledger
from clones.decide.start_order import Kept
from clones.decide.target_sets import Recorded, refuse_last_good, refuse_moved
from clones.errors import MustWait
from clones.runs import change_over as plans
from hooks.configuration import load
from hooks.symcli import SymcliHook
from tests.conftest import TWO_SETS

STEPS = (RESYNC, BREAK, PREPARE, STOP, START)


class Killed(BaseException):
    """The worker is gone, after its command was carried out."""


@dataclass
class Played:
    """A service with target sets on the lab, and what its runs keep in Airflow's stores.

    :param kill_after: the worker is killed after so many more commands that change something; None: never.
    """

    lab: Any
    name: str = "lnxts"
    recorded: Recorded = field(default_factory=Recorded)
    activations: dict[str, Any] = field(default_factory=dict)
    kill_after: int | None = None
    commands: list[Command] = field(default_factory=list)
    runs: int = 0

    def __post_init__(self) -> None:
        config = load(TWO_SETS)
        self.service = config.services[self.name]
        self.scopes = Scope.each_set(self.name, self.service, config.symcli)

    @property
    def sent(self) -> list[str]:
        """What was sent that changes something, in order, as logs name it."""
        return [command.shown() for command in self.commands]

    def on(self, name: str) -> Scope:
        return self.scopes[0].on(name)

    def do(self, steps: Steps[Any]) -> Any:
        with SymcliHook() as hosts:
            return hosts.run(self._watched(steps))

    def _watched(self, steps: Steps[Any]) -> Steps[Any]:
        answer: Any = None
        while True:
            try:
                asked = steps.send(answer)
            except StopIteration as end:
                return end.value
            answer = yield asked
            if isinstance(asked, Command) and asked.changes:
                self.commands.append(asked)
                if self.kill_after is not None:
                    self.kill_after -= 1
                    if self.kill_after < 0:
                        raise Killed

    def begin(self, action: str, asked: str = "") -> Run:
        self.runs += 1
        return Run(self, action, f"r{self.runs}", asked)


@dataclass
class Run:
    """One run; `go` continues from the step at which it stopped, as *Clear, Only failed tasks* does."""

    played: Played
    action: str
    run_id: str
    asked: str = ""
    plan: dict[str, Any] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def go(self) -> Run:
        it = self.played
        if not self.plan:
            known = {key: ledger.last for key, ledger in self._ledgers() if ledger.last}
            self._wait(
                lambda: self.plan.update(
                    it.do(plans.plan(it.scopes, self.action, it.recorded, self.asked, known=known)).to_plain()
                )
            )
        phases = phases_run(self.action, it.service)
        for step, do in self._steps(phases):
            if step not in self.done:
                self._wait(do)
                self.done.append(step)
        if START in phases:
            it.recorded = it.recorded.started(self.plan["to_set"], (it.name, self.run_id), datetime.now(UTC))
        return self

    def back(self) -> str:
        """What follows a failure; why nothing does, or empty."""
        it = self.played
        former, new = it.on(self.plan["from_set"]), it.on(self.plan["to_set"])
        begun = it.recorded.intent is not None and it.recorded.intent.run == (it.name, self.run_id)
        run = (it.name, self.run_id)
        why: str = it.do(
            change_over.why_left(former, self.plan, run=run, stopped=begun, known=self._known(new))
        )
        if not why:
            self._intend(new.target_set, former.target_set)
            it.do(change_over.back(former, new))
            it.do(run_hooks(former, former.service.after_start, "after_start"))
            self._intend(former.target_set, former.target_set)
        return why

    def _steps(self, phases: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
        it = self.played
        former, to = it.on(self.plan["from_set"]), it.on(self.plan["to_set"])
        for step in STEPS:
            if step not in phases:
                continue
            if step == RESYNC:
                for sync in to.service.syncs:
                    yield f"{step}.{sync.name}", lambda sync=sync: self._resync(to, sync)
            elif step == BREAK:
                for sync in to.service.syncs:
                    yield (
                        f"{step}.{sync.name}",
                        lambda sync=sync: it.do(
                            split(
                                to,
                                sync,
                                mend_torn=self.action in ("refresh", "update"),
                                ledger=self._ledger(to, sync),
                            )
                        ),
                    )
            elif step == PREPARE:
                kept = Kept(self._known(to), made_here=RESYNC in phases, target_set=to.target_set)
                ready = partial(prepare, kept=kept)
                yield step, lambda ready=ready: it.do(self._not_moved(ready, to))
            elif step == STOP:
                yield step, lambda: self._stop(former)
            else:
                kept = Kept(self._known(to), made_here=RESYNC in phases, target_set=to.target_set)
                started = partial(change_over.start, kept=kept)
                yield step, lambda started=started: it.do(self._not_moved(started, to))
                for place in ("after_start", "probes"):
                    yield place, lambda place=place: it.do(run_hooks(to, getattr(to.service, place), place))

    def _resync(self, to: Scope, sync: Any) -> None:
        refuse_last_good(to, self.played.recorded)
        self.played.do(resync(to, sync, self.plan, self._ledger(to, sync)))

    def _not_moved(self, steps: Callable[[Scope], Steps[Any]], to: Scope) -> Steps[Any]:
        """The steps, if no other run has stopped or started the service since."""
        refuse_moved(to, self.plan, self.played.recorded, (self.played.name, self.run_id))
        return steps(to)

    def _stop(self, former: Scope) -> None:
        refuse_moved(former, self.plan, self.played.recorded, (self.played.name, self.run_id))
        self._intend(self.plan["from_set"], self.plan["to_set"])
        self.played.do(run_hooks(former, former.service.before_stop, "before_stop"))
        self.played.do(change_over.stop(former))

    def _intend(self, from_set: str, to_set: str) -> None:
        it = self.played
        it.recorded = it.recorded.intends(from_set, to_set, (it.name, self.run_id), datetime.now(UTC))

    def _wait(self, do: Callable[[], Any]) -> None:
        for _ in range(20):
            try:
                do()
                return
            except MustWait:
                self.played.lab.advance(600)
        raise AssertionError("it waits for ever")

    def _ledger(self, scope: Scope, sync: Any) -> Ledger:
        kept, key = self.played.activations, scope.key(sync.name)
        run = (self.played.name, self.run_id)
        return Ledger(
            run, lambda: datetime.now(UTC), lambda plain: kept.update({key: plain}), lambda: kept.get(key)
        )

    def _ledgers(self) -> Iterator[tuple[str, Ledger]]:
        for scope in self.played.scopes:
            for sync in scope.service.syncs:
                yield scope.key(sync.name), self._ledger(scope, sync)

    def _known(self, scope: Scope) -> dict[str, Any]:
        ledgers = {sync.name: self._ledger(scope, sync).last for sync in scope.service.syncs}
        return {name: last for name, last in ledgers.items() if last}


@contextmanager
def killed(played: Played, after: int) -> Iterator[None]:
    """The worker is killed after so many commands; if there are fewer, it is not."""
    played.kill_after = after
    try:
        yield
    except Killed:
        played.lab.advance(60)
    finally:
        played.kill_after = None
