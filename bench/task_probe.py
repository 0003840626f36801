"""What tasks cost in CPU: a plugin for a worker of the LocalExecutor, put into its plugins folder by `bench.task`.

The worker hands each task to a supervisor in its own process, which forks the task. So what the worker has used
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

KEPT = os.environ.get("BENCH_TASK_KEPT")
PROFILES = os.environ.get("BENCH_TASK_PROFILES")
"""A folder for what `cProfile` finds in the processes of tasks; measured CPU is then too much by half."""

T = TypeVar("T")

run = BaseExecutor.run_workload


def used() -> dict[str, float]:
    """CPU seconds so far of this process and of its children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "supervisor": own.ru_utime + own.ru_stime,
        "user": children.ru_utime,
        "system": children.ru_stime,
        "faults": children.ru_minflt,
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


def measured(workload: Any, **options: Any) -> int:
    """Run a task, and add a line to the file that `BENCH_TASK_KEPT` names."""
    before = used()
    try:
        if PROFILES:
            return profiled(lambda: run(workload, **options), "supervisor", workload.ti.dag_id, workload.ti.task_id)
        return run(workload, **options)
    finally:
        after = used()
        line = {"dag": workload.ti.dag_id, "task": workload.ti.task_id, "run": workload.ti.run_id}
        text = json.dumps(line | {key: after[key] - before[key] for key in after}) + "\n"
        with open(str(KEPT), "a") as file:
            file.write(text)


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
if PROFILES:
    profile_tasks()
