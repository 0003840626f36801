"""Whether a host has a gate, and whether its policy is what services.yaml calls for.

===================================================  ======================================================
Answer to ``symclone-gate policy``                   Finding
===================================================  ======================================================
no program of that name, or anything else            said: there is no gate, the key opens a shell
no exit status                                       unknown
``symclone-gate 1``, and ``of`` as made here         ok
``of`` is another one                                error: what to copy where
``host`` is another connection                       error: likewise
``until`` is over, or within a day                   warning
``log none``                                         warning: nothing is written down
refused                                              error: the policy cannot be used
===================================================  ======================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from clones.asking import gate
from clones.asking.steps import Command, Result, Steps, hand_on
from clones.config import Config
from clones.errors import CloneError
from clones.observe.findings import Finding, Level
from clones.policy.catalogue import Groups, by_connection, group_names
from clones.policy.make import make, read_groups
from clones.policy.text import FORM, TIME

NEAR = timedelta(days=1)


@dataclass(frozen=True)
class Wanted:
    """What policies are held against.

    :param config: the whole of services.yaml, whatever part of it is checked.
    :param now: in UTC.
    """

    config: Config
    now: datetime

    @cached_property
    def of(self) -> dict[str, Config]:
        """By connection what of it is about that host: thousands of services have thousands of hosts."""
        return by_connection(self.config)


def look_at_gate(host: str, wanted: Wanted) -> Steps[list[Finding]]:
    """Ask a host for its gate."""
    result = yield from hand_on(Command(host, (gate.PROGRAM, "policy"), title=f"{gate.PROGRAM} policy"))
    said, where = read(result), f"host {host}"
    if result.kept_out:
        refused = gate.refusal(host, result.command.shown(), result.stderr)
        return [Finding(Level.ERROR, where, refused.what, gate.remedy(host))]
    if result.exit_code is None:
        what = f"whether it has a gate is not known: {result.ending()}"
        return [Finding(Level.UNKNOWN, where, what, f"check that {host} can be reached, then check again")]
    if said is None:
        return [Finding(Level.OK, where, "it has no gate: the key of its connection opens a shell")]
    if host not in wanted.of:  # services.yaml has changed meanwhile
        return list(judge(host, said, None, wanted.now, []))
    read_now = yield from read_groups(host, wanted.of[host], group_names(host, wanted.of[host]))
    # What was not read is a finding of its own.
    digest = _digest(host, wanted, read_now.groups)
    return list(judge(host, said, digest, wanted.now, list(read_now.unread)))


def read(result: Result) -> dict[str, list[str]] | None:
    """What a gate says of its policy, by the word that each line begins with; None where there is none."""
    first, *rest = result.stdout.splitlines() or [""]
    if result.exit_code != 0 or first != FORM:
        return None
    said: dict[str, list[str]] = {}
    for line in rest:
        word, _, behind = line.partition(" ")
        said.setdefault(word, []).append(behind)
    return said


def judge(
    host: str, said: Mapping[str, Sequence[str]], digest: str | None, now: datetime, unread: Sequence[str]
) -> Iterator[Finding]:
    """The findings about a gate.

    :param digest: of the policy that services.yaml calls for; None where nothing is sent there.
    :param unread: device groups that could not be read, without which it may not be the one.
    """
    where = f"host {host}"
    other, of, made = ("".join(said.get(word, ["?"])) for word in ("host", "of", "made"))
    remedy = gate.remedy(host)
    if other != host:
        what = f"its gate has the policy of {other}, made {made}"
        yield Finding(Level.ERROR, where, what, remedy)
    elif of == digest:
        yield Finding(Level.OK, where, f"its gate has the policy that services.yaml calls for, made {made}")
    elif unread:
        what = (
            f"it is not known whether the policy of its gate is the right one: {', '.join(unread)} not read"
        )
        yield Finding(Level.UNKNOWN, where, what, "fix the device group first, then check again")
    else:
        what = f"its gate has another policy than services.yaml calls for: made {made}"
        yield Finding(Level.ERROR, where, what, remedy)
    for until in said.get("until", ()):
        yield from _until(where, until, now, remedy)
    if "none" in said.get("log", ()):
        what = "its gate writes nothing down: the host has no `logger`"
        yield Finding(Level.WARNING, where, what, "install the program logger there")


def _until(where: str, until: str, now: datetime, remedy: str) -> Iterator[Finding]:
    try:
        left = datetime.strptime(until, TIME).replace(tzinfo=UTC) - now
    except ValueError:
        yield Finding(Level.ERROR, where, f"its gate's policy ends at {until!r}, which is no time", remedy)
        return
    if left <= NEAR:
        over = "has ended" if left <= timedelta() else "ends"
        what = f"what its gate lets through for a time {over} at {until}"
        yield Finding(Level.WARNING, where, what, remedy)


def _digest(host: str, wanted: Wanted, groups: Groups) -> str | None:
    try:
        return make(host, wanted.of[host], groups, wanted.now).digest
    except CloneError:  # a finding of its own
        return None
