"""What a fleet of 2,000 services costs: its file, its status, its DAG file; and the status of three services.

Each figure is of a process of its own, and the median of some; with another build the two take turns. CPU is
that process's own. What is loaded or parsed is measured without the imports before it, `scripts/status` as a
whole. The wall time of a status has the lab's own time in it, which answers from a process of its own.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.other_build import HERE, builds
from bench.parse import name_of, services
from private_airflow.environment import connection_variables
from private_airflow.lab import LocalLab

RESULTS = HERE / "bench" / "results" / "fleet.json"
SERVICES = 2000
ROUNDS = 3
GROUPS = ("vg_data", "vg_logs")

MEASURED = """
import json, resource, time
def used():
    mine = resource.getrusage(resource.RUSAGE_SELF)
    return mine.ru_utime + mine.ru_stime
def report(work):
    began, cpu = time.perf_counter(), used()
    work()
    print("MEASURED", json.dumps([used() - cpu, time.perf_counter() - began]))
"""
LOAD = (
    MEASURED
    + """
import sys
from hooks.configuration import load
report(lambda: load(*sys.argv[1:]))
"""
)
PARSE = (
    MEASURED
    + """
import sys
from airflow.dag_processing.dagbag import DagBag
DagBag(dag_folder="/dev/null")
def parse():
    bag = DagBag(dag_folder=sys.argv[1])
    assert len(bag.dags) == int(sys.argv[2]) and not bag.import_errors, bag.import_errors
report(parse)
"""
)


@dataclass(frozen=True)
class Site:
    """What the processes work on.

    :param many: file with the many services.
    :param env: of each process: the connections to the labs, and an Airflow's home.
    """

    many: Path
    env: dict[str, str]


Measure = Callable[[Path, Site], tuple[float, float]]
"""CPU and wall seconds of a build in one process."""


def _inside(build: Path, site: Site, program: str, *words: str, **env: str) -> tuple[float, float]:
    """As a program says of itself."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=build,
        env=_environment(build, site) | env,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("MEASURED ")]
    if not lines:
        raise SystemExit(f"{words} failed in {build}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    cpu, wall = json.loads(lines[0].removeprefix("MEASURED "))
    return cpu, wall


def _whole(build: Path, site: Site, *words: str) -> tuple[float, float]:
    """Of a program from its start to its end."""
    command = [sys.executable, "-m", *words]
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=build, env=_environment(build, site), stdout=said, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode()
    if "unknown" in text.lower().replace("0 unknown", ""):
        raise SystemExit(f"{words} failed in {build}:\n{text[-2000:]}")
    return used.ru_utime + used.ru_stime, wall


def _environment(build: Path, site: Site) -> dict[str, str]:
    return {**os.environ, **site.env, "PYTHONPATH": str(build / "plugins"), "SYMCLONE_CONFIG": str(site.many)}


def _load(build: Path, site: Site) -> tuple[float, float]:
    return _inside(build, site, LOAD, str(site.many))


def _load_one(build: Path, site: Site) -> tuple[float, float]:
    return _inside(build, site, LOAD, str(site.many), name_of(SERVICES - 1))


def _parse(build: Path, site: Site) -> tuple[float, float]:
    return _inside(build, site, PARSE, str(build / "dags" / "clone_services.py"), str(SERVICES))


def _parse_one(build: Path, site: Site) -> tuple[float, float]:
    context = {
        "_AIRFLOW_PARSING_CONTEXT_DAG_ID": name_of(SERVICES - 1),
        "_AIRFLOW_PARSING_CONTEXT_TASK_ID": "plan",
    }
    return _inside(build, site, PARSE, str(build / "dags" / "clone_services.py"), "1", **context)


def _status(build: Path, site: Site) -> tuple[float, float]:
    return _whole(build, site, "cli.status", "--config", str(site.many))


def _status_of_three(build: Path, site: Site) -> tuple[float, float]:
    return _whole(build, site, "cli.status", "--config", str(build / "config" / "services.yaml"))


CASES: dict[str, Measure] = {
    "load the file": _load,
    "load one service of it": _load_one,
    "parse the DAG file": _parse,
    "parse it for one task": _parse_one,
    "status": _status,
    "status of three services": _status_of_three,
}


def _fleet() -> dict[str, Any]:
    """So many services as sites have them: each with an address, groups, file systems and an application."""
    made = services(SERVICES)
    for number, service in enumerate(made["services"].values()):
        service["schedule"] = f"{number % 60} {number % 24} * * *"
        service["resources"] = [
            {"ip": {"ipname": f"10.7.{number // 250}.{number % 250 + 1}", "ipdev": "eth0", "netmask": 24}},
            *({"vg": {"name": vg, "devices": [f"/dev/mapper/{vg}{number}"]}} for vg in GROUPS),
            *({"fs": {"dev": f"/dev/{vg}/lv", "mnt": f"/{vg}", "type": "ext4"}} for vg in GROUPS),
            {
                "app": {
                    "name": "pp",
                    **{what: ["/opt/pp/bin/ppctl", what] for what in ("start", "stop", "check")},
                }
            },
        ]
    return made


@contextmanager
def _site() -> Iterator[Site]:
    """Both labs, the file, and the environment of all processes."""
    made = _fleet()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        many, lab_config = home / "services.yaml", home / "lab.yaml"
        many.write_text(yaml.safe_dump(made))
        lab_config.write_text(json.dumps(_lab(made)))
        with LocalLab(home / "many", config=lab_config) as lab, LocalLab(home / "demo") as demo:
            env = {
                "AIRFLOW_HOME": folder,
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",
                **connection_variables({**lab.connections, **demo.connections}),
            }
            yield Site(many, env)


def _lab(made: dict[str, Any]) -> dict[str, Any]:
    """The arrays and control hosts of these services, every copy a day old."""
    arrays: dict[str, list[tuple[str, str]]] = {}
    hosts: dict[str, set[str]] = {}
    for service in made["services"].values():
        for sync in service["syncs"]:
            arrays.setdefault(sync["symid"], []).extend(tuple(pair.split(":")) for pair in sync["pairs"])
            hosts.setdefault(service["control_host"], set()).add(sync["symid"])
    return {
        "arrays": [
            {
                "symid": symid, "model": "PowerMax_8000", "microcode": "5978", "track_kb": 128,
                "device_width": 5, "copy_rate": 1000,
                "devices": [{"device": name, "megabytes": 102_400} for pair in pairs for name in pair],
                "sessions": [
                    {"source": source, "target": target, "age_hours": 12} for source, target in pairs
                ],
            }
            for symid, pairs in arrays.items()
        ],
        "hosts": [
            {
                "name": name, "connection_id": name, "family": "control", "login": "symcli",
                "arrays": sorted(symids),
            }
            for name, symids in hosts.items()
        ],
    }  # fmt: skip


def main(against: str | None = None) -> None:
    """Run all, print the table and write `bench/results/fleet.json`.

    :param against: a commit that is measured in turn with this build; None: this build alone.
    """
    rows: list[dict[str, Any]] = []
    print(f"{'':26} {'build':>9}  {'CPU, s':>8} {'wall, s':>8}  against it: {'CPU':>5} {'wall':>5}")
    with builds(against) as measured, _site() as site:
        for case, measure in CASES.items():
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in measured}
            for _ in range(ROUNDS):
                for name, build in measured.items():
                    found[name].append(measure(build, site))
            row: dict[str, Any] = {"what": case}
            for name, figures in found.items():
                cpu, wall = (statistics.median(column) for column in zip(*figures, strict=True))
                row[name] = {"cpu_s": round(cpu, 3), "wall_s": round(wall, 3)}
            ratios = ""
            if against is not None:
                row["ratio"] = {
                    key: round(row["this"][key] / row[against][key], 3) for key in ("cpu_s", "wall_s")
                }
                ratios = f"{row['ratio']['cpu_s']:17.2f} {row['ratio']['wall_s']:5.2f}"
            for name in measured:
                figures_of = row[name]
                print(
                    f"{case:26} {name:>9}  {figures_of['cpu_s']:8.2f} {figures_of['wall_s']:8.2f}"
                    f"{ratios if name == 'this' else ''}",
                    flush=True,
                )
            rows.append(row)
            about = {"services": SERVICES, "rounds": ROUNDS, "against": against, "rows": rows}
            RESULTS.write_text(json.dumps(about, indent=1) + "\n")
