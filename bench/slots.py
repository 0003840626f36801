"""The other peer of `bench.waits`: sensors that poke in worker slots, a process and a connection a wait.

As many waits as there are slots survive; the others queue. Measured is what one slot costs: the sensor's own
code in a process of its own, as a worker runs a task, without Airflow's supervisor beside it.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.waits import INTERVAL, ROOT, WINDOW, Case, host, lab, place, symid

SLOTS = 8


def poke(case: Case, number: int) -> None:
    """One task process: look again and again, until it is ended."""
    sensor_class = importlib.import_module("sensors.symclone").SymcloneStateSensor
    array, source, target = place(case, number)
    sync = {"name": "data", "symid": symid(array), "pairs": [f"{source}:{target}"]}
    service = {"name": f"service{number}", "control_host": host(array), "sync_max_delay": 60}
    service |= {"resources": [], "unattended": True, "syncs": [sync]}
    sensor = sensor_class(task_id="wait", service=service, sync="data", deferrable=False)
    while True:
        sensor.poke({})
        time.sleep(INTERVAL)


def _private(pid: int) -> tuple[int, float]:
    """Kilobytes of a process with its part of what it shares (Linux), and its CPU seconds."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return pss, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure() -> dict[str, Any]:
    """What a slot costs, over some intervals after its start."""
    case = Case("slots", SLOTS, 1)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, lab(case, Path(folder)) as about:
        env = {**os.environ, "AIRFLOW_HOME": folder, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"}
        for name, connection in json.loads((about / "connections.json").read_text()).items():
            env[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(connection)
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.slots", str(number)],
                cwd=ROOT,
                env=env,
                stdout=subprocess.DEVNULL,
            )
            for number in range(SLOTS)
        ]
        try:
            time.sleep(2 * INTERVAL)
            began, before = time.time(), [_private(process.pid) for process in processes]
            time.sleep(INTERVAL * WINDOW)
            seconds, after = time.time() - began, [_private(process.pid) for process in processes]
        finally:
            for process in processes:
                process.terminate()
                process.wait(10)
        entries = [json.loads(line) for line in (about / "journal.jsonl").read_text().splitlines()]
    inside = [e["event"] for e in entries if began <= e["wall"] < began + seconds]
    cpu = sum(b[1] - a[1] for a, b in zip(before, after, strict=True))
    return {
        "slots": SLOTS,
        "commands_an_interval": round(inside.count("command") / WINDOW, 1),
        "connections_an_interval": round(inside.count("connect") / WINDOW, 1),
        "cpu_ms_a_set_and_interval": round(1000 * cpu / WINDOW / SLOTS, 1),
        "kb_a_set": round(sum(pss for pss, _ in after) / SLOTS),
    }


if __name__ == "__main__":
    if sys.argv[1:]:
        poke(Case("slots", SLOTS, 1), int(sys.argv[1]))
    print(json.dumps(measure()))
