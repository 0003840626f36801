"""One resource is brought up or down on one host: looked at, its commands sent, looked at again."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from clones.asking.side_by_side import abreast, both
from clones.asking.steps import Command, Steps, in_a_row, note, run
from clones.config.scope import Scope
from clones.errors import CloneError, NotDone, Refused, Unknown
from clones.guards.address import AddressGuard
from clones.observe.proof_down import GuardRow, Row, look, look_at
from clones.resources.base import Driver, Use
from clones.states import SyncSeen


class Way(enum.StrEnum):
    """Where a resource is brought to."""

    UP = "up"
    DOWN = "down"
    PREPARED = "prepared"
    """As far up as it can be while the service runs on another copy."""

    def commands(self, driver: Driver, at: str) -> list[Command]:
        """What brings it there, from where it is."""
        bring = {Way.UP: driver.start, Way.DOWN: driver.stop, Way.PREPARED: driver.prepare}
        return bring[self](at)

    def is_so(self, row: Row) -> bool:
        """Whether it is there. What is in use in another way than the configured one is not up."""
        match self:
            case Way.UP:
                return row.probe.use is Use.UP and row.probe.at == row.driver.started
            case Way.DOWN:
                return row.probe.use is Use.DOWN
            case Way.PREPARED:
                return row.probe.at == row.driver.prepared


@dataclass(frozen=True)
class Before:
    """What is known of a resource right before it is brought up or down.

    :param answers: for an address that is to come up: whether somebody else has it.
    :param copies: for the first resource that uses them: how they are now.
    """

    row: Row
    answers: GuardRow | None = None
    copies: tuple[SyncSeen, ...] = ()


def look_before(
    driver: Driver,
    host: str,
    conflict: AddressGuard | None = None,
    copies: Steps[tuple[SyncSeen, ...]] | None = None,
) -> Steps[Before]:
    """Look at a resource right before it is brought up or down.

    :param conflict: the guard of an address that is to come up.
    :param copies: a look at the copies, for the first resource that uses them.
    """
    if copies is not None:
        row, again = yield from both(look(driver, host), copies)
        return Before(row, copies=again)
    if conflict is None:
        return Before((yield from look(driver, host)))
    return Before(*(yield from both(look(driver, host), look_at(conflict))))


def bring(
    scope: Scope, seen: Before, wanted: Way, *following: Steps[Before], later: Sequence[Command] = ()
) -> Steps[tuple[bool, Before | None]]:
    """Bring one resource up, down or halfway up, from wherever it was just seen.

    :param wanted: where to.
    :param following: the look at the resource that comes next, if one does.
    :param later: what the resources after it take, if each is where it was configured to be: the record that
        stands before this one's first change tells of it. Each is looked at before it is sent, as always.
    :returns: whether anything had to be sent; if so, the look at the next one, taken with the last at this.
    :raises CloneError: it is not there after its commands, or could not tell.
    """
    before = seen.row
    driver, host = before.driver, before.host
    subject = f"Service {scope.name}: {driver.label} on {host}"
    if before.probe.use is Use.UNKNOWN:
        raise Unknown(
            f"{subject} gave no clear answer (up or down): {before.probe.evidence}",
            "run its probe by hand (its command line is in the log) and fix the cause of the unclear answer",
        )
    commands = wanted.commands(driver, before.probe.at)
    if not commands:
        if not wanted.is_so(before):
            raise _not_done(subject, wanted, before)
        yield from note(f"{driver.label} on {host} is {wanted.value} already", before.probe.evidence)
        return False, None
    if seen.answers and seen.answers.probe.use is not Use.DOWN:
        raise _address_taken(subject, seen.answers)
    for command in in_a_row(commands, later):
        result = yield from run(command)
        if result.exit_code is None:
            raise Unknown(
                f"{subject}: `{command.shown()}` gave {result.ending()}; it is not known whether it took "
                "effect.",
                "wait for the retry, which checks the resource first",
            )
        failed = driver.failure(command, result)
        if failed:
            kind = Refused if failed.final else NotDone
            raise kind(f"{subject}: `{command.shown()}` {failed.what}", failed.remedy)
    after, upcoming = yield from both(look(driver, host), abreast(following))
    if not wanted.is_so(after):
        raise _not_done(subject, wanted, after)
    yield from note(f"{driver.label} on {host} is {wanted.value}", after.probe.evidence)
    return True, upcoming[0] if upcoming else None


def _not_done(subject: str, wanted: Way, row: Row) -> CloneError:
    return NotDone(
        f"{subject} should be {wanted.value} and is {row.probe.use.value} [{row.probe.at}]: "
        f"{row.probe.evidence}",
        "wait for the retry; if it stays so, bring it there by hand and clear this task",
    )


def _address_taken(subject: str, answers: GuardRow) -> CloneError:
    kind = Unknown if answers.probe.use is Use.UNKNOWN else Refused
    return kind(
        f"{subject} is not brought up: it is down there, and another host may have the address: "
        f"{answers.line()}",
        "find out which host has it and remove it there, or fix the cause of the unclear answer",
    )
