"""Service aastmphpux with hooks: its services.yaml, and a lab whose hosts have the programs for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.conftest import SERVICES, carried_out, control

ORACLE = "lnxpp01"
"""Stands for the host of the production database."""

AROUND_DATA = """\
        before_activate:
          - {name: begin_backup, connection: lnxpp01, command: [/opt/oracle/bin/backup, start]}
        after_activate:
          - {name: end_backup, connection: lnxpp01, command: [/opt/oracle/bin/backup, stop]}
          - {name: switch_log, connection: lnxpp01, command: [/opt/oracle/bin/log, start]}
"""
OF_SERVICE = """\
    before_stop:
      - {name: drain, command: [/opt/site/bin/drain, start]}
    after_start:
      - {name: undrain, command: [/opt/site/bin/drain, stop]}
    probes:
      - {name: answers, command: [/opt/site/bin/answers, status]}
      - {name: quick, command: [/opt/site/bin/quick, status], blocking: false}
"""
PROGRAMS = {
    ORACLE: {"/opt/oracle/bin/backup": False, "/opt/oracle/bin/log": False},
    "aastmphpux": {"/opt/site/bin/drain": False, "/opt/site/bin/answers": True, "/opt/site/bin/quick": True},
}
"""They take `start`, `stop` and `status`, as applications do; and whether they run at first."""


def hooked_services(path: Path, *, around_data: str = AROUND_DATA, retries: int = 1) -> Path:
    """Write the example configuration with hooks added."""
    text = SERVICES.read_text().replace("retry_delay: 10", f"retry_delay: 10\n    retries: {retries}")
    pairs = '        pairs: ["DEV001=1234:CLONE001=4321"]\n'
    resources = "    resources:\n      - ip: {ipname: 192.168.32.41"
    assert text.count(pairs) == text.count(resources) == 1, "the example has changed"
    path.write_text(text.replace(pairs, pairs + around_data).replace(resources, OF_SERVICE + resources))
    return path


def with_programs(arrays: dict[str, Any]) -> dict[str, Any]:
    """The lab's configuration with the programs of the hooks."""
    for host in arrays["hosts"]:
        for path, running in PROGRAMS.get(host["connection_id"], {}).items():
            name = path.rsplit("/", 1)[1]
            host["apps"].append({"name": name, "command": path, "running": running})
    return arrays


def sent_in_order(lab: Any, since: int = 0) -> list[str]:
    """The hooks, control commands, mounts and unmounts that were sent, in short."""
    return in_short(
        entry["command"] for entry in lab.journal if entry["seq"] > since and entry.get("command")
    )


def in_short(lines: Iterable[str]) -> list[str]:
    found = []
    for line in lines:
        words = carried_out(line)
        if short := control(line):
            found.append(short)
        elif words[0].startswith(("/opt/oracle", "/opt/site")):
            found.append(f"{words[0].rsplit('/', 1)[1]} {words[1]}")
        elif words[0] in ("/usr/sbin/umount", "/usr/sbin/mount"):
            found.append(words[0].rsplit("/", 1)[1])
    return found
