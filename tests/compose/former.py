"""The release before this one, and what its runs waited for when it was taken down."""

from __future__ import annotations

import io
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from private_airflow.rest import AirflowRest
from tests.compose.project import MANY, RELEASE, Project
from tests.conftest import ROOT, SYMID
from tests.support.site import SERVICE, has_dag, until

COMMIT = "2a8db1c5ed0907b456779700f1cd9fa0547a130a"
"""Its commit. The history must be there: a shallow clone does not do."""
ONE_ARRAY, BY_NUMBER = "reporting_copies", "lnxpp"
RETRIED, STOPPED = MANY.names
DAGS = (SERVICE, f"{SERVICE}_provision", ONE_ARRAY, BY_NUMBER, f"{BY_NUMBER}_merge_back", RETRIED, STOPPED)
SLOW, FAST = 20, 13000
"""Tracks a second: a copy takes hours, or seconds."""


def former_release(folder: Path) -> None:
    """Put it into a folder.

    :raises RuntimeError: this clone does not have it.
    """
    words = ["git", "-c", "safe.directory=*", "archive", "--format=tar", COMMIT, *RELEASE]
    done = subprocess.run(words, cwd=ROOT, capture_output=True)
    if done.returncode:
        raise RuntimeError(
            f"The former release, commit {COMMIT}, is not here: {done.stderr.decode().strip()}\n"
            "What to do: fetch the whole history, with `git fetch --unshallow`"
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


@dataclass
class Waiting:
    """One run at each place where a run can wait, when the former release is taken down.

    :attr:`runs` has the run of each DAG, :attr:`seen` the secrets that a command line showed at the upgrade.
    """

    project: Project
    runs: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Bring all of them there."""
        with self.project.client("admin") as admin:
            for dag in DAGS:
                until(lambda: has_dag(admin, dag), 600, f"{dag} was not parsed")  # noqa: B023
                admin.unpause(dag)
        lab = self.project.lab
        lab("set_rate", symid=SYMID, tracks_per_second=SLOW)
        lab("fault", kind="delay", host=STOPPED, match=r"\bumount\b", seconds=3600, count=1)
        lab("fault", kind="exit", host="control", match="-noprompt recreate", exit=19, count=1)
        with self.project.client("operator") as rest:
            self._trigger(rest, SERVICE, "refresh")
            self._trigger(rest, STOPPED, "refresh")
            stopped = rest.trigger(BY_NUMBER, {"action": "stop", "reason": "to be merged back"})
            for sync in ("data", "archivelogs"):
                self.reaches(rest, SERVICE, f"break.{sync}.wait_copied", "deferred")
            self._trigger(rest, f"{SERVICE}_provision")
            lab("set_switch", symid=SYMID, name="create_seconds", value=7200)
            self._trigger(rest, ONE_ARRAY, "resync")
            until(lambda: rest.dag_run(BY_NUMBER, stopped)["state"] == "success", 600, "it is not stopped")
            self._trigger(rest, f"{BY_NUMBER}_merge_back")
            self.reaches(rest, ONE_ARRAY, "resync.warehouse.recreate", "deferred")
            self.reaches(rest, f"{SERVICE}_provision", "plan", "deferred")
            self.reaches(rest, f"{BY_NUMBER}_merge_back", "approve", "awaiting_input")
            self._trigger(rest, RETRIED, "refresh")
            self.reaches(rest, STOPPED, "stop.service", "running")
            self.reaches(rest, RETRIED, "resync.sync1.recreate", "up_for_retry")

    def end_release(self) -> None:
        """The worker dies amid its task, whose command comes through then."""
        until(
            lambda: any(one["event"] == "fault" and one["kind"] == "delay" for one in self.project.journal()),
            60,
            "the command of the stop was not sent",
        )
        self.project.compose("kill", "airflow-worker")
        self.project.lab("clear_faults", id=None)

    def let_copies_end(self) -> None:
        lab = self.project.lab
        lab("set_rate", symid=SYMID, tracks_per_second=FAST)
        lab("set_switch", symid=SYMID, name="create_seconds", value=0)
        lab("advance", seconds=7200)

    def reaches(self, rest: AirflowRest, dag: str, task: str, state: str) -> None:
        def states() -> dict[str, str]:
            return {one["task_id"]: str(one["state"]) for one in rest.task_instances(dag, self.runs[dag])}

        until(lambda: states()[task] == state, 600, lambda: f"{task} is not {state}: {states()}")

    def _trigger(self, rest: AirflowRest, dag: str, action: str | None = None) -> None:
        conf = {"reason": "to be waiting at the upgrade", **({"action": action} if action else {})}
        self.runs[dag] = rest.trigger(dag, conf)
