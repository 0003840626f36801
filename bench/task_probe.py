"""What tasks cost in CPU: a plugin for workers of the LocalExecutor, which `bench.task` puts beside ours.

A worker hands each task to a supervisor in its own process, which forks the task. So what the worker has used
after a task and had not before is the supervisor's, and what its children have used is the task's.
"""

from __future__ import annotations

import cProfile
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from airflow.executors.base_executor import BaseExecutor
from airflow.sdk.api.client import Client

KEPT = os.environ.get("BENCH_TASK_KEPT")
PROFILES = os.environ.get("BENCH_TASK_PROFILES")
"""A folder for what `cProfile` finds in the processes of tasks; measured CPU is then too much by half."""

T = TypeVar("T")

run, send = BaseExecutor.run_workload, Client.request
asked = 0
"""Requests to the API server of the supervisors in this process."""


def counted(*words: Any, **options: Any) -> Any:
    """A request to the API server."""
    global asked
    asked += 1
    return send(*words, **options)


def used() -> dict[str, float]:
    """CPU seconds so far of this process and of its children that have ended; pages copied; requests."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "supervisor": own.ru_utime + own.ru_stime,
        "user": children.ru_utime,
        "system": children.ru_stime,
        "faults": children.ru_minflt,
        "requests": asked,
    }


def profiled(what: Callable[[], T], part: str, *names: str) -> T:
    """Do this, and keep what `cProfile` finds."""
    sys.setprofile(None)  # a task has that of its supervisor, whose fork it is
    profile = cProfile.Profile(time.thread_time)  # not the time for which it waits
    try:
        return profile.runcall(what)
    finally:
        named = names or [os.environ.get(f"AIRFLOW_CTX_{key}_ID", "") for key in ("DAG", "TASK")]
        profile.dump_stats(Path(str(PROFILES)) / "-".join([*named, str(os.getpid()), f"{part}.prof"]))


def keep(line: dict[str, Any]) -> None:
    with open(str(KEPT), "a") as file:
        file.write(json.dumps(line) + "\n")


def measured(workload: Any, **options: Any) -> int:
    """Run a task, and add a line to the file that `BENCH_TASK_KEPT` names."""
    before = used()
    try:
        if PROFILES:
            return profiled(
                lambda: run(workload, **options), "supervisor", workload.ti.dag_id, workload.ti.task_id
            )
        return run(workload, **options)
    finally:
        after = used()
        line = {"dag": workload.ti.dag_id, "task": workload.ti.task_id, "run": workload.ti.run_id}
        keep(line | {key: after[key] - before[key] for key in after})


def keep_stages() -> None:
    """Let each task add a line with its CPU seconds when its DAG was read, and when its operator was done."""
    from airflow.sdk.execution_time import task_runner

    startup, finalize = task_runner.startup, task_runner.finalize
    stages: dict[str, float] = {}

    def started(*words: Any, **options: Any) -> Any:
        done = startup(*words, **options)
        stages["started"] = time.process_time()
        return done

    def over(ti: Any, *words: Any, **options: Any) -> None:
        stages["worked"] = time.process_time()
        finalize(ti, *words, **options)
        keep({"dag": ti.dag_id, "task": ti.task_id, "run": ti.run_id, **stages})

    task_runner.startup, task_runner.finalize = started, over


def profile_tasks() -> None:
    """Profile the main thread and the others of each task."""
    from airflow.sdk.execution_time import task_runner

    main, run_thread = task_runner.main, threading.Thread.run

    task_runner.main = lambda: profiled(main, "main")
    threading.Thread.run = lambda self: (  # type: ignore[method-assign]
        profiled(lambda: run_thread(self), self.name) if "ssh" in self.name else run_thread(self)
    )


if KEPT:
    BaseExecutor.run_workload = staticmethod(measured)  # type: ignore[method-assign]
    Client.request = counted  # type: ignore[assignment]
    keep_stages()
if PROFILES:
    profile_tasks()
