"""CPU of each task of a refresh against a task that does nothing, in one Airflow.

A refresh of the example service (two syncs, copies that are done at once) and a run of as many Python tasks that do
nothing take turns. CPU is that of the task's own process and of the supervisor that Airflow has for it
(`bench.task_probe`). `--profiles FOLDER` keeps what `cProfile` finds in the tasks' processes instead.
"""

from __future__ import annotations

import argparse
import json
import os
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
RUNS = 6
PARTS = ("user", "system", "supervisor")


def plugins(folder: Path) -> Path:
    """Our plugins with the probe beside them."""
    folder.mkdir()
    for path in (ROOT / "plugins").iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "task_probe.py").symlink_to(ROOT / "bench" / "task_probe.py")
    return folder


def measure(runs: int, profiles: str | None) -> list[dict[str, Any]]:
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
                for number in range(runs + 1):
                    for dag in (SERVICE, "floor"):
                        refresh(rest, lab, dag)
                    if not number:
                        warm = len(kept.read_text().splitlines())
        return [json.loads(line) for line in kept.read_text().splitlines()[warm:]]


def means(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Of each part of these tasks, ms of CPU; faults are pages."""
    found = {part: 1000 * statistics.mean(line[part] for line in lines) for part in PARTS}
    found["cpu"] = sum(found.values())
    return {**found, "faults": statistics.mean(line["faults"] for line in lines)}


def main(words: Sequence[str] = ()) -> None:
    """Run all, print the table and write `bench/results/task.json`."""
    parser = argparse.ArgumentParser(prog="scripts/bench task", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="of each (%(default)s)")
    parser.add_argument("--profiles", metavar="FOLDER", help="for what cProfile finds; nothing is measured then")
    said = parser.parse_args(words)
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "INFO")
    lines = measure(said.runs, said.profiles and str(Path(said.profiles).absolute()))
    empty = means([line for line in lines if line["dag"] == "floor"])
    ours = [line for line in lines if line["dag"] == SERVICE]
    rows = [{"task": "one that does nothing", **empty}, {"task": "ours, all", **means(ours)}]
    for task in dict.fromkeys(line["task"] for line in ours):
        rows.append({"task": task, **means([line for line in ours if line["task"] == task])})
    print(f"{'ms of CPU':32} {'user':>6} {'system':>6} {'supervisor':>10} {'all':>6} {'pages':>7}  against nothing")
    for row in rows:
        row["against_nothing"] = round(row["cpu"] / empty["cpu"], 2)
        print(
            f"{row['task']:32} {row['user']:6.0f} {row['system']:6.0f} {row['supervisor']:10.0f} {row['cpu']:6.0f} "
            f"{row['faults']:7.0f}  {row['against_nothing']:.2f}",
            flush=True,
        )
    if not said.profiles:
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
