"""The record that every run leaves: who asked and why, what was seen, sent and proven, and how it ended.

A task keeps each command and note of each of its tries (:class:`TaskRecord`); the run's last task puts these
together (:func:`assemble`) and writes them out for people (:func:`markdown`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from clones.asking.fence import without_nonces
from clones.asking.steps import PROOF, Command, Note, Result
from clones.clean import in_markdown
from clones.decide.freshness import Freshness, freshness
from clones.observe.sync import to_plain
from clones.runs import reason
from clones.runs.result import RunResult
from clones.states import SyncSeen

JSON = "run_record"
"""The XCom of a run's last task that keeps it."""
SHOWN_LINE = 400
"""Characters of a command that only looks which are kept; of one that changes something all are."""
SHOWN_LINES = 100
"""Lines of a note that are kept."""
_NOT_KNOWN = "its end is not known"
_CUT_OFF = "Its record has no end: it was killed, lost its worker, or was cleared after its success."


class TaskRecord:
    """What one task did, over all its tries, as plain JSON in :attr:`tries`.

    :param tries: what earlier tries have left.
    :param number: of this try.
    :param clock: tells the time.
    :param keep: puts the tries where they outlive this process; called before each change that was not told
        of yet (:attr:`clones.asking.steps.Command.ahead`), and by :meth:`keep`. So an earlier try that left
        nothing has changed nothing but the service's lock and tokens, which name it.
    """

    def __init__(
        self,
        tries: Sequence[Mapping[str, Any]],
        number: int,
        clock: Callable[[], datetime],
        keep: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        self.tries: list[dict[str, Any]] = [dict(one) for one in tries]
        self._clock, self._keep = clock, keep
        self._events: list[dict[str, Any]] = []
        self.is_placed = False
        self._sent: list[dict[str, Any]] = []
        self._ahead: list[Command] = []
        """What was last kept tells of them, and they were not sent yet."""
        left = {one["try"] for one in tries}
        self.tries += [_without_record(missing) for missing in range(1, number) if missing not in left]
        self.tries.sort(key=itemgetter("try"))
        self._this = {"try": number, "began": self._time(), "ended": "", "error": "", "events": self._events}
        self.tries.append(self._this)

    def sent(self, *commands: Command) -> None:
        """Commands go out, in one go; how they ended is not known yet."""
        self._sent = [self._event(command, _NOT_KNOWN) for command in commands]
        self._events += self._sent
        told = next((one for one in self._ahead if commands == (one,)), None)
        if told:
            self._ahead.remove(told)
        elif any(command.changes and not command.of_lock for command in commands):
            self._ahead = [one for command in commands for one in command.ahead]
            unsent = [self._event(one, f"{_NOT_KNOWN}, nor whether it was sent") for one in self._ahead]
            self._keep([*self.tries[:-1], {**self._this, "events": [*self._events, *unsent]}])

    def not_sent(self) -> None:
        """The commands that were to go out last did not."""
        for event in self._sent:
            event["ended"] = "it was not sent"

    def came_back(self, *results: Result) -> None:
        """The commands sent last have ended."""
        for event, result in zip(self._sent, results, strict=True):
            event |= {"ended": result.ending(), "seconds": round(result.seconds, 2)}

    def _event(self, command: Command, ended: str) -> dict[str, Any]:
        line = command.kept() if command.changes else command.shown()[:SHOWN_LINE]
        return {
            "at": self._time(),
            "host": command.host,
            "line": line,
            "changes": command.changes,
            "ended": ended,
            "seconds": None,
        }

    def noted(self, note: Note) -> None:
        """A note was written to the log."""
        lines = [without_nonces(line) for line in note.lines[:SHOWN_LINES]]
        title = without_nonces(note.title)
        self._events.append({"at": self._time(), "note": title, "lines": lines, "kind": note.kind})

    def ended(self, error: str, kind: str = "") -> None:
        """:param error: why the try failed, or what it waits for; empty when it did neither.
        :param kind: as :func:`clones.errors.kind_of` says.
        """
        self._this |= {"ended": self._time(), "error": without_nonces(error)}
        if kind:
            self._this["kind"] = kind

    def saw(self, seen: Mapping[str, Any]) -> None:
        """How the sync was seen at the end, as :func:`clones.observe.sync.to_plain` writes it."""
        self._this["seen"] = dict(seen)

    def activated(self, activation: Mapping[str, Any]) -> None:
        """Which activation of the sync is this run's, as :meth:`clones.decide.ledger.Activation.to_plain`
        writes it."""
        self._this["activated"] = dict(activation)

    def keep(self) -> None:
        """Put the tries where they outlive this process: another try, or this one after a wait, goes on."""
        self._keep(self.tries)

    def placed(self) -> list[dict[str, Any]]:
        """The tries, for a place where the task leaves them itself: it ends with that."""
        self.is_placed = True
        return [*self.tries[:-1], {**self._this, "ended": self._time()}]

    def _time(self) -> str:
        return self._clock().isoformat(sep=" ", timespec="seconds")


def _without_record(number: int) -> dict[str, Any]:
    # Airflow keeps a task's state for 30 days by default, and not beyond its success if a site wants so.
    error = "It left no record: it ended before it changed anything, or its record is no longer kept."
    return {"try": number, "began": "", "ended": "", "error": error, "events": []}


def assemble(
    *,
    run: Mapping[str, Any],
    service: str,
    plan: Mapping[str, Any] | None,
    tasks: Mapping[str, Sequence[Mapping[str, Any]]],
    after: Sequence[SyncSeen],
    sync_max_delay: int,
    result: RunResult,
    asked: str = "",
    target_set: str = "",
    others: Mapping[str, Sequence[SyncSeen]] = MappingProxyType({}),
    in_use: str | None = None,
) -> dict[str, Any]:
    """Everything about one run, as plain JSON.

    :param run: ``dag``, ``id``, ``type``, ``asked_by``, ``reason``, ``began``, ``ended``.
    :param plan: the XCom `plan` of its first task, None when there is none.
    :param tasks: task id to its tries, in the order of the DAG.
    :param after: each sync at the end; those that could not be seen are left out.
    :param sync_max_delay: minutes after which a copy is too old.
    :param asked: the action that was asked for, where there is no plan.
    :param target_set: the one that ``after`` is of; empty for a service without.
    :param others: the syncs of its other target sets at the end, by set.
    :param in_use: the target set that the service used at the end, empty when none or not known; None when
        nobody has looked.
    """
    plan = plan or {}
    record: dict[str, Any] = {
        "run": dict(run),
        "service": service,
        "action": plan.get("action", "") or asked,
        "phases": list(plan.get("phases", [])),
        "result": {**result.to_plain(), "text": result.text()},
        "before": list(plan.get("syncs", [])),
        "after": [to_plain(seen) for seen in after],
        "copies": [
            {**_copy(seen, freshness(seen, None if one and one != in_use else sync_max_delay)), **_on(one)}
            for one, syncs in {target_set: after, **others}.items()
            for seen in syncs
        ],
        "proof": [
            {"task": task, "at": event["at"], "note": event["note"], "lines": event["lines"]}
            for task, event in _events(tasks)
            if event.get("kind") == PROOF and task != "plan"
        ],
        "tasks": {task: [dict(one) for one in tries] for task, tries in tasks.items()},
    }
    if target_set and plan:
        # The DAGs for one set have it for both.
        first, last = (plan.get(key, target_set) for key in ("from_set", "to_set"))
        record["sets"] = {"from": first, "to": last, "in_use": in_use}
    return record


def _on(target_set: str) -> dict[str, str]:
    return {"set": target_set} if target_set else {}


def markdown(record: Mapping[str, Any]) -> str:
    """The same for people."""
    run = record["run"]
    head = [
        ("Run", f"`{run['id']}` of `{run['dag']}`"),
        ("Asked for by", f"{run['asked_by'] or 'the scheduler'} ({run['type']})"),
        ("Why", run["reason"] or reason.without(run["type"])),
        ("Phases", " → ".join(record["phases"])),
        ("Target set", between_sets(record)),
        ("Time", f"{run['began']} to {run['ended']}"),
    ]
    said, *press = record["result"]["text"].splitlines()
    lines = [
        f"# {record['action'] or 'Run'} of {record['service']}: {record['result']['result']}",
        "",
        f"**{in_markdown(said)}**",
        *map(in_markdown, press),
        "",
        *_table(("", ""), [row for row in head if row[1]]),
    ]
    if record["copies"]:
        keys = ["sync", "status", "point_in_time", "why"]
        columns = ["Sync", "Status", "Point in time", ""]
        if record.get("sets"):
            keys, columns = ["set", *keys], ["Set", *columns]
        rows = [[copy[key] for key in keys] for copy in record["copies"]]
        lines += ["", "## Copies at the end", "", *_table(columns, rows)]
    states = list(_states(record))
    if states:
        lines += ["", "## States", "", *_table(("Sync", "Pair", "Before", "After"), states)]
    for proof in record["proof"]:
        lines += ["", f"## {in_markdown(proof['note'])}", "", f"{proof['at']}, task `{proof['task']}`"]
        lines += ["", *(f"    {line}" for line in proof["lines"])]
    sent = [
        (event["at"], task, event["host"], _code(event["line"]), event["ended"], _seconds(event["seconds"]))
        for task, event in _events(record["tasks"])
        if event.get("changes")
    ]
    looks = sum("line" in event and not event["changes"] for _, event in _events(record["tasks"]))
    heads = ("Time", "Task", "Host", "Command", "Ended with", "Seconds")
    lines += ["", "## Sent", "", *(_table(heads, sent) if sent else ["No command that changes anything."])]
    lines += ["", f"Read-only commands: {looks}."]
    failed = [
        (task, one["try"], one["error"])
        for task, tries in record["tasks"].items()
        for one in tries
        if one["error"] or not one["ended"]
    ]
    if failed:
        lines += ["", "## Tries that did not finish", ""]
        for task, number, error in failed:
            said, *more = in_markdown(error or _CUT_OFF).splitlines()
            lines += [f"* `{task}`, try {number}: {said}", *(f"  {line.strip()}" for line in more)]
    return "\n".join(lines) + "\n"


def between_sets(record: Mapping[str, Any]) -> str:
    """``from a to b; in use at the end: b``; empty for a service without target sets."""
    sets = record.get("sets")
    if not sets:
        return ""
    whither = " ".join(f"{word} {sets[word]}" for word in ("from", "to") if sets[word])
    if sets["from"] == sets["to"]:
        whither = sets["to"]
    used = sets["in_use"]
    return whither if used is None else f"{whither}; in use at the end: {used or 'none, or not known'}"


def _copy(seen: SyncSeen, fresh: Freshness) -> dict[str, str]:
    return {
        "sync": seen.name,
        "status": str(fresh.status),
        "point_in_time": fresh.point_in_time.isoformat(sep=" ") if fresh.point_in_time else "",
        "why": fresh.why,
    }


def _states(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    after = {
        (sync["sync"], pair["pair"]): pair["state"] for sync in record["after"] for pair in sync["pairs"]
    }
    for sync in record["before"]:
        for pair in sync["pairs"]:
            key = (sync["sync"], pair["pair"])
            yield *key, pair["state"], after.get(key, "not seen")


def _events(
    tasks: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for task, tries in tasks.items():
        for one in tries:
            for event in one["events"]:
                yield task, event


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return lines + ["| " + " | ".join(_cell(text) for text in row) + " |" for row in rows]


def _cell(text: str) -> str:
    shown = " ".join(text.split()).replace("|", "\\|")
    return shown if isinstance(text, _Code) else in_markdown(shown)


class _Code(str):
    """What Markdown shows as it is."""


def _code(text: str) -> _Code:
    return _Code(f"`` {text} ``" if "`" in text else f"`{text}`")


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}"
