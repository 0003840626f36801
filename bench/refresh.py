"""One refresh (two syncs, copies that are done at once) against the same steps by hand, and the floor.

By hand: the SSH provider's `SSHOperator` for each step and a sensor that polls. Floor: as many tasks that do
nothing, in the same order, in the same Airflow. Each with Airflow's default pause of the scheduler and with a
tenth of it. By hand nothing is proven, looked at twice or recorded: the steps are the commands alone.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from clones.runs.pools import pools_of
from hooks.configuration import load
from lab import Lab
from lab.config import load as load_lab
from private_airflow.instance import LocalAirflow
from private_airflow.rest import AirflowRest, RestError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results" / "refresh.json"
SERVICE = "aastmphpux"
PAUSES = (1.0, 0.1)
RUNS = 3
WAYS = {"ours": SERVICE, "by hand": "by_hand", "floor": "floor"}

BY_HAND = """
from airflow.providers.ssh.hooks.ssh import SSHHook
from airflow.providers.ssh.operators.ssh import SSHOperator
from airflow.sdk import DAG, BaseSensorOperator

SYM = "/usr/symcli/bin/symclone -g {group} -noprompt {action} -i 20 -c 30 DEV001 sym ld CLONE001"


class Copied(BaseSensorOperator):
    def __init__(self, *, group, **kwargs):
        super().__init__(poke_interval=1, mode="poke", **kwargs)
        self.group = group

    def poke(self, context):
        with SSHHook(ssh_conn_id="symcli_demo").get_conn() as client:
            words = f"/usr/symcli/bin/symclone -g {self.group} verify -copied DEV001 sym ld CLONE001"
            return client.exec_command(words)[1].channel.recv_exit_status() == 0


def sym(task, group, action):
    return SSHOperator(task_id=task, ssh_conn_id="symcli_demo", cmd_timeout=60,
                       command=SYM.format(group=group, action=action))


def host(task, *commands):
    return SSHOperator(task_id=task, ssh_conn_id="aastmphpux", cmd_timeout=60, command=" && ".join(commands))


MAP = "/var/lib/opensvc/vg_aastmphpux_vgCVI.map"
with DAG("by_hand", schedule=None, catchup=False):
    stop = host("stop", "/usr/sbin/umount /aaststcvi", "/usr/sbin/vgchange -a n vgCVI",
                f"/usr/sbin/vgexport -m {MAP} -s vgCVI", "/usr/sbin/ifconfig lan900:1 0.0.0.0")
    steps = [sym("recreate_data", "DGCVI", "recreate -precopy"),
             sym("recreate_archivelogs", "DGCVIARCH", "recreate -precopy"),
             sym("activate_data", "DGCVI", "activate -consistent"),
             sym("activate_archivelogs", "DGCVIARCH", "activate -consistent")]
    start = host("start", "/usr/sbin/ifconfig lan900:1 192.168.32.41 netmask 255.255.252.0 up",
                 f"/usr/sbin/vgimport -m {MAP} -s -N vgCVI", "/usr/sbin/vgchange -a y vgCVI",
                 "/usr/sbin/fsck -F vxfs -y /dev/vgCVI/lv_CVI",
                 "/usr/sbin/mount -F vxfs /dev/vgCVI/lv_CVI /aaststcvi")
    stop >> steps[0] >> steps[1] >> steps[2] >> steps[3]
    steps[2] >> Copied(task_id="copied_data", group="DGCVI") >> start
    steps[3] >> Copied(task_id="copied_archivelogs", group="DGCVIARCH") >> start
"""
FLOOR = """
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

with DAG("floor", schedule=None, catchup=False):
    def nothing(name):
        return PythonOperator(task_id=name, python_callable=lambda: None)

    plan, stop, r1, r2, b1, b2 = map(nothing, ("plan", "stop", "r1", "r2", "b1", "b2"))
    w1, w2, start, finish = map(nothing, ("w1", "w2", "start", "finish"))
    plan >> stop >> r1 >> r2 >> b1 >> b2
    b1 >> w1 >> start
    b2 >> w2 >> start >> finish
"""


def quick_arrays() -> dict[str, Any]:
    """The demo's lab, with copies that are done at once."""
    config = load_lab().model_dump()
    for array in config["arrays"]:
        array["copy_rate"] = 1e9
    return config


def refresh(rest: AirflowRest, lab: Lab, dag: str) -> dict[str, float]:
    """One run: seconds from the trigger to its end, and what it sent."""
    since = int(lab.journal[-1]["seq"])
    run_id = rest.trigger(dag, {"action": "refresh", "reason": "bench"} if dag == SERVICE else {})
    while (run := rest.dag_run(dag, run_id))["state"] not in ("success", "failed"):
        time.sleep(0.05)
    if run["state"] == "failed":
        states = {task["task_id"]: task["state"] for task in rest.task_instances(dag, run_id)}
        raise SystemExit(f"{dag} failed: {states}")
    queued, ended = (datetime.fromisoformat(run[key]) for key in ("queued_at", "end_date"))
    entries = [entry for entry in lab.journal if entry["seq"] > since]
    return {
        "seconds": (ended - queued).total_seconds(),
        "tasks": len(rest.task_instances(dag, run_id)),
        "commands": sum(1 for entry in entries if entry.get("command")),
        "connections": sum(1 for entry in entries if entry.get("event") == "connect"),
    }


def measure(pause: float) -> dict[str, dict[str, float]]:
    """Every way, a few times in turn, in one Airflow; medians."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        dags = home / "dags"
        dags.mkdir()
        (dags / "clone_services.py").symlink_to(ROOT / "dags" / "clone_services.py")
        (dags / "by_hand.py").write_text(BY_HAND)
        (dags / "floor.py").write_text(FLOOR)
        config = ROOT / "config" / "services.yaml"
        read = load(config)
        with Lab(quick_arrays(), directory=home / "lab") as lab:
            airflow = LocalAirflow(
                home / "airflow",
                dags=dags,
                plugins=ROOT / "plugins",
                connections=lab.connections,
                env={
                    "SYMCLONE_CONFIG": str(config),
                    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": str(pause),
                },
                pools=pools_of(read.limits, read.services),
            )
            with airflow, airflow.client() as rest:
                for dag in WAYS.values():
                    await_dag(rest, dag)
                    rest.unpause(dag)
                found: dict[str, list[dict[str, float]]] = {}
                for _ in range(RUNS + 1):  # the first warms up
                    for way, dag in WAYS.items():
                        found.setdefault(way, []).append(refresh(rest, lab, dag))
    return {
        way: {key: statistics.median(run[key] for run in runs[1:]) for key in runs[0]}
        for way, runs in found.items()
    }


def await_dag(rest: AirflowRest, dag: str, seconds: float = 90) -> None:
    """Wait until Airflow has read a DAG.

    :raises SystemExit: it has not, with the files that it could not read.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            rest.dag(dag)
            return
        except RestError:
            if time.monotonic() > end:
                raise SystemExit(f"Airflow has not read {dag}: {rest.import_errors()}") from None
            time.sleep(0.5)


def main() -> None:
    """Run all, print the table and write `bench/results/refresh.json`."""
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
    rows = []
    print(f"{'pause, s':>8} {'':8} {'s':>6} {'tasks':>5} {'commands':>8} {'connections':>11}  ours / it")
    for pause in PAUSES:
        found = measure(pause)
        for way, row in found.items():
            ratio = found["ours"]["seconds"] / row["seconds"]
            print(
                f"{pause:8} {way:8} {row['seconds']:6.1f} {row['tasks']:5.0f} {row['commands']:8.0f} "
                f"{row['connections']:11.0f}  {ratio:9.2f}",
                flush=True,
            )
            rows.append({"pause_s": pause, "way": way, **row})
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
