"""The SYMCLI commands that are sent, as words.

Control commands of sessions name the pairs by a file of device numbers, also for a device group::

    env ... /usr/symcli/bin/symclone -sid 000190101234 -f FILE -noprompt recreate -precopy -i 10 -c 3

`-noprompt` always; `-i/-c` on control commands only, where they retry while the array is locked, for a short
time where a command rests on the proof that a service is down, which grows old meanwhile (decision 0043);
never `-force` or `-symforce` (D10). Environment is set by `env` because sshd does not hand it on; where the
account needs `become` for SYMCLI, that stands between `env` and the program, and must let these variables
through (:mod:`clones.privileges`).
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import replace

from clones.asking.fence import MARK
from clones.asking.steps import Command
from clones.config import Symcli, Sync
from clones.config.scope import Scope
from clones.states import PairSeen, device_text
from clones.time_limits import LOCKED

PARALLEL = "SYMCLI_CTL_ACCESS=PARALLEL"
ENVIRONMENT = ("SYMCLI_WAIT_ON_DB=1", "SYMCLI_WAIT_ON_GK=1", PARALLEL)
"""The first two wait for the database and for a gatekeeper, as long as it takes."""

CLOCK_MARK = "control-host-clock"
WITH_CLOCK = f'LC_ALL=C date "+{CLOCK_MARK} %Y-%m-%dT%H:%M:%S" && exec "$@"'
"""Prints the host's local time, then runs its arguments: the array's times have no zone, so the clock that
they are compared with must be the same host's."""

WITH_PAIR_FILE = (
    f'{MARK}=pairs; umask 077; mkdir -p "$1" && rm -f "$2" && set -C && printf "%s\\n" "$3" > "$2" '
    '&& test "$(cat "$2")" = "$3" || exit 120; shift 3; exec "$@"'
)
"""Writes the pair file (folder, file, content), reads it back, and only then runs its further arguments.
`set -C` refuses to follow a file that someone else has put there meanwhile; 120 says nothing was sent. It
begins as a fence does, so that it is found in a list of processes which cuts its words."""


def version(symcli: Symcli, host: str) -> Command:
    """The banner of SYMCLI, with its version."""
    return _look(symcli, host, "symcli")


def list_arrays(symcli: Symcli, host: str) -> Command:
    """The arrays that the control host knows, as XML."""
    return _look(symcli, host, "symcfg", "list", "-output", "xml_e")


def list_group(symcli: Symcli, host: str, group: str) -> Command:
    """The logical devices of a device group, as XML."""
    return _look(symcli, host, "symdg", "-g", group, "list", "ld", "-output", "xml_e")


def list_groups(symcli: Symcli, host: str) -> Command:
    """Every device group of the control host, as XML."""
    return _look(symcli, host, "symdg", "list", "-output", "xml_e")


def _look(symcli: Symcli, host: str, program: str, *action: str, before: tuple[str, ...] = ()) -> Command:
    return _sent(symcli, host, (program, *action), symcli.query_timeout, before=before)


def _sent(
    symcli: Symcli,
    host: str,
    words: tuple[str, ...],
    timeout: float,
    *,
    before: tuple[str, ...] = (),
    changes: bool = False,
    environment: tuple[str, ...] = ENVIRONMENT,
) -> Command:
    """One command of SYMCLI.

    :param words: the program's name and its arguments.
    :param before: a fixed text for the shell with its words, which runs what stands behind them.
    """
    called = (f"{symcli.bin}/{words[0]}", *words[1:])
    return Command(
        host,
        (*before, "env", *environment, *symcli.root(*called)),
        timeout,
        changes=changes,
        title=shlex.join(called),
        as_root=symcli.root.needs(called),
    )


def create_group(symcli: Symcli, host: str, group: str) -> Command:
    """Make a device group. It is of no array before its first device."""
    return _on_group(symcli, host, "symdg", ("create", group, "-type", "regular"))


def add_device(
    symcli: Symcli, host: str, group: str, member: tuple[str, str, int], *, target: bool
) -> Command:
    """Give a device a logical name in a group.

    :param member: array, logical name and device number.
    :param target: put it into the group's list of targets.
    """
    symid, name, number = member
    words = ("-g", group, "-sid", symid, "add", "dev", device_text(int(number)), name)
    return _on_group(symcli, host, "symdg", (*words, "-tgt") if target else words)


def remove_name(symcli: Symcli, host: str, group: str, name: str) -> Command:
    """Take a logical name out of a group; the device stays as it is."""
    return _on_group(symcli, host, "symld", ("-g", group, "remove", name))


def delete_group(symcli: Symcli, host: str, group: str) -> Command:
    """Delete a device group, which must be empty."""
    return _on_group(symcli, host, "symdg", ("delete", group))


def _on_group(symcli: Symcli, host: str, program: str, action: tuple[str, ...]) -> Command:
    return _sent(symcli, host, (program, *action, *_retry(symcli)), symcli.command_timeout, changes=True)


def list_devices(symcli: Symcli, host: str, symid: str, devices: Sequence[str]) -> Command:
    """Devices with their sessions, as XML, after a line with the control host's clock.

    :param devices: device numbers, written as they were configured or listed.
    """
    numbers = ",".join(dict.fromkeys(devices))
    words = ("-sid", symid, "list", "-v", "-devs", numbers, "-output", "xml_e")
    return _look(symcli, host, "symdev", *words, before=("/bin/sh", "-c", WITH_CLOCK, "clock"))


def create(scope: Scope, sync: Sync, symid: str, pairs: Sequence[PairSeen]) -> Command:
    """Make the sessions, differential, so that later only changed tracks move."""
    options = ("-diff", "-precopy") if sync.precopy else ("-diff",)
    return _proven(scope, sync, symid, "create", options, pairs)


def recreate(scope: Scope, sync: Sync, symid: str, pairs: Sequence[PairSeen]) -> Command:
    """Re-establish the copy; the targets are not ready from here on."""
    return _proven(scope, sync, symid, "recreate", ("-precopy",) if sync.precopy else (), pairs)


def activate(scope: Scope, sync: Sync, symid: str, pairs: Sequence[PairSeen]) -> Command:
    """Split the copy; the targets are read-write."""
    late = ("-consistent",) if sync.consistent else ()
    return _control(scope, sync, symid, ("activate", *_retry(scope.symcli), *late), pairs)


def restore(scope: Scope, sync: Sync, symid: str, pairs: Sequence[PairSeen]) -> Command:
    """Copy what the targets hold back on to the sources: production is overwritten."""
    return _proven(scope, sync, symid, "restore", (), pairs)


def end_restored(scope: Scope, sync: Sync, symid: str, pairs: Sequence[PairSeen]) -> Command:
    """Remove the restore flag of sessions that are Restored; without `-restored` it would end them."""
    return _control(scope, sync, symid, ("terminate", "-restored", *_retry(scope.symcli)), pairs)


def terminate(scope: Scope, sync: Sync, symid: str, pairs: Sequence[PairSeen]) -> Command:
    """End the sessions; what is on the targets stays there, as far as it was copied."""
    return _proven(scope, sync, symid, "terminate", (), pairs)


def query(scope: Scope, sync: Sync, symid: str, pairs: Sequence[PairSeen]) -> Command:
    """The table with the tracks that differ; of a device group as a whole, whose layout was seen captured."""
    if sync.symdg is None:
        return _on_pairs(scope, sync, symid, ("query",), pairs, scope.symcli.query_timeout)
    return _look(scope.symcli, scope.control_host, "symclone", "-g", sync.symdg, "query")


def verify_precopied(scope: Scope, sync: Sync, symid: str, pairs: Sequence[PairSeen]) -> Command:
    """Ask whether the precopy has gone through all tracks once. Its exit code is the answer."""
    timeout = scope.symcli.query_timeout
    return _on_pairs(scope, sync, symid, ("verify", "-precopy", "-cycled"), pairs, timeout)


def _proven(
    scope: Scope,
    sync: Sync,
    symid: str,
    action: str,
    options: tuple[str, ...],
    pairs: Sequence[PairSeen],
) -> Command:
    """A command that rests on the proof that nothing uses what it overwrites, or takes away.

    Whoever brings the service up while it waits is not seen. So it waits for a short time only, whatever is
    configured: the task's next try proves anew.
    """
    words = (action, *options, *_short_retry(scope.symcli))
    return _control(scope, sync, symid, words, pairs, environment=(PARALLEL,))


def _control(
    scope: Scope,
    sync: Sync,
    symid: str,
    action: tuple[str, ...],
    pairs: Sequence[PairSeen],
    *,
    environment: tuple[str, ...] = ENVIRONMENT,
) -> Command:
    words, timeout = ("-noprompt", *action), scope.symcli.command_timeout
    return replace(_on_pairs(scope, sync, symid, words, pairs, timeout, environment), changes=True)


def _retry(symcli: Symcli) -> tuple[str, ...]:
    return ("-i", str(symcli.retry_interval), "-c", str(symcli.retry_count))


def _short_retry(symcli: Symcli) -> tuple[str, ...]:
    longest = int(LOCKED.seconds)
    interval = min(symcli.retry_interval, longest // 3)  # a lock that goes soon is met by a few attempts
    seconds = min(symcli.retry_interval * symcli.retry_count, longest)
    return ("-i", str(interval), "-c", str(max(1, seconds // interval)))


def _on_pairs(
    scope: Scope,
    sync: Sync,
    symid: str,
    action: tuple[str, ...],
    pairs: Sequence[PairSeen],
    timeout: float,
    environment: tuple[str, ...] = ENVIRONMENT,
) -> Command:
    """`symclone` for these pairs, by their device numbers, also where they are configured by logical names.

    The names of a device group may stand for other devices by the time the command lands, and again while it
    waits for a locked array (`-i`, `-c`); numbers do not (D16).
    """
    ends = [(seen.source, seen.target) for seen in pairs]
    assert all(None not in pair for pair in ends), "only pairs whose devices were seen are acted on"
    content = "\n".join(" ".join(_written(sync, seen)) for seen in pairs)
    digest = hashlib.sha256(f"{symid} {action}\n{content}".encode()).hexdigest()[:16]
    folder = scope.symcli.work_dir
    path = f"{folder}/{scope.name}.{sync.name}-{digest}.pairs"
    words = ("symclone", "-sid", symid, "-f", path, *action)
    script = ("/bin/sh", "-c", WITH_PAIR_FILE, "pairs", folder, path, content)
    return _sent(scope.symcli, scope.control_host, words, timeout, before=script, environment=environment)


def _written(sync: Sync, seen: PairSeen) -> tuple[str, str]:
    """A pair's device numbers, as they are configured where they are."""
    if sync.grouped:
        source, target = (number if number is None else int(number) for number in (seen.source, seen.target))
        return device_text(source), device_text(target)
    return seen.pair.source, seen.pair.target
