"""The sweep against the lab: what each fault is called, what it costs, and that a change is told once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli import status
from clones.fleet import pair_rows
from clones.fleet.pair_rows import COLUMNS, FEW, keys
from operators.status import CHANGES, FLEET, CloneStatusOperator
from tests.conftest import ONE_ARRAY, ROOT, SERVICES, SYMID, Log, new_context
from tests.support.loaded import run_program

OTHER_ARRAY = "000297600001"
Told = list[dict[str, Any]]


class Sweeps:
    """Sweeps one after the other; the store outlives each."""

    def __init__(self, context: dict[str, Any]) -> None:
        self.stores = context["asset_state_store"]
        self.running: dict[str, int] = {}
        self.tasks: dict[tuple[str, str], str] = {}

    def __call__(self, config: str = str(SERVICES)) -> Told:
        """One sweep: what it tells."""
        context = new_context() | {"asset_state_store": self.stores}
        context["ti"].get_dr_count = lambda dag_id, states=None: (
            self.running.get(dag_id, 0) if states == ["running"] else 0
        )
        context["ti"].tasks_of_dags = self.tasks
        CloneStatusOperator(task_id="sweep", config=config).execute(context)  # type: ignore[arg-type]
        events = context["outlet_events"][CHANGES].asset_alias_events
        assert all(event.dest_asset_key.name == FLEET.name for event in events)
        return [event.extra for event in events]

    @property
    def kept(self) -> dict[str, Any]:
        return {
            name: dict(record)
            for name, record in self.stores[FLEET].items()
            if name != "clone_status" and "/" not in name
        }

    @property
    def pairs(self) -> dict[str, list[list[Any]]]:
        """By service and sync; few stand in the record, many under keys of their own."""
        return {
            f"{name}/{sync}": one["pairs"].get("rows")
            or [
                row
                for key in keys(name, sync, one["pairs"]["count"])
                for row in self.stores[FLEET].get(key, [])
            ]
            for name, record in self.kept.items()
            for sync, one in record["syncs"].items()
            if one["pairs"]
        }


@pytest.fixture
def sweep(lab: Any, context: dict[str, Any]) -> Sweeps:
    return Sweeps(context)


def statuses(told: Told) -> list[tuple[str, str, str]]:
    return [(one["service"], one["was"], one["status"]) for one in told]


@pytest.mark.on_each_array
def test_all_up_and_what_it_costs(lab: Any, sweep: Sweeps, log: Log) -> None:
    """Two arrays behind one control host, every device pinned: two commands over one connection."""
    before = lab.sessions()
    assert sweep() == []
    sent = lab.commands()
    assert len(sent) == 2 and all("symdev -sid" in entry["command"] for entry in sent)
    assert len([entry for entry in lab.journal if entry["event"] == "connect"]) == 1
    assert lab.sessions() == before
    assert "0 down, 0 unknown, 0 warn, 3 up" in log.text
    assert {name: record["status"] for name, record in sweep.kept.items()} == {
        "aastmphpux": "up",
        "lnxpp": "up",
        "reporting_copies": "up",
    }
    data = sweep.kept["lnxpp"]["syncs"]["data"]
    assert data["status"] == "up" and data["point_in_time"] and data["last_action"]


def test_one_that_grows_too_old_is_told_once_with_what_to_press(lab: Any, sweep: Sweeps, log: Log) -> None:
    assert sweep() == []
    lab.advance(2 * 3600)
    (told,) = sweep()
    assert (told["service"], told["was"], told["status"]) == ("aastmphpux", "up", "warn")
    assert "more than" in told["why"] and "with action refresh" in told["press"]
    assert told["text"] in log.text
    kept = sweep.kept
    assert sweep() == [] and sweep.kept == kept, "nothing changed but ages"
    # The copies are made anew.
    for source, target in (("1234", "4321"), ("1235", "4322")):
        lab.set_last_action(SYMID, source, target, 60)
    (back,) = sweep()
    assert (back["service"], back["was"], back["status"]) == ("aastmphpux", "warn", "up")


@ONE_ARRAY
def test_torn_failed_and_no_session(lab: Any, sweep: Sweeps) -> None:
    sweep()
    lab.set_state(SYMID, "1236", "4323", "PreCopy")
    lab.set_state(SYMID, "1235", "4322", "Failed")
    lab.remove_session(OTHER_ARRAY, "01A12", "01AB6")
    told = {one["service"]: one for one in sweep()}
    assert {name: (one["was"], one["status"]) for name, one in told.items()} == dict.fromkeys(
        ("aastmphpux", "lnxpp", "reporting_copies"), ("up", "down")
    )
    assert "torn" in told["reporting_copies"]["why"] and "refresh" in told["reporting_copies"]["press"]
    assert "1235 -> 4322" in told["aastmphpux"]["why"] and "storage team" in told["aastmphpux"]["press"]
    assert "sync archivelogs" in told["lnxpp"]["why"] and "lnxpp_provision" in told["lnxpp"]["press"]
    assert sweep() == []


@ONE_ARRAY
def test_an_array_that_does_not_answer(lab: Any, sweep: Sweeps) -> None:
    """Its services are unknown since then, not down; the other array's are seen."""
    sweep()
    known = sweep.kept["aastmphpux"]["syncs"]["data"]["point_in_time"]
    lab.fault("cut_before", host="symcli_demo", match=f"symdev -sid {SYMID}")
    told = sweep()
    assert statuses(told) == [("aastmphpux", "up", "unknown"), ("reporting_copies", "up", "unknown")]
    assert all("the retry" in one["press"] for one in told)
    since = sweep.kept["aastmphpux"]["since"]
    assert sweep() == []
    assert sweep.kept["aastmphpux"]["since"] == since
    assert sweep.kept["aastmphpux"]["syncs"]["data"]["point_in_time"] == known
    assert sweep.kept["lnxpp"]["status"] == "up"
    lab.clear_faults()
    assert statuses(sweep()) == [("aastmphpux", "unknown", "up"), ("reporting_copies", "unknown", "up")]


@ONE_ARRAY
def test_a_record_that_cannot_be_followed_keeps_no_other_from_being_told(
    lab: Any, sweep: Sweeps, log: Log
) -> None:
    sweep()
    sweep.stores[FLEET].set("aastmphpux", {"status": "warn", "syncs": {"data": {"status": "warn"}}})
    lab.remove_session(OTHER_ARRAY, "01A12", "01AB6")
    told = {one["service"]: one for one in sweep()}
    assert set(told) == {"aastmphpux", "lnxpp"} and told["lnxpp"]["status"] == "down"
    assert told["aastmphpux"]["status"] == "unknown" and "KeyError: 'since'" in told["aastmphpux"]["why"]
    assert "report this error" in told["aastmphpux"]["press"]
    assert "Service aastmphpux is unknown: the sweep could not continue with it" in log.text
    assert statuses(sweep()) == [("aastmphpux", "unknown", "up")], "its record is made again"


@ONE_ARRAY
def test_a_control_host_that_is_down(lab: Any, sweep: Sweeps) -> None:
    lab.fault("down", host="symcli_demo")
    told = sweep()
    assert statuses(told) == [
        ("aastmphpux", "", "unknown"),
        ("lnxpp", "", "unknown"),
        ("reporting_copies", "", "unknown"),
    ]
    assert "cannot be reached over SSH" in told[0]["text"]


@ONE_ARRAY
def test_what_a_run_passes_through_is_not_told(lab: Any, sweep: Sweeps, log: Log) -> None:
    sweep()
    lab.set_state(SYMID, "1236", "4323", "PreCopy")
    lab.set_state(SYMID, "1235", "4322", "RestInProg")
    sweep.running = {"reporting_copies": 1, "aastmphpux_merge_back": 1}
    assert sweep() == []
    assert [sweep.kept[name]["status"] for name in ("reporting_copies", "aastmphpux")] == ["up", "up"]
    assert sweep.pairs["reporting_copies/warehouse"][0][3] == "PreCopy", "its pairs are as they are"
    written = dict(sweep.pairs)
    assert sweep() == [] and sweep.pairs == written
    assert "reporting_copies is down, and a run of it is in progress: not reported" in log.text
    sweep.running = {"lnxpp": 1}
    assert statuses(sweep()) == [("aastmphpux", "up", "down"), ("reporting_copies", "up", "down")]


@ONE_ARRAY
def test_a_service_that_left_the_configuration_is_forgotten(lab: Any, sweep: Sweeps, tmp_path: Path) -> None:
    sweep()
    shorter = tmp_path / "services.yaml"
    shorter.write_text(SERVICES.read_text().split("  # Only syncs")[0])
    assert sweep(str(shorter)) == []
    assert sorted(sweep.kept) == ["aastmphpux", "lnxpp"]
    assert {key.split("/")[0] for key in sweep.pairs} == {"aastmphpux", "lnxpp"}


@ONE_ARRAY
@pytest.mark.parametrize("few", [FEW, 3], ids=["few", "many"])
def test_pairs_are_written_when_they_changed(
    lab: Any, sweep: Sweeps, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(pair_rows, "FEW", few)
    sweep()
    (row,) = sweep.pairs["aastmphpux/data"]
    shown = dict(zip(COLUMNS, row, strict=True))
    assert (shown["source"], shown["target"], shown["state"], shown["wrong"]) == (
        "1234",
        "4321",
        "Copied",
        "",
    )
    assert shown["pair"] == "DEV001 -> CLONE001" and shown["last_action"]
    assert sweep.pairs["lnxpp/data"][0][:3] == ["01A10 -> 01AB4", "01A10", "01AB4"]
    written: list[str] = []
    store = type(sweep.stores[FLEET])
    keep = store.set
    monkeypatch.setattr(store, "set", lambda self, key, value: (written.append(key), keep(self, key, value)))
    sweep()
    assert written == ["clone_status"]
    lab.set_state(SYMID, "1235", "4322", "CopyInProg", protected=200000)
    sweep()
    keyed = ["pairs/lnxpp/data/0"] * (few == 3)
    assert [key for key in sweep.stores[FLEET] if key.startswith("pairs/")] == keyed
    assert written[1:] == ["aastmphpux", "clone_status"]
    lab.fault("cut_before", host="symcli_demo", match=f"symdev -sid {SYMID}")
    before = sweep.pairs
    sweep()
    assert sweep.pairs == before, "what could not be seen is kept"
    lab.clear_faults()
    lab.remove_session(SYMID, "1235", "4322")
    sweep()
    assert sweep.pairs["aastmphpux/archivelogs"][0][3] == "none"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Turns the sweep's own clock, by minutes."""
    from operators import status as operator

    now = [datetime(2026, 11, 28, 2, tzinfo=UTC)]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return now[0]

    monkeypatch.setattr(operator, "datetime", Clock)

    def turn(minutes: int) -> None:
        now[0] += timedelta(minutes=minutes)

    return turn


@ONE_ARRAY
@pytest.mark.parametrize(
    ("states", "pool"),
    [
        ({("aastmphpux", "resync.data.recreate"): "scheduled"}, "symclone_array_000190101234"),
        ({("aastmphpux", "start.service"): "scheduled"}, "symclone_host_aastmphpux"),
        ({("aastmphpux_retire", "remove.data"): "scheduled"}, "symclone_array_000190101234"),
        (
            # The array's pool is full; that of the host has nobody in it, and nobody who waits.
            {
                ("aastmphpux", "resync.data.recreate"): "scheduled",
                ("reporting_copies", "resync.warehouse.recreate"): "running",
            },
            "",
        ),
        (
            {
                ("aastmphpux", "start.service"): "scheduled",
                ("reporting_copies", "resync.warehouse.recreate"): "running",
            },
            "symclone_host_aastmphpux",
        ),
        ({("aastmphpux", "resync.data.recreate"): "deferred"}, ""),
        ({("aastmphpux", "plan"): "scheduled"}, ""),
    ],
)
def test_a_pool_that_gives_no_place_is_told_once(
    lab: Any,
    sweep: Sweeps,
    clock: Callable[[int], None],
    caplog: pytest.LogCaptureFixture,
    states: dict[tuple[str, str], str],
    pool: str,
) -> None:
    """Whatever is in it waits for ever, and Airflow tells nobody."""
    sweep.tasks = states
    for _ in range(2):
        sweep()
        clock(5)
    assert "have waited" not in caplog.text
    sweep()
    (dag_id, _) = next(iter(states))
    said = f"Tasks of {dag_id} have waited for 10 min for a place in pool {pool}, in which none of ours runs."
    assert (said in caplog.text) is bool(pool) and ("have waited" in caplog.text) is bool(pool)
    caplog.clear()
    clock(60)
    sweep()
    assert "have waited" not in caplog.text, "it is told once"


@ONE_ARRAY
def test_without_limits_nothing_is_asked_of_pools(lab: Any, sweep: Sweeps, tmp_path: Path) -> None:
    path = tmp_path / "services.yaml"
    path.write_text(SERVICES.read_text().replace("limits:", "# limits:"))
    sweep(str(path))
    assert "pools" not in sweep.stores[FLEET]["clone_status"]
    sweep()
    assert "pools" in sweep.stores[FLEET]["clone_status"]


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str, str], float]:
    from airflow.sdk.observability import stats

    sent: dict[tuple[str, str, str], float] = {}

    def gauge(name: str, value: float, tags: dict[str, str]) -> None:
        sent[name, tags["service"], tags["sync"]] = value

    monkeypatch.setattr(stats, "gauge", gauge)
    return sent


@ONE_ARRAY
def test_gauges(lab: Any, sweep: Sweeps, metrics: dict[tuple[str, str, str], float]) -> None:
    lab.set_state(SYMID, "1235", "4322", "Failed")
    sweep()
    assert metrics["symclone.copy_age", "aastmphpux", "data"] == pytest.approx(26 * 3600, abs=60)
    assert metrics["symclone.copy_status", "aastmphpux", "archivelogs"] == 2
    assert ("symclone.copy_age", "aastmphpux", "archivelogs") not in metrics


def run_script(*options: str) -> tuple[int, str]:
    """As `scripts/status` runs it."""
    done = run_program("cli.status", *options)
    return done.returncode, done.stdout


def run_anew() -> tuple[int, str]:
    """The same in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.status"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout


@pytest.mark.root_login("a process of its own reads services.yaml by itself")
@pytest.mark.over_ssh
@ONE_ARRAY
def test_from_the_command_line(lab: Any) -> None:
    code, said = run_anew()
    lines = said.splitlines()
    assert code == 0 and lines[0] == "UP: 0 down, 0 unknown, 0 warn, 3 up"
    assert lines[1].startswith("UP       aastmphpux: sync data: 1 d 2 h old")
    assert lines[2].strip().startswith("up       data: 20") and "1 d 2 h of 1 d 3 h" in lines[2]

    lab.set_last_action(OTHER_ARRAY, "01A12", "01AB6", 10 * 86400)
    lab.set_state(SYMID, "1234", "4321", "CopyInProg", protected=200000)
    code, said = run_script("--json")
    shown = json.loads(said)
    assert (code, shown["code"], shown["status"]) == (1, 1, "warn")
    assert [one["service"] for one in shown["services"]] == ["lnxpp", "aastmphpux", "reporting_copies"]
    assert shown["services"][0]["syncs"][1]["age"] > shown["services"][0]["syncs"][1]["sync_max_delay"]
    assert 0 < shown["services"][1]["syncs"][0]["percent"] < 100

    lab.fault("exit", host="symcli_demo", match=f"symdev -sid {SYMID}", exit=3)
    code, said = run_script()
    assert code == 3 and said.startswith("UNKNOWN: 0 down, 2 unknown, 1 warn, 0 up")

    lab.remove_session(OTHER_ARRAY, "01A12", "01AB6")
    code, said = run_script()
    assert code == 2 and said.splitlines()[1].startswith("DOWN     lnxpp: sync archivelogs: 01A12 -> 01AB6")
    code, said = run_script("--service", "aastmphpux")
    assert code == 3 and "lnxpp" not in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--service", "wharehouse"), "UNKNOWN: "),
        (("--nonsense",), ""),
    ],
)
def test_what_cannot_be_asked_is_unknown(options: tuple[str, ...], says: str) -> None:
    code, said = run_script(*options)
    assert code == 3 and said.startswith(says)


@pytest.mark.parametrize(
    ("raises", "says"),
    [(OSError("no more files"), "UNKNOWN: OSError: no more files"), (None, "UNKNOWN: 0 down")],
)
def test_what_breaks_it_and_no_service_at_all_are_unknown(
    raises: Exception | None, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def look(config: str, service: str | None, *, level: int) -> list[Any]:
        if raises is not None:
            raise raises
        return []

    monkeypatch.setattr(status, "look_at_copies", look)
    monkeypatch.setattr(sys, "argv", ["status"])
    assert status.main() == 3
    assert capsys.readouterr().out.startswith(says)
