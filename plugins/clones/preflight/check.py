"""Whether a configuration fits the real hosts and arrays: everything is looked at, nothing is touched.

One thing that is wrong never hides another: each check ends as a finding. Only what cannot be looked at
because of an earlier finding (a host that cannot be reached) is left out, and that is said.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from clones.act.rescan_disks import needed_programs
from clones.asking.processes import list_processes, processes
from clones.asking.read_only import Eyes
from clones.asking.side_by_side import Ended, attempts
from clones.asking.steps import Command, Steps, run
from clones.asking.whole_answers import SCRIPT
from clones.backends import backend_of
from clones.backends.checking import Checking, checking_of
from clones.config import Service, Symcli, Sync
from clones.config.scope import Scope
from clones.decide.one_owner import End, ends_of
from clones.decide.rules import is_torn
from clones.errors import NOTHING_CHANGED, CloneError, Refused, Unknown
from clones.guards import guards
from clones.observe.findings import Finding, Level, from_error
from clones.observe.host_files import PROGRAM_IN_A_TEXT, HostFiles, look_at_files
from clones.observe.proof_down import Row, look, look_at
from clones.policy.catalogue import connections_of
from clones.preflight.gates import Wanted, look_at_gate
from clones.preflight.parts import parts
from clones.preflight.privileges import look_at_privileges
from clones.preflight.rules import (
    judge_devices,
    judge_groups,
    judge_guard,
    judge_pair,
    judge_pid_files,
    judge_resource,
)
from clones.resources import drivers
from clones.resources.app import AppDriver
from clones.resources.base import Driver
from clones.runs.other_services import look_up, pin_or

T = TypeVar("T")


def check(
    services: Mapping[str, Service],
    symcli: Symcli,
    gates: Wanted | None = None,
    others: Mapping[str, Service] = MappingProxyType({}),
) -> Steps[list[Finding]]:
    """Look at every host, array, pair and resource that these services name, on each of their target sets.

    Each host is reached once, and left alone once it could not be; no command is sent twice.

    :param gates: what the policies of gates are held against; None: gates are not asked for.
    :param others: the other services of the file, whose devices must not be those of the checked ones.
    :returns: the findings, in the order of the configuration: control hosts, service hosts, services.
    """
    site = _Site(services, symcli)
    for host in dict.fromkeys(service.control_host for service in services.values()):
        yield from site.control_host(host)
    every = [scope for scopes in site.scopes.values() for scope in scopes]
    for host in dict.fromkeys(host for scope in every for host in scope.fenced_hosts()):
        yield from site.service_host(host)
    if gates is not None:
        for host in dict.fromkeys(host for one in services.values() for host in connections_of(one)):
            yield from site.rights(host, gates)
    for name, scopes in site.scopes.items():
        try:
            yield from site.service(name, scopes)
        except Exception as error:  # one service's trouble is not the others'
            what = f"the check could not finish: {type(error).__name__}: {error}"
            site.findings.append(Finding(Level.UNKNOWN, f"service {name}", what, "report this error"))
    yield from site.compare(others)
    return site.findings


class _Site:
    """One check of a site, and what it has found so far."""

    def __init__(self, services: Mapping[str, Service], symcli: Symcli) -> None:
        self.services = services
        self.symcli = symcli
        self.scopes = {name: Scope.each_set(name, one, symcli) for name, one in services.items()}
        self.findings: list[Finding] = []
        self._eyes = Eyes()
        self._said: list[CloneError] = []
        self._unusable: set[tuple[Checking, str]] = set()
        self.ends: list[End] = []

    def control_host(self, host: str) -> Steps[None]:
        """The folder for locks, the list of processes, and what arrays are asked through."""
        where = f"host {host}"
        using = {name: s for name, s in self.services.items() if s.control_host == host}
        syncs = {name: [s for one in self.scopes[name] for s in one.service.syncs] for name in using}
        symcli = self.symcli.on(host)
        ways: dict[Checking, dict[str, list[Sync]]] = {}
        for name, own in syncs.items():
            for sync in own:
                ways.setdefault(checking_of(sync), {}).setdefault(name, []).append(sync)
        programs = {way: way.programs(symcli, _all(own)) for way, own in ways.items()}
        folders = _with_parents(symcli.work_dir)
        needed = [program for some in programs.values() for program in some]
        files = yield from self._told(where, look_at_files(host, (*needed, *folders)))
        if host in self._eyes.lost:
            return
        if files is not None:
            self._reached(where, files)
            for way, some in programs.items():
                missing = [program for program in some if not files.runs(program)]
                if missing:
                    self._unusable.add((way, host))
                    self.findings.append(way.missing(host, missing))
            holds = " and ".join(["locks", *(way.KEEPS for way in ways)])
            self._work_dir(where, files, folders, holds, "`symcli.work_dir`")
        for way, asked in ways.items():
            if (way, host) in self._unusable:
                continue
            for at, members in self._asked_through(asked).items():
                for check in way.checks(symcli, at, members):
                    self.findings += (yield from self._told(f"host {at}", check)) or ()
        named = [(name, sync) for name, own in syncs.items() for sync in own]
        running = yield from self._told(where, _running(host, named))
        if running is not None:
            self._add(Level.OK, where, "`ps -ef` lists its processes")
            for words in running:
                self._add(
                    Level.WARNING,
                    where,
                    f"a control command runs there now: `{words}`",
                    "let it end before the first run",
                )

    def _asked_through(self, syncs: Mapping[str, Sequence[Sync]]) -> dict[str, list[tuple[Scope, Sync]]]:
        """By connection what is asked there."""
        found: dict[str, list[tuple[Scope, Sync]]] = {}
        for name, own in syncs.items():
            for sync in own:
                scope = self.scopes[name][0]
                found.setdefault(_asked(scope, sync), []).append((scope, sync))
        return found

    def service_host(self, host: str) -> Steps[None]:
        """The programs that the resources there need, the folder for tokens, and what the account may do."""
        where = f"host {host}"
        scopes = [scope for scopes in self.scopes.values() for scope in scopes]
        found = [driver for scope in scopes for driver in self._drivers(scope, host, tell=False)]
        programs: dict[str, dict[str, None]] = {}
        for driver in found:
            for command in (driver.probe(), *driver.start(driver.stopped), *driver.stop(driver.started)):
                for program in _programs(command):
                    programs.setdefault(program, {})[driver.label] = None
        for service in (scope.service for scope in scopes):
            for guard in guards(service):
                if guard.host == host and (program := _program(guard.probe())).startswith("/"):
                    programs.setdefault(program, {})[guard.label] = None
            for on in service.hosts:
                for program in needed_programs(service, on) if on.connection == host else ():
                    programs.setdefault(program, {})["making disks usable"] = None
        absolute = [program for program in programs if program.startswith("/")]
        fenced = [scope for scope in scopes if host in scope.fenced_hosts()]
        places = {tuple(_with_parents(one.work_dir_on(host))): one.work_dir_key(host) for one in fenced}
        folders = [folder for place in places for folder in place]
        files = yield from self._told(where, look_at_files(host, (*absolute, *folders)))
        if files is None:
            return
        self._reached(where, files)
        for place, key in places.items():
            self._work_dir(where, files, place, "the tokens of tries", key)
        for program, labels in programs.items():
            needed = f"needed for {', '.join(labels)}"
            if program not in absolute:
                self._add(
                    Level.WARNING,
                    where,
                    f"`{program}`, {needed}, is no absolute path: which program runs depends on the account",
                    "write its absolute path in services.yaml",
                )
            elif not files.runs(program):
                self._add(
                    Level.ERROR,
                    where,
                    f"the account finds no program {program}, {needed}",
                    f"install it, let the account execute it, or fix the path or `family` of {host} in "
                    "services.yaml",
                )
        if absolute and all(files.runs(program) for program in absolute):
            self._add(Level.OK, where, f"all {len(absolute)} programs that its resources need are there")
        becomes = any(on.root for one in scopes for on in one.service.hosts if on.connection == host)
        if files.uid != 0 and not becomes and not all(isinstance(driver, AppDriver) for driver in found):
            self._add(
                Level.WARNING,
                where,
                f"the account is {'of an unknown uid' if files.uid is None else 'not root'}: only a "
                "run shows whether it may change addresses, volume groups and mounts",
                f"set `become` of {host} and run `scripts/privileges {host}`, or let its connection log "
                "in as root",
            )

    def rights(self, host: str, wanted: Wanted) -> Steps[None]:
        """What may be sent there, and run as root; a host that could not be reached is not asked."""
        for asked in (
            look_at_gate(host, wanted),
            look_at_privileges(host, wanted.of.get(host, wanted.config)),
        ):
            if host not in self._eyes.lost:
                self.findings += (yield from self._told(f"host {host}", asked)) or ()

    def service(self, name: str, scopes: Sequence[Scope]) -> Steps[None]:
        """Its syncs with every pair, and its resources on every host.

        :param scopes: it, on each of its target sets.
        """
        control = scopes[0].control_host
        for scope in scopes:
            syncs = scope.service.syncs
            for number, sync in enumerate(syncs):
                at = _asked(scope, sync)
                if at in self._eyes.lost or (checking_of(sync), control) in self._unusable:
                    self._left_out(f"{_where(scope)}, sync", [sync.name for sync in syncs[number:]], at)
                    break
                yield from self._sync(scope, sync)
        for part in parts(scopes):
            yield from self._resources(part)
        for scope in scopes:
            self.findings += judge_groups(_where(scope), scope.own().service)
        self.findings += judge_groups(f"production of service {name}", scopes[0].service.production)
        self.findings += judge_pid_files(f"service {name}", scopes[0].whole or scopes[0].service)
        if scopes[0].service.unattended:
            what = "`unattended: true`: nothing proves that its targets are unused"
            self._add(Level.OK, f"service {name}", what)

    def compare(self, others: Mapping[str, Service]) -> Steps[None]:
        """Its devices among each other, and with those of services that are not checked."""
        arrays = {end.symid for end in self.ends}
        looked = look_up(others if arrays else {}, self.symcli, arrays)
        theirs, unknown = yield from self._eyes.through(looked)
        self.findings += judge_devices([*self.ends, *theirs], self.services)
        for where, error in unknown.items():
            said = from_error(where, error, needless=NOTHING_CHANGED)
            what = f"it is not known whether it has devices of what is checked here: {said.what}"
            self._add(Level.UNKNOWN, where, what, pin_or(error))

    def _resources(self, part: Sequence[Scope]) -> Steps[None]:
        """Resources and guards on every host."""
        where = _where(part[0])
        rows: list[Row] = []
        for scope, host in ((one, on.connection) for one in part for on in one.service.hosts):
            mine = self._drivers(scope, host, tell=True)
            looks = [] if host in self._eyes.lost else [look(driver, host) for driver in mine]
            looked = yield from self._eyes.through(attempts(looks))
            for number, driver in enumerate(mine):
                at = f"{where}, {driver.label} on {host}"
                row = self._value(at, looked[number]) if looked else None
                if row is not None:
                    rows.append(row)
                    self.findings.append(judge_resource(at, row))
                elif host in self._eyes.lost:
                    left = [driver.label for driver in (mine[number + 1 :] if looked else mine)]
                    if left:
                        self._left_out(f"{where}, resource", left, host)
                    break
        every = [guard for scope in part for guard in guards(scope.service)]
        asked = [guard for guard in every if guard.host not in self._eyes.lost]
        answers = yield from self._eyes.through(attempts(look_at(guard) for guard in asked))
        for guard, answer in zip(asked, answers, strict=True):
            at = f"{where}, {guard.label} on {guard.host}"
            seen = self._value(at, answer)
            if seen is not None:
                self.findings.append(judge_guard(at, seen, rows))

    def _sync(self, scope: Scope, sync: Sync) -> Steps[None]:
        where = f"{_where(scope)}, sync {sync.name}"
        looked = yield from self._told(where, checking_of(sync).look_closer(scope, sync, where))
        if looked is None:
            return
        seen, found = looked
        self.findings += found
        if seen is None:
            return
        self.ends += ends_of(scope.name, scope.target_set, sync.name, seen.symid, seen.pairs)
        if any(finding.level is Level.ERROR for finding in found):
            return  # its pairs would say the same again
        before = len(self.findings)
        for pair in seen.pairs:
            self.findings += judge_pair(f"{where}, {pair.label}", scope.name, sync, seen, pair)
        if is_torn(seen):
            self._add(
                Level.WARNING,
                where,
                "torn: only some of its pairs are active",
                "run the action `update` or `refresh`: it copies all pairs again at one point in time",
            )
        if len(self.findings) == before:
            states = ", ".join(sorted({pair.session.written for pair in seen.pairs if pair.session}))
            count = f"{len(seen.pairs)} pair{'' if len(seen.pairs) == 1 else 's'}"
            self._add(Level.OK, where, f"{count} on {seen.symid}, as configured: {states}")

    def _drivers(self, scope: Scope, host: str, *, tell: bool) -> list[Driver]:
        """The service's resources there; one that cannot be handled does not hide the others.

        :param tell: whether to add a finding about it.
        """
        found: list[Driver] = []
        service = scope.service
        for on in (on for on in service.hosts if on.connection == host):
            with contextlib.suppress(CloneError):
                found += drivers(service, on)
                continue
            for number, entry in enumerate(service.resources):  # the one that is wrong is named
                try:
                    found += drivers(service.model_copy(update={"resources": (entry,)}), on)
                except CloneError as error:
                    if tell:
                        self.findings.append(from_error(f"{_where(scope)}, resources[{number}]", error))
        return found

    def _work_dir(self, where: str, files: HostFiles, folders: Sequence[str], holds: str, key: str) -> None:
        """:param folders: it, and every folder above it."""
        wanted, at = folders[0], next(f for f in folders if "there" in files.seen[f] or f == "/")
        if not {"folder", "writable"} <= files.seen[at]:
            self._add(
                Level.ERROR,
                where,
                f"the account cannot write to {at}, where {holds} are to be: {wanted}",
                f"make {wanted}, owned by the account, mode 0700, or set {key} in services.yaml",
            )
        elif at == wanted:
            self._add(Level.OK, where, f"the account may write to {wanted}")
        else:
            self._add(
                Level.WARNING,
                where,
                f"{wanted} is not there yet; the first run would make it below {at}",
                "make it yourself, owned by the account, mode 0700: others then cannot make it first",
            )

    def _reached(self, where: str, files: HostFiles) -> None:
        uid = f"uid {files.uid}" if files.uid is not None else "of an unknown uid"
        self._add(Level.OK, where, f"reached, with the host key that its connection expects; account {uid}")

    def _left_out(self, where: str, names: list[str], host: str) -> None:
        self._add(
            Level.UNKNOWN,
            f"{where} {', '.join(names)}",
            f"not checked, because of the findings for host {host}",
            f"fix host {host} first, then check again",
        )

    def _told(self, where: str, steps: Steps[T]) -> Steps[T | None]:
        """What a procedure returns, or None: what kept it from that is then a finding, once."""
        (outcome,) = yield from self._eyes.through(attempts([steps]))
        return self._value(where, outcome)

    def _value(self, where: str, outcome: Ended[T]) -> T | None:
        if outcome.error is not None and outcome.error not in self._said:
            self._said.append(outcome.error)
            self.findings.append(from_error(where, outcome.error, needless=NOTHING_CHANGED))
        return outcome.returned

    def _add(self, level: Level, where: str, what: str, remedy: str = "") -> None:
        self.findings.append(Finding(level, where, what, remedy))


def _running(host: str, syncs: list[tuple[str, Sync]]) -> Steps[list[str]]:
    """The control commands on these syncs that run there now."""
    listed = yield from run(list_processes(host))
    if listed.exit_code != 0:
        what = f"`{listed.command.shown()}` ended with {listed.ending()}: {listed.said()}"
        raise (Unknown if listed.exit_code is None else Refused)(
            what, f"let the account run it on {host}: nothing is copied before it was checked"
        )
    rows = processes(listed, host, f"Control host {host}")
    found = [
        words for service, sync in syncs for words in backend_of(sync).still_running(rows, service, sync)
    ]
    return list(dict.fromkeys(found))


def _all(syncs: Mapping[str, Sequence[Sync]]) -> list[Sync]:
    return [sync for own in syncs.values() for sync in own]


def _asked(scope: Scope, sync: Sync) -> str:
    """Airflow connection id of what its array is asked through."""
    return backend_of(sync).look_key(scope, "").host


def _where(scope: Scope) -> str:
    """How findings name a service, on one of its target sets where it has any."""
    return f"service {scope.name}" + (f", set {scope.target_set}" if scope.target_set else "")


def _programs(command: Command) -> list[str]:
    """The program that a command runs, and those that a fixed text for the shell names by their path."""
    words = command.words
    named = PROGRAM_IN_A_TEXT.findall(words[2]) if command.changes and words[:2] == ("/bin/sh", "-c") else []
    return list(dict.fromkeys([_program(command), *named]))


def _program(command: Command) -> str:
    """The program that a command runs, behind the text of a look, `become`, and `env` and its settings."""
    words = list(command.words)
    for one in command.as_root:
        if tuple(words[-len(one) :]) == one:
            return one[0]
    if words[2:3] == [SCRIPT]:
        words = words[4:]
        if words[:2] == ["/bin/sh", "-c"]:
            words = words[3:]
    if words[0] in ("env", "/usr/bin/env"):
        words = words[1:]
        while "=" in words[0]:
            words = words[1:]
    return words[0]


def _with_parents(path: str) -> list[str]:
    """The path and every folder above it, the nearest first."""
    found = [path]
    while found[-1] != "/":
        found.append(posixpath.dirname(found[-1]))
    return found
