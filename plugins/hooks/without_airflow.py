"""What Airflow would say of a connection or a variable, for a script that has not loaded Airflow.

To load Airflow takes a second of CPU, most of what a look at a few copies takes. A process that is no part of
a running Airflow looks in the secrets backend that Airflow's settings name, then in the environment, and
nowhere else (Airflow 3.3.2, ``ensure_secrets_backend_loaded`` in ``sdk/execution_time/supervisor.py``). So
where no setting can name a backend, the environment alone tells; in any other case Airflow itself is asked.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

ALONE = False
"""Whether this process is a script of ours and nothing else, which says so before it loads the hooks."""

_SETTING = re.compile(
    r"AIRFLOW__(SECRETS__BACKEND|WORKERS__SECRETS_BACKEND|CORE__MULTI_TEAM)(_CMD|_SECRET)?|_AIRFLOW_.*"
)
"""Environment variables that name a backend, or change what the environment means."""
_LINE = re.compile(r"^\s*(backend|secrets_backend|multi_team)(_cmd|_secret)?\s*[=:]\s*\S", re.I | re.M)
"""The same in airflow.cfg, whatever section it is in."""
_FIELDS = {"conn_type", "description", "host", "schema", "login", "password", "port", "extra"}


def environment_tells(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether connections and variables come from the environment, and from nowhere before it.

    False, too, where this is no script of ours, or Airflow is loaded already: it is asked then.
    """
    if not ALONE or "airflow" in sys.modules:
        return False
    if any(value and _SETTING.fullmatch(name) for name, value in environment.items()):
        return False
    home = _path(environment.get("AIRFLOW_HOME", "~/airflow"))
    file = _path(environment.get("AIRFLOW_CONFIG", str(home / "airflow.cfg")))
    try:
        if file.exists() and _LINE.search(file.read_text()):
            return False
    except (OSError, ValueError):
        return False
    # A site's own module, which Airflow runs when it is loaded, may do anything.
    places = [*sys.path, str(home / "config"), str(home / "plugins")]
    return PathFinder.find_spec("airflow_local_settings", places) is None


def _path(text: str) -> Path:
    return Path(os.path.expandvars(text)).expanduser()


@dataclass(frozen=True)
class Fields:
    """A connection, as far as hooks of ours need it; named as Airflow's own object has them."""

    conn_type: str | None = None
    host: str | None = None
    schema: str | None = None
    login: str | None = None
    password: str | None = None
    port: int | None = None
    extra: str | None = None


def connection(name: str, environment: Mapping[str, str] = os.environ) -> Fields | None:
    """An Airflow connection that is in the environment as JSON, as Airflow reads it.

    :param name: Airflow connection id.
    :returns: None where only Airflow itself can tell: it is not there, or not in that form.
    """
    text = environment.get(f"AIRFLOW_CONN_{name.upper()}", "").strip()
    if not text.startswith("{") or not environment_tells(environment):
        return None
    try:
        fields = json.loads(text)
        port = int(fields.get("port") or 0) or None
    except (ValueError, TypeError):
        return None
    texts = {key: fields.get(key) for key in ("conn_type", "host", "schema", "login", "password")}
    if not fields.keys() <= _FIELDS or not all(isinstance(one, str | None) for one in texts.values()):
        return None
    extra = fields.get("extra") or None
    return Fields(**texts, port=port, extra=extra if isinstance(extra, str | None) else json.dumps(extra))


def variable(key: str) -> tuple[bool, str | None]:
    """An Airflow variable: whether it is told here, and if so its text, None where there is none."""
    if not environment_tells():
        return False, None
    return True, os.environ.get(f"AIRFLOW_VAR_{key.upper()}")


def base_hook() -> type:
    """What a hook of ours derives from: Airflow's own class, but for a script that needs no Airflow."""
    if environment_tells():
        return _BaseHook
    from airflow.sdk import BaseHook

    return BaseHook


class _BaseHook:
    """What a hook of ours needs of Airflow's, until Airflow is needed."""

    def __init__(self, logger_name: str | None = None) -> None:
        kind = type(self)
        self.log = logging.getLogger(logger_name or f"{kind.__module__}.{kind.__name__}")

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        """As Airflow's own."""
        known = connection(conn_id)
        if known is not None:
            return known
        from airflow.sdk import BaseHook

        return BaseHook.get_connection(conn_id)
