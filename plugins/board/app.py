"""The board's routes. Airflow does not authenticate a plugin's: each of them here asks who it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from airflow.configuration import conf
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse

from board import database, fleet, metrics, service
from board.access import Access
from board.configuration import Configuration
from board.gather import Reader, facts
from board.health import LIMITS
from clones.actions import dags_of
from clones.errors import ConfigError
from clones.runs.record import JSON, MARKDOWN
from clones.runs.result import PLAN
from hooks.configuration import CONFIG
from reporting.links import Links

STATIC = Path(__file__).parent / "static"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache, private",
}

# The schema pages would be routes of their own, for everybody.
app = FastAPI(
    title="Clones", dependencies=[Depends(get_user)], openapi_url=None, docs_url=None, redoc_url=None
)
configuration = Configuration(CONFIG)


@app.middleware("http")
async def _headers(request: Request, follow: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await follow(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _reader(user: GetUserDep, session: SessionDep) -> Reader:
    base = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
    limits = {job: conf.getfloat(*where) for job, where in LIMITS.items()}
    return Reader(session, Access(user, session), configuration, Links(base), datetime.now(UTC), limits)


ReaderDep = Annotated[Reader, Depends(_reader, scope="function")]


@app.get("/")
def page() -> FileResponse:
    """The page itself; a service's view is the same page."""
    return FileResponse(STATIC / "index.html", media_type="text/html; charset=utf-8")


@app.get("/static/{name}")
def static(name: str) -> FileResponse:
    """A file of the page."""
    if name not in {path.name for path in STATIC.iterdir() if path.is_file()}:
        raise HTTPException(404, "There is no such file.")
    return FileResponse(STATIC / name)


@app.get("/api/fleet")
def get_fleet(request: Request, reader: ReaderDep) -> Response:
    """All services whose DAG the user may read."""
    found, error = facts(reader)
    return _answer(request, reader, fleet.fleet(found, error))


@app.get("/api/services/{name}")
def get_service(request: Request, name: str, reader: ReaderDep) -> Response:
    """One service."""
    found, error = facts(reader, only=name)
    if name not in found.services:
        raise HTTPException(404, f"There is no service {name}.")
    going = {dag_id: [run for run in found.going if run.dag_id == dag_id] for dag_id in dags_of(name)}
    view = fleet.looked(found, error) | fleet.row(found, name, going) | detail(reader, found, name)
    return _answer(request, reader, view)


def detail(reader: Reader, found: fleet.Facts, name: str) -> dict[str, Any]:
    """What the page of one service has beside its row."""
    session = reader.session
    sees_runs, sees_records = reader.access.runs_seen([name])
    runs = database.newest(session, sees_runs, service.RUNS)
    told = [run for run in runs if run.dag_id in sees_records]
    tasks = database.tasks(session, runs)
    left = database.left(session, told, ("result",))
    kept = database.left(session, told[: service.RECORDS], (JSON, MARKDOWN, PLAN))
    found = fleet.with_left(found, left)
    shown = found.shown(name)
    plans = {run.key: kept.get((run.key, PLAN, "plan")) for run in found.going}
    rows = service.pairs(found, name, database.swept(session, pairs_of=name), service.newest_plan(told, kept))
    events = database.copies_made(session, name, [sync.name for sync in shown.syncs], service.COPIES)
    return {
        **rows,
        "sets": service.sets(found, name, rows["pairs"], plans),
        "runs": service.timeline(found, name, runs, tasks),
        "ages": service.ages(found, name, events),
        "records": service.records(told, kept, reader.links),
        "actions": service.actions(found, name, found.services[name]),
    }


@app.get("/api/services/{name}/records/{dag_id}/{run_id:path}")
def get_record(name: str, dag_id: str, run_id: str, reader: ReaderDep) -> Response:
    """The record of one run."""
    found, _ = facts(reader, only=name)
    if name in found.services and dag_id in dags_of(name) and reader.access.sees_records(dag_id):
        run = database.one_run(reader.session, dag_id, run_id)
        if run is not None:
            left = database.left(reader.session, [run], (JSON, MARKDOWN))
            for record in service.records([run], left, reader.links):
                return _json(record)
    raise HTTPException(404, f"There is no record of run {run_id} of {dag_id}.")


@app.get("/metrics")
def get_metrics(reader: ReaderDep) -> Response:
    """The same for Prometheus."""
    found, error = facts(reader)
    try:
        text, media_type = metrics.exposition(found, error)
    except ConfigError as lacking:
        raise HTTPException(503, str(lacking)) from None
    return Response(text, media_type=media_type)


def _answer(request: Request, reader: Reader, found: dict[str, Any]) -> Response:
    """With a tag of all but the time, so that a page that asks again and again is told only what is new."""
    tag = '"' + hashlib.sha256(json.dumps(found).encode()).hexdigest()[:32] + '"'
    headers = {"ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return _json({"now": reader.now.isoformat(timespec="milliseconds"), **found}, headers)


def _json(found: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(found), media_type="application/json", headers=headers)
