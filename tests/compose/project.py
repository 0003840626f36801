"""docker-compose.yaml itself, with the lab, in a folder of its own and with production configured."""

from __future__ import annotations

import json
import secrets
import shutil
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from demo.many_services import ManyServices
from lab.config import load
from private_airflow.rest import AirflowRest
from tests.compose.engine import ADDRESS, Engine
from tests.compose.images import IMAGES
from tests.compose.secrets_of import HOLDERS
from tests.conftest import ROOT
from tests.support.production import services, with_production

PORT = 8080
MANY = ManyServices(2, hosts=True, options={"retry_delay": 60})
"""Services of their own beside those of the example."""
RELEASE = (
    "dags",
    "plugins",
    "config",
    "docker-compose.yaml",
    "Dockerfile",
    ".dockerignore",
    "requirements.txt",
)
"""What a site replaces at an upgrade."""
NEW = ("INSTALLATION_ID", "DAG_PROCESSOR_PASSWORD", "TRIGGERER_PASSWORD", "REDIS_PASSWORD")
AIRFLOW = ("apiserver", "scheduler", "dag-processor", "triggerer", "worker")


class Project:
    """The stack, its users and its lab. Which release it is of, :meth:`put` says."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.folder = engine.folder / "project"
        self.folder.mkdir()
        _copy("lab", self.folder)
        lab, many = with_production(load().model_dump()), MANY.lab()
        both = {**lab, **{part: [*lab[part], *many[part]] for part in ("arrays", "hosts")}}
        (self.folder / "lab/demo.yaml").write_text(yaml.safe_dump(both))
        self.passwords = {name: secrets.token_hex(12) for name in ("admin", "viewer", "operator", "approver")}
        values = {
            "POSTGRES_PASSWORD": secrets.token_hex(24),
            "FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "JWT_SECRET": secrets.token_hex(64),
            "API_SECRET_KEY": secrets.token_hex(32),
            **{f"{name.upper()}_PASSWORD": password for name, password in self.passwords.items()},
            "UI_ADDRESS": ADDRESS,
            "SSH_FOLDER": "lab",
            "WORKER_SLOTS": "4",
            "PARALLELISM": "4",
            **{f"{name}_IMAGE": IMAGES[name.lower()] for name in ("POSTGRES", "REDIS")},
            "BASE_IMAGE": IMAGES["airflow"],
            "COMPOSE_PROFILES": "lab",
        }
        (self.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))

    def put(self, release: Callable[[Path], None]) -> None:
        """Replace all that belongs to a release; the site's own configuration stays.

        :param release: puts :data:`RELEASE` into a folder.
        """
        for name in RELEASE:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        release(self.folder)
        config = services(self.folder / "config/services.yaml")
        ours = yaml.safe_load(config.read_text())
        ours["services"] |= MANY.services()["services"]
        config.write_text(yaml.safe_dump(ours, sort_keys=False))

    def add_secrets(self) -> None:
        """Those that the former release did not know."""
        with (self.folder / ".env").open("a") as file:
            for name in NEW:
                file.write(f"{name}={secrets.token_hex(16)}\n")

    @property
    def secrets(self) -> dict[str, str]:
        """name -> value, of .env as it is now."""
        lines = (self.folder / ".env").read_text().splitlines()
        values = dict(line.split("=", 1) for line in lines)
        return {name: values[name] for name in HOLDERS if name in values}

    def compose(self, *words: str) -> str:
        """`docker compose WORDS...`; its stdout."""
        return self.engine.run("docker", "compose", *words, cwd=self.folder)

    def up(self, *words: str) -> None:
        """Build, start, and wait until all of it, or what the further words say, is healthy."""
        try:
            self.compose("build", "airflow-init")  # one image for all
            self.compose("up", "--detach", "--wait", "--wait-timeout", "900", *words)
        except Exception as error:
            logs = self.compose("logs", "--no-color", "--tail", "25")
            raise AssertionError(f"{error}\n{self.compose('ps', '--all')}\n{logs}") from None

    @property
    def url(self) -> str:
        """Of the API server."""
        return f"http://{ADDRESS}:{PORT}"

    def client(self, user: str) -> AirflowRest:
        return AirflowRest(self.url, user, self.passwords[user], timeout=120)

    def lab(self, op: str, **words: Any) -> Any:
        """An operation of the lab, asked in its container."""
        asked = (
            "import json, sys; from lab.client import Client; "
            "print(json.dumps(Client.of('/run/ssh').ask(sys.argv[1], **json.loads(sys.argv[2]))))"
        )
        return json.loads(self.compose("exec", "-T", "lab", "python", "-c", asked, op, json.dumps(words)))

    def journal(self) -> list[dict[str, Any]]:
        """Of the lab, so far."""
        lines = self.compose("exec", "-T", "lab", "cat", "/run/ssh/journal.jsonl").splitlines()
        return [json.loads(line) for line in lines]

    def inspect(self) -> Mapping[str, dict[str, Any]]:
        """service -> what the engine says of its container."""
        ids = self.compose("ps", "--all", "--quiet").split()
        found = json.loads(self.engine.run("docker", "inspect", *ids))
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    def used(self) -> Mapping[str, tuple[float, float]]:
        """service -> how much of its limits of memory and of processes it uses now."""
        words = ["docker", "stats", "--no-stream", "--format", "json"]
        rows = [json.loads(line) for line in self.engine.run(*words).splitlines()]
        stats = {row["Name"]: row for row in rows}
        used = {}
        for service, container in self.inspect().items():
            row = stats.get(container["Name"].removeprefix("/"))
            if row and container["HostConfig"]["PidsLimit"]:
                pids = int(row["PIDs"]) / container["HostConfig"]["PidsLimit"]
                used[service] = (float(row["MemPerc"].removesuffix("%")) / 100, pids)
        return used


def this_release(folder: Path) -> None:
    """Put it into a folder."""
    for name in RELEASE:
        _copy(name, folder)


def build_ahead(engine: Engine) -> None:
    """Its image, for the engine's cache: `docker compose build` then takes seconds.

    It is built while the former release's is: pip installs all of the lock for each, by one processor.
    """
    folder = engine.folder / "ahead"
    folder.mkdir()
    this_release(folder)
    engine.run(
        "docker", "build", "--quiet", "--build-arg", f"BASE_IMAGE={IMAGES['airflow']}", ".", cwd=folder
    )


def _copy(name: str, folder: Path) -> None:
    if (ROOT / name).is_dir():
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(ROOT / name, folder)
