"""One refresh, watched until it ends, and judged by what the lab shows then."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from clones.config import Service
from demo.accounting import Account, Sampler, account
from demo.outcome import Copy, copied, copy_problems, copy_table, rewind_problems, service_states
from demo.progress import Progress, Timeline, align
from demo.watch import Watch
from lab import Client, LabError
from private_airflow.instance import LocalAirflow
from private_airflow.lab import LocalLab
from private_airflow.processes import tail
from private_airflow.rest import AirflowRest, RestError

LOOK_EVERY = 0.3  # seconds between two looks at the run and at the array
GIVE_UP_AFTER = 60  # looks in a row that Airflow does not answer: its API server may be started again
STATUS = "clone_status"
REASON = "demonstration"


class DemoError(RuntimeError):
    """The demonstration cannot go on; the message says why and where to look."""


def await_dag(airflow: LocalAirflow, client: AirflowRest, name: str, timeout: float = 60.0) -> None:
    """:raises DemoError: when Airflow has not read the service's DAG in `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        try:
            client.dag(name)
            return
        except RestError as error:
            if error.status != 404:
                raise
        if time.monotonic() > end:
            errors = "\n".join(str(found["stack_trace"]) for found in client.import_errors())
            log = airflow.log("dag-processor")
            raise DemoError(
                f"Airflow has no DAG {name} after {timeout:.0f} s. "
                + (f"Its files cannot be read:\n{errors}" if errors else f"See {log}.")
            )
        time.sleep(0.2)


def sweep(airflow: LocalAirflow, timeout: float = 60.0) -> bool:
    """Unpause the look at all copies, and have one at once, so that the board and status know them.

    :return: whether it was done within `timeout` seconds.
    """
    end = time.monotonic() + timeout
    with airflow.client() as client:
        await_dag(airflow, client, STATUS, timeout)
        client.unpause(STATUS)
        run_id = client.trigger(STATUS)
        while time.monotonic() < end:
            state = client.dag_run(STATUS, run_id)["state"]
            if state in ("success", "failed"):
                return bool(state == "success")
            time.sleep(LOOK_EVERY)
    return False


@dataclass
class Refresh:
    """One run of a service's DAG in a running Airflow, on a running lab.

    :param former: of a rewind, the points in time to which the copies are to go back.
    """

    airflow: LocalAirflow
    lab: LocalLab
    name: str
    service: Service
    copies: list[Copy]
    out: TextIO
    former: Mapping[Copy, float] | None = None

    def run(self) -> list[str]:
        """Trigger, watch, and report.

        :return: what is wrong afterwards; [] when the refresh did what it should.
        :raises DemoError: when Airflow or the lab cannot be watched any longer.
        """
        try:
            return self._run()
        except (LabError, OSError) as error:
            log = self.lab.log
            raise DemoError(f"The lab does not answer: {error}. {log} ends:\n{tail(log, 15)}") from error

    def _run(self) -> list[str]:
        with self.airflow.client() as client, Client(*self.lab.control) as lab:
            await_dag(self.airflow, client, self.name)
            client.unpause(self.name)
            since = lab.now()
            timeline = Timeline(time.time())
            copying = Sampler()
            action = "refresh" if self.former is None else "rewind"
            run_id = client.trigger(self.name, {"action": action, "reason": REASON})
            state, ended = self._watch(client, lab, run_id, timeline, copying)
            problems = [] if state == "success" else [f"The run ended as {state}."]
            if self.former is None:
                problems += copy_problems(self.copies, lab, since)
            else:
                problems += rewind_problems(self.copies, lab, self.former)
            states = service_states(self.service, lab)
            problems += [f"{what}: {how}" for what, how, up in states if not up]
            spent = account(self.lab.journal(), copying.intervals, timeline.triggered, ended)
            self._report(timeline, spent, copy_table(self.copies, lab), states)
            if problems:
                self._show_failure(client, run_id, timeline)
            return problems

    def _watch(
        self, client: AirflowRest, lab: Client, run_id: str, timeline: Timeline, copying: Sampler
    ) -> tuple[str, float]:
        """Show progress until the run ends: its state, and when it ended."""
        missed = 0
        with _closing(Progress(self.out, timeline)) as progress:
            watch = Watch(self.airflow, lambda text: progress.note(text, time.time()), time.monotonic)
            while True:
                now = time.time()
                self._see_parts(watch)
                percents = copied(self.copies, lab)
                copying.look(now, bool(percents))
                try:
                    run = client.dag_run(self.name, run_id)
                    progress.update(client.task_instances(self.name, run_id), percents, now)
                    missed = 0
                except RestError as error:
                    missed += 1
                    if missed >= GIVE_UP_AFTER:
                        raise DemoError(f"Airflow does not answer any more: {error}") from error
                else:
                    if run["state"] in ("success", "failed"):
                        return run["state"], datetime.fromisoformat(run["end_date"]).timestamp()
                time.sleep(LOOK_EVERY)

    def _see_parts(self, watch: Watch) -> None:
        """What has ended is started again."""
        watch.look()
        for component in watch.given_up:
            log = self.airflow.log(component)
            raise DemoError(f"Airflow's {component} does not stay up; {log} ends:\n{tail(log, 15)}")

    def _report(
        self, timeline: Timeline, spent: Account, copies: list[str], states: list[tuple[str, str, bool]]
    ) -> None:
        host = self.service.hosts[0].connection if self.service.hosts else ""
        resources = align([(what, how) for what, how, _ in states]) if states else []
        for title, lines in (
            ("Timeline, from the trigger", timeline.table()),
            ("Where the time went", spent.lines()),
            (f"The copies of {self.name}", copies),
            (f"{self.name} on {host}", resources),
        ):
            if lines:
                self._section(title, lines)

    def _show_failure(self, client: AirflowRest, run_id: str, timeline: Timeline) -> None:
        """The log of the step that failed first."""
        failed = timeline.failed()
        if not failed:
            return
        step = failed[0]
        path = self.airflow.task_log(self.name, run_id, step.task, step.tries)
        try:
            lines = client.task_log(self.name, run_id, step.task, step.tries).splitlines()[-30:]
        except RestError:
            lines = tail(path, 30).splitlines()
        self._section(f"{step.task} failed first. The end of its log, {path}", lines)

    def _section(self, title: str, lines: list[str]) -> None:
        print(f"\n{title}", *(f"  {line}".rstrip() for line in lines), sep="\n", file=self.out, flush=True)


@contextmanager
def _closing(progress: Progress) -> Iterator[Progress]:
    try:
        yield progress
    finally:
        progress.close()
