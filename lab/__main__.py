"""`python -m lab` runs a lab until it is told to stop.

`check JOURNAL` looks at what it did, `coverage` writes what it answers as a page, `load` measures it,
`record` and `replay` learn from a real array.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from lab import check, journal
from lab.clock import Clock
from lab.config import ConfigError, SshdLimits
from lab.config import load as read_config
from lab.real.host import RealError
from lab.running import Running
from lab.server.openssh import SshdError
from lab.server.ssh import LOOPBACK
from lab.tools import record, replay
from lab.tools.load import raise_file_limit
from lab.unisphere.unisphere import ROOT


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--config", metavar="FILE", help="YAML of arrays and hosts (default: the demo's)")
    parser.add_argument(
        "--dir", metavar="DIR", help="keys, journal and connections (default: a temporary one)"
    )
    parser.add_argument("--speed", type=float, default=1.0, metavar="N", help="lab seconds per real second")
    parser.add_argument("--manual-clock", action="store_true", help="time goes on by the control port only")
    parser.add_argument(
        "--rate-factor", type=float, default=1.0, metavar="F", help="multiplies every copy rate"
    )
    parser.add_argument(
        "--sshd-limits",
        action="store_true",
        help="refuse like a stock sshd: MaxStartups 10:30:100, MaxSessions 10",
    )
    parser.add_argument("--sshd", action="store_true", help="behind real OpenSSH servers (openssh-server)")
    parser.add_argument("--host", default=LOOPBACK, help="listen on this address or name (default: loopback)")
    parser.add_argument("--seed", type=int, metavar="N", help="set what N draws of the random_faults")
    parser.add_argument(
        "--services", metavar="FILE", help="YAML of services, named in the journal for `check`"
    )
    return parser.parse_args(words)


async def _serve(arguments: argparse.Namespace, directory: Path) -> None:
    clock = Clock(speed=arguments.speed, manual=arguments.manual_clock)
    raise_file_limit()
    config = read_config(arguments.config)
    if arguments.sshd_limits and config.sshd_limits is None:
        config.sshd_limits = SshdLimits()
    running = Running(
        config, directory, clock, arguments.rate_factor, arguments.host, arguments.services, arguments.sshd
    )
    await running.start()
    if arguments.seed is not None:
        running.world.draw(arguments.seed)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(_text(running), flush=True)
    await stop.wait()
    await running.stop()


def _text(running: Running) -> str:
    lines = ["The lab runs. Airflow connections:", ""]
    for name, connection in running.connections.items():
        extra = connection["extra"]
        host, port, login = connection["host"], connection["port"], connection["login"]
        if connection["conn_type"] == "http":
            address = f"https://{host}:{port}{ROOT}"
            lines += [
                f"  {name}",
                f"    type http, host {host}, port {port}, login {login}, password {connection['password']}",
                f"    ca_file {extra['ca_file']}",
                f"    address {address}",
                f"    by hand: curl --cacert {extra['ca_file']} -u {login} {address}/version",
            ]
            continue
        lines += [
            f"  {name}",
            f"    type ssh, host {host}, port {port}, login {login}",
            f"    key_file {extra['key_file']}",
            f"    host_key {extra['host_key']}",
            f"    by hand: ssh -i {extra['key_file']} -p {port} {login}@{host}",
        ]
    lines += [
        "", "To paste:", "", running.exports(),
        f"Directory: {running.directory} (journal.jsonl, connections.json, connections.env, lab.json)",
        f"Control port: {running.control.port}",
        "Stop with Ctrl-C.",
    ]  # fmt: skip
    return "\n".join(lines)


def _check(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m lab check", description=check.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--services", metavar="FILE", help="YAML of services (default: what the journal names)"
    )
    parser.add_argument("journal", metavar="JOURNAL")
    arguments = parser.parse_args(words)
    path = arguments.journal
    try:
        found = check.findings(journal.read(path), arguments.services)
    except (OSError, ValueError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    for line in found:
        print(line)
    print(f"{len(found)} findings")
    return 1 if found else 0


def main(words: list[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["check"]:
        return _check(words[1:])
    if words[:1] == ["coverage"]:
        from lab.tools import coverage

        return coverage.main(words[1:])
    if words[:1] == ["load"]:
        from lab.tools import load as measuring

        return measuring.main(words[1:])
    if words[:1] == ["record"]:
        return record.main(words[1:])
    if words[:1] == ["replay"]:
        return replay.main(words[1:])
    arguments = _arguments(words)
    try:
        if arguments.dir:
            asyncio.run(_serve(arguments, Path(arguments.dir)))
        else:
            with tempfile.TemporaryDirectory(prefix="lab-") as directory:
                asyncio.run(_serve(arguments, Path(directory)))
    except (ConfigError, RealError, SshdError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
