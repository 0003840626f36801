"""Whether a host lets its account run as root what it must: each command is asked for, and none is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clones.asking.may_run import may_run, says_yes
from clones.asking.side_by_side import abreast
from clones.asking.steps import Result, Steps, run
from clones.become import Become
from clones.config import Config
from clones.observe.findings import Finding, Level
from clones.observe.host_files import HostFiles, look_at_files
from clones.policy.catalogue import group_names, sent_to
from clones.policy.make import read_groups
from clones.policy.sent import places
from clones.privileges import pbrun, pfexec, sudoers
from clones.privileges.needs import Need, needs
from clones.services_yaml.becomes import become_of

ACCOUNT = "ACCOUNT"
"""Stands for the login name in a line to add: the connection's own is not known here."""
_CHECKED = {"pfexec": pfexec.CHECKED, "pbrun": pbrun.CHECKED}
_SHOWN = 2


def look_at_privileges(host: str, config: Config) -> Steps[list[Finding]]:
    """Ask a host what its account may run as root.

    :param config: the whole of services.yaml, whatever part of it is checked.
    """
    become = become_of(host, config)
    if not become:
        return []
    # What is not read is a finding of its own.
    read = yield from read_groups(host, config, group_names(host, config))
    every = sent_to(host, config, read.groups)
    needed = needs(every)
    asked = [(one, command) for one in needed if (command := may_run(host, become, one.words)) is not None]
    if not needed:
        return []
    said = _cannot_be_asked(host, become)
    if asked:
        # In as many trips as they are long.
        results = yield from abreast(run(command) for _, command in asked)
        said = judge(host, become, [one for one, _ in asked], results)
    files = yield from look_at_files(host, places(every))
    return [*said, *judge_places(host, become, files)]


def judge_places(host: str, become: Become, files: HostFiles) -> Iterator[Finding]:
    """The findings, one a file or folder that decides what root does, and that the account can write."""
    if files.uid == 0:
        return
    for path, words in files.seen.items():
        if "writable" in words:
            what = f"the account can write {path}: it then decides what {become.kind} runs as root, or where"
            yield Finding(Level.ERROR, f"host {host}", what, "let root own it, and nobody else write to it")


def judge(host: str, become: Become, needed: Sequence[Need], results: Sequence[Result]) -> Iterator[Finding]:
    """The findings, one a command that may not be run.

    :param results: of the look for each.
    """
    where = f"host {host}"
    alike: dict[tuple[str, ...], list[tuple[Need, Result]]] = {}
    for one, result in zip(needed, results, strict=True):
        alike.setdefault(one.same, []).append((one, result))
    found = 0
    for some in alike.values():
        said = [says_yes(become, result) for _, result in some]
        one, result = some[0]
        if True in said:
            continue
        found += 1
        if None in said:
            what = f"it is not known whether {become.kind} lets the account run `{one.line}` as root, for "
            remedy = f"run `{result.command.line()}` there as the account, and fix what it says"
            yield Finding(
                Level.UNKNOWN, where, f"{what}{one.why}: {result.ending()}: {result.said()}", remedy
            )
        else:
            what = f"{become.kind} does not let the account run `{one.line}` as root: {one.why}"
            yield Finding(Level.ERROR, where, what, _remedy(host, become, [need for need, _ in some]))
    if not found:
        what = f"{become.kind} lets the account run all {len(alike)} commands as root that are needed"
        yield Finding(Level.OK, where, what)


def _remedy(host: str, become: Become, some: Sequence[Need]) -> str:
    lines = [line for one in some for line in sudoers.lines(ACCOUNT, one)] if become.kind == "sudo" else []
    more = f" and {len(lines) - _SHOWN} more lines" if len(lines) > _SHOWN else ""
    adds = f", which has {' and '.join(f'`{line}`' for line in lines[:_SHOWN])}{more}" if lines else ""
    return f"copy there what `scripts/privileges {host}` prints{adds}"


def _cannot_be_asked(host: str, become: Become) -> Iterator[Finding]:
    what = f"what {become.kind} lets the account run as root {_CHECKED[become.kind]}"
    remedy = f"compare it with what `scripts/privileges {host}` prints"
    yield Finding(Level.WARNING, f"host {host}", what, remedy)
