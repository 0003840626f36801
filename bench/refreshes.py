"""1, 10, 50 and 200 services refreshed at once, against the longest copy and as many runs that do nothing.

One Airflow on PostgreSQL for all, and with `--against COMMIT` another one before it, for that build. Each
service has a Linux host, two syncs and an array of its own, so that how long its copy takes does not depend
on the others: 30 to 60 s. Where few cores serve many tasks, Airflow's own work for a task is what takes the
time; the runs that do nothing, just before, show how long. What else the machine does takes time, too: the
CPU of all of Airflow's processes does not depend on it.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import yaml

from bench.other_build import builds
from bench.refresh import FLOOR, await_dag
from demo.many_services import ManyServices
from private_airflow.instance import LocalAirflow
from private_airflow.lab import LocalLab
from private_airflow.rest import AirflowRest
from tests.support.postgres import database

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results" / "refreshes.json"
SIZES = (1, 10, 50, 200)
THIS = "this"
PARALLELISM = 8
RATE = 1000.0
"""Tracks a second of each array."""
LONGEST = 60.0
"""Seconds of the longest copies, both syncs of a service together."""
SPREAD = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""How long the copies of the services are, against the longest."""
ALLOWED = 1.5
"""The target: no longer than so many times the longest copy, and the runs that do nothing."""
SELDOM = {
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "600",
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
}
"""Seconds. No DAG file is parsed again while it is measured; the first parse may take long."""
START_SECONDS = 300.0
PAGE = 100
"""Runs that Airflow's API gives at once."""
MOST_AGAINST = 50
"""Services at once: more are not measured of another build."""
MOST_SECONDS = 3600.0
CONF = {"action": "refresh", "reason": "measurement"}


@dataclass
class Bench:
    """What all measurements share. Each service is refreshed once: right after that nothing has changed."""

    many: ManyServices
    airflow: LocalAirflow
    rest: AirflowRest
    lab: LocalLab

    def row(self, size: int, names: Sequence[str]) -> dict[str, Any]:
        """So many runs that do nothing, then so many refreshes, all at once each."""
        floor = self.runs([("floor", f"{size}-{number}", {}) for number in range(size)])
        seen = len(self.lab.journal())
        ours = self.runs([(name, f"{size}", CONF) for name in names])
        entries = self.lab.journal()[seen:]
        sent = Counter(entry["host"] for entry in entries if entry["event"] == "command")
        bound = ALLOWED * LONGEST + floor["seconds"]
        return {
            "services": size,
            "longest_copy_s": LONGEST,
            "floor": floor,
            "ours": ours,
            "bound_s": round(bound, 1),
            "against_bound": round(ours["seconds"] / bound, 2),
            "against_runs_and_copy": round(ours["seconds"] / (floor["seconds"] + LONGEST), 2),
            "symcli_commands_each": round(sent["control"] / size, 1),
            "host_commands_each": round((sum(sent.values()) - sent["control"]) / size, 1),
            "connections_each": round(sum(entry["event"] == "connect" for entry in entries) / size, 1),
        }

    def runs(self, wanted: Sequence[tuple[str, str, dict[str, Any]]]) -> dict[str, float]:
        """Start these runs (DAG, run id, conf) and wait for their ends.

        :return: seconds from the first trigger to the last end, tasks that ran, and CPU seconds of workers
            and of all processes of Airflow.
        """
        cpu, all_cpu = self._cpu(), self._cpu("")
        for dag, run_id, conf in wanted:
            self.rest.trigger(dag, conf, dag_run_id=run_id)
        end = time.monotonic() + MOST_SECONDS
        while self._some_going(wanted):
            if time.monotonic() > end:
                raise SystemExit(f"Not over after {MOST_SECONDS:.0f} s: {self._found(wanted)}")
            time.sleep(1 + len(wanted) / 50)
        found = self._found(wanted)
        failed = [f"{run['dag_id']} {run['dag_run_id']}" for run in found if run["state"] != "success"]
        if failed:
            raise SystemExit(f"Failed: {', '.join(failed)}; see their logs.")
        first = min(datetime.fromisoformat(run["queued_at"]) for run in found)
        last = max(datetime.fromisoformat(run["end_date"]) for run in found)
        cpu, all_cpu = self._cpu() - cpu, self._cpu("") - all_cpu
        tasks = [ti for dag, run_id, _ in wanted for ti in self.rest.task_instances(dag, run_id)]
        ran = sum(ti["state"] == "success" for ti in tasks)
        return {
            "seconds": round((last - first).total_seconds(), 1),
            "tasks": ran,
            "cpu_s": round(cpu, 1),
            "cpu_s_a_task": round(cpu / ran, 3),
            "all_cpu_s": round(all_cpu, 1),
        }

    def _some_going(self, wanted: Sequence[tuple[str, str, dict[str, Any]]]) -> bool:
        """Whether any has not ended. One is asked for: a list of all would take CPU of the API server's."""
        asked = {"dag_ids": sorted({dag for dag, _, _ in wanted}), "states": ["queued", "running"]}
        return bool(
            self.rest.request("POST", "/dags/~/dagRuns/list", json={**asked, "page_limit": 1})["dag_runs"]
        )

    def _found(self, wanted: Sequence[tuple[str, str, dict[str, Any]]]) -> list[dict[str, Any]]:
        ids = {(dag, run_id) for dag, run_id, _ in wanted}
        runs: list[dict[str, Any]] = []
        asked = {"dag_ids": sorted({dag for dag, _ in ids}), "page_limit": PAGE}
        while more := self.rest.request(
            "POST", "/dags/~/dagRuns/list", json={**asked, "page_offset": len(runs)}
        )["dag_runs"]:
            runs += more
            if len(more) < PAGE:
                break
        return [run for run in runs if (run["dag_id"], run["dag_run_id"]) in ids]

    def _cpu(self, title: str = "airflow worker") -> float:
        """CPU seconds so far of the processes with this title, and of those below them that have ended."""
        assert self.airflow.supervisor_pid
        total = 0.0
        for process in psutil.Process(self.airflow.supervisor_pid).children(recursive=True):
            with suppress(psutil.Error):
                if " ".join(process.cmdline()).startswith(title):
                    total += sum(process.cpu_times()[:4])  # and of its children that have ended
        return total


@contextmanager
def running(sizes: Sequence[int], build: Path) -> Iterator[Bench]:
    """The lab and Airflow, in processes of their own.

    :param build: the folder of the build whose DAGs and plugins Airflow has. The lab is that build's, too: it
        knows the commands that are sent.
    """
    tracks = [int(RATE * LONGEST * part / 2) for part in SPREAD]
    count = sum(sizes) + 1
    many = ManyServices(count, syncs=2, tracks=tracks, copy_rate=RATE, arrays=count, hosts=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, database() as url:
        home = Path(folder)
        (home / "dags").mkdir()
        (home / "dags" / "clone_services.py").symlink_to(build / "dags" / "clone_services.py")
        floor = FLOOR.replace("catchup=False", f"catchup=False, max_active_runs={max(sizes)}")
        (home / "dags" / "floor.py").write_text(floor)
        config, lab_config = home / "services.yaml", home / "lab.yaml"
        config.write_text(yaml.safe_dump(many.services()))
        lab_config.write_text(json.dumps(many.lab()))
        with LocalLab(home / "lab", config=lab_config, checkout=build) as lab:
            airflow = LocalAirflow(
                home / "airflow",
                dags=home / "dags",
                plugins=build / "plugins",
                connections=lab.connections,
                env={"SYMCLONE_CONFIG": str(config), **SELDOM},
                database_url=url,
                parallelism=PARALLELISM,
            )
            airflow.start(START_SECONDS)
            try:
                with airflow.client() as rest:
                    for dag in ("floor", *many.names):
                        await_dag(rest, dag, START_SECONDS)
                        rest.unpause(dag)
                    yield Bench(many, airflow, rest, lab)
            finally:
                airflow.stop()


def measure(sizes: Sequence[int], build: Path) -> Iterator[dict[str, Any]]:
    """A row for each size."""
    with running(sizes, build) as bench:
        names = iter(bench.many.names)
        # One run of each that does not count: what Airflow loads at its first task, and at its first wait (an
        # API server of the triggerer's own, seconds of CPU), it loads here.
        bench.runs([("floor", "first", {}), (next(names), "first", CONF)])
        for size in sizes:
            yield bench.row(size, [next(names) for _ in range(size)])


def main(sizes: Sequence[int] = SIZES, against: str | None = None) -> None:
    """Run all, print the table and write `bench/results/refreshes.json`.

    :param against: a commit to measure, too, with up to 50 services.
    """
    rows: list[dict[str, Any]] = []
    print(
        f"{'build':8} {'services':>8} {'floor, s':>8} {'ours, s':>8} {'bound, s':>8} {'against':>8} "
        f"{'runs + copy':>11} "
        f"{'CPU a task: floor':>17} {'ours':>6} {'all CPU: floor':>14} {'ours':>7} {'SYMCLI each':>11}"
    )
    with builds(against) as folders:
        for name, folder in folders.items():
            wanted = [size for size in sizes if name == THIS or size <= MOST_AGAINST]
            for row in measure(wanted, folder):
                floor, ours = row["floor"], row["ours"]
                print(
                    f"{name:8} {row['services']:8} {floor['seconds']:8.1f} {ours['seconds']:8.1f} "
                    f"{row['bound_s']:8.1f} {row['against_bound']:8.2f} {row['against_runs_and_copy']:11.2f} "
                    f"{floor['cpu_s_a_task']:17.3f} {ours['cpu_s_a_task']:6.3f} {floor['all_cpu_s']:14.1f} "
                    f"{ours['all_cpu_s']:7.1f} {row['symcli_commands_each']:11.1f}",
                    flush=True,
                )
                rows.append({"build": name, **row})
                _say_against(rows)
                about = {"cores": os.cpu_count(), "parallelism": PARALLELISM, "rows": rows}
                RESULTS.write_text(json.dumps(about, indent=1) + "\n")


def _say_against(rows: Sequence[dict[str, Any]]) -> None:
    """The last row against the one of another build with as many services."""
    row = rows[-1]
    for other in rows[:-1]:
        if other["services"] == row["services"]:
            row["against_other"] = {
                key: round(row["ours"][key] / other["ours"][key], 2)
                for key in ("seconds", "cpu_s_a_task", "all_cpu_s")
            }
            print(f"  against {other['build']}: {row['against_other']}", flush=True)
