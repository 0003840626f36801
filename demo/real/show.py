"""`scripts/demo --real`: an Airflow refreshes a real PostgreSQL while production writes; what came of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TextIO

from demo.progress import align
from demo.real.proof import Proof, prove
from demo.real.site import (
    FILE_SYSTEMS,
    MEGABYTES,
    RIGHT,
    SOURCES,
    SYNCS,
    WRONG,
    Copy,
    Site,
    device_mapper,
    lacking,
)
from demo.real.stage import Stage, conclude, indent, staged
from demo.refresh import DemoError

REFRESHES = 3


def run(folder: Path, out: TextIO, *, port: int | None = None, refreshes: int = REFRESHES) -> int:
    """Show it.

    :param folder: for lab and Airflow; emptied.
    :param port: of Airflow's UI; None: a free one.
    :return: 0 when each refresh held what it had to, and the wrong order lost data; else 1.
    :raises DemoError: this machine lacks something, or it can not go on.
    """
    refuse(lacking())
    site = Site(device_mapper())
    devices(out, {copy.name: copy for copy in (RIGHT, WRONG)}, lvm=site.lvm)
    print(file=out)
    with staged(folder, site, [RIGHT.name, WRONG.name], out, port) as stage:
        shown = Show(stage, site)
        problems = shown.all(refreshes)
    if shown.shows_nothing:
        problems.append("The wrong order lost nothing: this proves nothing.")
    return conclude(stage, problems)


def refuse(found: list[str]) -> None:
    """:raises DemoError: this machine lacks something."""
    if found:
        raise DemoError("The real demonstration needs:\n" + "\n".join(f"  {what}" for what in found))


def devices(out: TextIO, copies: dict[str, Copy], *, lvm: bool, without: str = "") -> None:
    """Print a table of them.

    :param copies: by the heading of their column.
    :param without: why LVM is not used; empty: because this machine has none.
    """
    rows = [("", "on", "megabytes", "file system", "production", *copies)]
    for sync, what in SYNCS.items():
        ends = (SOURCES[what], *(copy.targets[what] for copy in copies.values()))
        rows.append((sync, what, str(MEGABYTES[what]), FILE_SYSTEMS[what], *ends))
    used = (
        "LVM: used, each device is a volume group"
        if lvm
        else f"LVM: not used, {without or 'the kernel has no device-mapper (or lvm2 is not installed)'}"
    )
    lines = ["Devices, each a file on a loop device", *indent([*align(rows, {2}), used])]
    print(*lines, sep="\n", file=out, flush=True)


class Show:
    """Runs refreshes and prints what came of each."""

    def __init__(self, stage: Stage, site: Site) -> None:
        self.stage, self.site = stage, site
        self.shows_nothing = True
        """Whether the wrong order has lost nothing."""

    def all(self, refreshes: int) -> list[str]:
        """Every refresh: what is wrong."""
        stage, problems = self.stage, list[str]()
        for number in range(1, refreshes + 1):
            since = stage.seq()
            ended = stage.run(RIGHT.name)
            stage.print(
                f"Refresh {number} of {RIGHT.name}, {' then '.join(RIGHT.order)}: {ended.state} after "
                f"{ended.seconds:.0f} s"
            )
            stage.tracks(RIGHT, since)
            if ended.state != "success":
                return [
                    *problems,
                    f"Refresh {number} ended as {ended.state}; see {stage.airflow.task_logs}",
                ]
            proof = prove(stage.lab, RIGHT, stage.writer, since)
            stage.print(*proven(RIGHT.name, proof), "")
            problems += [f"Refresh {number}: {problem}" for problem in proof.problems()]
        return problems + self._wrong()

    def _wrong(self) -> list[str]:
        stage = self.stage
        since = stage.seq()
        ended = stage.run(WRONG.name)
        stage.print(
            f"Refresh of {WRONG.name}, {' then '.join(WRONG.order)}: {ended.state} after "
            f"{ended.seconds:.0f} s"
        )
        stage.tracks(WRONG, since)
        if ended.state != "failed":
            return [f"{WRONG.name} started, although its syncs are in the wrong order"]
        log = stage.client.task_log(WRONG.name, ended.run_id, "start.service")
        said = re.search(r"(?:PANIC|FATAL): .*", log)
        if said is None:
            return [f"{WRONG.name} failed, but not at PostgreSQL's start"]
        proof = prove(stage.lab, WRONG, stage.writer, since, runs=False)
        stage.print(f"  PostgreSQL refuses the copy: {said[0].strip()}")
        stage.print(f"  all {proof.lost} transactions committed before the WAL switch are lost")
        self.site.force(stage.lab, WRONG)
        forced = prove(stage.lab, WRONG, stage.writer, since)
        stage.print(
            f"  opened by force (pg_resetwal) it lacks {forced.behind} of the {forced.by_data} transactions "
            "committed before its data's point in time"
        )
        self.shows_nothing = not (proof.lost and forced.behind)
        return []


def proven(name: str, proof: Proof) -> list[str]:
    """The lines that say what a copy holds of production's transactions."""
    held = proof.held.count if proof.held else 0
    return [
        f"  transactions: {proof.committed} committed by now, {proof.promised} before the WAL switch; "
        f"{name} holds {held}",
        f"  replayed from archived WAL alone: {proof.replayed}; "
        f"proven: {proof.promised - proof.lost} of {proof.promised}, none missing in between"
        if not proof.problems()
        else f"  NOT proven: {'; '.join(proof.problems())}",
    ]
