from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import Lab
from lab.building import build
from lab.clock import Clock
from lab.config import load
from lab.journal import Journal, Record
from lab.shell.streams import Buffer, TextInput
from tests.conftest import judge

# A lab time that is easy to read in expected texts.
START = 1_767_607_200.0  # Mon Jan  5 10:00:00 2026 UTC


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
