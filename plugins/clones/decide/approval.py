"""A second person's yes to a plan, and what it is bound to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

ASK_AGAIN = "ask again: trigger the DAG as yourself; a cleared run cannot ask"

CLOCKS_DIFFER = timedelta(minutes=5)
"""By so much the clocks of Airflow's machines may differ."""


@dataclass(frozen=True)
class Approval:
    """One person's yes to one plan.

    :param digest: of the plan that was shown, as :func:`digest` makes it.
    :param by: the user's name.
    :param at: when, as ISO text; two approvals of equal plans differ in it.
    """

    digest: str
    by: str
    at: str

    def is_good(self, now: datetime, seconds: float) -> bool:
        """Whether it may still be begun with: nobody can have the mind of a year ago acted upon."""
        return -CLOCKS_DIFFER <= now - datetime.fromisoformat(self.at) <= timedelta(seconds=seconds)

    def to_plain(self) -> dict[str, str]:
        return {"digest": self.digest, "by": self.by, "at": self.at}

    @classmethod
    def read(cls, plain: object) -> Approval | None:
        """What :meth:`to_plain` wrote, or None when it is not wholly that."""
        if not isinstance(plain, Mapping):
            return None
        parts = [plain.get(name) for name in ("digest", "by", "at")]
        return cls(*parts) if all(isinstance(part, str) and part for part in parts) else None  # type: ignore[arg-type]


def digest(bound: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of what an approval is bound to, as 64 hex digits."""
    text = json.dumps(bound, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def differences(approved: object, now: object, at: str = "") -> list[str]:
    """Each value that differs: ``syncs.0.pairs.0.state: approved Copied, now Split``."""
    if isinstance(approved, Mapping) and isinstance(now, Mapping):
        keys = dict.fromkeys((*approved, *now))
        return [
            text
            for key in keys
            for text in differences(approved.get(key), now.get(key), f"{at}.{key}" if at else str(key))
        ]
    if isinstance(approved, list) and isinstance(now, list) and len(approved) == len(now):
        return [
            text
            for number, (old, new) in enumerate(zip(approved, now, strict=True))
            for text in differences(old, new, f"{at}.{number}")
        ]
    return [] if approved == now else [f"{at}: approved {approved}, now {now}"]
