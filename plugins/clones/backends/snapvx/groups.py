"""Which devices a storage group holds: a link overwrites all of its target group."""

from __future__ import annotations

from clones.asking.steps import Result, Steps, run
from clones.backends.snapvx import answers, requests
from clones.backends.snapvx.reading import unreadable
from clones.config import Sync
from clones.config.scope import Scope
from clones.errors import Missing

MOST_PAGES = 20
"""Parts of a list of devices that are read."""


def devices_of(scope: Scope, sync: Sync, group: str, begun: Result | None = None) -> Steps[list[int]]:
    """The devices of a storage group.

    :param begun: the answer to :func:`clones.backends.snapvx.requests.list_volumes`, where it was asked for.

    :raises Missing: there is none of that name, or it is empty.
    :raises CloneError: it could not be told.
    """
    subject = f"{scope.subject(sync)}: storage group {group}"
    if begun is None:
        begun = yield from run(requests.list_volumes(scope, sync, group))
    first = answers.page(begun, subject)
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
        raise Missing(
            f"{scope.subject(sync)}: there is no storage group {group} on array {sync.symid}, or it is "
            "empty. Nothing was changed.",
            "fix its name in services.yaml, or make it in Unisphere with exactly the devices of the pairs: "
            "no link ever makes it",
        )
    return list(found)
