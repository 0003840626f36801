"""What was not carried over, or otherwise than it was written."""

from __future__ import annotations

from dataclasses import dataclass

from clones.clean import cleaned


@dataclass(frozen=True, order=True)
class Remark:
    """One line of the report.

    :param line: of the file that was read.
    :param section: without brackets.
    :param keyword: as written, with its scope; empty: the section as a whole.
    :param what: what became of it, without a full stop.
    :param remedy: what the reader does about it.
    """

    line: int
    section: str
    keyword: str
    what: str
    remedy: str

    def text(self, path: str) -> str:
        """As it is printed."""
        where = f"{path}:{self.line}: [{self.section}]"
        keyword = f" {self.keyword}" if self.keyword else ""
        return cleaned(f"{where}{keyword}: {self.what}. What to do: {self.remedy}")
