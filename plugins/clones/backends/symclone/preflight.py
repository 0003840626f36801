"""SYMCLI on the control host: its programs, its version, and the arrays that it knows."""

from __future__ import annotations

from collections.abc import Sequence

from clones.asking.steps import Steps, run
from clones.backends.symclone import commands, output
from clones.backends.symclone.exit_codes import Outcome, classify, failure
from clones.backends.symclone.observe import observe
from clones.config import Symcli, Sync
from clones.config.scope import Scope
from clones.errors import NOTHING_CHANGED
from clones.observe.findings import Finding, Level
from clones.states import SyncSeen

KEEPS = "pair files"


def programs(symcli: Symcli, syncs: Sequence[Sync]) -> tuple[str, ...]:
    """What the account must find; none where only root may run it, for the account may not even see that."""
    if symcli.root:
        return ()
    groups = ["symdg"] if any(sync.grouped for sync in syncs) else []
    return tuple(f"{symcli.bin}/{name}" for name in ("symclone", "symdev", *groups, "symcfg", "symcli"))


def missing(host: str, programs: Sequence[str]) -> Finding:
    return Finding(
        Level.ERROR,
        f"host {host}",
        f"the account finds no program {', '.join(programs)}",
        f"set `symcli.bin` in services.yaml to the folder of the SYMCLI programs on {host}; if it is another "
        f"one on other control hosts, `symcli.control_hosts.{host}.bin`",
    )


def checks(symcli: Symcli, host: str, asked: Sequence[tuple[Scope, Sync]]) -> list[Steps[list[Finding]]]:
    return [_version(symcli, host), _arrays(symcli, host, asked)]


def look_closer(scope: Scope, sync: Sync, where: str) -> Steps[tuple[SyncSeen | None, list[Finding]]]:
    # Asking whether the precopy has gone round would write a file of pairs on the control host.
    return (yield from observe(scope, sync.model_copy(update={"precopy_timeout": None}))), []


def _version(symcli: Symcli, host: str) -> Steps[list[Finding]]:
    result = yield from run(commands.version(symcli, host))
    if classify(result.exit_code) is not Outcome.DONE:
        raise failure(result, "SYMCLI's version", consequence=NOTHING_CHANGED)
    return [Finding(Level.OK, f"host {host}", f"SYMCLI {output.read_version(result.stdout)}")]


def _arrays(symcli: Symcli, host: str, asked: Sequence[tuple[Scope, Sync]]) -> Steps[list[Finding]]:
    result = yield from run(commands.list_arrays(symcli, host))
    if classify(result.exit_code) is not Outcome.DONE:
        raise failure(result, "The list of arrays", consequence=NOTHING_CHANGED)
    arrays = output.read_arrays(result.stdout)
    wanted: dict[str, dict[str, None]] = {}
    for scope, sync in asked:
        if sync.symid:
            wanted.setdefault(sync.symid, {})[scope.name] = None
    return [_known(f"host {host}", symid, list(names), arrays) for symid, names in wanted.items()]


def _known(where: str, symid: str, services: Sequence[str], arrays: Sequence[str]) -> Finding:
    if symid in arrays:
        return Finding(Level.OK, where, f"array {symid} is known")
    return Finding(
        Level.ERROR,
        where,
        f"array {symid} of {', '.join(services)} is not known there, only {', '.join(arrays)}",
        "compare `symid` in services.yaml with `symcfg list`; an array that is new to this host is found by "
        "`symcfg discover`",
    )
