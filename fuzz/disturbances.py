"""What happens at a command: the faults of a case, in the lab, in the worker, or by others."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from clones.asking.one_trip import Turns
from clones.asking.steps import Command
from fuzz.airflow import Airflow
from fuzz.cases import Fault
from fuzz.interleaved import Interleaved
from fuzz.runs import Killed, MarkedFailed, Try
from fuzz.sites import Site
from hooks.refusals import unreachable
from lab.direct import DirectLab

if TYPE_CHECKING:
    from fuzz.play import Play

PLUMBING = r"^(?!(\S*/)?(sh|env|test|\[|mkdir|rmdir|rm|cat|ls|mv|cp|echo|date|ps|id|sleep|expr|printf)( |$))"
"""A program that is none of those which only carry others."""
LATER = (20.0, 120.0, 600.0, 2400.0)
"""Lab seconds after which a command goes on that was left alone."""
BIN = "/usr/symcli/bin"
MAKE_NO_COPY = ("start", "stop", "break", "rewind", "merge_back", "retire")
"""Actions that leave out to recreate."""
IN_THE_MIDDLE = 60
"""Commands of the others, at most, after which a worker that stood still goes on, if not at their end."""
ADMIN_FILE = "/tmp/admin.pairs"


class Disturbances:
    """The faults of one case, each at its command.

    :param mark: a person marks the run as failed at the first of them.
    """

    def __init__(self, play: Play, faults: tuple[Fault, ...], salt: int, *, mark: bool) -> None:
        self._play = play
        self._left = list(faults)
        self._chance = random.Random(salt)
        self._mark = mark
        self.met: list[Fault] = []
        self.count = 0

    def due(self, one: Try, turns: Turns) -> list[tuple[Fault, int]]:
        """What meets these commands, each with which of them; the numbers go on."""
        first = self.count
        self.count += len(turns.commands)
        for command in turns.commands:
            if command.changes and "recreate" in command.words and one.run.action in MAKE_NO_COPY:
                self._play.breach(f"{one.task.task_id} of a run with the action {one.run.action}: recreate")
        due = [(fault, fault.at - first) for fault in self._left if first <= fault.at < self.count]
        self._left = [fault for fault in self._left if fault not in [one for one, _ in due]]
        if one.in_triggerer:  # it is started again from its arguments, as if nothing had been
            due = [(f, i) for f, i in due if not f.kind.startswith(("killed", "paused"))]
        self.met += [fault for fault, _ in due]
        return due

    def no_administrator(self) -> None:
        """He does nothing more."""
        self._left = [fault for fault in self._left if not fault.kind.startswith("admin")]

    def before(self, fault: Fault, index: int, one: Try, command: Command, turns: Turns) -> None:
        """:raises Killed, Unknown: it is not sent."""
        kind, _, how = fault.kind.partition("-")
        if fault.kind == "killed-before":
            end(one)
        if fault.kind == "unreachable":
            raise unreachable(command.host, "fuzz")
        if kind == "paused":
            self._play.stood_still += 1
            self._play.standing.append(one.connection)
            try:
                self._meanwhile(how, one)
            finally:
                self._play.standing.remove(one.connection)
            return
        words = self._in_the_lab(fault.kind, command, turns, index)
        if words:
            self._play.lab.fault(host=command.host, count=1, **words)

    def _in_the_lab(self, kind: str, command: Command, turns: Turns, index: int) -> dict[str, Any]:
        """The fault as the lab knows it; empty when it is none of its faults."""
        after = {"after": index}
        if kind in ("lost-before", "lost-after"):
            return {"kind": kind.replace("lost-", "cut_"), **after}
        if kind == "lost-unbegun":
            return {"kind": "cut_running", "seconds": self._chance.choice(LATER), **after}
        if kind in ("lost-running", "killed-running"):
            return {"kind": "stall", "seconds": self._chance.choice(LATER), "match": PLUMBING}
        if kind in ("cut", "short"):
            size = self._bytes(command, turns, index)
            return {"kind": "cut_bytes" if kind == "cut" else "cut_output", "bytes": size, **after}
        if kind.startswith("exit-"):
            return {"kind": "exit", "exit": int(kind.removeprefix("exit-")), **after}
        if kind.startswith("admin-"):
            host, typed = self._administrator(kind.removeprefix("admin-"))
            return {"kind": "admin", "run": typed, "on": host, **after}
        return {}

    def after(self, fault: Fault, one: Try) -> None:
        """:raises Killed, MarkedFailed: the worker ends here."""
        if fault.kind.startswith("killed"):
            end(one)
        if self._mark and not one.in_triggerer and not one.over:
            self._mark = False
            one.dead = True
            raise MarkedFailed

    def _bytes(self, command: Command, turns: Turns, index: int) -> int:
        """How much of an answer comes: of a look often up to the end of a line."""
        line = turns.commands[index].line()
        if turns.commands[index].changes:
            return self._chance.choice((0, 10, 80))
        whole = self._play.peek(command.host, line)
        ends = [at + 1 for at, letter in enumerate(whole) if letter == "\n"][:-1]
        if ends and self._chance.random() < 0.6:
            return len(whole[: self._chance.choice(ends)].encode())
        return self._chance.randrange(len(whole.encode()) + 1)

    def _administrator(self, how: str) -> tuple[str, str]:
        """What a second administrator types, and on which host."""
        site = self._play.site
        typed = site.by_hand.get(self._play.case.service)
        if how == "start" and typed:
            return self._play.service.hosts[-1], typed
        how = "recreate" if how == "start" else how
        sync = self._chance.choice(self._play.syncs)
        if how == "group" and "symdg" in sync:
            source, target = self._play.foreign_pair(sync["symid"])
            symld, symdg = (f"{BIN}/{program} -g {sync['symdg']}" for program in ("symld", "symdg"))
            old, new = (end.partition("=")[0] for end in sync["pairs"][0].split(":"))
            return site.control_host, (
                f"{symld} remove {old}; {symld} remove {new}; "
                f"{symdg} add dev {source} {old}; {symdg} add dev {target} {new} -tgt"
            )
        action = "terminate" if how == "group" else how
        return site.control_host, administrators(self._play.lab, site, sync, action)

    def _meanwhile(self, how: str, one: Try) -> None:
        """The worker stands still here, until the others have come to their ends."""
        play, run, airflow = self._play, one.run, one.run.airflow
        if one.over:
            return
        if how == "beside":
            play.begin(airflow.trigger(run.service, run.action, run_type="backfill"))
        elif how == "other-airflow":
            name = f"other{len(play.airflows)}"
            other = Airflow(name, f"instance-{name}", airflow.dags, play)
            play.airflows.append(other)
            theirs = play.begin(other.trigger(run.service, run.action))
            if play.follow_remedy(theirs):
                play.clear(theirs)
        elif how == "cloned-airflow":
            name = f"clone{len(play.airflows)}"
            other = airflow.cloned(name, f"instance-{name}")
            play.airflows.append(other)
            for theirs in other.runs.values():
                if not theirs.ended:
                    play.note_begin(theirs)
            copied = other.runs[run.dag.dag_id, run.run_id]
            other.lost(Try(copied, one.task))
            play.go_on(copied)
        else:
            one.taken_on = True
            airflow.lost(one, may_retry=how == "next-try")

            def others() -> None:
                play.go_on(run)
                if how == "next-run":
                    play.begin(airflow.trigger(run.service, run.action))
                if how == "cleared" and run.state == "failed":
                    play.clear(run)

            after = self._chance.randrange(1, IN_THE_MIDDLE)
            if play.interleaved is None and self._chance.random() < 0.5:
                play.interleaved = Interleaved(others, after)
                play.interleaved.begin()
            else:
                others()


def end(one: Try) -> None:
    """:raises Killed: always."""
    one.dead = True
    raise Killed


def administrators(lab: DirectLab, site: Site, sync: dict[str, Any], action: str) -> str:
    """An action on all pairs of a sync, as a storage administrator types it on the control host."""
    verb, _, option = action.partition(" ")
    if "symdg" in sync:
        pairs = " ".join(_names(pair) for pair in sync["pairs"])
        return f"{BIN}/symclone -g {sync['symdg']} -noprompt {verb} {option} {pairs}"
    text = "".join(pair.replace(":", " ") + "\n" for pair in sync["pairs"])
    lab.ask("write_file", host=site.control_host, path=ADMIN_FILE, text=text)
    return f"{BIN}/symclone -sid {sync['symid']} -f {ADMIN_FILE} -noprompt {verb} {option}"


def _names(pair: str) -> str:
    """`DEV001=1234:CLONE001=4321` as symclone takes it."""
    source, target = (end.partition("=")[0] for end in pair.split(":"))
    return f"{source} sym ld {target}"
