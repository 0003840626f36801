"""A private Airflow home for the whole session, and the lab with its connections for each test.

The environment is set before anything imports Airflow.
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import dropwhile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest

from clones.asking.fence import PUT, RUN
from clones.asking.whole_answers import END
from clones.backends.symclone.commands import ENVIRONMENT, WITH_PAIR_FILE
from clones.become import KINDS, Become
from tests.support.missing import pytest_runtest_makereport  # noqa: F401
from tests.support.tables import load_yaml
from tests.support.workers import (  # noqa: F401
    pytest_collection_modifyitems,
    pytest_configure_node,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)

_HOME = Path(tempfile.mkdtemp(prefix="symclone-tests-"))
(_HOME / "none").mkdir()
os.environ |= {
    "AIRFLOW_HOME": str(_HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(_HOME / "none"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(_HOME / "none"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "SYMCLONE_INSTALLATION_ID": "of-the-tests",
    "AIRFLOW_VAR_SYMCLONE_POOLS": " ".join(
        f"symclone_{name}"
        for name in ("array_000190101234", "array_000297600001", "host_aastmphpux", "host_lnxpp01")
    ),
}
# How many examples a property is tried on: before each commit, where CI is set, and with
# `--hypothesis-profile=thorough`.
hypothesis.settings.register_profile("commit", max_examples=50)
hypothesis.settings.register_profile(
    "ci", parent=hypothesis.settings.get_profile("default"), max_examples=200
)
hypothesis.settings.register_profile("thorough", max_examples=500)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "commit")
MIGRATED = _HOME / "migrated.db"
"""An empty database of Airflow's, from which those on SQLite begin; the first one makes it."""
ROOT = Path(__file__).parents[1]
SERVICES = ROOT / "config" / "services.yaml"
SYMID = "000190101234"
"""The array of service aastmphpux."""
TWO_SETS = ROOT / "docs" / "examples" / "two_sets.yaml"
"""Services with two target sets: `lnxts`, `hpxts` and `sunts`, in use on set a."""
TWO_SETS_LAB = ROOT / "lab" / "two_sets.yaml"
"""The lab that has what they need."""
POWERMAX = ROOT / "docs" / "examples" / "powermax.yaml"
"""Services with SnapVX: `pm`, which copies, and `reports`, which does not."""
POWERMAX_LAB = ROOT / "lab" / "powermax.yaml"
"""The lab that has what they need, with links that somebody else has made."""


def other_arrays() -> dict[str, dict[str, Any]]:
    """What a real array may do otherwise than the lab's defaults: name -> its switches, all set together.

    In the fewest arrays each setting occurs with which every step of the product is to succeed. Where one is
    to refuse, tests/lab/test_switches_with_the_product.py tries that setting alone.
    """
    from lab.tools import coverage

    usual = coverage.Switches()
    others = {
        name: [x.set for x in switch.settings if x.product == x.create == "success" and x.set != default]
        for name, switch in coverage.table().switches.items()
        for default in [getattr(usual, name)]
    }
    return {
        f"array-{number + 2}": {name: sets[number] for name, sets in others.items() if number < len(sets)}
        for number in range(max(map(len, others.values())))
    }


@pytest.fixture(params=[{}, *other_arrays().values()], ids=["array-1", *other_arrays()])
def arrays(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The demo's configuration of the lab, with arrays that do as they may."""
    from lab.config import load

    config = load().model_dump()
    for array in config["arrays"]:
        array["switches"] |= request.param
    return config


def pytest_configure(config: pytest.Config) -> None:
    from tests.support.sharing import Sharing

    config.pluginmanager.register(Sharing())


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An Airflow that many tests have, one after the other. On SQLite: for one run at a time."""
    from tests.support.shared import SharedAirflow

    with SharedAirflow(tmp_path_factory.mktemp("shared")) as airflow:
        yield airflow


@pytest.fixture(scope="session")
def shared_by_the_disturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same with policies by which tasks die or stand still, as the ledgers of the tests say."""
    from tests.support.shared import disturbed

    with disturbed(tmp_path_factory.mktemp("shared")) as airflow:
        yield airflow


@pytest.fixture(scope="session")
def shared_on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same for many runs at once."""
    from tests.support.shared import SharedAirflow

    env = {
        # How soon the end of a triggerer is noticed: how often it says that it is there, and after how long a
        # silence its waits are taken over. Airflow's defaults are 5 and 30 s.
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    }
    home = tmp_path_factory.mktemp("shared")
    with SharedAirflow(home, postgres=True, parallelism=32, env=env) as airflow:
        yield airflow


ONE_ARRAY = pytest.mark.parametrize("arrays", [{}], indirect=True, ids=["array-1"])
"""For what does not depend on how an array does it."""


@pytest.fixture
def lab(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arrays: dict[str, Any]
) -> Iterator[Any]:
    """The demo's arrays and hosts on a clock that the test turns, and Airflow connections to them.

    Commands go there without SSH, but for what is marked `over_ssh`.
    """
    from lab import Lab
    from tests.support.without_ssh import connect_directly

    ssh = request.node.get_closest_marker("over_ssh") is not None
    directory = tmp_path / "lab"
    with Lab(arrays, directory=directory, clock="manual", services=SERVICES, ports=ssh) as running:
        if ssh:
            connect(monkeypatch, running.connections)
        else:
            connect_directly(monkeypatch, running)
        yield running


@pytest.fixture
def two_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A lab with services of two target sets, `TWO_SETS`, on a clock that the test turns; without SSH.

    Each service is up on set a, whose copies are a day old. Those of set b are two days old and unused.
    """
    from lab import Lab
    from tests.support.without_ssh import connect_directly

    directory = tmp_path / "lab"
    with Lab(TWO_SETS_LAB, directory=directory, clock="manual", services=TWO_SETS, ports=False) as running:
        connect_directly(monkeypatch, running)
        yield running


@pytest.fixture(autouse=True)
def nothing_happened_that_must_not(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Whatever the test did: the journal of every lab that it started is judged once that has stopped."""
    from lab import Lab

    stopped: list[Lab] = []
    stop = Lab.stop

    def remember(lab: Lab) -> None:
        stop(lab)
        stopped.append(lab)

    monkeypatch.setattr(Lab, "stop", remember)
    yield
    for lab in stopped:
        if lab.running is not None:
            judge(lab.running.journal.entries, request.node)


def judge(journal: list[dict[str, Any]], test: pytest.Item) -> None:
    """What a test breaks on purpose, it says: `@pytest.mark.may_break(1, 6)`."""
    from lab.check import findings

    may_break = {number for marker in test.iter_markers("may_break") for number in marker.args}
    found = [finding for finding in findings(journal) if finding.invariant not in may_break]
    assert not found, "the journal shows:\n  " + "\n  ".join(found)


def connect(monkeypatch: pytest.MonkeyPatch, connections: dict[str, Any]) -> None:
    """Define Airflow connections in the environment.

    Airflow masks every secret that its process has ever seen: with those of some thousand labs each new
    connection would take longer than the one before.
    """
    from airflow.sdk._shared.secrets_masker import reset_secrets_masker

    from tests.support.plain_log import write_plainly

    reset_secrets_masker()
    write_plainly()
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))


PREPARED = ("PreCopy", "Recreated")
"""After a recreate, with an array that takes `-precopy` and with one that ignores it."""


class TaskInstance:
    """As much of a running task as the operators ask for."""

    def __init__(self, run_states: dict[str, str] | None = None) -> None:
        self.dag_id, self.run_id, self.task_id = "aastmphpux", "manual__1", "task"
        self.try_number = 1
        self.xcom: dict[str, Any] = {}
        self.run_states = run_states or {}
        self.task_states: dict[str, str] = {}
        """Of the own run, by task."""
        self.tasks_of_dags: dict[tuple[str, str], str] = {}
        """By DAG and task, over all runs."""

    def xcom_push(self, key: str, value: Any) -> None:
        json.dumps(value)  # what a task keeps must be plain JSON
        self.xcom[key] = value

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.xcom.get(key)

    def get_task_states(self, dag_id: str, run_ids: list[str], task_ids: list[str] | None = None) -> Any:
        return {run_id: {self.task_id: "running", **self.task_states} for run_id in run_ids}

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        return self.run_states[run_id]

    def get_dr_count(self, dag_id: str, states: list[str] | None = None) -> int:
        return int(dag_id == self.dag_id and states == ["running"])

    def get_ti_count(self, dag_id: str, states: list[str], task_ids: list[str] | None = None) -> int:
        return sum(
            self.tasks_of_dags[dag, task] in states
            for dag, task in self.tasks_of_dags
            if dag == dag_id and (task_ids is None or task in task_ids)
        )


@pytest.fixture
def context() -> dict[str, Any]:
    return new_context()


def new_context() -> dict[str, Any]:
    """What Airflow hands to a task of run `manual__1`, which user `asker` triggered."""
    from airflow.sdk.execution_time.context import OutletEventAccessors

    run = SimpleNamespace(
        dag_id="aastmphpux",
        run_id="manual__1",
        run_type="manual",
        triggering_user_name="asker",
        data_interval_end=None,
        run_after=datetime.now(UTC),
        clear_number=0,
        conf={},
    )
    return {
        "ti": TaskInstance(),
        "dag_run": run,
        "params": {},
        "asset_state_store": defaultdict(Store),
        "task_state_store": Store(),
        "outlet_events": OutletEventAccessors(),
    }


class Store(dict[str, Any]):
    """Airflow's state store of one task or asset, which outlives the task's tries."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self[key] = json.loads(json.dumps(value))

    def delete(self, key: str) -> None:
        self.pop(key, None)


class Log:
    """What tasks have logged so far. Airflow's task loggers write to stdout, past the standard library's."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self._text = ""

    @property
    def text(self) -> str:
        self._text += self._capture.readouterr().out
        return self._text


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys)


def sent(lab: Any, word: str) -> list[dict[str, Any]]:
    """The journal's commands on the control host that have this word, in order."""
    return [
        entry
        for entry in lab.commands()
        if any(word in words.split("/") for words in carried_out(entry["command"]))
    ]


def carried_out(line: str) -> list[str]:
    """What a host carries out of a command line, behind the fence, the script that writes the pair file, and
    `become`.

    :returns: the program's path and its arguments, without SYMCLI's environment; in place of the pair file
        the pairs that it holds, as ``1234:4321,1235:4322``.
    """
    words = [*_words(line)]
    if words[:3] == ["/bin/sh", "-c", RUN]:
        words = words[6:]  # behind the script: its name, the folder and the token
    if words[:3] == ["/bin/sh", "-c", WITH_PAIR_FILE]:
        path, content = words[5:7]
        words = words[7:]
        pairs = [pair.split() for pair in content.splitlines()]
        words[words.index(path)] = ",".join(f"{source}:{target}" for source, target in pairs)
    if words[:1] == ["env"] and words[1] in ENVIRONMENT:
        words = [*dropwhile(lambda word: word in ENVIRONMENT, words[1:])]
    become = Become.read(words[0]).words if words[:1] and words[0].rpartition("/")[2] in KINDS else ()
    return words[len(become) :] if tuple(words[: len(become)]) == become else words


def typed(line: str) -> str:
    """The same as one line, a program of SYMCLI without its folder."""
    return " ".join(carried_out(line)).removeprefix("/usr/symcli/bin/")


def without_script(line: str) -> str:
    """What a service host carries out, as one line; of a script its name and arguments: its text is fixed."""
    words = carried_out(line)
    return " ".join(word for word in (words[3:] if words[:2] == ["/bin/sh", "-c"] else words) if word)


def puts_token(line: str) -> bool:
    """Whether it changes nothing but which try is the newest on that host."""
    return _words(line)[:3] == ("/bin/sh", "-c", PUT)


@lru_cache(maxsize=1024)
def _words(line: str) -> tuple[str, ...]:
    return tuple(shlex.split(line))


def control(line: str) -> str | None:
    """A control command on a device group's pairs, as `recreate DGCVI`; None for any other command."""
    words = carried_out(line)
    if "-noprompt" not in words:
        return None
    pairs = words[words.index("-f") + 1]
    (group,) = [name for name, held in _groups().items() if set(pairs.split(",")) <= held]
    return f"{words[words.index('-noprompt') + 1]} {group}"


def line_of(short: str) -> str:
    """A regular expression for the command lines that :func:`control` calls so, for faults and moments."""
    action, group = short.split()
    pairs = "|".join(pair.replace(":", " ") for pair in _groups()[group])
    return rf"'(?:{pairs})[^']*' env .* -noprompt {action}\b"


@cache
def _groups() -> dict[str, set[str]]:
    """The device groups of the example configuration, each with its pairs of device numbers."""
    services = load_yaml(SERVICES.read_text())["services"].values()
    return {
        sync["symdg"]: {":".join(end.rpartition("=")[2] for end in pair.split(":")) for pair in sync["pairs"]}
        for service in services
        for sync in service["syncs"]
        if "symdg" in sync
    }


def process_list(*commands: str) -> str:
    """A whole answer to the list of processes: these commands, and the list's own."""
    rows = (
        f"symcli {100 + n} 1 0 06:58 ? 0:00 {one}" for n, one in enumerate((*commands, "/usr/bin/ps -ef"))
    )
    init = "root 1 0 0 06:58 ? 0:00 init"
    return "\n".join(("UID PID PPID C STIME TTY TIME CMD", init, *rows, END, ""))


def perform(lab: Any, operator: Any, context: dict[str, Any]) -> Any:
    """A task's work. While the array is still carrying out its command, wait as the triggerer would."""
    from airflow.sdk.exceptions import TaskDeferred

    try:
        return operator.execute(context)
    except TaskDeferred:
        if not any(session["state"] == "CreateInProg" for session in lab.sessions()):
            raise
    lab.advance(10)
    return operator.resume(context, {"status": "reached", "message": ""})


def take_down(lab: Any) -> None:
    """Stop service aastmphpux by its own operator, in a run that gives the lock back."""
    from hooks.symcli import SymcliHook
    from operators.service import ServiceStopOperator

    stop = ServiceStopOperator(task_id="stop", service="aastmphpux")
    try:
        stop.execute(new_context())  # type: ignore[arg-type]
    finally:
        with SymcliHook() as hosts:
            stop.give_back(stop.scope(), hosts)
