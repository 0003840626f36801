"""What docker-compose.yaml promises, read from the file itself and by Compose; an engine is not needed."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compose.packages import COMPOSE, SUITE, unpack
from tests.compose.secrets_of import HOLDERS, OF_FIRST_USERS, SECRETS
from tests.support.tables import load_yaml

ROOT = Path(__file__).parents[1]
AIRFLOW = {
    "airflow-init",
    "airflow-apiserver",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "airflow-worker",
}
# Keys whose value is, or contains, a secret.
SECRET_KEYS = re.compile(
    r"PASSWORD|SECRET(_KEY)?$|FERNET_KEY|SQL_ALCHEMY_CONN|RESULT_BACKEND|BROKER_URL|_AUTH$|_ID$"
)
REFERENCE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = load_yaml((ROOT / "docker-compose.yaml").read_text())
    return loaded


def strings(node: Any) -> Iterator[str]:
    """Every text in a YAML document, keys left out."""
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compose itself, without an engine."""
    folder = tmp_path_factory.mktemp("compose")
    unpack(["docker-compose"], folder, SUITE)
    return folder / COMPOSE


def config(program: Path, folder: Path, values: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`docker compose config --quiet` with these values in place of the example's empty ones."""
    text = (ROOT / ".env.example").read_text()
    for name, value in values.items():
        text, found = re.subn(rf"^{name}=$", f"{name}={value}", text, flags=re.MULTILINE)
        assert found == 1
    (folder / "env").write_text(text)
    words = [
        program,
        "--file",
        ROOT / "docker-compose.yaml",
        "--env-file",
        folder / "env",
        "config",
        "--quiet",
    ]
    return subprocess.run(words, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})


def test_compose_finds_nothing_to_complain_of(program: Path, tmp_path: Path) -> None:
    done = config(program, tmp_path, dict.fromkeys(SECRETS, "abc123"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_compose_starts_nothing_without_a_secret(program: Path, tmp_path: Path, missing: str) -> None:
    done = config(program, tmp_path, dict.fromkeys(SECRETS - {missing}, "abc123"))
    assert done.returncode != 0
    assert f"set {missing} in .env" in done.stderr


def test_services(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == AIRFLOW | {"postgres", "redis", "lab"}


def test_every_secret_comes_from_the_environment_and_has_no_default(compose: dict[str, Any]) -> None:
    seen = set()
    for text in strings(compose):
        for reference in REFERENCE.finditer(text):
            if reference["name"] in SECRETS:
                seen.add(reference["name"])
                assert re.fullmatch(r":\?set .+", reference["rest"]), f"{reference[0]} has a default"
    assert seen == SECRETS


def test_each_container_is_given_its_own_secrets_only(compose: dict[str, Any]) -> None:
    given: dict[str, set[str]] = {name: set() for name in HOLDERS}
    for name, service in compose["services"].items():
        for text in strings(service):
            for reference in REFERENCE.finditer(text):
                if reference["name"] in HOLDERS:
                    given[reference["name"]].add(name)
    assert given == HOLDERS


def test_no_secret_stands_on_a_command_line(compose: dict[str, Any]) -> None:
    """What stands behind `$$` a shell of the container puts in, for itself."""
    for name, service in compose["services"].items():
        words = strings(
            [service.get("entrypoint", ()), service.get("command", ()), service.get("healthcheck", ())]
        )
        for word in words:
            assert not {one["name"] for one in REFERENCE.finditer(word)} & {*HOLDERS}, name
            assert not re.search(r"--(password|broker|pass|requirepass)\b|-a ", word), f"{name}: {word}"


def test_all_services_have_limits(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert re.search(r"\d[mg]}?$", service["mem_limit"]) and service["pids_limit"] > 0, name


def test_no_secret_is_written_out(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for key, value in service.get("environment", {}).items():
            if SECRET_KEYS.search(key):
                used = {reference["name"] for reference in REFERENCE.finditer(value)}
                assert used & (SECRETS | OF_FIRST_USERS), f"{name}: {key} is not from the environment"
                assert not re.search(r"://\w+:(?!\$\{)", value), f"{name}: {key} has a password in it"


def test_the_example_lists_what_is_needed_without_values() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [line.lstrip("#").split("=", 1) for line in lines if re.match(r"#?[A-Z_]+=", line)]
    required = {line.split("=")[0] for line in lines if re.match(r"[A-Z_]+=", line)}
    assert required == SECRETS
    assert all(value == "" for _, value in pairs)


def test_every_variable_used_is_in_the_example(compose: dict[str, Any]) -> None:
    example = (ROOT / ".env.example").read_text()
    used = {reference["name"] for text in strings(compose) for reference in REFERENCE.finditer(text)}
    assert {name for name in used if not re.search(rf"^#?{name}=", example, re.MULTILINE)} == set()


def test_only_the_ui_is_published_and_on_loopback_by_default(compose: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert list(ports) == ["airflow-apiserver"]
    assert len(ports["airflow-apiserver"]) == 1
    assert ports["airflow-apiserver"][0].startswith("${UI_ADDRESS:-127.0.0.1}:")


def test_the_code_is_mounted_read_only(compose: dict[str, Any]) -> None:
    for name in AIRFLOW:
        mounts = compose["services"][name]["volumes"]
        for folder in ("dags", "plugins", "config"):
            assert f"./{folder}:/opt/airflow/{folder}:ro" in mounts, name
    for name, service in compose["services"].items():
        for mount in service.get("volumes", []):
            assert not mount.startswith(".") or mount.endswith(":ro"), f"{name}: {mount}"


def test_restart_policies(compose: dict[str, Any]) -> None:
    policies = {name: service["restart"] for name, service in compose["services"].items()}
    assert policies.pop("airflow-init") == "no"
    assert set(policies.values()) == {"unless-stopped"}


def test_long_running_services_have_a_health_check(compose: dict[str, Any]) -> None:
    without = {name for name, service in compose["services"].items() if "healthcheck" not in service}
    assert without == {"airflow-init"}


def test_airflow_waits_for_its_database(compose: dict[str, Any]) -> None:
    for name in AIRFLOW - {"airflow-init"}:
        needs = compose["services"][name]["depends_on"]
        assert needs["airflow-init"] == {"condition": "service_completed_successfully"}, name
        assert needs["postgres"] == needs["redis"] == {"condition": "service_healthy"}, name


def test_drivers_are_named(compose: dict[str, Any]) -> None:
    for name in AIRFLOW - {"airflow-worker"}:
        url = compose["services"][name]["environment"]["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        assert url.startswith("postgresql+psycopg2://"), name


def test_the_triggerer_may_open_many_files(compose: dict[str, Any]) -> None:
    triggerer = compose["services"]["airflow-triggerer"]
    capacity = int(triggerer["environment"]["AIRFLOW__TRIGGERER__CAPACITY"])
    assert triggerer["ulimits"]["nofile"] >= 10 * capacity


def test_one_image_of_the_locked_airflow(compose: dict[str, Any]) -> None:
    locked = re.search(r"^apache-airflow==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    dockerfile = (ROOT / "Dockerfile").read_text()
    base = re.search(r"^ARG BASE_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    assert locked and base
    assert base[1].startswith(f"apache/airflow:{locked[1]}-python3.")
    services = [compose["services"][name] for name in [*AIRFLOW, "lab"]]
    assert {service["image"] for service in services} == {f"${{AIRFLOW_IMAGE:-symclone-airflow:{locked[1]}}}"}
    for service in services:
        assert service["build"]["args"]["BASE_IMAGE"] == f"${{BASE_IMAGE:-{base[1]}}}"


def test_nothing_is_written_but_volumes_and_memory_and_no_rights_are_gained(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"] and "privileged" not in service, name


def test_only_worker_and_triggerer_see_the_connections_and_keys(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        sees = name in ("airflow-worker", "airflow-triggerer")
        if name != "lab":
            assert any("/run/ssh" in mount for mount in service["volumes"]) == sees, name
        assert ("AIRFLOW__SECRETS__BACKEND" in service.get("environment", {})) == sees, name


def test_the_database_and_the_broker_are_reached_by_what_needs_them(compose: dict[str, Any]) -> None:
    reach = {name: set(service["networks"]) for name, service in compose["services"].items()}
    assert {name for name in reach if "broker" in reach[name]} == {
        "airflow-scheduler",
        "airflow-worker",
        "redis",
    }
    assert {name for name in reach if "database" in reach[name]} == AIRFLOW - {"airflow-worker"} | {
        "postgres"
    }
    assert compose["networks"]["database"] == compose["networks"]["broker"] == {"internal": True}


def test_a_lost_worker_is_noticed_and_a_restarted_api_server_is_borne(
    compose: dict[str, Any],
) -> None:
    environment = compose["services"]["airflow-worker"]["environment"]
    timeout = int(environment["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"])
    # A heartbeat has failed after five tries, with a second and more between them and before the next.
    borne = 5 * int(environment["AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS"])
    assert 30 <= timeout <= borne <= 120


def test_a_task_that_has_ended_gives_its_slot_back(compose: dict[str, Any]) -> None:
    """Airflow's supervisor may look at a process that has just ended only at its next heartbeat."""
    environment = compose["services"]["airflow-worker"]["environment"]
    assert environment["AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL"] == "1"


def test_the_roles_are_what_the_handbook_says() -> None:
    """What is given beyond reading."""
    given: dict[str, set[str]] = {}
    for one in json.loads((ROOT / "config" / "roles.json").read_text()):
        more = set(one["action"].split(",")) - {"can_read", "menu_access"}
        given.setdefault(one["name"], set()).update(f"{action} {one['resource']}" for action in more)
    own = {"can_edit My Password", "can_edit My Profile", "can_edit DAGs"}
    assert given == {
        "Approver": own | {"can_edit HITL Detail"},
        "Operator": own
        | {"can_create DAG Runs", "can_edit DAG Runs", "can_edit Task Instances"}
        | {"can_create Backfills", "can_edit Backfills"},
    }


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users[-1] == "airflow"
