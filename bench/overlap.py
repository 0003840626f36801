"""Wall time of a refresh whose syncs copy at once, against one after the other (`overlap: false`).

One lab and one Airflow for all; each refresh runs alone. The lab's array copies at one rate for all sessions,
so what overlapping saves here is the waiting between the syncs, not copying.
"""

from __future__ import annotations

import json
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from lab import Lab
from private_airflow.instance import LocalAirflow
from private_airflow.rest import AirflowRest, RestError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results" / "overlap.json"
SYMID = "000190109999"
COUNTS = (2, 5)
SPEED = 15.0
"""Seconds of the lab in one second."""


def name_of(count: int, overlap: bool) -> str:
    return f"bench_{count}_{'overlap' if overlap else 'one_by_one'}"


def configuration() -> tuple[dict[str, Any], dict[str, Any]]:
    """The lab's, and the services: two for each count, with pairs of their own."""
    devices: list[dict[str, Any]] = []
    sessions: list[dict[str, Any]] = []
    services: dict[str, Any] = {}
    number = 0x1000
    for count in COUNTS:
        for overlap in (True, False):
            syncs = []
            for index in range(count):
                source, target = f"{number:04X}", f"{number + 1:04X}"
                number += 2
                devices += [{"device": name, "megabytes": 20480} for name in (source, target)]
                pair = {"source": source, "target": target}
                sessions.append({**pair, "age_hours": 24, "changed_tracks": 150000})
                syncs.append({"name": f"sync{index + 1}", "symid": SYMID, "pairs": [f"{source}:{target}"]})
            services[name_of(count, overlap)] = {
                "control_host": "symcli_bench",
                "sync_max_delay": 1440,
                "resources": [],
                "unattended": True,
                "overlap": overlap,
                "poll_interval": 1,
                "syncs": syncs,
            }
    array = {"symid": SYMID, "model": "VMAX-1", "microcode": "5876", "track_kb": 64, "copy_rate": 1000}
    host = {"name": "bench01", "connection_id": "symcli_bench", "family": "control", "login": "symcli"}
    lab = {
        "arrays": [{**array, "device_width": 4, "devices": devices, "sessions": sessions}],
        "hosts": [{**host, "arrays": [SYMID]}],
    }
    return lab, {"services": services}


def refresh(rest: AirflowRest, service: str) -> float:
    """Seconds from the beginning to the end of the run of one refresh."""
    rest.unpause(service)
    run_id = rest.trigger(service, {"action": "refresh", "reason": "measurement"})
    while (run := rest.dag_run(service, run_id))["state"] not in ("success", "failed"):
        time.sleep(0.2)
    if run["state"] == "failed":
        raise SystemExit(f"The refresh of {service} failed; see its log.")
    began, ended = (datetime.fromisoformat(run[key]) for key in ("start_date", "end_date"))
    return (ended - began).total_seconds()


def main() -> None:
    """Run all, print the table and write `bench/results/overlap.json`."""
    lab_config, services = configuration()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        config = home / "services.yaml"
        config.write_text(yaml.safe_dump(services))
        with Lab(lab_config, directory=home / "lab", speed=SPEED, services=services) as lab:
            airflow = LocalAirflow(
                home / "airflow",
                dags=ROOT / "dags",
                plugins=ROOT / "plugins",
                connections=lab.connections,
                env={"SYMCLONE_CONFIG": str(config)},
            )
            with airflow, airflow.client() as rest:
                end = time.monotonic() + 60
                while not _there(rest):
                    if time.monotonic() > end:
                        raise SystemExit("Airflow has not read the DAGs within a minute.")
                    time.sleep(0.5)
                print(f"{'syncs':>5}  {'overlap, s':>10}  {'one by one, s':>13}  {'ratio':>5}")
                rows = []
                for count in COUNTS:
                    together, apart = (refresh(rest, name_of(count, overlap)) for overlap in (True, False))
                    print(f"{count:5}  {together:10.1f}  {apart:13.1f}  {apart / together:5.2f}", flush=True)
                    rows.append({"syncs": count, "overlap_s": together, "one_by_one_s": apart})
                RESULTS.write_text(json.dumps(rows, indent=2) + "\n")


def _there(rest: AirflowRest) -> bool:
    """Whether Airflow has read the DAGs."""
    try:
        return bool(rest.dag(name_of(COUNTS[-1], False)))
    except RestError:
        return False
