"""Who is told of a run that failed or is late, with what, and what a run's end is measured by."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseNotifier
from airflow.sdk.observability import stats

from clones.runs.result import RunResult
from reporting import alerts
from reporting.metrics import measure
from tests.conftest import SERVICES
from tests.dags.conftest import dags

SENT: list[dict[str, Any]] = []


class Notifier(BaseNotifier):
    """One of the site's own, as it stands in its plugins folder."""

    template_fields = ("subject", "body")

    def __init__(self, to: str, subject: str, body: str) -> None:
        super().__init__()
        self.to, self.subject, self.body = to, subject, body

    def notify(self, context: Any) -> None:
        if self.to == "nobody":
            raise ConnectionError("the mail server is down")
        SENT.append({"to": self.to, "subject": self.subject, "body": self.body})


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(sys.modules, "site_notifier", SimpleNamespace(Notifier=Notifier))  # type: ignore[arg-type]
    SENT.clear()
    path = tmp_path / "services.yaml"
    path.write_text(
        "alerts:\n  notifier: site_notifier.Notifier\n"
        '  arguments: {to: on-call, subject: "{{ alert.subject }}", '
        'body: "{{ alert.text }} [{{ alert.kind }}]"}\n' + SERVICES.read_text()
    )
    return path


def failed_context(config: Path, said: str) -> Any:
    run = SimpleNamespace(dag_id="lnxpp", run_id="manual__2026-11-26T10:00:00+00:00")
    task = SimpleNamespace(service="lnxpp", config=str(config))
    return {"task": task, "dag_run": run, "exception": Exception(said)}


def test_a_failure_says_where_and_what_to_press(config: Path) -> None:
    said = RunResult("stopped", "break.data.activate").text()
    alerts.run_failed(failed_context(config, said))
    (sent,) = SENT
    assert sent["to"] == "on-call"
    assert sent["subject"] == "lnxpp failed. Stopped at break.data.activate."
    lines = sent["body"].splitlines()
    assert lines[0] == sent["subject"] and lines[1] == "Run: manual__2026-11-26T10:00:00+00:00"
    assert lines[2].startswith("What to do: open the log of break.data.activate")
    assert "Clear, Only failed tasks" in lines[2] and sent["body"].endswith("[failed]")


def test_of_a_run_that_its_author_mistyped_nobody_else_is_told(config: Path) -> None:
    mistyped = alerts.MistypedRun("Refused at plan: nothing was changed.")
    alerts.run_failed(failed_context(config, "") | {"exception": mistyped})
    assert SENT == []


def test_a_failure_without_words(config: Path) -> None:
    alerts.run_failed(failed_context(config, "") | {"exception": None})
    assert "said nothing: read its log" in SENT[0]["subject"]


def test_a_late_run(config: Path) -> None:
    """Of the context Airflow hands out the run as its REST API shows it, and the deadline, and no more."""
    context = {"dag_run": {"dag_id": "lnxpp", "dag_run_id": "r1"}, "deadline": {"id": "x"}}
    alerts.run_is_late(context, service="lnxpp", minutes=90, config=str(config))
    (sent,) = SENT
    assert sent["subject"] == "A run of lnxpp has not ended after 90 min."
    assert "What to do: open the run" in sent["body"] and sent["body"].endswith("[late]")


def test_without_a_notifier_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    alerts.run_failed(failed_context(SERVICES, "Stopped at plan: nothing was changed."))
    assert "Stopped at plan" in caplog.text


def test_a_configuration_that_cannot_be_used_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alerts.run_failed(failed_context(tmp_path / "nosuch.yaml", "Stopped at plan."))
    assert "Stopped at plan" in caplog.text and "Not reported" in caplog.text


def test_a_notifier_that_fails_says_so_to_airflow(config: Path) -> None:
    config.write_text(config.read_text().replace("to: on-call", "to: nobody"))
    with pytest.raises(ConnectionError, match="mail server"):
        alerts.run_failed(failed_context(config, "Stopped at plan."))


@pytest.mark.parametrize("minutes", [None, 240])
def test_the_deadline_of_a_dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: int | None) -> None:
    from hooks import configuration

    path = tmp_path / "services.yaml"
    text = SERVICES.read_text()
    if minutes:
        text = text.replace(
            "    sync_max_delay: 11520", f"    sync_max_delay: 11520\n    run_deadline: {minutes}"
        )
    path.write_text(text)
    monkeypatch.setattr(configuration, "CONFIG", str(path))
    module = dags()
    found = module.lnxpp.deadline
    assert module.aastmphpux.deadline in (None, [])
    if minutes is None:
        assert found in (None, [])
        return
    (one,) = found if isinstance(found, list) else [found]
    assert one.interval == timedelta(minutes=minutes)
    assert one.callback.path == "reporting.alerts.run_is_late"
    assert one.callback.kwargs == {"service": "lnxpp", "minutes": minutes, "config": str(path)}


def test_every_dag_tells_of_its_failures() -> None:
    for name in ("clone_services", "clone_provision", "clone_retire"):
        for dag in vars(dags(name)).values():
            if hasattr(dag, "task_dict"):
                assert list(dag.get_task("finish").on_failure_callback) == [alerts.run_failed], dag.dag_id


@pytest.mark.parametrize("tracks", [None, 1200])
def test_what_is_measured(monkeypatch: pytest.MonkeyPatch, tracks: int | None) -> None:
    sent: dict[str, Any] = {}
    for kind in ("incr", "timing", "gauge"):
        monkeypatch.setattr(
            stats, kind, lambda name, *value, tags, kind=kind: sent.update({f"{kind} {name}": (value, tags)})
        )
    run = SimpleNamespace(dag_id="s", run_id="r", start_date=datetime.now(UTC) - timedelta(minutes=5))
    plan = {"estimates": {"data": {"tracks": tracks, "seconds": None, "why": ""}}}
    measure({"dag_run": run}, "s", RunResult("completed before"), plan)  # type: ignore[arg-type]
    tags = {"service": "s", "dag": "s", "result": "completed_before"}
    assert sent["incr symclone.run_ended"] == ((), tags)
    ((took,), tagged) = sent["timing symclone.run_duration"]
    assert tagged == tags and timedelta(minutes=5) <= took < timedelta(minutes=6)
    assert ("gauge symclone.run_tracks" in sent) is (tracks is not None)
