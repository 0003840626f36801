"""Commands of an earlier try that may still be carried out.

A command outlives the SSH session that it was sent over: killed or cut off, a control command goes on
retrying while the array is locked, for `-i` times `-c` seconds, and a `mount` or a site's script goes on
until it is through. Coming through later, it would hit a service that runs by then, or a copy that is being
overwritten.

They are looked for in ``ps -ef`` of the control host and of every service host. A newer try shuts earlier
ones out first (:mod:`clones.asking.fence`), so whatever is not in the list does not come any more.

==================================================  ====================================  ===========
Row of ``ps -ef``                                   Reading                               How sure
==================================================  ====================================  ===========
a fence whose service is another one                passed over                           tried
a fence that is cut before its service              may be ours                           by decision
a program that changes, and a name of ours          may be ours                           by decision
the beginning of a command that we send             may be ours: HP-UX cuts rows at 60    documented
the words of a hook or an application's command     may be ours                           tried
any of these behind `sudo -n` and the like; also    the same command                      tried of sudo
sudo's second row, where it has a terminal of its                                         and doas; of
own for the command                                                                       others assumed
no row of root: others' processes are hidden       what runs is not known                documented
(`hidepid`; SunOS without `proc_info`)
==================================================  ====================================  ===========

An application's own daemon may bear the words of its start command for as long as it is up. So before a stop
what starts applications does not count; before a start it counts for an application that is down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from clones.asking.fence import MARK
from clones.asking.processes import list_processes, may_begin, processes, spoken_row, words_of
from clones.asking.steps import Command, Result, Steps, run
from clones.asking.whole_answers import SCRIPT as WHOLE
from clones.backends import backend_of
from clones.become import KINDS
from clones.config import Fs, Ip, Service, Sync, Vg
from clones.config.scope import Scope
from clones.errors import Locked
from clones.resources import PLACES, drivers
from clones.resources.app import AppDriver
from clones.resources.base import Driver

CHANGES = frozenset(
    {"mount", "umount", "fsck", "e2fsck", "xfs_repair", "vgchange", "vgimport", "vgexport", "vgimportclone",
     "vgchgid", "lvchange", "importvg", "exportvg", "varyonvg", "varyoffvg", "recreatevg", "vxdg", "vxvol",
     "vxdisk", "zpool", "zfs", "ifconfig", "ip"}
)  # fmt: skip
"""Programs that bring resources up and down. Looks of the same names never name a resource."""
SHELLS = frozenset({"sh", "bash", "ksh", "csh", "tcsh", "dash", "env", "timeout", *KINDS})
"""What may stand before such a program."""
RECOGNISED = 24
"""Characters of a command of ours that a row must show at least, when it is cut off behind them."""


def nothing_still_runs(scope: Scope, syncs: Sequence[Sync], action: str) -> Steps[None]:
    """Go on only if no control command on these syncs still runs on the control host.

    :param action: what is about to be done, for the message.
    :raises Locked: one does.
    :raises Unknown: it could not be told.
    """
    refuse_leftovers(scope, (yield from list_running(scope)), syncs, action)


def list_running(scope: Scope) -> Steps[Result]:
    """What runs on the control host; it is judged by :func:`refuse_leftovers` once it is known what to do.

    It is to be asked for *before* the look at the array that decides. The other way round, a command of an
    earlier try that comes through after the look and ends before the list is in neither, and is sent again.
    """
    return (yield from run(list_processes(scope.control_host)))


def refuse_leftovers(scope: Scope, listed: Result, syncs: Sequence[Sync], action: str) -> None:
    """:raises Locked, Unknown: as :func:`nothing_still_runs`."""
    host = scope.control_host
    rows = processes(listed, host, f"Service {scope.name}: {action} is not sent")
    for sync in syncs:
        running = backend_of(sync).still_running(rows, scope.name, sync)
        if running:
            raise _still_runs(scope.subject(sync), action, host, running[0])


def refuse_on_hosts(scope: Scope, listed: Iterable[Result], action: str, *, starts: bool) -> None:
    """Go on only if nothing that stops or starts the service still runs on these hosts.

    :param listed: what runs on each, asked for after earlier tries were shut out
        (:func:`clones.asking.fence.put`).
    :param starts: start commands of applications count too.
    :raises Locked: something does.
    :raises Unknown: it could not be told.
    """
    for result in listed:
        host = result.command.host
        rows = processes(result, host, f"Service {scope.name}: {action} is not sent")
        for row in rows:
            if _may_be_ours(row, scope, host, starts):
                raise _still_runs(f"Service {scope.name}", action, host, spoken_row(row))


def refuse_second_start(scope: Scope, listed: Result, driver: Driver) -> None:
    """Go on only if no start command of an application that is down still runs.

    :raises Locked: one does.
    :raises Unknown: it could not be told.
    """
    if not isinstance(driver, AppDriver):
        return
    host = listed.command.host
    subject = f"Service {scope.name}: {driver.label}"
    rows = processes(listed, host, f"{subject} is not started")
    sent = [line for command in driver.start(driver.stopped) for line in _plain(command)]
    running = next((row for row in rows if any(_shows(row, line) for line in sent)), None)
    if running:
        raise _still_runs(subject, "start", host, spoken_row(running))


def _may_be_ours(row: str, scope: Scope, host: str, starts: bool) -> bool:
    if WHOLE in row:
        return False
    if MARK in row:
        return may_begin(row, scope.name)
    words = words_of(row)
    programs = words if _base(words[:1]) & SHELLS else words[:1]
    if _base(programs) & CHANGES:
        names = {name for one in (scope, *scope.others()) for name in _names(one.service)}
        cut = words[-1] if len(words[-1]) > 4 else ""
        if any(word in names or word.partition("/")[0] in names for word in words):
            return True
        if cut and any(name.startswith(cut) for name in names):
            return True
    return any(_shows(row, line) for line in _lines(scope, host, starts))


def _base(words: Sequence[str]) -> set[str]:
    return {word.rsplit("/", 1)[-1] for word in words}


def _shows(row: str, line: str) -> bool:
    """Whether a row shows a command, whole or cut off at its end."""
    text, line = _even(row), _even(line)
    if f" {line} " in f"{text} ":
        return True
    at = text.find(line[:RECOGNISED])
    return at >= 0 and len(text) - at >= RECOGNISED and line.startswith(text[at:])


def _even(text: str) -> str:
    """What a list of processes in the locale C leaves of a text: of what is not ASCII it prints `?`, of a tab
    `.` (tried with procps 4.0)."""
    return " ".join(re.sub(r"[^!->@-~]|[.]", " ", text).split())


def _lines(scope: Scope, host: str, starts: bool) -> Iterator[str]:
    """Every command that a task of the service may send to that host, as a list of processes shows it; on
    whichever of its target sets."""
    service = scope.service
    for driver in (driver for one in (scope, *scope.others()) for driver in _drivers(one.service, host)):
        site = isinstance(driver, AppDriver)
        for at in PLACES:
            sent = [*driver.stop(at), *([] if site and not starts else driver.start(at))]
            for command in sent:
                yield from _plain(command)
    around = [hook for sync in service.syncs for hook in sync.before_activate]
    after = (*service.after_start, *service.probes) if starts else ()
    for hook in (*service.before_stop, *service.before_start, *around, *after):
        if service.host_of(hook) == host:
            yield " ".join(hook.command)


def _plain(command: Command) -> Iterator[str]:
    """What a list of processes shows of a command: without the host's `become`, which may be gone by then."""
    if not command.as_root or command.words[-len(command.as_root[0]) :] != command.as_root[0]:
        yield " ".join(command.words)
    for words in command.as_root:
        yield " ".join(words)


def _drivers(service: Service, host: str) -> Iterator[Driver]:
    for one in service.hosts:
        if one.connection == host:
            yield from drivers(service, one)


def _names(service: Service) -> Iterator[str]:
    for entry in service.resources:
        match entry.resource:
            case Ip() as ip:
                yield ip.ipname
            case Vg() as vg:
                yield from filter(None, (vg.name, vg.source_name, *vg.devices))
            case Fs() as fs:
                yield from (fs.dev, fs.mnt)


def _still_runs(subject: str, action: str, host: str, line: str) -> Locked:
    return Locked(
        f"{subject}: {action} is not sent. This command still runs on {host}, from an earlier try or "
        f"another user: `{line}`",
        "wait: the task is retried until that command has ended. A control command gives up by itself "
        f"after its `-i` times `-c` seconds. If another never ends, find out on {host} whose it is, and "
        "end it there",
    )
