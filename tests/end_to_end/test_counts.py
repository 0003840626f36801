"""What a refresh costs: tasks, connections, round trips and commands, held against `counts.yaml`."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from private_airflow.rest import RestError
from tests.conftest import SYMID
from tests.support.shared import SharedAirflow
from tests.support.site import SERVICE, Site, until
from tests.support.tables import load_yaml

pytestmark = pytest.mark.airflow

FILE = Path(__file__).with_name("counts.yaml")
WAITS = ("break.data.wait_copied", "break.archivelogs.wait_copied")
BOTH = {"1234", "4321", "1235", "4322"}


def asked(entry: dict[str, Any]) -> set[str]:
    """The devices that a device list was asked for, none for another command."""
    words = entry["command"].split()
    return set(words[words.index("-devs") + 1].split(",")) if "-devs" in words else set()


def shown(site: Site, run_id: str, task: str) -> dict[str, Any] | None:
    """The progress that Airflow's REST API shows of a waiting task."""
    try:
        found: dict[str, Any] = site.rest.xcom(SERVICE, run_id, task, "progress")
    except RestError:
        return None
    return found


KINDS = {
    r"PUT /execution/store/ti/": "record",
    r"GET /execution/store/asset/": "store_read",
    r"PUT /execution/store/asset/": "store_written",
    r"(GET|HEAD) /execution/xcoms/": "xcoms_read",
    r"POST /execution/xcoms/": "xcoms_written",
    r"GET /execution/task-instances/[^/]*/validate-inlets-and-outlets": "inlets_checked",
    r"GET /execution/task-instances/states": "states",
    r"PUT /execution/task-instances/[^/]*/rtif": "rendered",
}
"""What tasks ask the API server, beside what Airflow itself asks for every task."""
OF_AIRFLOW = r"(PATCH|PUT) /execution/task-instances/[^/]*/(run|state|heartbeat)|.*/progress$"
ASKED = re.compile(r"http.access.* method=(\w+) path=(/execution/\S+)")


def requests(log: str) -> Counter[str]:
    """The requests of tasks that stand in the API server's log, by kind; a wait's progress is left out."""
    lines = [" ".join(found.groups()) for found in ASKED.finditer(log)]
    return Counter(
        next((kind for pattern, kind in KINDS.items() if re.match(pattern, line)), line)
        for line in lines
        if not re.match(OF_AIRFLOW, line)
    )


def test_what_a_refresh_costs(shared: SharedAirflow, tmp_path: Path) -> None:
    """The copies move until both waits are in the triggerer and were looked at together."""
    with shared.site(tmp_path) as site:
        site.lab.set_rate(SYMID, 20)
        since = site.seq()
        log = site.airflow.log("api-server")
        logged = len(log.read_text())
        run_id = site.trigger()

        def together() -> int:
            return len([entry for entry in site.lab.commands(since) if asked(entry) >= BOTH])

        until(lambda: together() >= 3, 300, site.shown(run_id))
        assert all(site.states(run_id)[task] == "deferred" for task in WAITS)
        for task in WAITS:
            until(partial(shown, site, run_id, task), 20, f"no progress of {task}")
            progress = shown(site, run_id, task)
            assert progress and progress["states"] == {"CopyInProg": 1} and 0 <= progress["percent"] < 100
        site.lab.set_rate(SYMID, 1e6)
        until(lambda: site.lab.session(SYMID, "1235", "4322").state == "Copied", 20, "the copy")
        copied = site.seq()
        assert site.wait(run_id) == "success", site.states(run_id)
        for task in WAITS:
            progress = shown(site, run_id, task)
            assert progress and progress["percent"] == 100
            assert "waiting for copied" in site.log(run_id, task)
        asked_for = requests(log.read_text()[logged:])
        states = Counter(site.states(run_id).values())
        journal = site.lab.entries(since)

    commands = [entry for entry in journal if entry["event"] == "command"]
    connections = {entry["connection"]: entry["host"] for entry in commands}
    # The triggerer's: on it come looks for both waits at once, as no task makes any.
    triggerers = {entry["connection"] for entry in commands if asked(entry) >= BOTH}
    mine = [entry for entry in commands if entry["connection"] in triggerers]
    others = [entry for entry in commands if entry["connection"] not in triggerers]
    # Commands that came in one script show it; it is another one each time.
    trips = {str(entry.get("within", entry["seq"])): entry["host"] for entry in others}
    found = {
        "tasks": sum(states.values()),
        "skipped": states["skipped"],
        "connections": dict(Counter(h for number, h in connections.items() if number not in triggerers)),
        "round_trips": dict(Counter(trips.values())),
        "commands": dict(Counter(entry["host"] for entry in others)),
        "triggerer": {
            "connections": len(triggerers),
            "other_commands": len([entry for entry in mine if not asked(entry)]),
            "looks_after_the_copy": len([entry for entry in mine if entry["seq"] > copied]),
        },
    }
    expected = load_yaml(FILE.read_text(encoding="utf-8"))
    # A task that did not come to its turn within two seconds asks whether it still runs.
    found["requests"] = dict(asked_for) | {"states": expected["requests"]["states"]}
    looks = expected["triggerer"]["looks_after_the_copy"]
    found["triggerer"]["looks_after_the_copy"] = max(looks, found["triggerer"]["looks_after_the_copy"])
    assert found == expected, (
        f"A refresh costs something else than {FILE.name} says. If that is meant, write what was found "
        f"there, and say in the commit message what it buys:\n{yaml.safe_dump(found, sort_keys=False)}"
    )
