"""Unisphere and the arrays that it manages, before the first run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clones.asking.steps import Steps, run
from clones.backends.snapvx import requests
from clones.backends.snapvx.outcomes import Outcome, classify, failure
from clones.backends.snapvx.reading import as_object, text, yes
from clones.config import Symcli, Sync
from clones.errors import NOTHING_CHANGED
from clones.observe.findings import Finding, Level

KEEPS = "slots"


def programs(symcli: Symcli, syncs: Sequence[Sync]) -> tuple[str, ...]:
    """None: the host that holds the lock needs a shell."""
    return ()


def missing(host: str, programs: Sequence[str]) -> Finding:
    """Never asked for."""
    return Finding(Level.ERROR, f"host {host}", f"no program {', '.join(programs)}", "install it")


def checks(symcli: Symcli, host: str, syncs: Mapping[str, Sequence[Sync]]) -> list[Steps[list[Finding]]]:
    wanted: dict[str, list[str]] = {}
    for name, own in syncs.items():
        for symid in dict.fromkeys(str(sync.symid) for sync in own):
            wanted.setdefault(symid, []).append(name)
    return [_array(host, symid, names) for symid, names in wanted.items()]


def _array(server: str, symid: str, services: Sequence[str]) -> Steps[list[Finding]]:
    where = f"host {server}"
    result = yield from run(requests.show_array(server, symid))
    outcome = classify(result)
    if outcome is Outcome.GONE:
        remedy = "fix `symid` or `unisphere` in services.yaml: a server knows the arrays that it manages"
        return [
            Finding(Level.ERROR, where, f"array {symid} of {', '.join(services)} is not known there", remedy)
        ]
    if outcome is not Outcome.DONE:
        raise failure(result, f"Array {symid}", consequence=NOTHING_CHANGED)
    body = as_object(result.stdout)
    if yes(body, "local") is False:
        remedy = "give the connection of the server that manages it as `unisphere`"
        return [Finding(Level.ERROR, where, f"array {symid} is managed by another server", remedy)]
    shown = [said for said in (text(body, "model"), text(body, "microcode", "ucode")) if said]
    about = f": {', '.join(shown)}" if shown else ""
    return [Finding(Level.OK, where, f"array {symid} is known{about}")]
