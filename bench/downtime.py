"""How long a refresh keeps a service down: with two target sets, with one, and by the predecessor's order.

The Linux service of `docs/examples/two_sets.yaml`, without its hooks, three times: on two target sets, on
its set `a` alone, and on its set `a` with the commands of the predecessor's order sent one by one over SSH:
stop, then for each sync recreate, wait, activate, wait, then start. The first two are runs in an Airflow.

Down is from the first command that stops the service to the end of the last one that starts it; the whole is
from the trigger (by hand: from the first command) to the end. Both are by the lab's clock, which goes as fast
as a real one; while nothing is done but copying it is turned, to a second before the copy's end.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import yaml

from bench.refresh import await_dag
from lab import Lab
from lab.config import load as load_lab
from private_airflow.instance import LocalAirflow
from private_airflow.rest import AirflowRest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results" / "downtime.json"
COPIES = (5.0, 60.0, 600.0)
"""Seconds that all copies of a refresh take."""
RUNS = 4
SERVICE, SYMID = "lnxts", "000190107777"
HOOKS = ("before_stop", "after_start", "probes", "production")
TRACKS = 30000
"""That differ of each pair when it is refreshed, all written since the refresh before."""
REFILL = 2.0 * TRACKS
"""Seconds after a run in which they are written again, one a second."""
POLL = 10.0
"""Seconds between two looks of the predecessor at a copy."""
ROTATING, ONE_SET = "two target sets", "one set"
UNTIL_COPIED, UNTIL_ACTIVE = "predecessor's order, until copied", "predecessor's order, until active"
SITES = {ROTATING: "rotating", ONE_SET: "one_set", UNTIL_COPIED: "by_hand"}


@dataclass(frozen=True)
class Took:
    """Seconds, by the lab's clock.

    :param down: from the first command that stops to the end of the last one that starts.
    :param whole: from the trigger to the end.
    """

    down: float
    whole: float


def site(name: str, number: int, *, sets: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The lab's configuration and the service, with an array, hosts and addresses of their own.

    :param sets: with both target sets; else as if set `a` were all.
    """
    example = yaml.safe_load((ROOT / "docs" / "examples" / "two_sets.yaml").read_text())["services"][SERVICE]
    service = {key: value for key, value in example.items() if key not in HOOKS}
    service |= {"retries": 0, "poll_interval": 5}
    given = load_lab(ROOT / "lab" / "two_sets.yaml").model_dump(mode="json", exclude_defaults=True)
    hosts = [host for host in given["hosts"] if host["name"] in ("symcli03", "lnxprd01", "lnxts01")]
    (array,) = given["arrays"]
    array["sessions"] = [one for one in array["sessions"] if one["source"] in ("0C01", "0C02", "0C03")]
    array["device_groups"] = []
    for session in array["sessions"]:
        session |= {"changed_tracks": TRACKS, "working_set": TRACKS, "write_rate": 1}
    if not sets:
        _only_set_a(service, array, hosts[-1])
    text = json.dumps([{"arrays": [array], "hosts": hosts}, service])
    for old, new in (
        (SYMID, f"{int(SYMID) + number:012d}"),
        ("symcli_sets", f"symcli_{name}"),
        ("symcli03", f"symcli{number}"),
        ("lnxts01", f"host_{name}"),
        ("lnxprd01", f"prod_{name}"),
        ("192.168.60.", f"192.168.{70 + number}."),
    ):
        text = text.replace(old, new)
    lab, service = json.loads(text)
    return lab, service


def _only_set_a(service: dict[str, Any], array: dict[str, Any], host: dict[str, Any]) -> None:
    """Take the other set away: an ordinary service, whose host sees one copy."""
    for sync in service["syncs"]:
        sync["pairs"] = sync.pop("targets")["a"]
    for entry in service["resources"]:
        for resource in entry.values():
            resource.pop("by_set", None)
    array["sessions"] = [one for one in array["sessions"] if one["target"].startswith("0D")]
    host["volume_groups"] = [
        {key: value for key, value in group.items() if key != "copy_of"}
        for group in host["volume_groups"]
        if not group["name"].endswith("_b")
    ]


class Site:
    """One of them, and what the lab's clock shows of it."""

    def __init__(self, lab: Lab, name: str, number: int) -> None:
        self.lab, self.name = lab, name
        self.symid = f"{int(SYMID) + number:012d}"
        self.host = f"host_{name}"
        self.control = f"symcli_{name}"
        self.address = f"192.168.{70 + number}.11"
        self.seconds = 0.0

    def copies_take(self, seconds: float) -> None:
        """From now on all copies of a refresh together take so long."""
        self.lab.set_rate(self.symid, 3 * TRACKS / seconds)
        self.seconds = seconds

    def moving(self) -> list[dict[str, Any]]:
        return [
            one for one in self.lab.sessions() if one["symid"] == self.symid and one["state"] == "CopyInProg"
        ]

    def turn(self) -> float:
        """To a second before all is copied, if it takes longer; how far."""
        left = sum(one["protected_tracks"] for one in self.moving()) * self.seconds / (3 * TRACKS)
        if left > 1:
            self.lab.advance(left - 1)
        return float(max(0.0, left - 1))

    def down(self, since: int) -> float:
        """Seconds from the first command that stopped it to the end of the last one that started it."""
        done = [
            (datetime.fromisoformat(entry["at"]).timestamp(), entry["seconds"], entry["command"])
            for entry in self.lab.journal
            if entry["seq"] > since and entry.get("host") == self.host and entry.get("command")
        ]
        stops = [at for at, _, line in done if line.endswith("/opt/lts/bin/ltsctl stop")]
        starts = [at + seconds for at, seconds, line in done if line.endswith("/opt/lts/bin/ltsctl start")]
        if not stops or not starts:
            raise SystemExit(f"{self.name}: the service was not stopped and started: {done}")
        return float(max(starts) - min(stops))

    def logged_in(self, host: str) -> Any:
        """An SSH connection to one of its hosts, to be entered."""
        to = self.lab.connections[host]
        return asyncssh.connect(
            to["host"],
            port=to["port"],
            username=to["login"],
            client_keys=[to["extra"]["key_file"]],
            known_hosts=None,
            config=None,
        )

    def newest(self) -> int:
        return int(self.lab.journal[-1]["seq"])


def in_airflow(rest: AirflowRest, one: Site) -> Took:
    """One refresh in Airflow; the clock is turned once all copies of the run are active."""
    since, turned = one.newest(), 0.0
    run_id = rest.trigger(one.name, {"action": "refresh", "reason": "bench"})
    while (run := rest.dag_run(one.name, run_id))["state"] not in ("success", "failed"):
        if not turned and len(one.moving()) == 3:
            time.sleep(0.5)  # the last activation is looked at
            turned = one.turn()
        time.sleep(0.1)
    if run["state"] == "failed":
        states = {task["task_id"]: task["state"] for task in rest.task_instances(one.name, run_id)}
        raise SystemExit(f"{one.name} failed: {states}")
    queued, ended = (datetime.fromisoformat(run[key]) for key in ("queued_at", "end_date"))
    return Took(one.down(since), (ended - queued).total_seconds() + turned)


async def by_hand(one: Site, *, until_copied: bool) -> Took:
    """The predecessor's order, each command as soon as the one before has ended.

    :param until_copied: leave a sync only once it is Copied; else, as the predecessor's last release, once
        it is active.
    """
    for sync, pairs in PAIRS.items():
        one.lab.host(one.control).write_file(_file(one, sync), "".join(f"{pair}\n" for pair in pairs))
    since, begun = one.newest(), one.lab.now()
    async with one.logged_in(one.host) as host, one.logged_in(one.control) as control:
        for line in STOP:
            await host.run(line.format(address=one.address), check=True)
        for sync, pairs in PAIRS.items():
            symclone = f"/usr/symcli/bin/symclone -sid {one.symid} -f {_file(one, sync)}"
            targets = ",".join(pair.split()[1] for pair in pairs)
            shown = f"/usr/symcli/bin/symdev -sid {one.symid} list -v -devs {targets} -output xml_e"
            await _verified(control, symclone, "-recreated", "-precopy")
            await control.run(f"{symclone} -noprompt recreate -i 20 -c 30 -precopy", check=True)
            await control.run(shown, check=True)
            while not await _verified(control, symclone, "-recreated", "-precopy"):
                one.lab.advance(POLL)
            await control.run(f"{symclone} -noprompt activate -i 20 -c 30 -consistent", check=True)
            await control.run(shown, check=True)
            while until_copied and not await _verified(control, symclone, "-copied"):
                one.lab.advance(POLL)
        for line in START:
            await host.run(line.format(address=one.address), check=True)
    return Took(one.down(since), one.lab.now() - begun)


async def _verified(control: asyncssh.SSHClientConnection, symclone: str, *states: str) -> bool:
    """Whether all pairs are in one of these states."""
    for state in states:
        if (await control.run(f"{symclone} verify {state}")).exit_status == 0:
            return True
    return False


def _file(one: Site, sync: str) -> str:
    return f"/var/tmp/{one.name}.{sync}.pairs"


PAIRS = {"data": ("0C01 0D01", "0C02 0D02"), "archivelogs": ("0C03 0D03",)}
STOP = (
    "/opt/lts/bin/ltsctl stop",
    "/usr/bin/umount /lts/arch",
    "/usr/bin/umount /lts/data",
    "/usr/sbin/vgchange -a n vg_ltsarch_a",
    "/usr/sbin/vgchange -a n vg_lts_a",
    "/usr/sbin/ip addr del {address}/24 dev eth0",
)
START = (
    "/usr/sbin/ip addr add {address}/24 dev eth0",
    "/usr/sbin/vgchange -a y vg_lts_a",
    "/usr/sbin/vgchange -a y vg_ltsarch_a",
    "/usr/bin/mount -t xfs /dev/vg_lts_a/lv_data /lts/data",
    "/usr/sbin/e2fsck -p /dev/vg_ltsarch_a/lv_arch",
    "/usr/bin/mount -t ext4 /dev/vg_ltsarch_a/lv_arch /lts/arch",
    "/opt/lts/bin/ltsctl start",
)
"""As the predecessor's drivers for Linux send them."""


def measure() -> Iterator[dict[str, Any]]:
    """Each way with each size of copy, the ways in turn; medians, and of the seconds down the least."""
    sites = {name: site(name, at, sets=name == SITES[ROTATING]) for at, name in enumerate(SITES.values(), 1)}
    lab_config = {key: [one for lab, _ in sites.values() for one in lab[key]] for key in ("arrays", "hosts")}
    services = {"services": {name: service for name, (_, service) in sites.items()}}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        dags, config = home / "dags", home / "services.yaml"
        dags.mkdir()
        (dags / "clone_services.py").symlink_to(ROOT / "dags" / "clone_services.py")
        config.write_text(yaml.safe_dump(services))
        with Lab(lab_config, directory=home / "lab", services=services) as lab:
            airflow = LocalAirflow(
                home / "airflow",
                dags=dags,
                plugins=ROOT / "plugins",
                connections=lab.connections,
                env={"SYMCLONE_CONFIG": str(config)},
            )
            found = {name: Site(lab, name, at) for at, name in enumerate(SITES.values(), 1)}
            with airflow, airflow.client() as rest:
                ways: dict[str, Callable[[], Took]] = {
                    ROTATING: partial(in_airflow, rest, found["rotating"]),
                    ONE_SET: partial(in_airflow, rest, found["one_set"]),
                    UNTIL_COPIED: lambda: asyncio.run(by_hand(found["by_hand"], until_copied=True)),
                    UNTIL_ACTIVE: lambda: asyncio.run(by_hand(found["by_hand"], until_copied=False)),
                }
                for name in ("rotating", "one_set"):
                    await_dag(rest, name)
                    rest.unpause(name)
                for seconds in COPIES:
                    for one in found.values():
                        one.copies_take(seconds)
                    took: dict[str, list[Took]] = {}
                    for number in range(RUNS + (seconds == COPIES[0])):
                        for way, refresh in ways.items():
                            run = refresh()
                            if number or seconds != COPIES[0]:  # the first warms up
                                took.setdefault(way, []).append(run)
                            lab.advance(REFILL + seconds)
                    for way, runs in took.items():
                        yield {
                            "copy_s": seconds,
                            "way": way,
                            "down_s": round(statistics.median(run.down for run in runs), 2),
                            "least_s": round(min(run.down for run in runs), 2),
                            "whole_s": round(statistics.median(run.whole for run in runs), 2),
                        }


def main() -> None:
    """Run all, print the table and write `bench/results/downtime.json`."""
    rows = []
    print(f"{'copies, s':>9}  {'':33} {'down, s':>8} {'least, s':>8} {'whole, s':>8}")
    for row in measure():
        shown = " ".join(f"{row[key]:8.1f}" for key in ("down_s", "least_s", "whole_s"))
        print(f"{row['copy_s']:9.0f}  {row['way']:33} {shown}", flush=True)
        rows.append(row)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
