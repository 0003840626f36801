"""CPU of each task of a refresh against a task that does nothing, in one Airflow.

A refresh of the example service (two syncs, copies that are done at once) and a run of as many Python tasks
that do nothing take turns. CPU is that of the task's own process and of the supervisor that Airflow has for
it (`bench.task_probe`).
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.refresh import FLOOR, SERVICE, await_dag, quick_arrays, refresh
from clones.runs.pools import pools_of
from hooks.configuration import load
from lab import Lab
from private_airflow.instance import LocalAirflow

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results" / "task.json"
RUNS = 4
COLUMNS = ("start", "work", "end", "supervisor", "cpu", "system", "faults", "requests")
"""ms until the DAG is read, in the operator, after it, of the supervisor, of all; the system's part of the
task's own; pages that it copied, and requests to the API server."""


def plugins(folder: Path) -> Path:
    """Our plugins with the probe beside them."""
    folder.mkdir()
    for path in (ROOT / "plugins").iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "task_probe.py").symlink_to(ROOT / "bench" / "task_probe.py")
    return folder


def measure(profiles: str | None) -> list[dict[str, Any]]:
    """What each task took: a line of the probe each, without those of the first run of each DAG."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        home = Path(name)
        dags, kept = home / "dags", home / "kept"
        dags.mkdir()
        (dags / "clone_services.py").symlink_to(ROOT / "dags" / "clone_services.py")
        (dags / "floor.py").write_text(FLOOR)
        config = ROOT / "config" / "services.yaml"
        read = load(config)
        env = {"SYMCLONE_CONFIG": str(config), "BENCH_TASK_KEPT": str(kept)}
        with Lab(quick_arrays(), directory=home / "lab") as lab:
            airflow = LocalAirflow(
                home / "airflow",
                dags=dags,
                plugins=plugins(home / "plugins"),
                connections=lab.connections,
                env=env | ({"BENCH_TASK_PROFILES": profiles} if profiles else {}),
                pools=pools_of(read.limits, read.services),
                parallelism=2,
            )
            with airflow, airflow.client() as rest:
                for dag in (SERVICE, "floor"):
                    await_dag(rest, dag)
                    rest.unpause(dag)
                for number in range(RUNS + 1):
                    for dag in (SERVICE, "floor"):
                        refresh(rest, lab, dag)
                    if not number:
                        warm = len(kept.read_text().splitlines())
        return [json.loads(line) for line in kept.read_text().splitlines()[warm:]]


def means(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Of each part of these tasks, ms of CPU; faults are pages."""

    def mean(key: str) -> float:
        return float(statistics.mean(line[key] for line in lines if key in line))

    own = 1000 * (mean("user") + mean("system"))
    started, worked = 1000 * mean("started"), 1000 * mean("worked")
    found = {
        "start": started,
        "work": worked - started,
        "end": own - worked,
        "supervisor": 1000 * mean("supervisor"),
    }
    return {
        **found,
        "cpu": sum(found.values()),
        "system": 1000 * mean("system"),
        **{key: mean(key) for key in ("faults", "requests")},
    }


def main(profiles: str | None = None) -> None:
    """Run all, print the table and write `bench/results/task.json`."""
    if profiles:
        Path(profiles).mkdir(parents=True, exist_ok=True)
    lines = measure(str(Path(profiles).absolute()) if profiles else None)
    empty = means([line for line in lines if line["dag"] == "floor"])
    ours = [line for line in lines if line["dag"] == SERVICE]
    rows: list[dict[str, Any]] = [
        {"task": "one that does nothing", **empty},
        {"task": "ours, all", **means(ours)},
    ]
    for task in dict.fromkeys(line["task"] for line in ours):
        rows.append({"task": task, **means([line for line in ours if line["task"] == task])})
    print("ms of CPU".ljust(32), *(f"{key:>10}" for key in COLUMNS), " against nothing")
    for row in rows:
        row["against_nothing"] = round(row["cpu"] / empty["cpu"], 2)
        numbers = (f"{row[key]:10.0f}" for key in COLUMNS)
        print(row["task"].ljust(32), *numbers, f" {row['against_nothing']:.2f}", flush=True)
    if not profiles:
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
