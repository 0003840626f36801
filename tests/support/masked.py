"""Service lnxpp with a `before_start` hook that masks its data: its services.yaml, and a lab that has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conftest import SERVICES, carried_out

MASK = "/opt/site/bin/mask"
HOOKS = f"    before_start:\n      - {{name: mask, command: [{MASK}, start]}}\n"
SHORT = {
    "/usr/bin/mount": "mount",
    "/usr/bin/umount": "umount",
    MASK: "mask",
    "/opt/pp/bin/ppctl": "pp",
    "/opt/lts/bin/ltsctl": "lts",
}


def masked_services(path: Path, *, hooks: str = HOOKS, retries: int = 0) -> Path:
    """Write the example configuration with that hook."""
    text = SERVICES.read_text()
    resources = "    resources:\n      - ip: {ipname: 192.168.40.17"
    assert text.count(resources) == 1, "the example has changed"
    path.write_text(text.replace(resources, f"    retries: {retries}\n{hooks}{resources}"))
    return path


def with_mask(arrays: dict[str, Any], on: str = "lnxpp01") -> dict[str, Any]:
    """The lab's configuration with the hook's program, which takes `start`."""
    (host,) = [host for host in arrays["hosts"] if host["connection_id"] == on]
    host["apps"].append({"name": "mask", "command": MASK, "running": False})
    return arrays


def sent_in_order(lab: Any, since: int = 0) -> list[str]:
    """Recreates and activations by their verbs, mounts, unmounts, the hook, and the application's own."""
    found = []
    for entry in lab.journal:
        if entry["seq"] <= since or not entry.get("command"):
            continue
        words = carried_out(entry["command"])
        if words[-1] == "status":
            continue
        if words[0] in SHORT:
            found.append(f"{SHORT[words[0]]} {words[-1]}")
        elif "-noprompt" in words:
            found.append(words[words.index("-noprompt") + 1])
    return found


def newest(lab: Any) -> int:
    """Where in the journal it is now."""
    return int(lab.journal[-1]["seq"]) if lab.journal else 0
