from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from lab import Lab
from lab.building import build
from lab.clock import Clock
from lab.config import load
from lab.journal import Journal, Record
from lab.server.exchange import Exchange, Gone, Request, call_as_administrator
from lab.shell.streams import Buffer, TextInput
from lab.unisphere.unisphere import ROOT, Unisphere
from tests.conftest import ROOT as ROOT_FOLDER
from tests.conftest import judge

# A lab time that is easy to read in expected texts.
START = 1_767_607_200.0  # Mon Jan  5 10:00:00 2026 UTC
POWERMAX = ROOT_FOLDER / "lab" / "powermax.yaml"
PM = "000297600001"
"""The array of lab/powermax.yaml."""
GROUPS = f"/100/replication/symmetrix/{PM}/storagegroup/"


class Bench:
    """A world without servers: commands run on a host in this process, time is turned by hand."""

    def __init__(self, config: Any = None) -> None:
        self.clock = Clock(manual=True, start=START)
        self.journal = Journal(self.clock)
        self.world = build(load(config), self.clock, self.journal)
        self.world.started()

    async def run(self, host: str, command: str, stdin: str = "") -> tuple[int, str, str]:
        found = self.world.host(host)
        record = Record(self.clock, host=found.name, command=command)
        out, err = Buffer(), Buffer()
        status = await found.shell(record, TextInput(stdin), out, err).run(command)
        entry = record.entry(exit=status, stdout=out.text, stderr=err.text)
        self.journal.write(entry)
        return status, out.text, err.text

    def unisphere(self) -> Unisphere:
        if not hasattr(self, "_unisphere"):
            self._unisphere = Unisphere(self.world.config.unispheres[0], self.world)
            for name in self._unisphere.names:
                self.world.calls[name] = partial(call_as_administrator, self._unisphere)
        return self._unisphere

    async def rest(
        self, method: str, path: str, body: Any = None, *, login: str = "admin:of-the-lab", **query: Any
    ) -> tuple[int | None, Any]:
        """Status and JSON of an answer; (None, None) when the connection was lost. A path with a first `/` is
        one below the API's root, another one below the storage groups of the array."""
        token = b64encode(login.encode()).decode()
        target = f"{ROOT}{path if path.startswith('/') else GROUPS + path}"
        target += f"?{urlencode(query)}" if query else ""
        content = b"" if body is None else json.dumps(body).encode()
        request = Request(method, target, {"authorization": f"Basic {token}"}, content)
        reply = await Exchange(self.unisphere(), Gone(1), request, lambda fault: None).run()
        if reply is None or reply.cut is not None:
            return None, None
        self.headers = reply.headers
        if not reply.body:
            return reply.status, None
        kind = reply.headers["Content-Type"]
        return reply.status, json.loads(reply.body) if kind == "application/json" else reply.body.decode()

    def set(self, **switches: Any) -> None:
        """Switches of the array and of the Unisphere."""
        array = self.world.array(PM)
        for name, value in switches.items():
            if name in type(array.config.snapvx).model_fields:
                array.config.snapvx = array.config.snapvx.model_copy(update={name: value})
            else:
                assert name in type(self.unisphere().switches).model_fields, name
                self.unisphere().switches = self.unisphere().switches.model_copy(update={name: value})

    def snapshots(self) -> dict[str, dict[str, Any]]:
        """What the array has now, by name; of one name the newest."""
        return {s["name"]: s for s in self.world.snapvx(self.world.array(PM)).describe()}

    def state(self, symid: str, source: str, target: str) -> str:
        return str(self.world.describe(symid, source, target)["state"])

    def events(self, name: str) -> list[dict[str, Any]]:
        return [e for e in self.journal.entries if e.get("event") == name]


@pytest.fixture
def make_bench(request: pytest.FixtureRequest) -> Iterator[Callable[..., Bench]]:
    """Whatever is done on them is judged as for a whole lab."""
    made: list[Bench] = []

    def make(config: Any = None) -> Bench:
        made.append(Bench(config))
        return made[-1]

    yield make
    for bench in made:
        judge(bench.journal.entries, request.node)


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(directory=tmp_path / "lab", clock="manual", start=START) as running:
        yield running


@pytest.fixture
async def powermax(make_bench: Callable[..., Bench]) -> AsyncIterator[Bench]:
    """lab/powermax.yaml with answers that show the array as it is, jobs that end at once, nothing mounted."""
    config = load(POWERMAX).model_dump()
    config["unispheres"][0]["switches"] |= {"lag_s": 0, "job_seconds": 0}
    for host in config["hosts"]:
        host |= {"mounts": [], "apps": []}
        for group in host["volume_groups"]:
            group["active"] = False
    bench = make_bench(config)
    yield bench
    await bench.unisphere().stop()
