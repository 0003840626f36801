"""The deployment of docker-compose.yaml, built, started and used in an engine of the tests' own.

Run by scripts/test-compose as root. The tests follow each other in one stack. It begins as one of the former
release, with a run at each place where one can wait, and is upgraded.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from lab.check import findings
from private_airflow.rest import AirflowRest, RestError
from tests.compose import inside
from tests.compose.engine import EngineError, running_engine
from tests.compose.former import BY_NUMBER, RETRIED, STOPPED, Waiting, former_release
from tests.compose.images import build
from tests.compose.project import AIRFLOW, NEW, Project, build_ahead, this_release
from tests.compose.secrets_of import API, DAG_PROCESSOR, HOLDERS, SCHEDULER, TRIGGERER, WORKER
from tests.support.site import SERVICE, until

MERGE_BACK = f"{SERVICE}_merge_back"
ASKED = {"reason": "test of the stack"}
CONTAINERS = {*(f"airflow-{name}" for name in AIRFLOW), "airflow-init", "postgres", "redis", "lab"}


@pytest.fixture(scope="module")
def waiting() -> Iterator[Waiting]:
    """Runs that the former release began, and the stack after its upgrade as docs/how-to/deploy.md has it."""
    with running_engine() as engine:
        build(engine)
        project = Project(engine)
        with ThreadPoolExecutor() as pool:
            ahead = pool.submit(build_ahead, engine)
            project.put(former_release)
            project.up()
            ahead.result()
        runs = Waiting(project)
        runs.begin()
        before = project.inspect()["airflow-triggerer"]["Image"]
        runs.end_release()
        everything = [*(f"airflow-{name}" for name in (*AIRFLOW, "init")), "redis", "postgres"]
        project.compose("rm", "--stop", "--force", *everything)
        assert set(project.inspect()) == {"lab"}
        project.put(this_release)
        with (project.folder / "Dockerfile").open("a") as dockerfile:
            dockerfile.write("LABEL of=another\n")
        with pytest.raises(EngineError, match=rf"set ({'|'.join(NEW)}) in \.env"):
            project.compose("up", "--no-recreate", "--detach")
        project.add_secrets()
        assert set(project.inspect()) == {"lab"}, "nothing is started without it"
        project.compose("build", "airflow-init")
        fit = f"cd /opt/airflow && PYTHONPATH=plugins python -m cli.preflight --service {RETRIED}"
        said = project.compose("run", "--rm", "--no-deps", "airflow-worker", "bash", "-c", fit)
        assert "is not there yet" in said, "the folder for tokens"
        with inside.command_lines(project) as runs.seen:
            project.up("--no-recreate", *everything)
        assert project.inspect()["airflow-triggerer"]["Image"] != before
        runs.let_copies_end()
        with project.client("admin") as admin:
            admin.unpause(MERGE_BACK)
        yield runs
        assert findings(project.journal(), project.folder / "config/services.yaml") == []


@pytest.fixture(scope="module")
def stack(waiting: Waiting) -> Project:
    return waiting.project


def ended(rest: AirflowRest, dag: str, run_id: str, seconds: float = 900) -> str:
    """The final state of a run."""

    def shown() -> str:
        return str({one["task_id"]: one["state"] for one in rest.task_instances(dag, run_id)})

    until(lambda: rest.dag_run(dag, run_id)["state"] in ("success", "failed"), seconds, shown)
    return str(rest.dag_run(dag, run_id)["state"])


def state_of(rest: AirflowRest, dag: str, run_id: str, task: str) -> str:
    return {one["task_id"]: str(one["state"]) for one in rest.task_instances(dag, run_id)}[task]


def answer(rest: AirflowRest, dag: str, run_id: str) -> None:
    """Approve what a run asks for."""
    task = f"/dags/{dag}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    options = rest.request("GET", task)["options"]
    rest.request("PATCH", task, json={"params_input": {}, "chosen_options": options[:1]})


def failures(rest: AirflowRest, dag: str, run_id: str) -> dict[str, str]:
    """Of a run: task -> the end of its last log, where it has failed."""
    found = [one for one in rest.task_instances(dag, run_id) if one["state"] == "failed"]
    ids = {one["task_id"]: int(one["try_number"]) for one in found}
    return {task: rest.task_log(dag, run_id, task, number)[-3000:] for task, number in ids.items()}


def restores(project: Project) -> list[dict[str, Any]]:
    """The commands so far that overwrite production."""
    return [one for one in project.journal() if "-noprompt restore " in str(one.get("command"))]


def refused(rest: AirflowRest, method: str, path: str, **options: Any) -> bool:
    """Whether a user may not ask for this. What is allowed, but wrong in itself, is not refused."""
    try:
        rest.request(method, path, **options)
    except RestError as error:
        assert error.status is not None, error
        return error.status == 403
    return False


def test_runs_that_wait_go_on_after_an_upgrade(waiting: Waiting) -> None:
    """Each to its end, and what they were tried for again is done once."""
    project, runs = waiting.project, waiting.runs
    merge_back = f"{BY_NUMBER}_merge_back"
    with project.client("operator") as rest, project.client("approver") as approver:
        assert not restores(project)
        project.lab("note", note="approval", service=BY_NUMBER)
        answer(approver, merge_back, runs[merge_back])
        states = {dag: ended(rest, dag, run_id) for dag, run_id in runs.items()}
        said = {dag: rest.task_log(dag, run_id, "finish") for dag, run_id in runs.items()}
        failed = {dag: failures(rest, dag, runs[dag]) for dag, state in states.items() if state != "success"}
        assert failed == {}
        assert [dag for dag, text in said.items() if "Done." not in text] == []
        tries = {
            dag: {one["task_id"]: one["try_number"] for one in rest.task_instances(dag, runs[dag])}
            for dag in (RETRIED, STOPPED)
        }
        assert tries[RETRIED]["resync.sync1.recreate"] == tries[STOPPED]["stop.service"] == 2
    assert len(restores(project)) > 0
    for host in ("symcli01", "control"):
        kept = project.lab("host", host=host)["directories"]
        assert not [path for path in kept if "/locks/" in path], "no lock is left"


def test_a_refresh_by_an_operator(stack: Project) -> None:
    with stack.client("operator") as rest:
        run_id = rest.trigger(SERVICE, {**ASKED, "action": "refresh"})
        assert ended(rest, SERVICE, run_id) == "success"
        assert "Done." in rest.task_log(SERVICE, run_id, "finish")


def test_nothing_runs_as_root_or_gains_rights(stack: Project) -> None:
    containers = stack.inspect()
    assert set(containers) == CONTAINERS
    for name, container in containers.items():
        host = container["HostConfig"]
        assert container["Config"]["User"] not in ("", "root", "0"), name
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"] and not host["Privileged"], name
        health = container["State"].get("Health", {}).get("Status")
        assert name == "airflow-init" or health == "healthy", name
    published = {name: c["HostConfig"]["PortBindings"] for name, c in containers.items()}
    assert [name for name, ports in published.items() if ports] == ["airflow-apiserver"]
    with pytest.raises(EngineError, match="Read-only file system"):
        stack.compose("exec", "-T", "airflow-worker", "touch", "/home/airflow/x")


def test_keys_are_seen_by_the_worker_and_the_triggerer_only(stack: Project) -> None:
    for name in AIRFLOW:
        service = f"airflow-{name}"
        look = ["exec", "-T", service, "bash", "-c", "cat /run/ssh/keys/id_ed25519 | wc --bytes"]
        bytes_seen = int(stack.compose(*look))
        assert (bytes_seen > 0) == (name in ("worker", "triggerer")), service
        environment = stack.inspect()[service]["Config"]["Env"]
        backends = [one for one in environment if one.startswith("AIRFLOW__SECRETS__BACKEND=")]
        assert bool(backends) == (name in ("worker", "triggerer")), service


def test_each_container_holds_its_own_secrets_only(stack: Project) -> None:
    """In the environment of any process of it, as its user sees it; of what has ended, as it was started."""
    holders: dict[str, set[str]] = {name: set() for name in stack.secrets}
    for service, container in stack.inspect().items():
        texts = container["Config"]["Env"]
        if container["State"]["Running"]:
            texts = [*texts, *inside.processes(stack, service)["environ"]]
            assert len(texts) > len(container["Config"]["Env"]), service
        for name in inside.held(stack, texts):
            holders[name].add(service)
    assert holders == HOLDERS


def test_no_password_stands_on_a_command_line(waiting: Waiting) -> None:
    """Neither while all of it was started and users were made, nor now, nor in what the engine starts."""
    project = waiting.project
    assert waiting.seen == set()
    for service, container in project.inspect().items():
        config = container["Config"]
        words = [word for part in ("Cmd", "Entrypoint") for word in config[part] or ()]
        words += config.get("Healthcheck", {}).get("Test", ())
        if container["State"]["Running"]:
            words += inside.processes(project, service)["cmdline"]
        assert inside.held(project, words) == set(), service


def test_only_who_signs_can_make_a_token_that_counts(stack: Project) -> None:
    """A user's token is made as Airflow makes it, with what the container has."""
    with stack.client("approver") as approver:
        claims = approver.token().split(".")[1]
        approver.request("GET", "/dags")
    subject = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
    for service in (API, SCHEDULER, DAG_PROCESSOR, TRIGGERER, WORKER):
        made = inside.run(stack, service, inside.TOKEN, subject).removeprefix("token ")
        headers = {"Authorization": f"Bearer {made}"}
        answer = httpx.get(f"{stack.url}/api/v2/dags", headers=headers, timeout=120)
        assert answer.status_code == (200 if service in HOLDERS["JWT_SECRET"] else 403), service


def test_the_database_gives_each_user_what_it_needs(stack: Project) -> None:
    owner, parser, waits = API, DAG_PROCESSOR, TRIGGERER
    users = "UPDATE ab_user SET active = active"
    answers = "UPDATE hitl_detail SET responded_at = responded_at"
    approval = (
        "INSERT INTO xcom (dag_run_id, task_id, map_index, key, dag_id, run_id, timestamp) "
        "SELECT id, 'none', -1, 'approval', dag_id, run_id, now() FROM dag_run LIMIT 1"
    )
    unasked = "UPDATE task_instance SET state = state WHERE trigger_id IS NULL"
    for statement, may in (
        (users, {owner}),
        ("SELECT password FROM ab_user", {owner}),
        ("INSERT INTO ab_user_role (user_id, role_id) SELECT user_id, role_id FROM ab_user_role", {owner}),
        ("INSERT INTO ab_permission_view_role SELECT * FROM ab_permission_view_role", {owner}),
        ("SELECT data FROM session", {owner}),
        (answers, {owner}),
        ("UPDATE xcom SET value = value", {owner}),
        ("DELETE FROM xcom", {owner, waits}),
        (approval, {owner}),
        (approval.replace("'approval'", "'progress'"), {owner, waits}),
        ("UPDATE connection SET host = host", {owner}),
        ("UPDATE dag_run SET state = state", {owner}),
        ("CREATE TABLE mine (id integer)", {owner}),
        ("ALTER ROLE airflow_triggerer SUPERUSER", {owner}),
        ("UPDATE dag SET is_paused = is_paused", {owner, parser}),
        ("UPDATE task_instance SET state = state", {owner, waits}),
        ("UPDATE task_instance SET task_id = task_id", {owner}),
        ("UPDATE trigger SET triggerer_id = triggerer_id", {owner, waits}),
        ("UPDATE trigger SET classpath = classpath", {owner}),
        ("SELECT 1 FROM task_instance", {owner, parser, waits}),
        ("SELECT 1 FROM connection", {owner, parser, waits}),
    ):
        can = {who for who in (owner, parser, waits) if inside.sql(stack, who, statement) != "refused"}
        assert can == may, statement
    assert int(inside.sql(stack, owner, unasked)) > 0
    assert inside.sql(stack, waits, unasked) == "0", "only what waits for a trigger is the triggerer's"
    others = "DELETE FROM xcom WHERE key NOT IN ('progress', 'seen')"
    assert int(inside.sql(stack, owner, others)) > 0
    assert inside.sql(stack, waits, others) == "0"


def test_redis_wants_its_password(stack: Project) -> None:
    for service in (SCHEDULER, WORKER):
        assert inside.run(stack, service, inside.PING, "with") == "answered"
        assert inside.run(stack, service, inside.PING, "without") == "refused"


def test_the_database_is_out_of_reach_of_the_worker(stack: Project) -> None:
    """And a DAG is read again, at once, by the user of the DAG processor."""
    reach = "timeout 3 bash -c 'exec 3<>/dev/tcp/postgres/5432' 2>/dev/null && echo yes || echo no"
    for name in AIRFLOW:
        answer = stack.compose("exec", "-T", f"airflow-{name}", "bash", "-c", reach).strip()
        assert answer == ("no" if name == "worker" else "yes"), name
    stack.compose("exec", "-T", "airflow-dag-processor", "airflow", "dags", "reserialize")


def test_the_broker_is_reached_by_scheduler_and_worker_only(stack: Project) -> None:
    reach = "timeout 3 bash -c 'exec 3<>/dev/tcp/redis/6379' 2>/dev/null && echo yes || echo no"
    for name in AIRFLOW:
        answer = stack.compose("exec", "-T", f"airflow-{name}", "bash", "-c", reach).strip()
        assert answer == ("yes" if name in ("scheduler", "worker") else "no"), name


def test_each_role_may_do_what_it_should_and_nothing_more(stack: Project) -> None:
    with stack.client("operator") as operator:
        run_id = operator.trigger(SERVICE, {**ASKED, "action": "refresh", "plan_only": True})
    run = f"/dags/{SERVICE}/dagRuns/{run_id}"
    approve = f"/dags/{MERGE_BACK}/dagRuns/none/taskInstances/approve/-1/hitlDetails"
    everybody = {"viewer", "operator", "approver", "admin"}
    clear = {"dag_run_id": run_id, "task_ids": ["plan"], "dry_run": True}
    yes = {"chosen_options": ["Approve"], "params_input": {}}
    backfill = {"dag_id": SERVICE, "from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-01T00:00:01Z"}
    for who, method, path, body in (
        (everybody, "GET", "/dags", None),
        (everybody, "GET", f"{run}/taskInstances", None),
        (everybody, "GET", f"{run}/taskInstances/plan/logs/1", None),
        (everybody, "GET", f"{run}/taskInstances/plan/xcomEntries", None),
        ({"operator", "approver", "admin"}, "PATCH", f"/dags/{SERVICE}", {"is_paused": False}),
        ({"operator", "admin"}, "POST", f"/dags/{SERVICE}/dagRuns", {"logical_date": "no date"}),
        ({"operator", "admin"}, "POST", f"/dags/{MERGE_BACK}/dagRuns", {"logical_date": None}),
        ({"operator", "admin"}, "POST", f"/dags/{SERVICE}/clearTaskInstances", clear),
        ({"operator", "admin"}, "POST", "/backfills/dry_run", backfill),
        ({"approver", "admin"}, "PATCH", approve, yes),
        ({"admin"}, "POST", f"{run}/taskInstances/plan/xcomEntries", {"key": "approval", "value": {}}),
        ({"admin"}, "DELETE", f"/dags/{SERVICE}/dagRuns/none", None),
        ({"admin"}, "GET", "/connections", None),
        ({"admin"}, "POST", "/connections", {"connection_id": "of_mine", "conn_type": "none of these"}),
        ({"admin"}, "GET", "/variables", None),
        ({"admin"}, "PATCH", "/pools/default_pool", {"slots": "none"}),
        (set(), "GET", "/config", None),
    ):
        for user in sorted(everybody):
            with stack.client(user) as rest:
                is_refused = refused(rest, method, path, **({"json": body} if body is not None else {}))
            assert is_refused == (user not in who), f"{user}: {method} {path}"


def test_a_merge_back_needs_an_approver(stack: Project) -> None:
    """The operator asks; neither a mark as success nor the operator's own answer is an approval."""
    before = len(restores(stack))
    with stack.client("operator") as operator, stack.client("approver") as approver:
        run_id = operator.trigger(SERVICE, {**ASKED, "action": "stop"})
        assert ended(operator, SERVICE, run_id) == "success"
        asked = operator.trigger(MERGE_BACK, ASKED)
        task = f"/dags/{MERGE_BACK}/dagRuns/{asked}/taskInstances/approve"
        until(lambda: state_of(operator, MERGE_BACK, asked, "approve") == "awaiting_input", 600, "not asked")
        own = {"chosen_options": ["Approve"], "params_input": {}}
        assert refused(operator, "PATCH", f"{task}/-1/hitlDetails", json=own)
        operator.request("PATCH", task, json={"new_state": "success"})
        assert ended(operator, MERGE_BACK, asked) == "failed"
        assert len(restores(stack)) == before

        asked = operator.trigger(MERGE_BACK, ASKED)
        until(lambda: state_of(operator, MERGE_BACK, asked, "approve") == "awaiting_input", 600, "not asked")
        stack.lab("note", note="approval", service=SERVICE)
        answer(approver, MERGE_BACK, asked)
        assert ended(operator, MERGE_BACK, asked) == "success"
        run_id = operator.trigger(SERVICE, {**ASKED, "action": "refresh"})
        assert ended(operator, SERVICE, run_id) == "success"


def test_the_limits_leave_room(stack: Project) -> None:
    """After all of the above. A limit of 0 is none. The lab is still that of the former release."""
    for name, container in stack.inspect().items():
        if name == "lab":
            continue
        assert container["HostConfig"]["Memory"] > 0 and container["HostConfig"]["PidsLimit"] > 0, name
        assert not container["State"]["OOMKilled"], name
    for service, (memory, pids) in stack.used().items():
        print(f"{service}: {memory:.0%} of its memory, {pids:.0%} of its processes")
        assert memory < 0.6 and pids < 0.6, service
