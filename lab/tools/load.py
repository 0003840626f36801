"""`python -m lab load`: how much the lab answers, measured over real SSH on loopback.

It starts a lab of its own in another process, with one array of many pairs of which a few move, and asks it
the same status question as any integration would (`symdev ... list -v -devs A,B -output xml_e`). Every
answer is checked: a fast wrong answer counts as wrong. Count and time are bounded, whatever is asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

SYMID = "000197600500"
MOST_SECONDS = 120
MOST_COMMANDS = 200_000
MOST_SESSIONS = 2000
HOST = "load_control"
WITH_CLOCK = 'date "+%Y-%m-%dT%H:%M:%S" && exec "$@"'


@dataclass(frozen=True)
class Size:
    """What the array of a measurement has; pair n is device 2n with target 2n+1."""

    devices: int = 10_000
    pairs: int = 5_000
    moving: int = 100

    def __post_init__(self) -> None:
        if not (0 <= self.moving <= self.pairs and 2 * self.pairs <= self.devices <= 0xFFFFF):
            raise ValueError("moving <= pairs, and two devices a pair")

    def pair(self, number: int) -> tuple[str, str]:
        return f"{2 * number:05X}", f"{2 * number + 1:05X}"

    def state(self, number: int) -> str:
        return "CopyInProg" if number < self.moving else "Copied"


def config(size: Size, *, sshd_limits: bool = False) -> dict[str, Any]:
    """The lab's configuration. The moving pairs are slow enough to move until the end."""
    sessions = [
        {"source": size.pair(n)[0], "target": size.pair(n)[1], "state": size.state(n), "write_rate": 10}
        for n in range(size.pairs)
    ]
    array = {
        "symid": SYMID, "model": "PowerMax_8000", "microcode": "5978", "track_kb": 128, "device_width": 5,
        "copy_rate": 1000, "sessions": sessions,
        "devices": [{"device": f"{n:05X}", "megabytes": 102_400} for n in range(size.devices)],
    }  # fmt: skip
    host = {
        "name": "load01",
        "connection_id": HOST,
        "family": "control",
        "login": "symcli",
        "arrays": [SYMID],
    }
    return {"arrays": [array], "hosts": [host], "sshd_limits": sshd_limits}


@dataclass
class Line:
    """One line of the table. Times are seconds of wall clock; `waits` those of each answer."""

    what: str
    asked: int = 0
    right: int = 0
    wrong: int = 0
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    server: float = 0.0
    client: float = 0.0

    def cells(self) -> list[str]:
        per_second = f"{self.right / self.seconds:.0f}" if self.seconds else "-"
        cuts = statistics.quantiles(self.waits, n=100) if len(self.waits) > 1 else []
        middle = [f"{cuts[i - 1] * 1000:.1f}" if cuts else "-" for i in (50, 95, 99)]
        busy = [
            f"{100 * cpu / self.seconds:.0f}" if self.seconds else "-" for cpu in (self.server, self.client)
        ]
        counts = [str(self.asked), str(self.right), str(self.wrong)]
        return [self.what, *counts, f"{self.seconds:.2f}", per_second, *middle, *busy]


HEAD = ["what", "asked", "right", "wrong", "seconds", "per s", "p50 ms", "p95", "p99", "lab CPU %", "client"]


def table(lines: list[Line]) -> str:
    rows = [HEAD, *(line.cells() for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    texts = [
        "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([texts[0], "  ".join("-" * w for w in widths), *texts[1:]])


@contextlib.contextmanager
def running(size: Size, directory: Path) -> Iterator[tuple[dict[str, Any], int, float]]:
    """A lab in a process of its own: its connection, its pid, and the seconds until it answered."""
    file = directory / "load.yaml"
    file.write_text(json.dumps(config(size)))  # JSON is YAML
    words = [sys.executable, "-m", "lab", "--config", str(file), "--dir", str(directory / "lab")]
    began = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Stop with"):
                break
        else:
            raise RuntimeError("the lab did not start")
        started = time.monotonic() - began
        found = json.loads((directory / "lab" / "connections.json").read_text())
        yield found[HOST], process.pid, started
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


@contextlib.asynccontextmanager
async def connected(about: dict[str, Any], count: int) -> AsyncIterator[list[asyncssh.SSHClientConnection]]:
    """So many connections, a few at a time."""
    gate = asyncio.Semaphore(16)
    key = asyncssh.read_private_key(about["extra"]["key_file"])
    known: Any = ([asyncssh.import_public_key(about["extra"]["host_key"])], [], [])

    async def one() -> asyncssh.SSHClientConnection:
        async with gate:
            return await asyncssh.connect(
                about["host"], about["port"], username=about["login"], client_keys=[key], known_hosts=known,
                config=None, agent_path=None,
            )  # fmt: skip

    connections = await asyncio.gather(*(one() for _ in range(count)))
    try:
        yield connections
    finally:
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(c.wait_closed() for c in connections), return_exceptions=True)


def _cpu_of(pid: int) -> float:
    """Seconds of processor time that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _timed(line: Line, pid: int) -> Iterator[None]:
    server, client, began = _cpu_of(pid), time.process_time(), time.monotonic()
    yield
    line.seconds = time.monotonic() - began
    line.server, line.client = _cpu_of(pid) - server, time.process_time() - client


async def statuses(
    about: dict[str, Any],
    pid: int,
    size: Size,
    *,
    connections: int,
    at_once: int,
    commands: int,
    seconds: float,
    clock: bool = False,
) -> Line:
    """Status commands as fast as they are answered, `at_once` on the way, every pair in turn."""
    line = Line(f"status{' and clock' * clock}, {connections} connections, {at_once} at once")
    numbers = iter(range(min(commands, MOST_COMMANDS)))
    end = time.monotonic() + min(seconds, MOST_SECONDS)

    async def worker(connection: asyncssh.SSHClientConnection) -> None:
        for number in numbers:
            line.asked += 1
            at = number * 37 % size.pairs
            source, target = size.pair(at)
            command = f"/usr/symcli/bin/symdev -sid {SYMID} list -v -devs {source},{target} -output xml_e"
            if clock:
                command = f"/bin/sh -c {shlex.quote(WITH_CLOCK)} clock env SYMCLI_WAIT_ON_DB=1 {command}"
            began = time.monotonic()
            answer = await connection.run(command, stdin=asyncssh.DEVNULL)
            line.waits.append(time.monotonic() - began)
            text = str(answer.stdout)
            good = (
                answer.exit_status == 0
                and text.count(f"<state>{size.state(at)}</state>") == text.count("<CLONE_Device>") == 2
                and text.count(f"<dev_name>{source}</dev_name>") == 3
                and text.count(f"<dev_name>{target}</dev_name>") == 3
            )
            line.right, line.wrong = line.right + good, line.wrong + (not good)
            if time.monotonic() >= end:
                return

    async with connected(about, connections) as found:
        with _timed(line, pid):
            await asyncio.gather(*(worker(found[n % connections]) for n in range(at_once)))
    return line


async def sessions(about: dict[str, Any], pid: int, *, connections: int, each: int) -> Line:
    """So many sessions open at the same moment: each gets its line only when all of them wait for it."""
    line = Line(f"{connections} x {each} sessions at once")
    line.asked = min(connections * each, MOST_SESSIONS)
    with _timed(line, pid):
        async with connected(about, connections) as found:
            at_work = [found[n % connections] for n in range(line.asked)]
            processes = [await c.create_process("cat") for c in at_work]

            async def one(number: int) -> None:
                began = time.monotonic()
                text, _ = await processes[number].communicate(f"line {number}\n")
                line.waits.append(time.monotonic() - began)
                good = text == f"line {number}\n" and processes[number].exit_status == 0
                line.right, line.wrong = line.right + good, line.wrong + (not good)

            await asyncio.gather(*(one(n) for n in range(line.asked)))
    return line


def raise_file_limit(wanted: int = 4096) -> None:
    """A socket a connection: as many open files as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def measure(arguments: argparse.Namespace) -> list[Line]:
    raise_file_limit()
    size = Size(arguments.devices, arguments.pairs, arguments.moving)
    lines: list[Line] = []

    async def all_of_them(about: dict[str, Any], pid: int) -> None:
        most = {"commands": arguments.commands, "seconds": arguments.seconds, "clock": arguments.clock}
        for connections in arguments.connections:
            at_once = max(connections, arguments.at_once)
            lines.append(await statuses(about, pid, size, connections=connections, at_once=at_once, **most))
        for text in arguments.sessions:
            connections, each = (int(part) for part in text.split("x"))
            lines.append(await sessions(about, pid, connections=connections, each=each))

    with (
        tempfile.TemporaryDirectory(prefix="lab-load-") as directory,
        running(size, Path(directory)) as (about, pid, started),
    ):
        lines.append(Line(f"start with {size.pairs} pairs, {size.moving} moving", 1, 1, seconds=started))
        asyncio.run(all_of_them(about, pid))
    return lines


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m lab load", description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=5_000)
    parser.add_argument("--moving", type=int, default=100, help="how many of the pairs copy")
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 4, 16], metavar="N")
    parser.add_argument("--at-once", type=int, default=8, help="commands on the way together, at least")
    parser.add_argument("--commands", type=int, default=20_000, help="at most so many a line of the table")
    parser.add_argument("--seconds", type=float, default=5, help="at most so long a line of the table")
    parser.add_argument("--sessions", nargs="*", default=["100x10", "1000x1"], metavar="CONNECTIONSxEACH")
    parser.add_argument("--clock", action="store_true", help="with the host's time before each status")
    arguments = parser.parse_args(words)
    try:
        lines = measure(arguments)
    except ValueError as error:
        parser.error(str(error))
    print(table(lines))
    return 1 if any(line.wrong or line.right < line.asked for line in lines) else 0
