"""What this project understands of one recorded answer of SYMCLI, by all of its readers."""

from __future__ import annotations

from typing import Any

from clones.backends.symclone import output
from clones.backends.symclone.commands import CLOCK_MARK
from clones.backends.symclone.exit_codes import Outcome, classify, verified
from clones.states import Session

NO_CLOCK = f"{CLOCK_MARK} 2000-01-01T00:00:00\n"
"""The recorder sends the device list without the clock that the operators ask for in the same command."""


def read(case: dict[str, Any]) -> dict[str, Any]:
    """What this project understands of a recorded answer.

    :returns: ``outcome`` of the exit code, and what was read from the text where there is a reader for it.
    :raises CloneError: the text could not be read.
    """
    words, exit_code = [str(word) for word in case["command"]], case["exit"]
    program, xml = words[0].rsplit("/", 1)[-1], "-output" in words
    if program == "symclone" and "verify" in words:
        return {"verified": verified(exit_code)}
    outcome = classify(exit_code)
    found: dict[str, Any] = {"outcome": outcome.value}
    if outcome is not Outcome.DONE:
        return found
    if program == "symcli" and len(words) == 1:
        return found | {"version": output.read_version(case["stdout"])}
    if not xml:
        return found
    if program == "symcfg" and "list" in words:
        return found | {"arrays": output.read_arrays(case["stdout"])}
    if program == "symdev" and "-v" in words:
        devices = output.read_devices(NO_CLOCK + case["stdout"]).devices
        return found | {
            "devices": {
                f"{device.number:05X}": {
                    "status": device.status,
                    "megabytes": device.size,
                    "sessions": [_plain(session) for session in device.sessions],
                }
                for device in devices.values()
            }
        }
    if program == "symdg" and "ld" in words:
        group = output.read_group(case["stdout"])
        return found | {"symid": group.symid, "devices": {n: f"{d:05X}" for n, d in group.devices.items()}}
    return found


def _plain(session: Session) -> dict[str, Any]:
    return {
        "source": f"{session.source:05X}",
        "target": f"{session.target:05X}",
        "state": session.state.value,
        "percent": session.percent,
        "last_action": session.last_action.isoformat() if session.last_action else None,
    }
