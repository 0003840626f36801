"""What one remote command costs: on our hook's kept connection, with a connection for each, and by `ssh`.

All ask the lab's SSH server, in a process of its own, for the same command. The ways take turns within one
run, so that the ratios hold while the machine's speed drifts. Ours counts the one connection of a round;
*together* asks for five in one round trip. *Fenced* sends it as what changes something is sent; *fence* is
the trip before, once a task and host, that shuts earlier tries out and lists what runs.

A second table has the same command on a real OpenSSH server, without the gate, with it, and with the policy
of 2,000 services (:mod:`bench.gated`).
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.gated import connections
from private_airflow.environment import connection_variables
from private_airflow.lab import LocalLab

RESULTS = Path(__file__).parent / "results" / "ssh.json"
SERVICES = Path(__file__).parent.parent / "config" / "services.yaml"
ROUNDS, COMMANDS = 5, 20
WORDS = ("/bin/echo", "hello")
HOST = "symcli_demo"


def cpu() -> float:
    """Seconds that this process and its ended children have used."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Wall and CPU seconds for each command of one round."""
    began, used = time.perf_counter(), cpu()
    work()
    return (time.perf_counter() - began) / COMMANDS, (cpu() - used) / COMMANDS


def ways(connection: dict[str, Any], folder: Path) -> dict[str, Callable[[], None]]:
    """Each way to run so many commands."""
    from airflow.providers.ssh.hooks.ssh import SSHHook

    from clones.asking.fence import Fence, Token, put
    from clones.asking.steps import Command
    from clones.config.scope import Scope
    from hooks.configuration import load

    command = Command(HOST, WORDS)
    hook = import_module("hooks.symcli").SymcliHook

    def kept() -> None:
        with hook() as hosts:
            for _ in range(COMMANDS):
                assert hosts.execute(command).stdout == "hello\n"

    def five_together() -> None:
        with hook() as hosts:
            for _ in range(COMMANDS // 5):
                assert [one.stdout for one in hosts.execute_together((command,) * 5)] == ["hello\n"] * 5

    config = load(SERVICES)
    service = next(iter(config.services))
    scope = Scope(service, config.services[service], config.symcli)

    def fenced() -> None:
        with hook() as hosts:
            hosts.fence = Fence(service, Token(1, "0" * 16))
            hosts.run(put(scope, hosts.fence, HOST))
            for _ in range(COMMANDS):
                assert hosts.execute(replace(command, changes=True)).stdout == "hello\n"

    def the_fence() -> None:
        with hook() as hosts:
            for _ in range(COMMANDS):
                hosts.run(put(scope, Fence(service, Token(1, "0" * 16)), HOST))

    def connection_each() -> None:
        for _ in range(COMMANDS):
            with SSHHook(ssh_conn_id=HOST).get_conn() as client:
                assert client.exec_command(command.line())[1].read() == b"hello\n"

    known = folder / "known_hosts"
    extra = connection["extra"] if isinstance(connection["extra"], dict) else json.loads(connection["extra"])
    known.write_text(f"[{connection['host']}]:{connection['port']} {extra['host_key']}\n")
    options = ["-i", str(extra["key_file"]), "-p", str(connection["port"]), "-F", "none"]
    options += ["-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes"]

    def system_ssh() -> None:
        for _ in range(COMMANDS):
            words = ["ssh", *options, f"{connection['login']}@{connection['host']}", command.line()]
            assert subprocess.run(words, capture_output=True, check=True).stdout == b"hello\n"

    return {
        "ours, kept": kept,
        "ours, together": five_together,
        "ours, fenced": fenced,
        "ours, fence": the_fence,
        "provider, each": connection_each,
        "ssh, each": system_ssh,
    }


def openssh_ways() -> dict[str, Callable[[], None]]:
    """The same command, alone and five together, by each key of the real server."""
    from clones.asking.steps import Command

    hook = import_module("hooks.symcli").SymcliHook
    found: dict[str, Callable[[], None]] = {}
    for host in ("open", "gated", "gated_2000"):
        command = Command(host, WORDS)

        def alone(command: Command = command) -> None:
            with hook() as hosts:
                for _ in range(COMMANDS):
                    assert hosts.execute(command).stdout == "hello\n"

        def together(command: Command = command) -> None:
            with hook() as hosts:
                for _ in range(COMMANDS):
                    assert len(hosts.execute_together((command,) * 5)) == 5

        found |= {host: alone, f"{host}, five together": together}
    return found


def gated() -> dict[str, dict[str, float]]:
    """A round trip by each, in ms, and how much more that is than without the gate."""
    with connections(" ".join(WORDS)) as those:
        os.environ |= connection_variables(those)
        found: dict[str, list[tuple[float, float]]] = {}
        for _ in range(ROUNDS + 1):  # the first warms up
            for way, work in openssh_ways().items():
                found.setdefault(way, []).append(timed(work))
    rows = {}
    for way, times in found.items():
        without = found[way.replace("gated_2000", "open").replace("gated", "open")]
        more = [wall - plain for (wall, _), (plain, _) in zip(times[1:], without[1:], strict=True)]
        rows[way] = {
            "wall_ms": 1000 * statistics.median(wall for wall, _ in times[1:]),
            "more_ms": 1000 * statistics.median(more),
        }
    print(f"\nA round trip to OpenSSH; {COMMANDS} a round, {ROUNDS} rounds")
    print(f"{'':26} {'wall, ms':>9} {'more, ms':>9}")
    for way, row in rows.items():
        print(f"{way:26} {row['wall_ms']:9.1f} {row['more_ms']:9.1f}")
    return rows


def main() -> None:
    """Run all, print the tables and write `bench/results/ssh.json`."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with LocalLab(folder / "lab") as lab:
            os.environ |= {"AIRFLOW_HOME": name, **connection_variables(lab.connections)}
            found: dict[str, list[tuple[float, float]]] = {}
            for _ in range(ROUNDS + 1):  # the first warms up
                for way, work in ways(lab.connections[HOST], folder).items():
                    found.setdefault(way, []).append(timed(work))
    rows = {
        way: {
            "wall_ms": 1000 * statistics.median(wall for wall, _ in times[1:]),
            "cpu_ms": 1000 * statistics.median(used for _, used in times[1:]),
            "wall_ratio": statistics.median(
                wall / ours for (wall, _), (ours, _) in zip(times[1:], found["ours, kept"][1:], strict=True)
            ),
        }
        for way, times in found.items()
    }
    print(f"{COMMANDS} commands a round, {ROUNDS} rounds; medians for each command")
    print(f"{'':16} {'wall, ms':>9} {'CPU, ms':>9} {'wall / ours':>12}")
    for way, row in rows.items():
        print(f"{way:16} {row['wall_ms']:9.1f} {row['cpu_ms']:9.1f} {row['wall_ratio']:12.1f}")
    RESULTS.write_text(json.dumps(rows | gated(), indent=2) + "\n")
