"""A policy of a site for Airflow (see tests/support/policies.py), used to let tasks stand still.

It is copied into an Airflow's `config` folder, and no test imports it. A task's process stops itself by
SIGSTOP, as a machine that swaps or is suspended does, at the places that the ledger's `places` names, once
at each:

* ``command``: right before a command that changes something goes out, after all that is asked before it;
* ``answer``: a command was sent, and its answer comes in while the process stands still.

Unless the task stands still `alone`, its supervisor is stopped before it, so that Airflow hears nothing of
either. Which processes these are is in the ledger's `still.TASK`.
"""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from hooks import symcli
from hooks.symcli import SymcliHook

LEDGER = Path(os.environ["STILL_LEDGER"])

_execute, _drain = SymcliHook._execute, symcli._drain
_line = ""


def come_by(at: str) -> None:
    """Stand still here, if this is the place and nobody has stood there before."""
    task = os.environ["AIRFLOW_CTX_TASK_ID"]
    places = LEDGER / "places"
    place = json.loads(places.read_text()).get(task) if places.exists() else None
    if not place or place["at"] != at or not re.search(place["line"], _line):
        return
    stopped = [os.getpid()] if place["alone"] else [os.getppid(), os.getpid()]
    mine = LEDGER / str(os.getpid())
    mine.write_text(json.dumps(stopped))
    with suppress(FileExistsError):
        os.link(mine, LEDGER / f"still.{task}")  # of two processes only one can
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)


def execute(hook: Any, client: Any, command: Any, turns: Any) -> Any:
    global _line
    _line = command.line()
    if command.changes:
        come_by("command")
    return _execute(hook, client, command, turns)


def drain(*arguments: Any) -> bool:
    come_by("answer")
    return _drain(*arguments)


for _of, _name, _stands_still in ((SymcliHook, "_execute", execute), (symcli, "_drain", drain)):
    setattr(_of, _name, _stands_still)
