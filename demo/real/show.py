"""`scripts/demo --real`: an Airflow refreshes a real PostgreSQL while production writes; what came of it."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import yaml

from demo.progress import align
from demo.real.ledger import Writer, database
from demo.real.proof import Proof, moved, prove
from demo.real.site import (
    MEGABYTES,
    PRODUCTION,
    RIGHT,
    SOURCES,
    SYNCS,
    WRONG,
    Copy,
    Site,
    device_mapper,
    lacking,
    make_production,
)
from demo.refresh import DemoError, await_dag
from demo.watch import Watch
from lab import Lab
from private_airflow.instance import LocalAirflow
from private_airflow.lab import ROOT
from private_airflow.rest import AirflowRest

REFRESHES = 3
GIVE_UP_AFTER = 300.0
FILE_SYSTEMS = {"data": "ext4", "archive": "xfs"}


def run(folder: Path, out: TextIO, *, port: int | None = None, refreshes: int = REFRESHES) -> int:
    """Show it.

    :param folder: for lab and Airflow; emptied.
    :param port: of Airflow's UI; None: a free one.
    :return: 0 when each refresh held what it had to, and the wrong order lost data; else 1.
    :raises DemoError: this machine lacks something, or it can not go on.
    """
    if found := lacking():
        raise DemoError("The real demonstration needs:\n" + "\n".join(f"  {what}" for what in found))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    site = Site(device_mapper())
    services = folder / "services.yaml"
    services.write_text(yaml.safe_dump(site.services(), sort_keys=False))
    with Lab(site.lab(), directory=folder / "lab", services=services) as lab:
        make_production(lab)
        shown = Show(lab, site, out)
        shown.devices()
        with (
            _airflow(folder / "airflow", lab, services, port) as (airflow, client),
            Writer(database(lab, PRODUCTION)) as writer,
        ):
            problems = shown.all(airflow, client, writer, refreshes)
    problems += [] if not shown.shows_nothing else ["The wrong order lost nothing: this proves nothing."]
    print(
        "\nWhere to look",
        f"task logs      {os.path.relpath(airflow.task_logs)}",
        f"lab's journal  {os.path.relpath(lab.journal_path)}: every command, and the tracks that it moved",
        sep="\n  ",
        file=out,
    )
    print(*(["\nFAILED:", *problems] if problems else ["\nAll shown."]), sep="\n  ", file=out, flush=True)
    return 1 if problems else 0


@contextmanager
def _airflow(
    home: Path, lab: Lab, services: Path, port: int | None
) -> Iterator[tuple[LocalAirflow, AirflowRest]]:
    airflow = LocalAirflow(
        home,
        dags=ROOT / "dags",
        plugins=ROOT / "plugins",
        connections=lab.connections,
        env={"SYMCLONE_CONFIG": str(services)},
        port=port,
        template=home.parents[1] / "airflow-template.db",
    )
    try:
        airflow.start()
        with airflow.client() as client:
            yield airflow, client
    finally:
        airflow.stop(grace=1.0)


class Show:
    """Runs refreshes and prints what came of each."""

    def __init__(self, lab: Lab, site: Site, out: TextIO) -> None:
        self.lab, self.site, self.out = lab, site, out
        self.watch: Watch | None = None
        self.shows_nothing = True
        """Whether the wrong order has lost nothing."""

    def _print(self, *lines: str) -> None:
        print(*lines, sep="\n", file=self.out, flush=True)

    def devices(self) -> None:
        rows = [("", "on", "megabytes", "file system", "production", RIGHT.name, WRONG.name)]
        for sync, what in SYNCS.items():
            ends = (SOURCES[what], RIGHT.targets[what], WRONG.targets[what])
            rows.append((sync, what, str(MEGABYTES[what]), FILE_SYSTEMS[what], *ends))
        lvm = (
            "LVM: used, each device is a volume group"
            if self.site.lvm
            else ("LVM: not used, the kernel has no device-mapper (or lvm2 is not installed)")
        )
        self._print("Devices, each a file on a loop device", *_indent(align(rows, {2})), f"  {lvm}", "")

    def all(self, airflow: LocalAirflow, client: AirflowRest, writer: Writer, refreshes: int) -> list[str]:
        """Every refresh: what is wrong."""
        self.watch = Watch(airflow, self._print, time.monotonic)
        problems: list[str] = []
        for copy in (RIGHT, WRONG):
            await_dag(airflow, client, copy.name)
            client.unpause(copy.name)
        for number in range(1, refreshes + 1):
            since = self._seq()
            state, took, _ = self._refresh(client, RIGHT)
            self._print(
                f"Refresh {number} of {RIGHT.name}, {' then '.join(RIGHT.order)}: {state} after {took:.0f} s"
            )
            self._tracks(RIGHT, since)
            if state != "success":
                return [*problems, f"Refresh {number} ended as {state}; see {airflow.task_logs}"]
            proof = prove(self.lab, RIGHT, writer, since)
            self._proven(RIGHT, proof)
            problems += [f"Refresh {number}: {problem}" for problem in proof.problems()]
        return problems + self._wrong(client, writer)

    def _wrong(self, client: AirflowRest, writer: Writer) -> list[str]:
        since = self._seq()
        state, took, run_id = self._refresh(client, WRONG)
        self._print(f"Refresh of {WRONG.name}, {' then '.join(WRONG.order)}: {state} after {took:.0f} s")
        self._tracks(WRONG, since)
        if state != "failed":
            return [f"{WRONG.name} started, although its syncs are in the wrong order"]
        log = client.task_log(WRONG.name, run_id, "start.service")
        said = re.search(r"(?:PANIC|FATAL): .*", log)
        if said is None:
            return [f"{WRONG.name} failed, but not at PostgreSQL's start"]
        proof = prove(self.lab, WRONG, writer, since, runs=False)
        self._print(f"  PostgreSQL refuses the copy: {said[0].strip()}")
        self._print(f"  all {proof.lost} transactions committed before the WAL switch are lost")
        self.site.force(self.lab, WRONG)
        forced = prove(self.lab, WRONG, writer, since)
        self._print(
            f"  opened by force (pg_resetwal) it lacks {forced.behind} of the {forced.by_data} transactions "
            "committed before its data's point in time"
        )
        self.shows_nothing = not (proof.lost and forced.behind)
        return []

    def _seq(self) -> int:
        return int(self.lab.journal[-1]["seq"])

    def _refresh(self, client: AirflowRest, copy: Copy) -> tuple[str, float, str]:
        """The run's state, its seconds, and its id."""
        began = time.monotonic()
        run_id = client.trigger(copy.name, {"action": "refresh", "reason": "demonstration"})
        while (state := str(client.dag_run(copy.name, run_id)["state"])) not in ("success", "failed"):
            if self.watch is not None:
                self.watch.look()
            if time.monotonic() - began > GIVE_UP_AFTER:
                raise DemoError(f"The refresh of {copy.name} does not end: it is {state}.")
            time.sleep(0.3)
        return state, time.monotonic() - began, run_id

    def _tracks(self, copy: Copy, since: int) -> None:
        rows = [("sync", "pair", "tracks", "recreate moved", "activate moved", "point in time", "frozen")]
        for sync, tracks in moved(self.lab, copy, since).items():
            pair = f"{SOURCES[SYNCS[sync]]} > {copy.targets[SYNCS[sync]]}"
            counts = (str(tracks.total), str(tracks.recreate), str(tracks.activate))
            rows.append((sync, pair, *counts, _clock(tracks.point_in_time), " ".join(tracks.frozen)))
        self._print(*_indent(align(rows, {2, 3, 4})))

    def _proven(self, copy: Copy, proof: Proof) -> None:
        held = proof.held.count if proof.held else 0
        self._print(
            f"  transactions: {proof.committed} committed by now, {proof.promised} before the WAL switch; "
            f"{copy.name} holds {held}",
            f"  replayed from archived WAL alone: {proof.replayed}; "
            f"proven: {proof.promised - proof.lost} of {proof.promised}, none missing in between"
            if not proof.problems()
            else f"  NOT proven: {'; '.join(proof.problems())}",
            "",
        )


def _indent(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S.%f")[:-3]
