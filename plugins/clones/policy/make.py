"""The policy of a connection, as services.yaml calls for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from clones.asking import gate
from clones.asking.steps import Steps, run
from clones.backends.symclone import commands, output
from clones.backends.symclone.exit_codes import Outcome, classify, failure
from clones.backends.symclone.output import Group
from clones.config import Config
from clones.errors import NOTHING_CHANGED, CloneError
from clones.policy.catalogue import Groups, fences, left_out, sent_to
from clones.policy.sent import Part
from clones.policy.text import Policy, policy


class Read(NamedTuple):
    """Device groups of a control host, by name.

    :param unread: those that could not be read, each with why.
    """

    groups: dict[str, Group]
    unread: dict[str, CloneError]


def make(
    connection: str,
    config: Config,
    groups: Groups,
    made: datetime,
    parts: Sequence[Part] = (),
    until: datetime | None = None,
) -> Policy:
    """Make it anew.

    :param groups: the device groups of that control host, as far as they were read.
    :param made: now, in UTC.
    :param parts: what it lets through beside the normal, until then.
    :raises ConfigError: nothing is sent to that connection, a resource cannot be handled on its host's
        family, or there are parts and no end.
    """
    return policy(
        connection,
        sent_to(connection, config, groups),
        fences(connection, config),
        made,
        remedy=gate.remedy(connection),
        parts=parts,
        until=until,
        left_out=left_out(connection, config, groups),
    )


def read_groups(connection: str, config: Config, names: Iterable[str]) -> Steps[Read]:
    """Ask a control host for device groups."""
    read = Read({}, {})
    for name in names:
        try:
            read.groups[name] = yield from read_group(connection, config, name)
        except CloneError as error:
            read.unread[name] = error
    return read


def read_group(connection: str, config: Config, name: str) -> Steps[Group]:
    """Ask a control host for a device group.

    :raises CloneError: it could not be told.
    """
    asked = commands.list_group(config.symcli.on(connection), connection, name)
    listed = yield from run(asked)
    if classify(listed.exit_code) is not Outcome.DONE:
        raise failure(listed, f"Device group {name}", consequence=NOTHING_CHANGED)
    return output.read_group(listed.stdout)
