"""A policy of a site for Airflow (see tests/support/policies.py), used to kill tasks.

It is copied into an Airflow's `config` folder, and no test imports it. Every task's process then ends itself
by SIGKILL, as suddenly as the kernel ends one when memory runs out, at each place of a kind that stands in
the ledger's `mode`, unless a process has died there before:

* ``between``: before the first remote command, between any two, and after the last one;
* ``in flight``: a command that changes something was sent and taken, its answer is not read.

A place is named by the task, the commands before and after it, and how often this process has come by. What
dies writes a line into the ledger's `deaths` first; what comes by and lives, into `lived`. The next try lives
on where one has died: a task dies once at each of its places, and then goes on. A kill counts as a try for
Airflow, which here allows as many as it takes, at once, and sees each end at once.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
from airflow.sdk.execution_time.supervisor import WatchedSubprocess

from hooks import symcli
from hooks.symcli import SymcliHook

LEDGER = Path(os.environ["MORTAL_LEDGER"])
MODE = LEDGER / "mode"
"""Where this file is missing nothing dies, and tasks are tried again as their DAG says."""

_execute, _leave, _drain = SymcliHook.execute, SymcliHook.__exit__, symcli._drain
_seen = WatchedSubprocess._check_subprocess_exit
_last = "begin"
_changes = False
_been: Counter[tuple[str, ...]] = Counter()


def task_policy(task: Any) -> None:
    """Tried again at once, and more often than there are places to die at."""
    if not MODE.exists():
        return
    task.retries, task.retry_delay, task.retry_exponential_backoff = 500, timedelta(0), 0


def come_by(kind: str, *commands: str) -> None:
    """Die here, if it is of the mode's kind and nobody has died here before."""
    _been[kind, *commands] += 1
    if not MODE.exists() or kind not in MODE.read_text().splitlines():
        return
    run_id, task, number = (
        os.environ[f"AIRFLOW_CTX_{name}"] for name in ("DAG_RUN_ID", "TASK_ID", "TRY_NUMBER")
    )
    place = [kind, task, *(named(line, run_id) for line in commands), _been[kind, *commands]]
    dies = all(place != one["place"] for one in _lines("deaths"))
    with (LEDGER / ("deaths" if dies else "lived")).open("a") as file:
        file.write(json.dumps({"place": place, "task": task, "run": run_id, "try": int(number)}) + "\n")
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)


def named(line: str, run_id: str) -> str:
    """A command as every try of every run sends it: without what names the try."""
    line = re.sub(r"\b(?:\d{12}\.)?(?<!-)[0-9a-f]{16}\b", "TRY", line.replace(run_id, "RUN"))
    line = re.sub(r"(TRY@[^@\s]+@)\d+", r"\1N", line)  # an owner, by its task and which try of it
    return re.sub(r"( (?:take|keep|same) \S+) \d+$", r"\1 N", line)


def _lines(name: str) -> list[dict[str, Any]]:
    path = LEDGER / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def execute(hook: Any, command: Any, turns: Any = None) -> Any:
    global _last, _changes
    # What stands for several has another number each time.
    line = "; ".join(one.line() for one in (turns.commands if turns else (command,)))
    come_by("between", _last, line)
    _last, _changes = line, command.changes
    return _execute(hook, command, turns)


def drain(*arguments: Any) -> bool:
    if _changes:
        come_by("in flight", _last)
    return _drain(*arguments)


def leave(hook: Any, *arguments: Any) -> None:
    come_by("between", _last, "end")
    _leave(hook, *arguments)


def see(process: Any, *arguments: Any, **named: Any) -> Any:
    """In the supervisor: whose sockets are closed is about to end, so wait for it.

    A killed process closes them a moment before it has ended. Airflow 3.3.2 looks once, often within that
    moment, and again after `min_heartbeat_interval`, a second.
    """
    if process._exit_code is None and not process._open_sockets:
        with suppress(psutil.TimeoutExpired):
            process._process.wait(1)
    return _seen(process, *arguments, **named)


for _of, _name, _mortal in (
    (SymcliHook, "execute", execute),
    (SymcliHook, "__exit__", leave),
    (symcli, "_drain", drain),
    (WatchedSubprocess, "_check_subprocess_exit", see),
):
    setattr(_of, _name, _mortal)
__all__ = ["task_policy"]
