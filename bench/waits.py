"""Many clone sets that wait on few arrays in one triggerer, against waits that each poll for themselves.

The lab is a process of its own with one control host an array; another one drives the triggers in one event
loop through Airflow's shared streams, as its triggerer does, without Airflow's scheduler, database and log
files. Each case is measured in a fresh process. A set is one pair: two devices.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results" / "waits.json"
SETS = (100, 1000, 5000)
ARRAYS = (1, 4, 20)
INTERVAL = 10.0
"""Seconds between two looks at a set, in all cases alike."""
WINDOW = 3
"""Intervals that are measured, after one that is not."""
LAG_SECONDS = 0.01


@dataclass(frozen=True)
class Case:
    """One line of the table.

    :param way: ``shared``: this project's trigger; ``snapvx``: the same with links, asked of one server an
        array, of which it is not seen when they end; ``alone``: one SSH connection a poll and a wait, as the
        provider's asynchronous hook makes it; ``asleep``: a trigger of Airflow's own that sleeps until a time
        that does not come, of which only the memory is measured.
    """

    way: str
    sets: int
    arrays: int


def symid(array: int) -> str:
    return f"{197600000 + array:012d}"


def host(array: int) -> str:
    return f"control_{array}"


def server(array: int) -> str:
    return f"unisphere_{array}"


def snapshot(number: int) -> str:
    """The name of a set's snapshot, as one that its service has taken."""
    from clones.backends.snapvx.names import new_name

    return new_name(f"service{number}", "data", datetime(2026, 3, 1, 1, 0), str(number))


def place(case: Case, number: int) -> tuple[int, str, str]:
    """Array, source and target of a set."""
    array, at = number % case.arrays, number // case.arrays
    return array, f"{2 * at:05X}", f"{2 * at + 1:05X}"


def lab_config(case: Case) -> dict[str, Any]:
    """Every copy moves, so slowly that it ends only when it is told to."""
    arrays = []
    for array in range(case.arrays):
        own = [place(case, number)[1:] for number in range(array, case.sets, case.arrays)]
        arrays.append(
            {
                "symid": symid(array), "model": "PowerMax_8000", "microcode": "5978", "track_kb": 128,
                "device_width": 5, "copy_rate": 1,
                "devices": [{"device": name, "megabytes": 102_400} for pair in own for name in pair],
                "sessions": [
                    {"source": source, "target": target, "state": "CopyInProg", "write_rate": 10}
                    for source, target in own
                ],
            }
        )  # fmt: skip
    hosts = [
        {
            "name": f"control{array:02d}", "connection_id": host(array), "family": "control",
            "login": "symcli", "arrays": [symid(array)],
        }
        for array in range(case.arrays)
    ]  # fmt: skip
    return {"arrays": arrays, "hosts": hosts, "sshd_limits": True}


def snapvx_config(case: Case) -> dict[str, Any]:
    """The same with storage groups of one device each, linked with copy."""
    found = lab_config(case)
    for array, one in enumerate(found["arrays"]):
        del one["sessions"]
        numbers = range(array, case.sets, case.arrays)
        ends = {number: place(case, number)[1:] for number in numbers}
        one |= {
            "microcode": "6079.175.0",
            "storage_groups": [
                {"name": f"{kind}{number}", "devices": [device]}
                for number, pair in ends.items()
                for kind, device in zip(("src", "tgt"), pair, strict=True)
            ],
            "snapshots": [{"group": f"src{n}", "name": snapshot(n), "ttl_hours": 168} for n in numbers],
            "links": [
                {"group": f"src{n}", "snapshot": snapshot(n), "target": f"tgt{n}", "copied_tracks": 0}
                for n in numbers
            ],
        }
    found["unispheres"] = [
        {"name": f"unisphere{array:02d}", "connection_id": server(array), "arrays": [symid(array)]}
        for array in range(case.arrays)
    ]
    return found


@contextlib.contextmanager
def lab(case: Case, directory: Path) -> Iterator[Path]:
    """A lab in a process of its own; gives its folder."""
    file = directory / "lab.yaml"
    file.write_text(json.dumps((snapvx_config if case.way == "snapvx" else lab_config)(case)))
    words = [sys.executable, "-m", "lab", "--config", str(file), "--dir", str(directory / "lab")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        if not any(line.startswith("Stop with") for line in process.stdout):
            raise SystemExit("The lab did not start.")
        yield directory / "lab"
    finally:
        process.terminate()
        process.wait(20)


def measure(case: Case) -> dict[str, Any]:
    """Start everything, measure, end all copies, and see when the waits are over."""
    if case.way == "asleep":
        return {**asdict(case), "kb_a_set": asyncio.run(_measure_asleep(case.sets))}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ |= {"AIRFLOW_HOME": folder, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        with lab(case, Path(folder)) as about:
            for name, connection in json.loads((about / "connections.json").read_text()).items():
                os.environ[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(connection)
            return asyncio.run(_measure(case, about))


async def _measure(case: Case, about: Path) -> dict[str, Any]:
    from lab.client import Client

    wait = {"shared": _shared, "snapvx": _shared, "alone": _alone}[case.way](case)
    await asyncio.sleep(0.5)
    before = _resident()
    ended: dict[int, float] = {}

    async def one(number: int) -> None:
        await wait(number)
        ended[number] = time.time()

    tasks = [asyncio.create_task(one(0))]
    await asyncio.sleep(INTERVAL * 1.2)
    first = _resident()
    tasks += [asyncio.create_task(one(number)) for number in range(1, case.sets)]
    await asyncio.sleep(INTERVAL * 1.5)
    lags: list[float] = []
    measuring = asyncio.create_task(_lag(lags))
    began, cpu = time.time(), time.process_time()
    await asyncio.sleep(INTERVAL * WINDOW)
    seconds, cpu = time.time() - began, time.process_time() - cpu
    memory = _resident() - first
    measuring.cancel()

    copied: dict[int, float] = {}
    if case.way == "snapvx":  # nobody can tell the lab's array to end a link's copy
        for task in tasks:
            task.cancel()

    def end_all() -> None:  # evenly over one interval
        first = time.monotonic()
        with Client.of(about) as client:
            for number in range(case.sets):
                time.sleep(max(0.0, first + INTERVAL * number / case.sets - time.monotonic()))
                array, source, target = place(case, number)
                client.set_state(symid(array), source, target, "Copied")
                copied[number] = time.time()

    if case.way != "snapvx":
        await asyncio.to_thread(end_all)
    _, late = await asyncio.wait(tasks, timeout=6 * INTERVAL)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    delays = sorted(max(0.0, ended[number] - copied[number]) for number in ended)
    lags.sort()
    return {
        **asdict(case),
        **_counted(about / "journal.jsonl", began, seconds),
        "lag_p99_ms": round(1000 * _at(lags, 0.99), 1),
        "lag_max_ms": round(1000 * lags[-1], 1),
        "cpu_percent": round(100 * cpu / seconds, 1),
        "cpu_ms_a_set_and_interval": round(1000 * cpu / WINDOW / case.sets, 3),
        "kb_the_first": round((first - before) / 1024),
        "kb_a_set": round(memory / 1024 / (case.sets - 1), 1),
        "delay_p50_s": round(_at(delays, 0.5), 1) if delays else None,
        "delay_p99_s": round(_at(delays, 0.99), 1) if delays else None,
        "not_ended": case.sets - len(ended),
        "load": round(os.getloadavg()[0], 1),
    }


async def _measure_asleep(sets: int) -> float:
    from airflow.providers.standard.triggers.temporal import DateTimeTrigger

    async def wait() -> None:
        async for _ in DateTimeTrigger(moment=datetime.now(UTC) + timedelta(days=1)).run():
            break

    tasks = [asyncio.create_task(wait())]
    await asyncio.sleep(1)
    before = _resident()
    tasks += [asyncio.create_task(wait()) for _ in range(1, sets)]
    await asyncio.sleep(1)
    memory = _resident() - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return round(memory / 1024 / (sets - 1), 1)


def _resident() -> int:
    """Bytes of memory of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _at(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


async def _lag(lags: list[float]) -> None:
    """By how much the event loop wakes later than it was asked to."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(LAG_SECONDS)
        lags.append(time.monotonic() - began - LAG_SECONDS)


def _counted(journal: Path, began: float, seconds: float) -> dict[str, Any]:
    """From the lab's journal: what came in an interval, and what a stock sshd refused in all."""
    counts: Counter[str] = Counter()
    refused = 0
    opened: Counter[str] = Counter()
    with journal.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            opened[entry["event"]] += 1
            refused += entry["event"] in ("startup_dropped", "session_refused")
            if began <= entry["wall"] < began + seconds:
                counts[entry["event"]] += 1
    return {
        "commands_an_interval": round((counts["command"] + counts["request"]) / WINDOW, 1),
        "connections_an_interval": round(counts["connect"] / WINDOW, 1),
        "connections_in_all": opened["connect"],
        "refused_by_sshd": refused,
    }


def _shared(case: Case) -> Callable[[int], Awaitable[None]]:
    """This project's trigger, run as Airflow's triggerer runs one that shares a stream."""
    from airflow.triggers.shared_stream import SharedStreamManager

    from clones.config import Service, Symcli
    from clones.config.scope import Scope

    # As the triggerer loads it, by its name.
    SymcloneStateTrigger = importlib.import_module("triggers.symclone").SymcloneStateTrigger
    manager = SharedStreamManager()

    def trigger_of(number: int) -> Any:
        array, source, target = place(case, number)
        sync: dict[str, Any] = {"name": "data", "symid": symid(array), "pairs": [f"{source}:{target}"]}
        snapvx = case.way == "snapvx"
        if snapvx:
            groups = {"source_group": f"src{number}", "target_group": f"tgt{number}"}
            sync |= {"backend": "snapvx", **groups}
        service = Service.model_validate(
            {
                "control_host": host(array),
                **({"unisphere": server(array)} if snapvx else {}),
                "sync_max_delay": 60,
                "resources": [],
                "unattended": True,
                "syncs": [sync],
            }
        )
        return SymcloneStateTrigger(
            scope=Scope(f"service{number}", service, Symcli()).to_plain(),
            sync="data",
            wanted="copied",
            deadline=(datetime.now(UTC) + timedelta(hours=1)).isoformat(),
            poll_interval=INTERVAL,
            poll_max=INTERVAL,
            ends_task=True,
        )

    async def wait(number: int) -> None:
        trigger = trigger_of(number)
        key = trigger.shared_stream_key()
        stream = manager.subscribe(trigger_id=number, trigger=trigger, key=key)
        try:
            async for _ in trigger.filter_shared_stream(stream):
                break
        finally:
            await manager.unsubscribe(number, key)
            await trigger.cleanup()

    return wait


def _alone(case: Case) -> Callable[[int], Awaitable[None]]:
    """A poll a wait: the provider's hook opens a connection for each command; what fails is tried again."""
    from airflow.providers.ssh.hooks.ssh import SSHHookAsync

    async def wait(number: int) -> None:
        array, source, target = place(case, number)
        hook = SSHHookAsync(ssh_conn_id=host(array))
        words = f"/usr/symcli/bin/symdev -sid {symid(array)} list -v -devs {source},{target} -output xml_e"
        while True:
            await asyncio.sleep(INTERVAL)
            with contextlib.suppress(Exception):
                code, text, _ = await hook.run_command(words)
                if code == 0 and text.count("<state>Copied</state>") == 2:
                    return

    return wait


COLUMNS = {
    "way": "way",
    "sets": "sets",
    "arrays": "arrays",
    "commands_an_interval": "commands",
    "connections_an_interval": "connects",
    "refused_by_sshd": "refused",
    "lag_p99_ms": "lag p99 ms",
    "lag_max_ms": "max",
    "cpu_percent": "CPU %",
    "cpu_ms_a_set_and_interval": "ms/set",
    "kb_the_first": "kB first",
    "kb_a_set": "kB/set",
    "delay_p50_s": "delay p50 s",
    "delay_p99_s": "p99",
    "not_ended": "not ended",
    "load": "load",
}


ALL = [
    *(Case("asleep", sets, 0) for sets in SETS),
    *(Case("shared", sets, arrays) for sets in SETS for arrays in ARRAYS),
    *(Case("snapvx", sets, 4) for sets in SETS[:2]),
    *(Case("alone", sets, arrays) for sets in SETS[:2] for arrays in ARRAYS),
    Case("alone", SETS[2], ARRAYS[2]),
]


def main(cases: Sequence[Case] = ALL) -> None:
    """Run the cases and print the table; `bench/results/waits.json` has it for programs."""
    print("  ".join(name.rjust(8) for name in COLUMNS.values()))
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"}
    machine = {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
    found: list[dict[str, Any]] = []
    all_of_it: dict[str, Any] = {}
    for case in cases:
        words = [sys.executable, "-m", "bench.waits", case.way, str(case.sets), str(case.arrays)]
        done = subprocess.run(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
        line = json.loads(done.stdout.splitlines()[-1])
        found.append(line)
        cells = [str(line.get(key, "")).rjust(max(8, len(name))) for key, name in COLUMNS.items()]
        print("  ".join(cells), flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        all_of_it = {"interval_s": INTERVAL, "machine": machine, "cases": found}
        RESULTS.write_text(json.dumps(all_of_it, indent=1) + "\n")
    words = [sys.executable, "-m", "bench.slots"]
    done = subprocess.run(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    slots = json.loads(done.stdout.splitlines()[-1])
    print("A poking sensor in a worker slot:", ", ".join(f"{key} {value}" for key, value in slots.items()))
    RESULTS.write_text(json.dumps({**all_of_it, "slots": slots}, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=["shared", "snapvx", "alone", "asleep"])
    parser.add_argument("sets", type=int)
    parser.add_argument("arrays", type=int)
    arguments = parser.parse_args()
    print(json.dumps(measure(Case(arguments.way, arguments.sets, arguments.arrays))))
