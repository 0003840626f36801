"""What preflight says of what it sees: of a pair, of the devices of all pairs, and of a resource."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace

from clones.backends import backend_of
from clones.config import Production, Service, Sync
from clones.decide.one_owner import REMEDY, End, shared
from clones.decide.rules import Verdict
from clones.decide.unlisted_groups import unlisted_groups
from clones.observe.findings import Finding, Level
from clones.observe.proof_down import GuardRow, Row, unexplained
from clones.resources.base import Use
from clones.states import ACTIVE, PairSeen, State, SyncSeen


def judge_pair(where: str, service: str, sync: Sync, seen: SyncSeen, pair: PairSeen) -> list[Finding]:
    """What is to be said of one pair; nothing when it is as it should be."""
    show = seen.tools.show
    if pair.wrong:
        group = f"device group {sync.symdg} and " if sync.grouped else ""
        remedy = f"compare `pairs` in services.yaml with {group}{show}, and fix what is wrong"
        return [Finding(Level.ERROR, where, pair.wrong, remedy)]
    found = []
    decision = backend_of(sync).decide_resync(sync, replace(seen, pairs=(pair,)))
    if pair.state is State.NONE:
        remedy = f"have its first full copy made: DAG `{service}_provision`"
        found.append(Finding(Level.ERROR, where, "the array has no session for it", remedy))
    elif decision.verdict is Verdict.REFUSE:
        written = pair.session.written if pair.session else str(pair.state)
        found.append(Finding(Level.ERROR, where, f"its session is {written}", decision.remedy))
    elif decision.verdict is Verdict.WAIT and pair.state not in ACTIVE:
        what = f"its session is {pair.state}: it is changing now"
        found.append(Finding(Level.WARNING, where, what, "check again once that is over"))
    if pair.session and pair.session.last_action is None:
        what = "the array does not show the time of its last action"
        remedy = f"check {seen.tools.times}: without it nothing is recreated, nothing started"
        found.append(Finding(Level.ERROR, where, what, remedy))
    if not pair.sizes_known:
        what = "the array did not show both sizes, so they could not be compared"
        remedy = f"check with {show} that the target holds at least as many MB as the source"
        found.append(Finding(Level.WARNING, where, what, remedy))
    return found


def judge_devices(ends: Iterable[End], services: Container[str]) -> list[Finding]:
    """Across all services, by number: no target twice, no target that is a source (D4). One finding a device.

    :param services: those that are checked; of what is only others' nothing is said.
    """
    found: dict[tuple[str, int], Finding] = {}
    for end, others in sorted(shared(ends), key=lambda one: one[0].role != "target"):
        if end.service in services and (end.symid, end.number) not in found:
            found[end.symid, end.number] = Finding(Level.ERROR, end.where, end.is_also(others), REMEDY)
    return list(found.values())


def judge_resource(where: str, row: Row) -> Finding:
    """Whether its probe can tell, and whether `stop` or `start` could act on what it says."""
    probe, driver = row.probe, row.driver
    said = f"{probe.use.value} [{probe.at}]: {probe.evidence}"
    if probe.use is Use.UNKNOWN:
        return Finding(
            Level.UNKNOWN,
            where,
            f"it is not known whether it is up or down: {probe.evidence}",
            f"run `{driver.probe().line()}` by hand on the host, and fix the cause of the unclear answer",
        )
    if not (driver.stop(probe.at) if probe.use is Use.UP else driver.start(probe.at)):
        could = "stop would leave it up" if probe.use is Use.UP else "start would leave it down"
        return Finding(Level.WARNING, where, f"not as configured, so {could}; {said}", "fix it by hand")
    return Finding(Level.OK, where, said)


def judge_guard(where: str, seen: GuardRow, rows: Sequence[Row]) -> Finding:
    """Whether it can tell, and whether what it says fits what the service's own resources say."""
    said = f"{seen.probe.use.value} [{seen.probe.at}]: {seen.probe.evidence}"
    if seen.probe.use is Use.UNKNOWN:
        return Finding(
            Level.UNKNOWN,
            where,
            f"it gave no clear answer: {seen.probe.evidence}",
            f"run `{seen.guard.probe().line()}` on {seen.host} and fix the cause of the unclear answer",
        )
    if unexplained(rows, [seen]):
        return Finding(
            Level.ERROR,
            where,
            f"{said}, and no resource of the service accounts for it",
            "find out who has the address or uses the disks: every run would be refused",
        )
    return Finding(Level.OK, where, said)


_PG_CTL = re.compile(r"\bpg_ctl(?:cluster)?\b")


def judge_groups(where: str, what: Service | Production | None) -> Iterator[Finding]:
    """:param what: on one target set, where the service has any."""
    for unlisted in unlisted_groups(what) if what else ():
        said = f"{unlisted}: nothing proves that group down, so no copy is made under it"
        yield Finding(
            Level.ERROR, where, said, "list the group as a `vg` before the file system; or as a `command`"
        )


def judge_pid_files(where: str, service: Service) -> Iterator[Finding]:
    """Commands that go by a file which a copy brings along from the original: PostgreSQL's.

    ``pg_ctl -D COPY status`` and ``stop`` take the process whose number is in ``postmaster.pid`` of that
    folder (tried with PostgreSQL 15). Right after a split that is the original's number.
    """
    original = {host.connection for host in service.production.hosts} if service.production else set[str]()
    both = sorted(original & {host.connection for host in service.hosts})
    beside = any(entry.vg and entry.vg.same_host_as_source for entry in service.resources)
    if service.production and not both and not beside:
        return  # the original is elsewhere
    for label, words in _stops_and_looks(service):
        if any(_PG_CTL.search(word) for word in words):
            seen = f"on {both[0]}, a host of `production`" if both else "where a host has the original too"
            yield Finding(
                Level.WARNING,
                f"{where}, {label}",
                f"pg_ctl goes by postmaster.pid, which the copy brings along: {seen}, its status answers for "
                "the original and its stop shuts the original down",
                "call it by a script that compares the process's folder with the copy's "
                "(docs/how-to/your-site.md, a PostgreSQL beside its original)",
            )


def _stops_and_looks(service: Service) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The site's own commands on a copy that are to find a process of it, each with its name."""
    for entry in service.resources:
        if entry.app:
            yield f"app {entry.app.name}", (*entry.app.check, *entry.app.stop)
        if entry.command:
            yield f"command {entry.command.name}", (*entry.command.probe, *entry.command.stop)
    for check in service.down_checks:
        yield f"down_checks {check.name}", check.command
    for place in ("before_stop", "before_start", "after_start", "probes"):
        for hook in getattr(service, place):
            if "start" not in hook.command:  # which refuses while there is a process of that number
                yield f"hook {hook.name} ({place})", hook.command
