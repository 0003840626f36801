"""What the file that makes the service DAGs costs, against a file with as many DAGs written out by hand.

Both have the same operators and tasks. Each parse is a process of its own, as Airflow's are; a parse for one
task builds one DAG only. A changed service must give a new version to its own DAG alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results" / "parse.json"
COUNTS = (10, 100, 1000)
PAIRS = 2

HEAD = """
from datetime import timedelta
from airflow.sdk import DAG, Param, TaskGroup, CronTriggerTimetable
from airflow.sdk.bases.operator import chain
from operators.run_end import RunEndOperator
from operators.run_plan import RunPlanOperator
from operators.service import ServiceRestartUnchangedOperator, ServiceStartOperator, ServiceStopOperator
from operators.symclone import SymcloneActivateOperator, SymcloneRecreateOperator
from sensors.symclone import SymcloneStateSensor
ACTIONS = ["refresh", "update", "resync", "break", "start", "stop"]
"""
BODY = """
with DAG("{name}", schedule=CronTriggerTimetable("30 2 * * *", timezone="UTC", run_immediately=timedelta(0)),
         catchup=False, max_active_runs=1, tags=["symclone"], doc_md="{name}",
         params={{"action": Param("refresh", type="string", enum=ACTIONS),
                  "reason": Param("", type=["string", "null"]),
                  "plan_only": Param(False, type="boolean")}},
         default_args={{"retries": 4}}) as dag_{name}:
    step = {{"service": "{name}", "hold_lock": True, "trigger_rule": "none_failed"}}
    plan = RunPlanOperator(task_id="plan", service="{name}", action="{{{{ params.action }}}}",
                           reason="{{{{ params.reason or '' }}}}", phases={{}},
                           plan_only="{{{{ params.plan_only }}}}")
    with TaskGroup("stop"):
        stop = ServiceStopOperator(task_id="service", **step)
    with TaskGroup("resync"):
        with TaskGroup("data"):
            r1 = SymcloneRecreateOperator(task_id="recreate", sync="data", **step)
        with TaskGroup("archivelogs"):
            r2 = SymcloneRecreateOperator(task_id="recreate", sync="archivelogs", **step)
    with TaskGroup("break"):
        with TaskGroup("data"):
            b1 = SymcloneActivateOperator(task_id="activate", sync="data", **step)
            w1 = SymcloneStateSensor(task_id="wait_copied", service="{name}", sync="data", timeout=21600)
        with TaskGroup("archivelogs"):
            b2 = SymcloneActivateOperator(task_id="activate", sync="archivelogs", **step)
            w2 = SymcloneStateSensor(
                task_id="wait_copied", service="{name}", sync="archivelogs", timeout=21600)
    with TaskGroup("start"):
        start = ServiceStartOperator(task_id="service", **step)
        old = ServiceRestartUnchangedOperator(
            task_id="on_old_copies", **{{**step, "trigger_rule": "one_failed"}})
    finish = RunEndOperator(task_id="finish", service="{name}", trigger_rule="all_done")
    chain(plan, stop, r1, r2, b1, b2)
    b1 >> w1
    b2 >> w2
    [w1, w2] >> start
    [w1, w2] >> old
    [start, old] >> finish
"""


def name_of(number: int) -> str:
    return f"svc{number:04}"


def services(count: int) -> dict[str, Any]:
    """A configuration of so many services, two syncs each, every pair with devices of its own."""
    made = {}
    for number in range(count):
        syncs = []
        for index, sync in enumerate(("data", "archivelogs")):
            first = 0x10000 + (number * 2 + index) * PAIRS * 2
            pairs = [f"{first + 2 * p:05X}:{first + 2 * p + 1:05X}" for p in range(PAIRS)]
            syncs.append({"name": sync, "symid": f"0001901{number % 20:05}", "pairs": pairs})
        made[name_of(number)] = {
            "description": f"Service {number}",
            "control_host": f"ctl{number % 20}",
            "schedule": "30 2 * * *",
            "sync_max_delay": 1440,
            "hosts": [{"connection": f"host{number}", "family": "linux"}],
            "resources": [{"fs": {"dev": "/dev/vg/lv", "mnt": f"/m{number}", "type": "ext4"}}],
            "syncs": syncs,
        }
    return {"services": made}


def child(file: str) -> None:
    """In a process of its own: parse one file, and print what that cost beyond Airflow's own import."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    DagBag(dag_folder="/dev/null")
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    bag = DagBag(dag_folder=file)
    seconds = time.perf_counter() - began
    assert not bag.import_errors, bag.import_errors
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    hashes = {}
    if os.environ.get("BENCH_HASHES"):
        for dag_id, dag in bag.dags.items():
            text = json.dumps(DagSerialization.to_dict(dag), sort_keys=True, default=str)
            hashes[dag_id] = hashlib.sha256(text.encode()).hexdigest()
    print("RESULT", json.dumps({"seconds": seconds, "kb": memory, "dags": len(bag.dags), "hashes": hashes}))


def parse(file: Path, config: Path, home: Path, *, only: str = "", hashes: bool = False) -> dict[str, Any]:
    """One parse in a process of its own."""
    context = {"_AIRFLOW_PARSING_CONTEXT_DAG_ID": only, "_AIRFLOW_PARSING_CONTEXT_TASK_ID": "plan"}
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        "SYMCLONE_CONFIG": str(config),
        **(context if only else {}),
        **({"BENCH_HASHES": "1"} if hashes else {}),
    }
    command = [sys.executable, "-c", f"from bench.parse import child; child({str(file)!r})"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise SystemExit(f"{file} could not be parsed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(lines[0].removeprefix("RESULT "))
    return result


def quickest(file: Path, config: Path, home: Path, only: str = "") -> dict[str, Any]:
    """The best of three parses."""
    return min((parse(file, config, home, only=only) for _ in range(3)), key=lambda found: found["seconds"])


def main() -> None:
    """Run all, print the table and write `bench/results/parse.json`."""
    ours = ROOT / "dags" / "clone_services.py"
    rows: list[dict[str, Any]] = []
    print(
        f"{'services':>8}  {'ours':>8} {'by hand':>8} {'ratio':>6}  {'ours, MB':>8} {'by hand':>8}  "
        f"{'one task: ours':>14} {'by hand':>8}  changed"
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        for count in COUNTS:
            config, hand = home / f"services{count}.yaml", home / f"by_hand{count}.py"
            made = services(count)
            config.write_text(yaml.safe_dump(made))
            hand.write_text(HEAD + "".join(BODY.format(name=name_of(number)) for number in range(count)))
            one = name_of(count - 1)
            row: dict[str, Any] = {"services": count}
            for label, file in (("ours", ours), ("by_hand", hand)):
                whole = quickest(file, config, home)
                assert whole["dags"] == count, whole
                task = min(
                    (parse(file, config, home, only=one) for _ in range(3)), key=lambda f: f["seconds"]
                )
                row[label] = {"seconds": whole["seconds"], "mb": whole["kb"] / 1024, "task": task["seconds"]}
            before = parse(ours, config, home, hashes=True)["hashes"]
            made["services"][one]["description"] = "changed"
            config.write_text(yaml.safe_dump(made))
            after = parse(ours, config, home, hashes=True)["hashes"]
            row["changed"] = sum(before[dag] != after[dag] for dag in before)
            rows.append(row)
            mine, peer = row["ours"], row["by_hand"]
            ratio = mine["seconds"] / peer["seconds"]
            print(
                f"{count:8}  {mine['seconds']:7.2f}s {peer['seconds']:7.2f}s {ratio:6.2f}  "
                f"{mine['mb']:8.0f} {peer['mb']:8.0f}  {mine['task']:13.3f}s {peer['task']:7.3f}s  "
                f"{row['changed']}",
                flush=True,
            )
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
