"""A private Airflow's settings, all by environment, and the secrets that it keeps in its home."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SQLITE_NAME = "airflow.db"


@dataclass(frozen=True)
class Secrets:
    """What only this Airflow knows."""

    fernet_key: str
    jwt_secret: str
    api_secret: str
    password: str

    @classmethod
    def of(cls, home: Path) -> Secrets:
        """The secrets kept in `home`, made on first use; the file is readable by its owner only."""
        path = home / "secrets.json"
        if path.exists():
            return cls(**json.loads(path.read_text()))
        made = cls(
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            jwt_secret=secrets.token_hex(64),
            api_secret=secrets.token_hex(32),
            password=secrets.token_urlsafe(12),
        )
        write_private(path, json.dumps(asdict(made)))
        return made


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def free_port() -> int:
    """A loopback TCP port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connection_variables(connections: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """``AIRFLOW_CONN_<ID>`` for each connection id -> `conn_type`, `host`, `port`, `login`, `extra`..."""
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields) for name, fields in connections.items()}


def settings(
    home: Path,
    *,
    dags: Path,
    plugins: Path | None,
    port: int,
    database_url: str,
    keys: Secrets,
    users: Mapping[str, str],
    parallelism: int,
    broker_url: str | None = None,
) -> dict[str, str]:
    """The ``AIRFLOW__SECTION__KEY`` variables; durations in seconds."""
    url = f"http://127.0.0.1:{port}"
    named: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": dags,
            "plugins_folder": plugins or home / "plugins",
            "executor": "LocalExecutor",
            "parallelism": parallelism,
            "load_examples": False,
            "fernet_key": keys.fernet_key,
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "simple_auth_manager_users": ",".join(f"{name}:{role}" for name, role in users.items()),
            "simple_auth_manager_passwords_file": home / "passwords.json",
            "execution_api_server_url": f"{url}/execution/",
        },
        "api": {
            "host": "127.0.0.1",
            "port": port,
            "base_url": url,
            "workers": 1,
            "secret_key": keys.api_secret,
            "expose_stacktrace": True,  # a failed request says why
        },
        "api_auth": {"jwt_secret": keys.jwt_secret},
        "database": {"sql_alchemy_conn": database_url, "load_default_connections": False},
        "scheduler": {"scheduler_idle_sleep_time": 0.1},
        "workers": {"min_heartbeat_interval": 1},
        "dag_processor": {"refresh_interval": 5, "min_file_process_interval": 10, "parsing_processes": 1},
        "logging": {"base_log_folder": home / "logs", "colored_console_log": False},
        "usage_data_collection": {"enabled": False},
        "metrics": {"statsd_on": False, "otel_on": False},
    }
    if broker_url:
        named["core"] |= {"executor": "CeleryExecutor"}
        named["celery"] = {
            "broker_url": broker_url,
            "result_backend": f"{broker_url.rpartition('/')[0]}/1",
            "worker_concurrency": parallelism,
        }
        if plugins:
            named["celery"]["celery_config_options"] = "hooks.celery_options.CELERY_CONFIG"
    variables = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": str(value)
        for section, options in named.items()
        for key, value in options.items()
    }
    return {
        "AIRFLOW_HOME": str(home),
        "SCARF_ANALYTICS": "false",
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
        **variables,
    }
