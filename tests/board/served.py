"""The board's pages with what the tests let a server say: no Airflow, a tiny web server in a thread."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.tables import load_yaml

STATIC = ROOT / "plugins" / "board" / "static"
NOW = datetime(2026, 11, 26, 10, tzinfo=UTC)
CASES = Path(__file__).parent / "cases"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
SHELL = (
    '<!doctype html><html lang="en"><title>Airflow</title><link rel="icon" href="data:,">'
    "<style>iframe {width: 100%; height: 90vh; border: 0}</style>"
    '<iframe title="Clones" sandbox="allow-scripts allow-same-origin allow-forms allow-downloads" src="SRC">'
    "</iframe>"
)
"""What Airflow puts around a plugin's page, at /plugin/clones."""
PARAMS = {
    "action": {
        "value": "refresh",
        "schema": {
            "type": "string",
            "title": "Action",
            "enum": ["refresh", "update", "stop"],
            "values_display": {"stop": "stop: stop the service"},
        },
    },
    "reason": {"value": "", "schema": {"type": ["string", "null"], "title": "Reason", "maxLength": 500}},
    "plan_only": {"value": False, "schema": {"type": "boolean", "title": "Plan only"}},
}
"""Of a DAG, as Airflow says them of it."""


def case(name: str) -> Any:
    """A case file, read anew."""
    return load_yaml((CASES / f"{name}.yaml").read_text())


def history(name: str) -> dict[str, Any]:
    """30 nightly runs, newest first, of which some failed; and the copies that they made."""
    runs: list[dict[str, Any]] = []
    copies: dict[str, list[dict[str, str]]] = {"data": [], "archivelogs": []}
    for night in range(29, -1, -1):
        failed = night in (4, 5, 17)
        began = NOW - timedelta(days=night, minutes=30)
        lengths = {"plan": 8, "stop": 40 + night % 5, "resync": 100 + 7 * (night % 4)}
        if not failed:
            lengths |= {"break": 20, "copy": 900 + 40 * (night * 7 % 11), "start": 65, "finish": 6}
        phases, at = [], began
        for phase, seconds in lengths.items():
            at += timedelta(seconds=4)
            end = at + timedelta(seconds=seconds)
            for number, sync in enumerate(copies if phase in ("resync", "break", "copy") else [None]):
                late = timedelta(seconds=25 * number)
                state = "failed" if failed and phase == "resync" else "success"
                phases.append(
                    {
                        "phase": phase,
                        "sync": sync,
                        "began": iso(at + late),
                        "ended": iso(end + late),
                        "state": state,
                    }
                )
                if phase == "break" and sync:
                    copies[sync].append({"at": iso(end + timedelta(seconds=90)), "point_in_time": iso(end)})
            at = end + timedelta(seconds=25)
        goes_on = night == 0
        if goes_on:
            phases = [{**one, "ended": None} if one["phase"] == "copy" else one for one in phases[:-2]]
        runs.append(
            {
                "run_id": f"scheduled__{night}",
                "dag_id": name,
                "action": "refresh" if night % 9 else "update",
                "state": "running" if goes_on else "failed" if failed else "success",
                "result": "" if goes_on else "stopped" if failed else "done",
                "began": iso(began),
                "ended": None if goes_on else iso(at),
                "url": f"/dags/{name}/runs/scheduled__{night}",
                "phases": phases,
            }
        )
    ages = {sync: {"sync_max_delay": 97200, "copies": made} for sync, made in copies.items()}
    return {"runs": runs[::-1], "ages": ages}


def iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


class Served:
    """The page at :attr:`url`, and what its requests are answered with.

    :ivar answers: path below the root to its JSON; an integer is an HTTP status.
    :ivar asked: each request's method, path and body.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.unchanged = 0  # answers without a body, because the asker had it
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.root}/clones/"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def fleet(self, **changes: Any) -> dict[str, Any]:
        """Answer with the case `fleet`, with changes."""
        found: dict[str, Any] = {**case("fleet"), **changes}
        self.answers["clones/api/fleet"] = found
        return found

    def service(self, name: str = "aastmphpux", **changes: Any) -> dict[str, Any]:
        """Answer for one service with its row, the case `service`, and a month of runs."""
        fleet = case("fleet")
        (row,) = [one for one in fleet.pop("services") if one["service"] == name]
        rest = json.loads(json.dumps(case("service")).replace("aastmphpux", name))
        found: dict[str, Any] = {**fleet, **row, **rest, **history(name), **changes}
        self.answers[f"clones/api/services/{name}"] = found
        return found

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(served: Served) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                path = self.path.split("?")[0].strip("/")
                if path == "clones":
                    self._send(200, (STATIC / "index.html").read_bytes(), "text/html")
                elif path.startswith("clones/static/"):
                    file = STATIC / path.removeprefix("clones/static/")
                    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
                    self._send(200, file.read_bytes(), kind)
                elif path.startswith(("plugin/clones", "dags/")):
                    self._send(200, SHELL.replace("SRC", "/clones/").encode(), "text/html", policy=False)
                else:
                    self._answer("GET", path, None)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer("POST", self.path.strip("/"), body)

            def _answer(self, method: str, path: str, body: Any) -> None:
                served.asked.append((method, path, body))
                found = served.answers.get(path, 404)
                if isinstance(found, int):
                    self._send(
                        found, json.dumps({"detail": f"refused with {found}"}).encode(), "application/json"
                    )
                    return
                content = json.dumps(found).encode()
                tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
                if self.headers.get("If-None-Match") == tag:
                    served.unchanged += 1
                    self._send(304, b"", "application/json", tag)
                else:
                    self._send(200, content, "application/json", tag)

            def _send(
                self, status: int, content: bytes, kind: str, tag: str = "", policy: bool = True
            ) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                if tag:
                    self.send_header("ETag", tag)
                if policy:
                    self.send_header("Content-Security-Policy", POLICY)
                self.end_headers()
                self.wfile.write(content)

        return Handler


@pytest.fixture
def served() -> Iterator[Served]:
    """With answers of both views."""
    served = Served()
    served.fleet()
    served.service()
    yield served
    served.stop()
