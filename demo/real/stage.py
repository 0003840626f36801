"""What every real demonstration has: a lab, production that writes, an Airflow, and runs that are printed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TextIO

import yaml

from demo.progress import align
from demo.real.ledger import Writer, database
from demo.real.proof import moved
from demo.real.site import PRODUCTION, SOURCES, SYNCS, Copy, make_production
from demo.refresh import DemoError, await_dag
from demo.watch import Watch
from lab import Lab
from private_airflow.instance import LocalAirflow
from private_airflow.lab import ROOT
from private_airflow.rest import AirflowRest

GIVE_UP_AFTER = 300.0


class OfStage(Protocol):
    """The two configurations of a site: the lab's, and `services.yaml`."""

    def lab(self) -> dict[str, Any]: ...

    def services(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Ended:
    """How a run has ended: its state, seconds from its trigger, and its id."""

    state: str
    seconds: float
    run_id: str


@dataclass
class Stage:
    """A running lab and Airflow, and where what happens is printed."""

    lab: Lab
    airflow: LocalAirflow
    client: AirflowRest
    writer: Writer
    out: TextIO

    def __post_init__(self) -> None:
        self.watch = Watch(self.airflow, self.print, time.monotonic)

    def print(self, *lines: str) -> None:
        print(*lines, sep="\n", file=self.out, flush=True)

    def seq(self) -> int:
        """The number of the journal's newest entry."""
        return int(self.lab.journal[-1]["seq"])

    def run(self, service: str, action: str = "refresh", **words: str) -> Ended:
        """Trigger the action, and wait until its run has ended.

        :param words: further fields of the form.
        :raises DemoError: it does not end.
        """
        began = time.monotonic()
        run_id = self.client.trigger(service, {"action": action, "reason": "demonstration", **words})
        while (state := str(self.client.dag_run(service, run_id)["state"])) not in ("success", "failed"):
            self.watch.look()
            if time.monotonic() - began > GIVE_UP_AFTER:
                raise DemoError(f"The {action} of {service} does not end: it is {state}.")
            time.sleep(0.3)
        return Ended(state, time.monotonic() - began, run_id)

    def tracks(self, copy: Copy, since: int) -> None:
        """Print what moved to a copy, by sync."""
        rows = [("sync", "pair", "tracks", "recreate moved", "activate moved", "point in time", "frozen")]
        for sync, tracks in moved(self.lab, copy, since).items():
            pair = f"{SOURCES[SYNCS[sync]]} > {copy.targets[SYNCS[sync]]}"
            counts = (str(tracks.total), str(tracks.recreate), str(tracks.activate))
            rows.append((sync, pair, *counts, clock(tracks.point_in_time), " ".join(tracks.frozen)))
        self.print(*indent(align(rows, {2, 3, 4})))


@contextmanager
def staged(
    folder: Path, site: OfStage, services: Sequence[str], out: TextIO, port: int | None
) -> Iterator[Stage]:
    """Everything runs, production writes, and the services' DAGs are unpaused.

    :param folder: for lab and Airflow; emptied.
    :param port: of Airflow's UI; None: a free one.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / "services.yaml"
    path.write_text(yaml.safe_dump(site.services(), sort_keys=False))
    with Lab(site.lab(), directory=folder / "lab", services=path) as lab:
        make_production(lab)
        with (
            _airflow(folder / "airflow", lab, path, port) as (airflow, client),
            Writer(database(lab, PRODUCTION)) as writer,
        ):
            for name in services:
                await_dag(airflow, client, name)
                client.unpause(name)
            yield Stage(lab, airflow, client, writer, out)


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


def conclude(stage: Stage, problems: Sequence[str]) -> int:
    """Print where to look and what is wrong: the exit code."""
    stage.print(
        "\nWhere to look",
        f"  task logs      {os.path.relpath(stage.airflow.task_logs)}",
        f"  lab's journal  {os.path.relpath(stage.lab.journal_path)}: every command, and the tracks that it "
        "moved",
        *(["\nFAILED:", *indent(problems)] if problems else ["\nAll shown."]),
    )
    return 1 if problems else 0


def indent(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def clock(moment: float) -> str:
    """Of epoch seconds, the time of day in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S.%f")[:-3]
