"""One case, from a whole site to the judgement."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from clones.asking.one_trip import Turns
from clones.asking.steps import Command, Result
from fuzz import goals, waits
from fuzz.airflow import Airflow, Came
from fuzz.cases import Case
from fuzz.disturbances import Disturbances, administrators
from fuzz.interleaved import Interleaved
from fuzz.runs import FAILED, Killed, Run, Try
from fuzz.sites import lab_config, services, site_of
from fuzz.transport import LOST, Plugged
from lab.check import Finding, findings, read_services
from lab.check.history import accepted
from lab.check.services import whole
from lab.direct import DirectLab

START = 1_790_000_000.0
"""Lab time at which each case begins: a moment in September 2026."""
SETTLED = 4000.0
"""Lab seconds after which everything that was left alone has come to its end."""
TRIP = 0.4
"""Lab seconds that a command takes there and back."""
SHORT = 5.0
"""Seconds that a worker stands still at least while another try goes on: none takes less."""
COMMANDS = 20_000
"""A case that sends more has no end."""
TRIES = 6
"""How often it may be run again until it must be done."""
DONE = ("done", "superseded", "completed before")


@dataclass
class Outcome:
    """What came of a case.

    :param runs: how many were begun.
    :param met: faults that came to be met.
    :param breaches: what must not be, one text each.
    """

    case: Case
    runs: int = 0
    met: int = 0
    commands: int = 0
    breaches: list[str] = field(default_factory=list)
    journal: list[dict[str, Any]] = field(default_factory=list)
    story: list[str] = field(default_factory=list)


class Play:
    """Plays one case. It is the world that its Airflows stand in, and the wire behind their SSH."""

    def __init__(self, case: Case, dags: Callable[[str, str], Any]) -> None:
        self.case = case
        self.outcome = Outcome(case)
        self.site = site_of(case.service)
        named = services(case.variant, self.site)
        self.about = named[case.service]
        self.syncs = on_each_set(self.about["syncs"])
        self.lab = DirectLab(lab_config(self.site), services=named, start=START)
        self.world = self.lab.running.world
        start = self.lab.running.journal.entries[0]
        read = read_services(named, start["groups"])
        service = whole(read, case.service)
        assert service is not None
        self.service = service
        self.sets = [one for one in read if one.name == case.service and one.target_set]
        self.whole = (
            goals.shared_up(self.world, self.sets) if self.sets else goals.up(self.world, self.service)
        )
        self.airflows = [Airflow("first", "instance-first", dags, self)]
        self.disturbances = Disturbances(self, (), 0, mark=False)
        self._met_administrator: dict[int, str] = {}
        """The tries that did not know what he did, with the task at which he did it: the one that had looked,
        and those whose commands were under way on their own."""
        self._left_alone: list[int] = []
        self.standing: list[int] = []
        """The tries whose workers stand still: they have looked."""
        self._lost: set[Any] = set()
        """Devices that were in use when they were recreated all the same, for that reason."""
        self.given_up_by_airflow: list[Try] = []
        """Tries whose time is over once another one looks that the control host counts as newer: until then
        it sees what they have sent."""
        self.sent = 0
        self.stood_still = 0
        """How many workers have."""
        self.interleaved: Interleaved | None = None
        """What others do while a worker stands still, if it goes on in the middle of that."""
        Plugged.wire = self

    # the world of its Airflows

    def now(self) -> float:
        return self.lab.running.clock.now()

    def advance(self, seconds: float) -> None:
        self.lab.advance(seconds)

    def note(self, note: str, **words: Any) -> None:
        self.lab.running.journal.event("note", note=note, **words)

    def wait(self, one: Try, defer: Any) -> Came | None:
        return waits.wait(self, one, defer)

    def given_up(self) -> None:
        if self.interleaved is not None:
            self.interleaved.finish()

    # the wire

    def awake(self) -> float:
        """In every second case a worker that stands still loses only seconds: the age of what it saw does not
        keep its command back."""
        return self.stood_still * SHORT + (self.now() if self.case.salt % 2 else 0.0)

    def send(self, one: Try, command: Command, turns: Turns) -> Result:
        if self.interleaved is not None:
            self.interleaved.sends()
        if one.dead:
            raise Killed
        self.sent += 1
        if self.sent > COMMANDS:
            raise RuntimeError(f"no end after {COMMANDS} commands, at {one.task.task_id}: {command.shown()}")
        if one.newest and not command.secret:  # the lock and the tokens are no look
            for late in [late for late in self.given_up_by_airflow if late is not one]:
                self.note("try over", service=late.run.service, connection=late.connection)
                self.given_up_by_airflow.remove(late)
        due = self.disturbances.due(one, turns)
        for fault, index in due:
            if fault.kind.startswith("admin"):
                self._met_administrator |= dict.fromkeys(
                    (one.connection, *self._left_alone, *self.standing), one.task.task_id
                )
            elif fault.kind.endswith(("-running", "-unbegun")):
                self._left_alone.append(one.connection)
            self.outcome.story.append(f"{fault} at {one.task.task_id}: {command.host}$ {command.shown()}")
            if command.secret and command.host != self.site.control_host:
                one.newest = False  # until it is known that its token is there, nobody is shut out
            self.disturbances.before(fault, index, one, command, turns)
        reply = self.lab.execute(command.host, command.line(), one.connection)
        if command.secret and command.changes and reply.exit == 0:
            one.newest = command.host == self.site.control_host or one.newest
        self.advance(TRIP)
        if due:
            self.lab.clear_faults()
        for fault, _ in due:
            self.disturbances.after(fault, one)
        return Result(
            command, reply.exit, reply.stdout, reply.stderr, 0.0, "" if reply.exit is not None else LOST
        )

    def peek(self, host: str, line: str) -> str:
        """What a look prints now."""
        return self.lab.execute(host, line, 0).stdout

    def foreign_pair(self, symid: str) -> tuple[str, str]:
        """Devices of another service on that array."""
        for name, about in services(self.case.variant, self.site).items():
            for sync in on_each_set(about["syncs"]):
                if name != self.case.service and sync["symid"] == symid:
                    source, target = (end.rpartition("=")[2] for end in sync["pairs"][0].split(":"))
                    return source, target
        raise LookupError(symid)

    # what people do

    def begin(self, run: Run) -> Run:
        """Trigger a run, and let it go as far as it goes."""
        self.outcome.runs += 1
        self.note_begin(run)
        self.go_on(run)
        return run

    def note_begin(self, run: Run) -> None:
        self.note("run begins", service=run.service, run=run.name, action=run.action)

    def clear(self, run: Run) -> None:
        """*Clear, Only failed tasks*."""
        self._go_on_cleared(run, run.clear_failed())

    def _go_on_cleared(self, run: Run, cleared: list[str]) -> None:
        self.outcome.runs += 1
        self.outcome.story.append(f"{run.name}: cleared {', '.join(cleared)}")
        self.note_begin(run)
        self.go_on(run)

    def go_on(self, run: Run) -> None:
        if not run.airflow.go_on(run) or not run.ended:
            return
        result = run.result
        failed = {t: run.errors.get(t, "") for t, s in run.states.items() if s == FAILED and t != "finish"}
        self.outcome.story.append(f"{run.name} ended: {result or 'without a result'} {failed or ''}")
        if result in ("done", "refused", "unchanged", "stopped"):
            self.note("run ends", service=run.service, run=run.name, result=result, step=run.step)
        else:
            self.note("run is over", service=run.service, run=run.name, result=result)
        if result == "done" and not self._interfered():
            for what in self.missing(run, run.action, run.begun):
                self.breach(f"{run.name} says done, and {what}")
        if not result and FAILED not in run.states.values():
            self.breach(f"{run.name} has neither a last task nor one that has failed")

    def settle(self) -> None:
        """Runs that waited for others go on."""
        for _ in range(10):
            left = [run for airflow in self.airflows for run in airflow.runs.values() if not run.ended]
            if not left:
                return
            for run in left:
                if run.waiting is not None:
                    self.go_on(run)

    def follow_remedy(self, run: Run) -> bool:
        """Do what a message says to do by hand: give back the lock of one who does not go on."""
        for error in run.errors.values():
            found = re.search(r"`(rmdir [^`]*)`", error)
            if found:
                self.outcome.story.append(f"by hand: {found[1]}")
                self.lab.as_administrator(self.site.control_host, found[1])
                return True
            if "`symclone terminate -restored`" in error:
                self.outcome.story.append("by hand: the restore flags are taken away")
                for sync in self.syncs:
                    typed = administrators(self.lab, self.site, sync, "terminate -restored")
                    self.lab.as_administrator(self.site.control_host, typed)
        return False

    def breach(self, text: str) -> None:
        self.outcome.breaches.append(text)

    def _interfered(self) -> bool:
        return any(fault.kind.startswith("admin") for fault in self.disturbances.met)

    # the case

    def play(self) -> Outcome:
        try:
            self._play()
        finally:
            self.lab.close()
        return self.outcome

    def _play(self) -> None:
        first = self.airflows[0]
        self._prepare()
        case = self.case
        self.disturbances = Disturbances(self, case.faults, case.salt, mark=case.way in ("mark", "outside"))
        run = self.begin(first.trigger(case.service, case.action))
        self.settle()
        self.advance((0.0, 30.0, SETTLED)[case.salt % 3])
        if not self._done(run) and case.way == "outside" and run.ended:
            self._go_on_cleared(run, run.clear_from_first())
            self.settle()
        if not self._done(run):
            run = self._again(run, by_clear=case.way != "trigger")
        for number in range(TRIES):
            self.advance(SETTLED)  # what was left alone comes to its end before it is judged
            if self._done(run):
                break
            if self._interfered():
                self._repair()
            run = self._again(run, by_clear=number % 2 == 1)
        self.advance(SETTLED)
        self._judge(run)

    def _again(self, run: Run, *, by_clear: bool) -> Run:
        """Do what a run's messages say, then run again: what failed, or what they say to run."""
        asked = re.search(r"(?:run|trigger) the action `(\w+)`", " ".join(run.errors.values()))
        self.follow_remedy(run)
        failed: list[Run] = []
        if by_clear and not asked:
            runs = [one for one in run.airflow.runs.values() if one.action == run.action]
            failed = [one for one in runs if FAILED in one.states.values()]
            for one in failed:
                self.clear(one)
            run = failed[-1] if failed else run
        if not failed:
            run = self.begin(run.airflow.trigger(run.service, asked[1] if asked else self.case.action))
        self.settle()
        return run

    def _done(self, run: Run) -> bool:
        """Whether nothing is left to do."""
        if run.result not in DONE and self.case.action not in ("retire", "merge_back"):
            return False
        since = run.begun if run.result == "done" else 0.0
        return not self.missing(run, self.case.action, since)

    def missing(self, run: Run, action: str, since: float) -> list[str]:
        """What an action was to bring about and is not so."""
        if not self.sets:
            return [*goals.missing(self.world, self.service, action, since, self.whole)]
        plan = run.xcom.get(("plan", "plan"), {})
        to_set = str(plan.get("to_set", "")) if plan.get("action") == action else ""
        return [*goals.missing_on_sets(self.world, self.sets, action, since, self.whole, to_set)]

    def _prepare(self) -> None:
        """The site as the action wants to find it."""
        first, case = self.airflows[0], self.case
        attended = bool(self.about["resources"])
        before = {"update": ["stop"], "start": ["stop", "resync"], "break": ["resync"]}
        if not attended:
            before = {"break": ["resync"]}
        elif self.sets:
            before = {"start": ["stop"]}
        elif case.action in ("merge_back", "provision", "retire"):
            before[case.action] = ["stop"]
        for action in before.get(case.action, []):
            run = self.begin(first.trigger(case.service, action))
            if run.result != "done":
                raise RuntimeError(f"{case}: {action} does not come to its end: {run.errors}")
        if case.action == "provision":
            for symid, source, target in self.service.pairs:
                array = self.world.array(symid)
                self.lab.remove_session(symid, array.name(source), array.name(target))
            for sync in self.syncs:
                self.world.array(sync["symid"]).groups.pop(sync.get("symdg", ""), None)
        self.outcome.runs = 0

    def _repair(self) -> None:
        """A person puts right what the second administrator did: the copies are as they were at first, and
        what must be down is."""
        self.disturbances.no_administrator()
        self.advance(SETTLED)
        if self.case.service in self.site.undone:
            self.lab.as_administrator(self.service.hosts[-1], self.site.undone[self.case.service])
        elif self.whole and self.case.action not in ("refresh", "start"):
            self.begin(self.airflows[0].trigger(self.case.service, "stop"))
            self.settle()
        fresh = DirectLab(lab_config(self.site), start=START)
        first = fresh.running.world
        for sync in self.about["syncs"]:
            if sync.get("symdg") in self.world.array(sync["symid"]).groups:
                groups = first.array(sync["symid"]).groups
                self.world.array(sync["symid"]).groups[sync["symdg"]] = groups[sync["symdg"]]
        if self.case.action != "provision":  # what is missing is made by the run itself
            syncs = [sync for one in self.sets or [self.service] for sync in one.syncs]
            for number, sync in enumerate(syncs):
                for symid, source, target in sync.pairs:
                    array = self.world.array(symid)
                    self.lab.set_state(symid, array.name(source), array.name(target), "Copied")
                    session = array.session((source, target))
                    assert session is not None
                    # He has split them one after the other: no stamp of an array comes twice.
                    session.last_action = session.point_in_time = self.now() - SETTLED / 2 + 2.0 * number
        fresh.close()

    def _came_between(self, finding: Finding) -> bool:
        """Whether a second administrator changed a copy between a look and what rests on it: the array cannot
        be told to refuse that, nor to undo it. It is no excuse for the wrong pairs (2, 10)."""
        if finding.invariant == 7:
            return "finish" in self._met_administrator.values()
        entry = self.lab.running.journal.entries[finding.seq - 1]
        if finding.invariant == 4 and self._in_one_second(entry):
            return True
        if finding.invariant in (1, 4, 5, 6, 11, 12) and entry.get("connection") in self._met_administrator:
            self._lost.add(entry.get("device"))
            return True
        return finding.invariant == 1 and entry.get("device") in self._lost

    def _in_one_second(self, used: dict[str, Any]) -> bool:
        """Whether he has split a sync within a second of the other one: an array shows whole seconds."""
        if used.get("event") not in ("use", "torn"):
            return False
        splits = [
            entry
            for entry in self.lab.running.journal.entries[: used["seq"]]
            if entry.get("event") == "command" and accepted(entry, "activate")
        ][-2:]
        moments = [datetime.fromisoformat(entry["at"]) for entry in splits]
        return any(entry.get("actor") for entry in splits) and moments[-1] - moments[0] < timedelta(seconds=1)

    def _judge(self, run: Run) -> None:
        journal = self.lab.running.journal
        self.outcome.met, self.outcome.commands = len(self.disturbances.met), self.disturbances.count
        self.outcome.journal = journal.entries
        for entry in journal.entries:  # he may have come at the command of another than he was sent for
            if entry.get("event") == "fault" and entry.get("kind") == "admin":
                self._met_administrator.setdefault(entry["connection"], "")
        self.outcome.breaches += [f for f in findings(journal.entries) if not self._came_between(f)]
        if "before_start" in self.about:
            pairs = self.service.pairs if len(self.sets) < 2 else ()
            for entry in goals.unmasked(journal.entries, pairs):
                if entry.get("connection") not in self._met_administrator:
                    self.breach(f"line {entry['seq']}: an application is started on data that is not masked")
        if not self._done(run):
            since = run.begun if run.result == "done" else 0.0
            left = self.missing(run, self.case.action, since)
            why = "; ".join(left) or run.result or run.state
            said = next(iter(run.errors.values()), "")
            self.breach(f"run again {TRIES} times, {self.case.action} is not done: {why}: {said}")
        if not self._asked_to_end():
            for what in goals.windows(self.world):
                self.breach(what)

    def _asked_to_end(self) -> bool:
        """Whether a run that nobody has run again since says that what it began must be ended once more."""
        runs = [run for airflow in self.airflows for run in airflow.runs.values() if run.states]
        return any(
            run.states.get(task) == FAILED and "must be run again once that has ended" in error
            for run in runs
            for task, error in run.errors.items()
        )


def on_each_set(syncs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Syncs as the configuration has them: one with target sets once for each, with `pairs`."""
    return [
        {**sync, "pairs": pairs}
        for sync in syncs
        for pairs in (sync["targets"].values() if "targets" in sync else [sync["pairs"]])
    ]
