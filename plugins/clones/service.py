"""Stopping and starting what runs on the copies, resource by resource; what is already so is left alone.

A start that fails half way takes down again what it has brought up, in reverse, and says what stayed.
"""

from __future__ import annotations

from clones.errors import CloneError, NotDone, Refused, Unknown
from clones.guards import guards
from clones.guards.address import AddressGuard
from clones.leftovers import nothing_still_runs
from clones.observing import observe
from clones.proof import GuardRow, Row, look, look_at
from clones.resources import ELSEWHERE, drivers
from clones.resources.base import Driver, Use
from clones.right_pairs import refuse_wrong_pairs
from clones.rules import Verdict, decide_start
from clones.scope import Scope
from clones.steps import Steps, note, run
from clones.visibility import make_visible


def stop(scope: Scope) -> Steps[None]:
    """Take every resource down, in reverse order, on every host.

    :raises NotDone: a resource is not down after its commands.
    :raises Unknown: a resource could not tell.
    """
    for host in scope.service.hosts:
        for driver in reversed(drivers(scope.service, host)):
            yield from _bring(scope, (yield from look(driver, host.connection)), Use.DOWN)


def start(scope: Scope) -> Steps[None]:
    """Bring the service up on its first host, if its copies allow it (D6) and it runs nowhere else.

    :raises Refused: a sync is not wholly active, torn or out of order, another host runs the service, or
        somebody else has its address.
    :raises NotDone: a resource is not up after its commands.
    :raises Unknown: something could not be told.
    """
    yield from nothing_still_runs(scope, scope.service.syncs, "start")
    seen = []
    for sync in scope.service.syncs:
        seen.append((yield from observe(scope, sync)))
        refuse_wrong_pairs(scope.name, sync, seen[-1])
    decision = decide_start(seen)
    yield from note(f"Decided for start: {decision.verdict.name.lower()}", decision.why)
    if decision.verdict is Verdict.REFUSE:
        raise Refused(f"Service {scope.name} is not started: {decision.why}.", decision.remedy)
    first, *others = scope.service.hosts
    for host in others:
        for driver in drivers(scope.service, host):
            row = yield from look(driver, host.connection)
            if row.probe.use is not Use.DOWN:
                raise _not_down_elsewhere(scope, row)
    addresses = {guard.resource: guard for guard in guards(scope.service) if isinstance(guard, AddressGuard)}
    touched: list[Driver] = []  # seen down before it was brought up: only that is ever taken down again
    for driver in drivers(scope.service, first):
        try:
            before = yield from look(driver, first.connection)
            if before.probe.use is Use.DOWN:
                if not touched:
                    yield from make_visible(scope.name, scope.service, first)
                touched.append(driver)
            yield from _bring(scope, before, Use.UP, addresses.get(driver.label))
        except CloneError as error:
            if not (scope.service.rollback and touched):
                raise
            said = yield from _take_back(scope, touched, first.connection)
            raise type(error)("\n".join((error.what, *said)), error.remedy) from error


def _take_back(scope: Scope, touched: list[Driver], host: str) -> Steps[list[str]]:
    """Take down what this start has brought up; what became of it, in sentences."""
    down, stayed = [], []
    for driver in reversed(touched):
        try:
            if (yield from _bring(scope, (yield from look(driver, host)), Use.DOWN)):
                down.append(driver.label)
        except CloneError as error:
            stayed.append(f"{driver.label} ({error.what})")
    said = [f"Taken down again, in this order: {', '.join(down)}."] if down else []
    return [*said, *([f"STAYED as it is: {'; '.join(stayed)}."] if stayed else [])]


def _bring(scope: Scope, before: Row, wanted: Use, conflict: AddressGuard | None = None) -> Steps[bool]:
    """Bring one resource up or down, from wherever it was just seen.

    :param conflict: asked before an address is brought up.
    :returns: whether anything had to be sent.
    """
    driver, host = before.driver, before.host
    subject = f"Service {scope.name}: {driver.label} on {host}"
    if before.probe.use is Use.UNKNOWN:
        raise Unknown(
            f"{subject} could not tell whether it is up or down: {before.probe.evidence}",
            "run its probe by hand (its command line is in the log) and mend what keeps it from telling",
        )
    commands = driver.start(before.probe.at) if wanted is Use.UP else driver.stop(before.probe.at)
    if not commands:
        if before.probe.use is not wanted or before.probe.at == ELSEWHERE:
            raise _not_done(subject, wanted, before)
        yield from note(f"{driver.label} on {host} is {wanted.value} already", before.probe.evidence)
        return False
    if conflict and wanted is Use.UP:
        answers = yield from look_at(conflict)
        if answers.probe.use is not Use.DOWN:
            raise _address_taken(subject, answers)
    for command in commands:
        result = yield from run(command)
        if result.exit_code is None:
            raise Unknown(
                f"{subject}: `{command.shown()}` gave {result.ending()}; "
                "whether it took effect is not known.",
                "it is tried again, beginning with a look at the resource",
            )
        if not driver.accepts(command, result.exit_code):
            raise NotDone(
                f"{subject}: `{command.shown()}` ended with {result.ending()}: {result.said()}",
                "it is tried again; if it keeps failing, mend what the command says and clear this task",
            )
    after = yield from look(driver, host)
    if after.probe.use is not wanted or after.probe.at == ELSEWHERE:
        raise _not_done(subject, wanted, after)
    yield from note(f"{driver.label} on {host} is {wanted.value}", after.probe.evidence)
    return True


def _not_done(subject: str, wanted: Use, row: Row) -> CloneError:
    return NotDone(
        f"{subject} should be {wanted.value} and is {row.probe.use.value} [{row.probe.at}]: "
        f"{row.probe.evidence}",
        "it is tried again; if it stays so, bring it there by hand and clear this task",
    )


def _address_taken(subject: str, answers: GuardRow) -> CloneError:
    kind = Unknown if answers.probe.use is Use.UNKNOWN else Refused
    return kind(
        f"{subject} is not brought up: it is down there, and whether somebody else has the address: "
        f"{answers.line()}",
        "find out which host has it and take it away there, or mend what keeps the ping from telling",
    )


def _not_down_elsewhere(scope: Scope, row: Row) -> CloneError:
    kind = Unknown if row.probe.use is Use.UNKNOWN else Refused
    return kind(
        f"Service {scope.name} is not started: on {row.host} {row.driver.label} is {row.probe.use.value}: "
        f"{row.probe.evidence}",
        f"stop it on {row.host} first, or mend what keeps its probe from telling",
    )
