"""What a check of a site found: one finding a point, with what to do about it, as a table and as JSON."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from clones.errors import CloneError, ConfigError, Refused


class Level(enum.StrEnum):
    """How grave a finding is. Not knowing is not ok (D2)."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One point of a check.

    :param where: ``host X``, or ``service X`` with its sync, pair or resource.
    :param what: what was found, one line.
    :param remedy: what to do about it; empty when all is well.
    """

    level: Level
    where: str
    what: str
    remedy: str = ""

    def to_plain(self) -> dict[str, str]:
        """As JSON."""
        return {"level": self.level.value, "where": self.where, "what": self.what, "remedy": self.remedy}


def from_error(where: str, error: CloneError, *, needless: str = "") -> Finding:
    """A failed check as a finding: what can pass by itself, or was not told, is unknown.

    :param needless: a sentence of the error that says nothing here.
    """
    level = Level.ERROR if isinstance(error, Refused | ConfigError) else Level.UNKNOWN
    said = " ".join(error.what.replace(needless, "").split())
    start = f"{where}: "
    if said.lower().startswith(start.lower()):
        said = said[len(start) :]
    return Finding(level, where, said, error.remedy)


def count(findings: Sequence[Finding], level: Level) -> int:
    """How many there are of a level."""
    return sum(finding.level is level for finding in findings)


def summary(findings: Sequence[Finding]) -> str:
    """``1 error, 0 unknown, 2 warnings, 9 ok``"""
    errors, warnings = count(findings, Level.ERROR), count(findings, Level.WARNING)
    return (
        f"{errors} error{'' if errors == 1 else 's'}, {count(findings, Level.UNKNOWN)} unknown, "
        f"{warnings} warning{'' if warnings == 1 else 's'}, {count(findings, Level.OK)} ok"
    )


def table(findings: Sequence[Finding]) -> list[str]:
    """The lines of the table, in the order of the check; a remedy stands below its finding."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.level.value.upper():8} {finding.where}: {finding.what}")
        if finding.remedy:
            lines.append(f"{'':8} -> {finding.remedy}")
    return lines
