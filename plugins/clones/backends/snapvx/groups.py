"""Which devices a storage group holds. A link is made to the group, and overwrites whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence

from clones.asking.steps import Steps, run
from clones.backends.snapvx import answers, requests
from clones.backends.snapvx.answers import Page
from clones.backends.snapvx.reading import unreadable
from clones.config import Sync
from clones.config.scope import Scope
from clones.errors import Missing
from clones.states import device_text

MOST_PAGES = 20
"""Parts of a list of devices that are read."""


def devices_of(scope: Scope, sync: Sync, group: str) -> Steps[list[int]]:
    """The devices of a storage group.

    :raises Missing: there is none of that name, or it is empty.
    :raises CloneError: it could not be told.
    """
    subject = f"{scope.subject(sync)}: storage group {group}"
    first = answers.page((yield from run(requests.list_volumes(scope, sync, group))), subject)
    return (yield from read_on(scope, sync, group, first))


def read_on(scope: Scope, sync: Sync, group: str, first: Page) -> Steps[list[int]]:
    """The same, of which the first part was read.

    :raises CloneError: as :func:`devices_of`.
    """
    subject = f"{scope.subject(sync)}: storage group {group}"
    found = list(first.devices)
    for _ in range(MOST_PAGES):
        if len(found) >= first.count or not first.iterator:
            break
        last = min(first.count, len(found) + max(len(first.devices), 1))
        request = requests.next_volumes(scope, first.iterator, len(found) + 1, last)
        more = answers.page((yield from run(request)), subject)
        if not more.devices:
            break
        found += more.devices
    if len(found) < first.count:
        raise unreadable(f"the list of {group} has {len(found)} of {first.count} devices")
    if not found:
        raise missing(subject, sync)
    return list(found)


def missing(subject: str, sync: Sync) -> Missing:
    """The error for a group that is not there."""
    return Missing(
        f"{subject} is not there on array {sync.symid}, or is empty. Nothing was changed.",
        "fix its name in services.yaml, or make it in Unisphere with exactly the devices of the pairs",
    )


def differs(group: str, held: Sequence[int], wanted: Sequence[int]) -> list[str]:
    """What a group holds beside what the pairs name, and what it lacks, in words."""
    more = sorted(set(held) - set(wanted))
    less = sorted(set(wanted) - set(held))
    found = []
    if more:
        found.append(f"storage group {group} also holds {', '.join(map(device_text, more))}")
    if less:
        found.append(f"storage group {group} does not hold {', '.join(map(device_text, less))}")
    return found
