"""Links that show 0 %: whether they copy at all."""

from __future__ import annotations

from datetime import timedelta

from clones.backends.snapvx.observe import SnapSeen
from clones.config import Sync
from clones.decide.rules import Decision, Verdict, labels
from clones.states import State


def stands_still(sync: Sync, seen: SnapSeen) -> Decision | None:
    """Refused where a link shows 0 %, and nothing says that it copies at all: no wait would ever end.

    One that this service has made copies, as far as is known, for as long as a copy may take. Without that
    it may be linked without copy, which Unisphere does not show: by hand, or while `copy` was false.
    """
    copying = {pair.target for pair in seen.pairs if pair.state is State.COPY_IN_PROG}
    links = [(one, link) for one in seen.linked for link in one.links if link.target in copying]
    if not links or any(link.percent or link.defined is False for _, link in links):
        return None
    longest = timedelta(seconds=sync.copy_timeout)
    for one, link in links:
        if one in seen.details and (link.since is None or seen.clock - link.since <= longest):
            return None
    pairs = tuple(pair for pair in seen.pairs if pair.target in copying)
    by = ", ".join(
        sorted(
            {
                f"{one.name} was made longer ago than `copy_timeout`"
                if one in seen.details
                else f"{one.name} was not made by this service"
                for one, _ in links
            }
        )
    )
    return Decision(
        Verdict.REFUSE,
        f"0% of {labels(pairs)} is copied, and it is not known whether it copies at all: the link to {by}, "
        "and Unisphere does not show whether a link copies",
        pairs,
        "ask the storage team whether that link copies. If not, let them set its mode to copy and wait until "
        "all is copied, or give the sync `copy: false`; if so, run this again once more than 0% is copied",
    )
