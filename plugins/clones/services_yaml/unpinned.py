"""Whether a file names any device only by its name in a device group, told without checking the file.

A run must compare such names with the other services (:mod:`clones.runs.other_services`); of a file without
any it need not read the other services at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from clones.services_yaml import quick

_HIDDEN = re.compile(r"\\[xuU\s]")
"""What may stand for any other text in a quotation."""


def may_be_unpinned(text: str) -> bool:
    """Whether a pair of a file may have a name that is not pinned. When in doubt it is true."""
    if "symdg" not in text and not _HIDDEN.search(text):
        return False  # pairs by number alone, in a tenth of the time
    try:
        services = quick.values(text)["services"].values()
        return any(_is_unpinned(sync) for service in services for sync in service["syncs"])
    except (quick.Odd, AttributeError, KeyError, TypeError, ValueError):
        return True


def _is_unpinned(sync: dict[str, Any]) -> bool:
    if sync.get("symdg") is None:
        return False
    lists: Iterable[list[str]] = (sync.get("pairs") or [], *(sync.get("targets") or {}).values())
    return any(pair.count("=") < 2 for pairs in lists for pair in pairs)
