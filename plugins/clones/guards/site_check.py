"""The site's own word on whether other servers still use the copies.

==============  ===================================  =============================
Exit code       Reading                              How sure
==============  ===================================  =============================
0               down: they are not in use            the site's own contract
1               up: they are                         the site's own contract
none, any other unknown                              by decision (D2)
==============  ===================================  =============================
"""

from __future__ import annotations

from clones.asking.steps import Command, Result
from clones.become import Become
from clones.config import DownCheck
from clones.resources.base import Probe
from clones.resources.reading import down, how_it_ended, unknown, up


class SiteCheckGuard:
    """One of the service's `down_checks`."""

    def __init__(self, check: DownCheck) -> None:
        self.label, self.host, self.check = f"down_check {check.name}", check.connection, check

    def probe(self) -> Command:
        become, words = Become.read(self.check.become), self.check.command
        # In the site's own locale.
        return Command(self.host, become(*words), self.check.timeout, as_root=become.needs(words))

    def read(self, result: Result) -> Probe:
        match result.exit_code:
            case 0:
                return down("unused", how_it_ended(result))
            case 1:
                return up("used", how_it_ended(result))
            case _:
                return unknown(f"neither 0 (not in use) nor 1 (in use), {how_it_ended(result)}")

    def explained_by(self, host: str, label: str) -> bool:
        """The service itself may be what uses them."""
        return True
