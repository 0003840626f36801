"""What a sync costs in a service of 2, 5, 10 and 20 syncs: time, CPU, requests to the API server, commands.

One Airflow, an array for each service, copies that are done at once. A sync is three tasks; what a run needs
once (plan, finish) is shared by more syncs in a longer chain. CPU is that of the tasks and their supervisors
(`bench.task_probe`): unlike time it does not depend on what else the machine does.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from bench.refresh import await_dag
from bench.task import plugins
from demo.many_services import ManyServices
from lab import Lab
from private_airflow.instance import LocalAirflow
from private_airflow.rest import AirflowRest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results" / "chain.json"
COUNTS = (2, 5, 10, 20)
RUNS = 2
FIRST = 197600700
COLUMNS = ("seconds", "cpu_s", "requests", "commands")


def name_of(count: int) -> str:
    return f"chain{count:02}"


def chains() -> tuple[dict[str, Any], dict[str, Any]]:
    """The lab's configuration, and the services': each has an array, all have one control host."""
    arrays, services = [], {}
    control: dict[str, Any] = {}
    for count in COUNTS:
        many = ManyServices(1, syncs=count, copy_rate=1e9)
        symid = f"{FIRST + count:012d}"
        lab, service = json.loads(
            json.dumps([many.lab(), many.services()["services"][many.names[0]]]).replace(many.symid(0), symid)
        )
        arrays += lab["arrays"]
        control = lab["hosts"][0]
        services[name_of(count)] = service
    control["arrays"] = [array["symid"] for array in arrays]
    return {"arrays": arrays, "hosts": [control]}, {"services": services}


def refresh(rest: AirflowRest, lab: Lab, kept: Path, count: int) -> dict[str, float]:
    """One run: what it took for each of its syncs."""
    seen, before = int(lab.journal[-1]["seq"]), len(kept.read_text().splitlines())
    name = name_of(count)
    run_id = rest.trigger(name, {"action": "refresh", "reason": "measurement"})
    while (run := rest.dag_run(name, run_id))["state"] not in ("success", "failed"):
        time.sleep(0.1)
    if run["state"] == "failed":
        raise SystemExit(f"The refresh of {name} failed: {rest.task_instances(name, run_id)}")
    queued, ended = (datetime.fromisoformat(run[key]) for key in ("queued_at", "end_date"))
    time.sleep(1)  # the supervisor of the last task ends after the run
    lines = [json.loads(line) for line in kept.read_text().splitlines()[before:]]
    entries = [entry for entry in lab.journal if entry["seq"] > seen]
    whole = {
        "seconds": (ended - queued).total_seconds(),
        "cpu_s": sum(line.get(part, 0) for line in lines for part in ("user", "system", "supervisor")),
        "requests": sum(line.get("requests", 0) for line in lines),
        "commands": sum(1 for entry in entries if entry.get("event") == "command"),
    }
    return {key: value / count for key, value in whole.items()}


def measure() -> list[dict[str, float]]:
    """The medians of each chain, all of which were refreshed once before."""
    lab_config, services = chains()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        dags, kept, config = home / "dags", home / "kept", home / "services.yaml"
        dags.mkdir()
        (dags / "clone_services.py").symlink_to(ROOT / "dags" / "clone_services.py")
        config.write_text(yaml.safe_dump(services))
        kept.touch()
        with Lab(lab_config, directory=home / "lab", services=services) as lab:
            airflow = LocalAirflow(
                home / "airflow",
                dags=dags,
                plugins=plugins(home / "plugins"),
                connections=lab.connections,
                env={"SYMCLONE_CONFIG": str(config), "BENCH_TASK_KEPT": str(kept)},
            )
            with airflow, airflow.client() as rest:
                for count in COUNTS:
                    await_dag(rest, name_of(count))
                    rest.unpause(name_of(count))
                found: dict[int, list[dict[str, float]]] = {count: [] for count in COUNTS}
                for _ in range(RUNS + 1):
                    for count in COUNTS:
                        found[count].append(refresh(rest, lab, kept, count))
    return [
        {"syncs": count, **{key: statistics.median(run[key] for run in runs[1:]) for key in COLUMNS}}
        for count, runs in found.items()
    ]


def main() -> None:
    """Run all, print the table and write `bench/results/chain.json`."""
    rows = measure()
    print("a sync of".rjust(9), *(f"{key:>9}" for key in COLUMNS), "  against the shortest chain")
    for row in rows:
        ratios = "  ".join(f"{key} {row[key] / rows[0][key]:.2f}" for key in COLUMNS)
        print(f"{row['syncs']:9.0f}", *(f"{row[key]:9.2f}" for key in COLUMNS), f"  {ratios}", flush=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
